"""Which of the ticks that have come make a run, and which were missed.

Ticks come one at a time while a scheduler is up. After a stop, a suspend or a jump of the wall clock many come at
once; then at most the last one makes a run, by the job's `catch_up`, and the others were missed.
"""

from __future__ import annotations

from fsm.instants import MINUTE, Instant
from fsm.model.job import CatchUp, Job
from fsm.model.states import Cause

ON_TIME = MINUTE
"""A tick answered within this time of its scheduled time is an ordinary one, whatever `catch_up` says: a restart or
a busy disk is no reason to miss it."""


def cause_of(job: Job, scheduled_for: Instant, now: Instant) -> Cause | None:
    """The cause of the run that a tick makes when it is answered now; None when it comes too late to make one."""
    late = now - scheduled_for
    if late <= ON_TIME:
        return Cause.SCHEDULE
    if job.catch_up is CatchUp.ONCE and late <= job.catch_up_within_us:
        return Cause.CATCH_UP
    return None
