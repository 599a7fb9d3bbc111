"""When to look at which job again: due times by the wall clock, deadlines by the boot clock."""

from __future__ import annotations

from fsm.engine.due import tick_after
from fsm.instants import Instant, Moment
from fsm.model.states import State
from fsm.model.stream import JobState
from fsm.planning.refusals import WRITE_EVERY
from fsm.planning.restraint import restraint, retry_at
from fsm.scheduler.alarms import Alarms
from fsm.scheduler.book import Book


class Agenda:
    """The times of every job. Each says when to look and never what follows: that is decided from the stream then."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._due = Alarms()
        self._deadlines = Alarms()
        self._remembering: set[str] = set()  # jobs with a failure that they remember: they may wait by the wall clock
        self._last_utc = Instant(0)

    def fill(self, due: dict[str, int]) -> None:
        """Begin with these due times."""
        self._due.fill(due)

    def follow(self, job: str, now: Moment, watch: int | None) -> None:
        """Bring the times of a job in line with its stream. `watch`: its watcher's own alarm, on the boot clock."""
        self._set_due(self._book.state(job), now)
        self.set_deadline(job, now, watch)

    def set_deadline(self, job: str, now: Moment, watch: int | None) -> None:
        """The same for its deadlines alone."""
        times = [now.boot + run.start_by.left(now) for run in self._book.state(job).runs if run.state is State.QUEUED]
        if watch is not None:
            times.append(watch)
        self._deadlines.set(job, min(times, default=None))

    def _set_due(self, state: JobState, now: Moment) -> None:
        deferred = self._book.deferred.get(state.job)
        after = deferred.until if deferred is not None else state.accounted_to
        found = None if after is None else tick_after(state, after)
        due = None if found is None else found.at
        if deferred is not None and state.refused_at is not None:
            write_by = Instant(state.refused_at + WRITE_EVERY)  # also where no further tick comes by then
            due = write_by if due is None else min(due, write_by)
        if state.past is not None:
            times = [at for at in (due, retry_at(state, now.utc), _eased(state, now)) if at is not None]
            due = min(times, default=None)
            self._remembering.add(state.job)
        else:
            self._remembering.discard(state.job)
        self._due.set(state.job, due)

    def set_back(self, now: Moment) -> list[str]:
        """The jobs to look at because the wall clock was set back since the last call: that ends the waits that began
        later than it says now (`fsm.planning.restraint`)."""
        jobs = sorted(self._remembering) if now.utc < self._last_utc else []
        self._last_utc = now.utc
        return jobs

    def pop_due(self, now: Moment) -> list[str]:
        """The jobs that have come due."""
        return self._due.pop(now.utc)

    def pop_deadlines(self, now: Moment) -> list[str]:
        """The jobs of which a deadline has passed."""
        return self._deadlines.pop(now.boot)

    def next_due(self) -> Instant | None:
        """When a job comes due next."""
        due = self._due.next()
        return None if due is None else Instant(due)

    def next_deadline(self) -> int | None:
        """The next deadline, on the boot clock."""
        return self._deadlines.next()


def _eased(state: JobState, now: Moment) -> Instant | None:
    """When breaker and budget let go of what waits in the queue, if they hold any of it."""
    if all(run.state is not State.QUEUED for run in state.runs):
        return None
    found = restraint(state, now.utc)
    return None if found is None else found.until
