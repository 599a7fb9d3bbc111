"""When a job is due next, as people mean it: the next time that is to come."""

from __future__ import annotations

from fsm.instants import Instant
from fsm.ports import JobSummary


def upcoming(summary: JobSummary, now: Instant) -> Instant | None:
    """The next due time of a job.

    The journal's is the first one without an answer. Where a run is in the way or the job is paused, that may be past:
    refusals that repeat themselves are written at most once an hour. Then it is reckoned anew; otherwise one that is
    past is overdue, and that is what is said.
    """
    due, state = summary.next_due, summary.state
    job = state.definition
    if due is None or due > now or job is None or job.schedule is None or not (state.paused or state.runs):
        return due
    from fsm.planning.schedule import timetable  # takes a while to import, and most calls need none of it

    return timetable(job.schedule, job.timezone).next_after(now, state.anchor)
