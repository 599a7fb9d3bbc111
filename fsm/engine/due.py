"""When a stream's next tick is due."""

from __future__ import annotations

from fsm.instants import Instant
from fsm.model.stream import JobState
from fsm.planning.schedule import Timetable, timetable


def ticking(state: JobState) -> Timetable | None:
    """The job's timetable, or None for one that has no ticks: no schedule, not enabled, removed."""
    job = state.definition
    if job is None or job.schedule is None or not job.enabled:
        return None
    return timetable(job.schedule, job.timezone)


def wanted_at(state: JobState) -> Instant | None:
    """When a scheduler has to look at the stream, whether or not a run is open: its next tick, or a retry before it."""
    due = next_due(state)
    retry = None if state.past is None else state.past.retry
    if retry is None:
        return due
    return retry.due if due is None else min(due, retry.due)


def next_due(state: JobState) -> Instant | None:
    """The first scheduled time that has no answer yet; None when none comes any more."""
    table = ticking(state)
    if table is None or state.accounted_to is None:
        return None
    return table.next_after(state.accounted_to, state.anchor)
