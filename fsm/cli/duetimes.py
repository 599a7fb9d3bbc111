"""The due times of a job that are to come, with jitter, and what a change of the clock does to them."""

from __future__ import annotations

from attrs import frozen

from fsm.instants import DAY, Instant
from fsm.model.job import Job
from fsm.model.stream import JobState


@frozen(slots=True)
class Coming:
    """A tick: its scheduled time, when it is due (later by its jitter only), and what is odd about it, if anything.

    `shift` is a word of `fsm.planning.shifts.Shift`, `note` the sentence to it.
    """

    tick: Instant
    at: Instant
    shift: str | None = None
    note: str | None = None


def due_times(state: JobState, job: Job, after: Instant, count: int) -> list[Coming]:
    """The next `count` ticks that are due after an instant, fewer where no more come. Also those of a disabled job."""
    from fsm.planning.jitter import come_until, due_at
    from fsm.planning.schedule import timetable
    from fsm.planning.shifts import describe_shift, shift_of

    if job.schedule is None:
        return []
    table = timetable(job.schedule, job.timezone)
    times: list[Coming] = []
    tick = come_until(job, table, after, state.anchor)
    for _ in range(count):
        following = table.next_after(tick, state.anchor)
        if following is None:
            break
        tick = following
        at = due_at(job, table, tick, state.anchor)
        times.append(Coming(tick, at, shift_of(table, tick), describe_shift(table, tick)))
    return times


def clock_note(state: JobState, due: Instant | None) -> str | None:
    """What a change of the clock does to the job's next tick, due at `due`; None for nothing.

    For a list of many jobs: only where a change is near, the schedule is looked at.
    """
    job = state.definition
    if due is None or job is None or job.schedule is None or job.timezone == "UTC" or state.accounted_to is None:
        return None
    from fsm.planning.zones import zone  # zones are cheap to read, schedules are not

    where, second = zone(job.timezone), due // 1_000_000
    near = (DAY + (job.jitter_us or 0)) // 1_000_000
    if where.offset(second - near) == where.offset(second + near):
        return None
    times = due_times(state, job, Instant(due - 1), 1)
    return times[0].note if times else None
