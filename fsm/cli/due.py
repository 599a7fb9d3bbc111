"""When a job is due next, as people mean it: the next time that is to come."""

from __future__ import annotations

from fsm.instants import Instant
from fsm.model.stream import JobState
from fsm.ports import JobSummary


def upcoming(summary: JobSummary, now: Instant) -> Instant | None:
    """The next due time of a job.

    The journal's is the first one without an answer. Where a run is in the way or the job is paused, that may be past:
    refusals that repeat themselves are written at most once an hour. Then it is reckoned anew; otherwise one that is
    past is overdue, and that is what is said.
    """
    due, state = summary.next_due, summary.state
    if due is None or due > now or not (state.paused or state.runs):
        return due
    from fsm.engine.due import coming  # takes a while to import, and most calls need none of it

    found = coming(state, now)
    return None if found is None else found.at


def finished(state: JobState, *, known: bool = False, due: Instant | None = None) -> bool:
    """Whether none of its times is left, as for an ``at`` that has had its answer. `due`, where `known`: its next one,
    which a list has at hand."""
    job = state.definition
    if job is None or job.schedule is None or not job.enabled:
        return False
    if not known:
        from fsm.engine.due import next_due

        due = next_due(state)
    return due is None
