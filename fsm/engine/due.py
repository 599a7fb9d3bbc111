"""When a stream's ticks are due."""

from __future__ import annotations

from attrs import frozen

from fsm.instants import Instant
from fsm.model.stream import JobState
from fsm.planning import jitter
from fsm.planning.schedule import Timetable, timetable


@frozen(slots=True)
class Due:
    """A tick: its scheduled time, and when it is due, which is later only by jitter."""

    tick: Instant
    at: Instant


def ticking(state: JobState) -> Timetable | None:
    """The job's timetable, or None for one that has no ticks: no schedule, not enabled, removed."""
    job = state.definition
    if job is None or job.schedule is None or not job.enabled:
        return None
    return timetable(job.schedule, job.timezone)


def due_at(state: JobState, tick: Instant) -> Instant:
    """When the tick of that scheduled time is due, by the present definition."""
    job, table = state.definition, ticking(state)
    return tick if job is None or table is None else jitter.due_at(job, table, tick, state.anchor)


def come_until(state: JobState, now: Instant) -> Instant:
    """The time up to which scheduled times have come by `now`."""
    job, table = state.definition, ticking(state)
    return now if job is None or table is None else jitter.come_until(job, table, now, state.anchor)


def tick_after(state: JobState, after: Instant) -> Due | None:
    """The first tick whose scheduled time is after `after`; None when none comes any more."""
    table = ticking(state)
    tick = None if table is None else table.next_after(after, state.anchor)
    return None if tick is None else Due(tick, due_at(state, tick))


def coming(state: JobState, now: Instant) -> Due | None:
    """The first tick that is due after `now`."""
    return tick_after(state, come_until(state, now))


def next_tick(state: JobState) -> Due | None:
    """The first tick that has no answer yet; None when none comes any more."""
    return None if state.accounted_to is None else tick_after(state, state.accounted_to)


def next_due(state: JobState) -> Instant | None:
    """When the first tick that has no answer yet is due (its jitter included); None when none comes any more."""
    found = next_tick(state)
    return None if found is None else found.at


def wanted_at(state: JobState) -> Instant | None:
    """When a scheduler has to look at the stream, whether or not a run is open: its next tick, or a retry before it."""
    due = next_due(state)
    retry = None if state.past is None else state.past.retry
    if retry is None:
        return due
    return retry.due if due is None else min(due, retry.due)
