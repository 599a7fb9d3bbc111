"""Whether the scheduler is about to end and takes no more requests."""

from __future__ import annotations

from fsm.instants import Deadline, Moment
from fsm.model.entries import SchedulerDraining, SchedulerSettings
from fsm.model.job import SCHEDULER_STREAM
from fsm.ports import Journal

MOST = 100
"""Entries that are read back at most: settings that were changed since it began to drain, a handful if any."""


def draining(journal: Journal, now: Moment) -> Deadline | None:
    """Until when it drains; None where it does not.

    A scheduler that drains says so, again, wherever it would say that it is alive; so its newest word tells. One that
    was killed meanwhile drains until its time is over, or another one comes up.
    """
    for entry in journal.entries(job=SCHEDULER_STREAM, newest_first=True, limit=MOST):
        if isinstance(entry.body, SchedulerDraining):
            return None if entry.body.until.passed(now) else entry.body.until
        if not isinstance(entry.body, SchedulerSettings):
            return None
    return None
