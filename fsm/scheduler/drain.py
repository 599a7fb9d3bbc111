"""The end of a scheduler that waits for what runs: nothing is started any more, by tick or by request.

Crash windows: if this process stops while it drains, requests are refused until the time it gave is over or the next
scheduler comes up, whichever is first; what is queued waits for that one, what runs goes on as always.
"""

from __future__ import annotations

from fsm.instants import Deadline, Duration, Moment
from fsm.model.job import REAP_MARGIN
from fsm.ports import Journal
from fsm.scheduler.starter import Starter


class Drain:
    """`until` is None while the scheduler is not draining."""

    def __init__(self, journal: Journal, starter: Starter) -> None:
        self._journal, self._starter = journal, starter
        self.until: Deadline | None = None

    def begin(self, now: Moment, most: Duration | None) -> Deadline:
        """Start nothing more. `most` None: wait for as long as any of the runs may run."""
        self.until = Deadline.after(now, self._longest(now) if most is None else most)
        self._starter.abandon_all()
        return self.until

    def _longest(self, now: Moment) -> int:
        """Until the last of the runs is over by its own deadlines, and the backstop has looked at it."""
        holders = [self._journal.state(job).holder for job in self._journal.busy_jobs()]
        left = [run.reap_by.left(now) for run in holders if run is not None and run.reap_by is not None]
        return max(0, max(left, default=0)) + REAP_MARGIN

    def over(self, now: Moment) -> bool:
        """Whether there is nothing left to wait for, or no time."""
        return self.until is not None and (self._starter.idle or self.until.passed(now))
