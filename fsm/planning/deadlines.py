"""The deadlines that are stored with a run: every open run has one, so that every run ends."""

from __future__ import annotations

from fsm.instants import Deadline, Moment
from fsm.model.job import REAP_MARGIN, Job


def start_by(job: Job, now: Moment) -> Deadline:
    """When a run queued now has waited long enough."""
    return Deadline.after(now, job.start_within_us)


def run_by(job: Job, now: Moment) -> Deadline:
    """When a run started now has run long enough; its supervisor ends it then."""
    return Deadline.after(now, job.timeout_us)


def reap_by(job: Job, now: Moment) -> Deadline:
    """When a run started now must be over even if its supervisor says nothing."""
    return Deadline.after(now, job.timeout_us + job.grace_us + REAP_MARGIN)
