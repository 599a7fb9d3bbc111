"""Fold one entry into a stream, or say why it cannot follow.

What this module accepts is what a journal may hold: the journals use it for their projection, `verify` for its
verdicts. Entries about a run are folded by `fsm.engine.runs`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from fsm.engine.illegal import illegal, need_job
from fsm.engine.runs import TICKS, Record, check_tick, end, queue, release, start
from fsm.instants import Instant
from fsm.model.entries import (
    Checkpoint,
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
from fsm.model.stream import FOLD, JobState
from fsm.planning.failures import kept_over_an_edit


def evolve(state: JobState, record: Record) -> JobState:
    """`state` after `record`. Raises `IllegalEntry` when the record cannot follow what is there."""
    return _FOLDS[type(record.body)](state, record, record.body)


def _next(state: JobState, **changes: Any) -> JobState:
    return attrs.evolve(state, seq=state.seq + 1, **changes)


def _put(state: JobState, record: Record, body: JobPut) -> JobState:
    if body.job.name != state.job:
        raise illegal(state, f"it defines {body.job.name}", "stream")
    if body.version != state.version + 1:
        raise illegal(state, f"version {body.version} follows version {state.version}", "version")
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


def _paused(state: JobState, record: Record, body: JobPaused) -> JobState:
    need_job(state)
    if state.paused:
        raise illegal(state, "it is paused already", "pause")
    return _next(state, paused=True, refusal=None)


def _resumed(state: JobState, record: Record, body: JobResumed) -> JobState:
    if not state.paused:
        raise illegal(state, "it is not paused", "pause")
    return _next(state, paused=False, refusal=None)


def _removed(state: JobState, record: Record, body: JobRemoved) -> JobState:
    need_job(state)
    return _next(state, definition=None, paused=False, refusal=None, anchor=None, past=None)


def _numbers_taken(state: JobState, record: Record, body: NumbersTaken) -> JobState:
    if body.up_to <= state.last_number:
        raise illegal(state, f"numbers up to {state.last_number} are taken already", "number")
    return _next(state, last_number=body.up_to)


def _refused(state: JobState, record: Record, body: Refused) -> JobState:
    if body.count < 1 or body.first > body.last:
        raise illegal(state, "a refusal covers at least one time, the first before the last", "tick")
    if body.cause not in TICKS:
        return _next(state, refusal=body, refused_at=record.at)
    check_tick(state, body.first)
    return _next(state, refusal=body, refused_at=record.at, accounted_to=body.last)


def _checkpoint(state: JobState, record: Record, body: Checkpoint) -> JobState:
    """Changes nothing but where the stream may begin from now on. A stream that was pruned begins with it."""
    sealed = body.state
    if not isinstance(sealed, JobState) or (sealed.job, sealed.seq) != (state.job, body.count) or body.count < 1:
        raise illegal(state, "its state is not that of the entries that it seals", "checkpoint")
    if state.seq == 0 and isinstance(record, Entry) and record.seq == body.count + 1:
        return _next(sealed)
    if body.count != state.seq:
        raise illegal(state, f"it seals {body.count} entries of {state.seq}", "checkpoint")
    if body.fold == FOLD and sealed != state:
        raise illegal(state, "its state is not the fold of the entries that it seals", "checkpoint")
    return _next(state)


def _scheduler(state: JobState, record: Record, body: object) -> JobState:
    if state.job != SCHEDULER_STREAM:
        raise illegal(state, f"it belongs into {SCHEDULER_STREAM}", "stream")
    return _next(state)


_FOLDS: dict[type[object], Callable[[JobState, Record, Any], JobState]] = {
    JobPut: _put,
    JobPaused: _paused,
    JobResumed: _resumed,
    JobRemoved: _removed,
    NumbersTaken: _numbers_taken,
    Queued: queue,
    Started: start,
    Ended: end,
    Released: release,
    Refused: _refused,
    Checkpoint: _checkpoint,
    SchedulerUp: _scheduler,
    SchedulerAlive: _scheduler,
    SchedulerDown: _scheduler,
    SchedulerSettings: _scheduler,
    SchedulerDraining: _scheduler,
}
