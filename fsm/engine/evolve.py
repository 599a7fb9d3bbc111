"""Fold one entry into a stream, or say why it cannot follow.

What this module accepts is what a journal may hold: the journals use it for their projection, `verify` for its
verdicts. It is on the hot path, so values are built directly, not by `attrs.evolve`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from fsm.engine.allowed import check_queued, check_start
from fsm.errors import IllegalEntry
from fsm.instants import Instant
from fsm.lifecycle.machine import compiled
from fsm.model.entries import (
    IMPORTED_BOOT,
    Checkpoint,
    Draft,
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    NumbersTaken,
    Queued,
    Refused,
    Released,
    SchedulerAlive,
    SchedulerDown,
    SchedulerDraining,
    SchedulerSettings,
    SchedulerUp,
    Started,
)
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.past import Past
from fsm.model.run import Run
from fsm.model.states import Cause, Reason, SlotState, State, Trigger
from fsm.model.stream import FOLD, JobState
from fsm.planning.failures import after_end, kept_over_an_edit, without_retry

Record = Draft | Entry
_TICKS = frozenset({Cause.SCHEDULE, Cause.CATCH_UP})
_NO_VERDICTS = frozenset({Trigger.QUEUE, Trigger.START})  # they have bodies of their own


def evolve(state: JobState, record: Record) -> JobState:
    """`state` after `record`. Raises `IllegalEntry` when the record cannot follow what is there."""
    return _FOLDS[type(record.body)](state, record, record.body)


def _illegal(state: JobState, why: str, requirement: str) -> IllegalEntry:
    return IllegalEntry(state.job, state.seq + 1, why, requirement)


def _next(state: JobState, **changes: Any) -> JobState:
    return attrs.evolve(state, seq=state.seq + 1, **changes)


def _put(state: JobState, record: Record, body: JobPut) -> JobState:
    if body.job.name != state.job:
        raise _illegal(state, f"it defines {body.job.name}", "stream")
    if body.version != state.version + 1:
        raise _illegal(state, f"version {body.version} follows version {state.version}", "version")
    kept = state.definition is not None and same_ticks(state.definition, body.job)
    return _next(
        state,
        definition=body.job,
        version=body.version,
        source=body.source,
        anchor=body.anchor,
        accounted_to=state.accounted_to if kept else _forward(state.accounted_to, record.at),
        refusal=None,
        past=kept_over_an_edit(state.past, body.job),
    )


def _forward(accounted_to: Instant | None, at: Instant) -> Instant:
    """Never back: what has its answer keeps it, also when the wall clock was set back before the edit, or the job was
    removed meanwhile. The same scheduled time never makes two runs."""
    return at if accounted_to is None else max(accounted_to, at)


def same_ticks(old: Job, new: Job) -> bool:
    """Whether an edit leaves the job's due times alone, so that its accounted ticks count on."""
    return (old.schedule, old.timezone) == (new.schedule, new.timezone) and (old.enabled or not new.enabled)


def _need_job(state: JobState) -> None:
    if state.definition is None:
        raise _illegal(state, "there is no such job", "defined")


def _paused(state: JobState, record: Record, body: JobPaused) -> JobState:
    _need_job(state)
    if state.paused:
        raise _illegal(state, "it is paused already", "pause")
    return _next(state, paused=True, refusal=None)


def _resumed(state: JobState, record: Record, body: JobResumed) -> JobState:
    if not state.paused:
        raise _illegal(state, "it is not paused", "pause")
    return _next(state, paused=False, refusal=None)


def _removed(state: JobState, record: Record, body: JobRemoved) -> JobState:
    _need_job(state)
    return _next(state, definition=None, paused=False, refusal=None, anchor=None, past=None)


def _numbers_taken(state: JobState, record: Record, body: NumbersTaken) -> JobState:
    if body.up_to <= state.last_number:
        raise _illegal(state, f"numbers up to {state.last_number} are taken already", "number")
    return _next(state, last_number=body.up_to)


def _queued(state: JobState, record: Record, body: Queued) -> JobState:
    _need_job(state)
    number = record.run
    if number is None or number <= state.last_number:
        raise _illegal(state, f"run {number} cannot follow run {state.last_number}", "number")
    if body.version != state.version:
        raise _illegal(state, f"version {body.version} is not the job's, {state.version}", "version")
    check_queued(state, record.at, body)
    accounted_to, refusal = state.accounted_to, state.refusal
    if body.cause in _TICKS:
        _check_tick(state, body.scheduled_for)
        accounted_to, refusal = body.scheduled_for, None
    run = Run(
        state.job,
        number,
        compiled()[None, Trigger.QUEUE, None],
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


def _check_tick(state: JobState, scheduled_for: int | None) -> None:
    if scheduled_for is None:
        raise _illegal(state, "a tick needs its scheduled time", "tick")
    if state.accounted_to is not None and scheduled_for <= state.accounted_to:
        raise _illegal(state, "this scheduled time has its answer already", "tick")


def _the_run(state: JobState, record: Record) -> Run:
    run = state.run(record.run) if record.run is not None else None
    if run is None:
        raise _illegal(state, f"run {record.run} is not open, nor does it hold the slot", "open")
    return run


def _move(state: JobState, run: Run, trigger: Trigger, reason: Reason | None) -> State:
    target = compiled().get((run.state, trigger, reason))
    if target is None:
        with_reason = f" ({reason})" if reason else ""
        raise _illegal(state, f"run {run.number} is {run.state} and takes no {trigger}{with_reason}", "lifecycle")
    return target


def _with(state: JobState, run: Run, slot: int | None, past: Past | None) -> JobState:
    """The fold with `run` in its new shape: kept while it is open or holds the slot, dropped otherwise."""
    keep = slot == run.number or not run.state.terminal
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


def _started(state: JobState, record: Record, body: Started) -> JobState:
    run = _the_run(state, record)
    target = _move(state, run, Trigger.START, None)
    if state.slot is not None:
        raise _illegal(state, f"the slot is held by run {state.slot}", "overlap")
    if (run.cause is Cause.IMPORTED) is not (body.arming.boot_id == IMPORTED_BOOT):
        raise _illegal(state, f"its arming is of the boot {body.arming.boot_id!r}, its cause {run.cause}", "origin")
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
        slot=SlotState.HELD,
        forced=run.forced,
    )
    return _with(state, started, run.number, state.past)


