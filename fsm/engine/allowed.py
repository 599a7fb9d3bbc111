"""What a journal may hold by the job's policies: room in the queue, breaker and budget, retries only as planned.

These bind whoever appends, so that `verify` finds a scheduler, of whatever make, that lets a storm through.
"""

from __future__ import annotations

from fsm.engine.illegal import illegal
from fsm.instants import Instant, format_instant
from fsm.model.entries import Queued
from fsm.model.job import Job, Overlap
from fsm.model.run import Run
from fsm.model.states import Cause, RefusalReason
from fsm.model.stream import JobState
from fsm.planning.overlap import catching_up, places, waiting
from fsm.planning.restraint import held_back, restraint, waits

_IMPORTED, _MANUAL, _RETRY, _CATCH_UP = Cause.IMPORTED, Cause.MANUAL, Cause.RETRY, Cause.CATCH_UP
# (named once: see `fsm.model.states`)

_REQUIREMENT = {RefusalReason.BREAKER_OPEN: "breaker", RefusalReason.OVER_BUDGET: "budget"}


def check_queued(state: JobState, at: Instant, body: Queued) -> None:
    """Raise `IllegalEntry` where no run with this body may be queued `at` that time. The job is there."""
    job = state.definition
    assert job is not None  # asked before
    if (body.cause is _IMPORTED) is (body.origin is None):
        raise illegal(state, "an imported run names its origin, and no other run does", "origin")
    if body.cause is _IMPORTED:
        _check_imported(state, body)
        return
    if body.cause is _RETRY:
        _check_retry(state, at, body)
    else:
        _check_attempt(state, body)
        if state.runs:
            _check_room(state, job, body)
    if body.forced and body.cause is not _MANUAL:
        raise illegal(state, "only what is asked for by hand can be forced", "budget")
    if state.past is not None and not body.forced:
        found = restraint(state, at)
        if found is not None:
            why = f"after run {found.blocked_by.number} none is queued until {format_instant(found.until)}"
            raise illegal(state, why, _REQUIREMENT[found.reason])


def _check_imported(state: JobState, body: Queued) -> None:
    """It is over, and was nobody's to hold back here: it only may not come between the entries of another run."""
    if state.runs:
        raise illegal(state, f"run {state.runs[0].number} is not over yet, and what is imported is", "origin")
    if body.retry_of is not None or body.attempt != 1 or body.forced:
        raise illegal(state, "an imported run is a first attempt, which nobody forced", "origin")


def _check_retry(state: JobState, at: Instant, body: Queued) -> None:
    pending = None if state.past is None else state.past.retry
    if pending is None or body.retry_of != pending.of:
        raise illegal(state, f"no retry of run {body.retry_of} is to come", "retry")
    if (body.attempt, body.scheduled_for) != (pending.attempt, pending.scheduled_for):
        raise illegal(state, f"the retry of run {pending.of} is attempt {pending.attempt} of its time", "retry")
    if state.runs:
        raise illegal(state, "a retry waits until the slot is free and nothing is open before it", "retry")
    if waits(pending.planned_at, pending.due, at):
        raise illegal(state, f"the retry of run {pending.of} is not due before {format_instant(pending.due)}", "retry")


def _check_attempt(state: JobState, body: Queued) -> None:
    """What is no planned retry is a first attempt, or another one that somebody asked for by hand."""
    if body.retry_of is None and body.attempt == 1:
        return
    if body.cause is not _MANUAL:
        raise illegal(state, f"attempt {body.attempt} of run {body.retry_of} is no retry by its cause", "retry")
    if body.retry_of is None or not 0 < body.retry_of <= state.last_number or body.attempt < 2:
        raise illegal(state, f"attempt {body.attempt} cannot be one at run {body.retry_of}", "retry")


def _check_room(state: JobState, job: Job, body: Queued) -> None:
    if body.cause is _CATCH_UP:
        late, most = catching_up(state), job.catch_up_limit
        if late >= most:
            raise illegal(state, f"{late} runs catch up already, and {most} may", "queue")
        return
    if job.overlap is Overlap.SKIP and state.slot is not None:
        raise illegal(state, f"run {state.slot} is in the way, and the job skips", "queue")
    queued = waiting(state)
    if len(queued) >= places(job):
        raise illegal(state, f"{len(queued)} runs wait already, and {places(job)} may", "queue")


def check_start(state: JobState, at: Instant, run: Run) -> None:
    """Raise `IllegalEntry` where breaker or budget hold `run` back at that time."""
    if run.cause is _IMPORTED:
        return
    found = held_back(state, run, at)
    if found is not None:
        why = f"after run {found.blocked_by.number} none starts until {format_instant(found.until)}"
        raise illegal(state, why, _REQUIREMENT[found.reason])
