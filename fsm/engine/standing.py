"""Why ticks and requests make no run now: the order in which it is asked.

What a person would name first comes first: the pause, then the run in the way of a job that skips, then what holds
the job back after failures, then the queue.
"""

from __future__ import annotations

from attrs import frozen

from fsm.instants import Moment
from fsm.model.entries import Blocker
from fsm.model.job import Job, Overlap
from fsm.model.run import Run
from fsm.model.states import RefusalReason
from fsm.model.stream import JobState
from fsm.planning.overlap import blocked, blocker, in_the_way
from fsm.planning.restraint import Restraint, backing_off, restraint

_SKIP = Overlap.SKIP  # see `fsm.model.states`


@frozen(slots=True)
class Standing:
    """Why no run is made now, and the run that it is because of."""

    reason: RefusalReason
    blocked_by: Blocker | None

    @property
    def number(self) -> int | None:
        """Of that run."""
        return None if self.blocked_by is None else self.blocked_by.number


def standing(state: JobState, now: Moment) -> Standing | None:
    """What is in the way of a tick; None for nothing."""
    job = state.definition
    if job is None:
        return None
    if state.paused:
        return Standing(RefusalReason.PAUSED, None)
    return (
        _skips(state, job, now)
        or _restrained(restraint(state, now.utc))
        or _restrained(backing_off(state, now.utc))
        or _queue(state, job, now)
    )


def standing_of_request(state: JobState, job: Job, now: Moment, *, force: bool, at_once: bool) -> Standing | None:
    """What is in the way of a request by hand: a pause is not, nor a retry that is to come, whose place it takes.

    `at_once`: for work that is to begin in the same step and cannot wait in a queue.
    """
    found = _in_the_way(blocked(state), now) if at_once else _skips(state, job, now)
    if found is None and not force:
        found = _restrained(restraint(state, now.utc))
    return found or _queue(state, job, now)


def _skips(state: JobState, job: Job, now: Moment) -> Standing | None:
    return _queue(state, job, now) if job.overlap is _SKIP else None


def _queue(state: JobState, job: Job, now: Moment) -> Standing | None:
    return _in_the_way(in_the_way(state, job), now)


def _in_the_way(found: tuple[RefusalReason, Run] | None, now: Moment) -> Standing | None:
    if found is None:
        return None
    reason, run = found
    return Standing(reason, blocker(run, now))


def _restrained(found: Restraint | None) -> Standing | None:
    return None if found is None else Standing(found.reason, found.blocked_by)
