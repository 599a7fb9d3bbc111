"""Which of the ticks that have come make a run, and which were missed.

Ticks come one at a time while a scheduler is up. After a stop, a suspend or a jump of the wall clock many come at
once: then the job's `catch_up` says whether none of them, the newest, or the newest few make runs; the others were
missed. What it costs is the number of runs that are made, whatever the number of ticks.
"""

from __future__ import annotations

from fsm.instants import MINUTE, Instant
from fsm.model.job import CatchUp, Job
from fsm.model.states import Cause
from fsm.planning.timetables import Span, Timetable

ON_TIME = MINUTE
"""A tick answered within this time of its scheduled time is an ordinary one, whatever `catch_up` says: a restart or
a busy disk is no reason to miss it."""


def cause_of(job: Job, scheduled_for: Instant, now: Instant) -> Cause | None:
    """The cause of the run that the newest tick makes when it is answered now; None when it comes too late for one."""
    late = now - scheduled_for
    if late <= ON_TIME:
        return Cause.SCHEDULE
    if job.catch_up is not CatchUp.SKIP and late <= job.catch_up_within_us:
        return Cause.CATCH_UP
    return None


def made_of(
    job: Job, table: Timetable, anchor: Instant | None, after: Instant, span: Span, now: Instant, late: int
) -> list[tuple[Instant, Cause]]:
    """The ticks of `span` (all those after `after`) that make runs when they are answered now, oldest first, where
    `late` runs wait already that catch up earlier ones. All the others come before these, and were missed."""
    newest, room = cause_of(job, span.last, now), max(0, job.catch_up_limit - late)
    if newest is None or (newest is Cause.CATCH_UP and room == 0):
        return []
    if job.catch_up is not CatchUp.ALL or span.count == 1:
        return [(span.last, newest)]
    earliest = Instant(max(after, now - job.catch_up_within_us - 1))
    most = room + (1 if newest is Cause.SCHEDULE else 0)
    ticks = newest_ticks(table, anchor, earliest, span.last, most)
    older = [tick for tick in ticks if tick < span.last]
    return [*((tick, Cause.CATCH_UP) for tick in older), (span.last, newest)]


def newest_ticks(table: Timetable, anchor: Instant | None, after: Instant, last: Instant, most: int) -> list[Instant]:
    """The newest due times after `after` up to `last`, at most so many, oldest first.

    Timetables only go forward, so where to begin is found by halving the stretch: some forty counts, each of some
    microseconds for a month.
    """
    low, high = after, last  # counting from `low` may be too many, from `high` it is none
    span = table.span(low, last, anchor)
    if span is None:
        return []
    if span.count > most:
        while high - low > 1:
            middle = Instant((low + high) // 2)
            found = table.span(middle, last, anchor)
            if found is not None and found.count > most:
                low = middle
            else:
                high = middle
        low = high
    ticks: list[Instant] = []
    tick = table.next_after(low, anchor)
    while tick is not None and tick <= last and len(ticks) < most:
        ticks.append(tick)
        tick = table.next_after(tick, anchor)
    return ticks
