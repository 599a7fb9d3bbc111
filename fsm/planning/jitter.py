"""Jitter: by how much later than its scheduled time a tick is due.

A function of the job's name and the scheduled time alone, so that it is the same on every machine, after every restart
and in every listing. It stays below the distance to the next scheduled time, whatever `jitter` says: so ticks come in
the order of their scheduled times, and of those that are past at most one, the last, has not come yet.

A tick is known by its scheduled time. That is what the journal answers, what a run is told, and what never runs twice;
jitter only says when.
"""

from __future__ import annotations

from hashlib import sha256

from fsm.instants import Instant
from fsm.model.job import Job
from fsm.planning.timetables import Timetable


def due_at(job: Job, table: Timetable, tick: Instant, anchor: Instant | None) -> Instant:
    """When the tick of that scheduled time is due. `table` is the job's own."""
    if job.jitter_us is None:
        return tick
    following = table.next_after(tick, anchor)
    most = job.jitter_us if following is None else min(job.jitter_us, following - tick)
    share = int.from_bytes(sha256(b"%b\0%d" % (job.name.encode(), tick)).digest()[:8], "big")  # of 2 to the 64th
    return Instant(tick + (share * most >> 64))


def come_until(job: Job, table: Timetable, now: Instant, anchor: Instant | None) -> Instant:
    """The time up to which scheduled times have come: `now`, or right before the last of them, if that is not due."""
    if job.jitter_us is None:
        return now
    late = table.span(Instant(now - job.jitter_us), now, anchor)  # what is older has come, whatever its jitter
    if late is None or due_at(job, table, late.last, anchor) <= now:
        return now
    return Instant(late.last - 1)
