"""Fold an entry about a run: queued, started, ended, released; or say why it cannot follow.

On the hot path, so values are built directly, not by `attrs.evolve`, and words that every entry asks for have a name
here (see `fsm.model.states`).
"""

from __future__ import annotations

from fsm.engine.allowed import check_queued, check_start
from fsm.engine.illegal import illegal, need_job
from fsm.lifecycle.machine import compiled
from fsm.model.entries import IMPORTED_BOOT, Draft, Ended, Entry, Queued, Released, Started
from fsm.model.past import Past
from fsm.model.run import Run
from fsm.model.states import TERMINAL, Cause, Reason, SlotState, State, Trigger
from fsm.model.stream import JobState
from fsm.planning.failures import after_end, without_retry

Record = Draft | Entry
TICKS = frozenset({Cause.SCHEDULE, Cause.CATCH_UP})
"""Causes of what answers a scheduled time."""

_QUEUE, _START = Trigger.QUEUE, Trigger.START
_NO_VERDICTS = frozenset({_QUEUE, _START})  # they have bodies of their own
_IMPORTED, _SUCCEEDED = Cause.IMPORTED, State.SUCCEEDED
_HELD, _FREE = SlotState.HELD, SlotState.FREE


def check_tick(state: JobState, scheduled_for: int | None) -> None:
    if scheduled_for is None:
        raise illegal(state, "a tick needs its scheduled time", "tick")
    if state.accounted_to is not None and scheduled_for <= state.accounted_to:
        raise illegal(state, "this scheduled time has its answer already", "tick")


def queue(state: JobState, record: Record, body: Queued) -> JobState:
    need_job(state)
    number = record.run
    if number is None or number <= state.last_number:
        raise illegal(state, f"run {number} cannot follow run {state.last_number}", "number")
    if body.version != state.version:
        raise illegal(state, f"version {body.version} is not the job's, {state.version}", "version")
    check_queued(state, record.at, body)
    accounted_to, refusal = state.accounted_to, state.refusal
    if body.cause in TICKS:
        check_tick(state, body.scheduled_for)
        accounted_to, refusal = body.scheduled_for, None
    run = Run(
        state.job,
        number,
        compiled()[None, _QUEUE, None],
        body.cause,
        body.version,
        body.attempt,
        record.at if body.origin is None else body.origin.at,
        body.start_by,
        body.scheduled_for,
        body.retry_of,
        forced=body.forced,
    )
    return JobState(
        state.job,
        state.seq + 1,
        state.definition,
        state.version,
        state.source,
        state.anchor,
        state.paused,
        number,
        accounted_to,
        (*state.runs, run),
        state.slot,
        refusal,
        state.refused_at,
        state.past if state.past is None or body.origin is not None else without_retry(state.past),
    )


def the_run(state: JobState, record: Record) -> Run:
    for run in state.runs:  # as `JobState.run`, without a call
        if run.number == record.run:
            return run
    raise illegal(state, f"run {record.run} is not open, nor does it hold the slot", "open")


def _move(state: JobState, run: Run, trigger: Trigger, reason: Reason | None) -> State:
    target = compiled().get((run.state, trigger, reason))
    if target is None:
        with_reason = f" ({reason})" if reason else ""
        raise illegal(state, f"run {run.number} is {run.state} and takes no {trigger}{with_reason}", "lifecycle")
    return target


def with_run(state: JobState, run: Run, slot: int | None, past: Past | None) -> JobState:
    """The fold with `run` in its new shape: kept while it is open or holds the slot, dropped otherwise."""
    keep = slot == run.number or run.state not in TERMINAL
    if len(state.runs) == 1:
        runs: tuple[Run, ...] = (run,) if keep else ()
    else:
        runs = tuple(run if old.number == run.number else old for old in state.runs if keep or old.number != run.number)
    return JobState(
        state.job,
        state.seq + 1,
        state.definition,
        state.version,
        state.source,
        state.anchor,
        state.paused,
        state.last_number,
        state.accounted_to,
        runs,
        slot,
        state.refusal,
        state.refused_at,
        past,
    )