def _ended(state: JobState, record: Record, body: Ended) -> JobState:
    if body.trigger in _NO_VERDICTS:
        raise _illegal(state, f"{body.trigger} is no verdict", "lifecycle")
    run = _the_run(state, record)
    after = ended(state, run, body)
    past, job = state.past, state.definition
    if run.cause is Cause.IMPORTED:
        pass  # how it went elsewhere, some time ago, neither holds the job back here nor makes it well again
    elif past is not None or after.state is not State.SUCCEEDED:  # else there is nothing to remember, nor to forget
        past = after_end(past, run, after.state, body, record.at, job)
    return _with(state, after, state.slot, past)


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


def _released(state: JobState, record: Record, body: Released) -> JobState:
    run = _the_run(state, record)
    if state.slot != run.number:
        raise _illegal(state, f"run {run.number} does not hold the slot", "slot")
    if not run.state.terminal:
        raise _illegal(state, f"run {run.number} is {run.state} and cannot be released", "verdict")
    if run.arming is None or run.arming.nonce != body.nonce:
        raise _illegal(state, f"run {run.number} was not started by arming {body.nonce}", "arming")
    return _with(state, run, None, state.past)


def released(run: Run, body: Released) -> Run:
    """`run` once its slot is free; how its command really ended is filled in where the verdict did not know it."""
    known = run.exit_code is not None or run.signal is not None
    return attrs.evolve(
        run,
        slot=SlotState.FREE,
        exit_code=run.exit_code if known else body.exit_code,
        signal=run.signal if known else body.signal,
    )


def _refused(state: JobState, record: Record, body: Refused) -> JobState:
    if body.count < 1 or body.first > body.last:
        raise _illegal(state, "a refusal covers at least one time, the first before the last", "tick")
    if body.cause not in _TICKS:
        return _next(state, refusal=body, refused_at=record.at)
    _check_tick(state, body.first)
    return _next(state, refusal=body, refused_at=record.at, accounted_to=body.last)


def _checkpoint(state: JobState, record: Record, body: Checkpoint) -> JobState:
    """Changes nothing but where the stream may begin from now on. A stream that was pruned begins with it."""
    sealed = body.state
    if not isinstance(sealed, JobState) or (sealed.job, sealed.seq) != (state.job, body.count) or body.count < 1:
        raise _illegal(state, "its state is not that of the entries that it seals", "checkpoint")
    if state.seq == 0 and isinstance(record, Entry) and record.seq == body.count + 1:
        return _next(sealed)
    if body.count != state.seq:
        raise _illegal(state, f"it seals {body.count} entries of {state.seq}", "checkpoint")
    if body.fold == FOLD and sealed != state:
        raise _illegal(state, "its state is not the fold of the entries that it seals", "checkpoint")
    return _next(state)


def _scheduler(state: JobState, record: Record, body: object) -> JobState:
    if state.job != SCHEDULER_STREAM:
        raise _illegal(state, f"it belongs into {SCHEDULER_STREAM}", "stream")
    return _next(state)


_FOLDS: dict[type[object], Callable[[JobState, Record, Any], JobState]] = {
    JobPut: _put,
    JobPaused: _paused,
    JobResumed: _resumed,
    JobRemoved: _removed,
    NumbersTaken: _numbers_taken,
    Queued: _queued,
    Started: _started,
    Ended: _ended,
    Released: _released,
    Refused: _refused,
    Checkpoint: _checkpoint,
    SchedulerUp: _scheduler,
    SchedulerAlive: _scheduler,
    SchedulerDown: _scheduler,
    SchedulerSettings: _scheduler,
    SchedulerDraining: _scheduler,
}


def run_after(before: JobState, record: Record, after: JobState) -> Run | None:
    """The run that `record` is about, as it is after it; None for an entry about no run.

    The fold drops a run that is over; whoever keeps all runs (a journal's projection) needs its last shape too.
    """
    if record.run is None:
        return None
    run = after.run(record.run)
    if run is not None:
        return run
    last = _the_run(before, record)
    if isinstance(record.body, Released):
        return released(last, record.body)
    return ended(before, last, record.body) if isinstance(record.body, Ended) else last