def start(state: JobState, record: Record, body: Started) -> JobState:
    run = the_run(state, record)
    target = _move(state, run, _START, None)
    if state.slot is not None:
        raise illegal(state, f"the slot is held by run {state.slot}", "overlap")
    if (run.cause is _IMPORTED) is not (body.arming.boot_id == IMPORTED_BOOT):
        raise illegal(state, f"its arming is of the boot {body.arming.boot_id!r}, its cause {run.cause}", "origin")
    if state.past is not None:
        check_start(state, record.at, run)
    started = Run(
        run.job,
        run.number,
        target,
        run.cause,
        run.version,
        run.attempt,
        run.queued_at,
        run.start_by,
        run.scheduled_for,
        run.retry_of,
        None,
        record.at,
        None,
        body.run_by,
        body.reap_by,
        body.arming,
        None,
        None,
        None,
        _HELD,
        run.forced,
    )
    return with_run(state, started, run.number, state.past)


def end(state: JobState, record: Record, body: Ended) -> JobState:
    if body.trigger in _NO_VERDICTS:
        raise illegal(state, f"{body.trigger} is no verdict", "lifecycle")
    run = the_run(state, record)
    after = ended(state, run, body)
    past, job = state.past, state.definition
    if run.cause is _IMPORTED:
        pass  # how it went elsewhere, some time ago, neither holds the job back here nor makes it well again
    elif past is not None or after.state is not _SUCCEEDED:  # else there is nothing to remember, nor to forget
        past = after_end(past, run, after.state, body, record.at, job)
    return with_run(state, after, state.slot, past)


def ended(state: JobState, run: Run, body: Ended) -> Run:
    """`run` after its verdict."""
    return Run(
        run.job,
        run.number,
        _move(state, run, body.trigger, body.reason),
        run.cause,
        run.version,
        run.attempt,
        run.queued_at,
        run.start_by,
        run.scheduled_for,
        run.retry_of,
        body.reason,
        body.started_at or run.started_at,
        body.ended_at,
        run.run_by,
        run.reap_by,
        run.arming,
        body.exit_code,
        body.signal,
        body.error,
        run.slot,
        run.forced,
        body.agent,
    )


def release(state: JobState, record: Record, body: Released) -> JobState:
    run = the_run(state, record)
    if state.slot != run.number:
        raise illegal(state, f"run {run.number} does not hold the slot", "slot")
    if run.state not in TERMINAL:
        raise illegal(state, f"run {run.number} is {run.state} and cannot be released", "verdict")
    if run.arming is None or run.arming.nonce != body.nonce:
        raise illegal(state, f"run {run.number} was not started by arming {body.nonce}", "arming")
    return with_run(state, run, None, state.past)


def released(run: Run, body: Released) -> Run:
    """`run` once its slot is free; how its command really ended is filled in where the verdict did not know it."""
    known = run.exit_code is not None or run.signal is not None
    return Run(
        run.job,
        run.number,
        run.state,
        run.cause,
        run.version,
        run.attempt,
        run.queued_at,
        run.start_by,
        run.scheduled_for,
        run.retry_of,
        run.reason,
        run.started_at,
        run.ended_at,
        run.run_by,
        run.reap_by,
        run.arming,
        run.exit_code if known else body.exit_code,
        run.signal if known else body.signal,
        run.error,
        _FREE,
        run.forced,
        run.agent,
    )


def run_after(before: JobState, record: Record, after: JobState) -> Run | None:
    """The run that `record` is about, as it is after it; None for an entry about no run.

    The fold drops a run that is over; whoever keeps all runs (a journal's projection) needs its last shape too.
    """
    if record.run is None:
        return None
    run = after.run(record.run)
    if run is not None:
        return run
    last = the_run(before, record)
    if isinstance(record.body, Released):
        return released(last, record.body)
    return ended(before, last, record.body) if isinstance(record.body, Ended) else last
