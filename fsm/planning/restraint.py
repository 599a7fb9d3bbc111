"""What holds a job back after failures: its breaker, its budget, a retry that waits for its time.

Breaker and budget hold back ticks, retries, requests that are not forced, and the start of what waits in the queue. All
three are waits from an instant that stands in the journal until another. A wall clock that says less than the first
was set back since: the wait is over then, for nobody can say how long it still is; at worst one run more is started
for each time that a clock is set back.
"""

from __future__ import annotations

from attrs import frozen

from fsm.instants import Duration, Instant
from fsm.model.entries import Blocker
from fsm.model.past import Past, Pending
from fsm.model.run import Run
from fsm.model.states import RefusalReason
from fsm.model.stream import JobState
from fsm.planning.failures import BUDGET, COST
from fsm.planning.misfire import ON_TIME


@frozen(slots=True)
class Restraint:
    """Why, and until when, the job takes no run after failures. `blocked_by` is the last that failed."""

    reason: RefusalReason
    until: Instant
    blocked_by: Blocker


def waits(since: Instant, until: Instant, now: Instant) -> bool:
    """Whether the wait that began `since` goes on."""
    return since <= now < until


def restraint(state: JobState, now: Instant) -> Restraint | None:
    """What keeps every run that is not forced from being queued or started now."""
    past = state.past
    if past is None:
        return None
    for reason, until in ((RefusalReason.BREAKER_OPEN, _cooled(state, past)), (RefusalReason.OVER_BUDGET, _room(past))):
        if waits(past.failed_at, until, now):
            by = Blocker(past.failed, past.state, Duration(now - past.failed_at), until)
            return Restraint(reason, until, by)
    return None


def _cooled(state: JobState, past: Past) -> Instant:
    """When the breaker lets a trial run through; it is closed where that is not after the last failure."""
    breaker = None if state.definition is None else state.definition.breaker
    if breaker is None or past.failures < breaker.failures:
        return past.failed_at
    return Instant(past.failed_at + breaker.cooldown_us)


def _room(past: Past) -> Instant:
    """When the budget has room for one more failure."""
    return Instant(past.failed_at + past.spent_us + COST - BUDGET)


def held_back(state: JobState, run: Run, now: Instant) -> Restraint | None:
    """What keeps a waiting run from being started now."""
    return None if run.forced else restraint(state, now)


def pending_retry(state: JobState, now: Instant) -> tuple[Pending, Instant] | None:
    """The retry that is to come, and the first time at which nothing holds it back; None where there is none.

    It is given up when it could not be queued for longer than a missed tick is caught up (`catch_up_within`): after
    three days without a scheduler, nobody wants the retry of then.
    """
    past, job = state.past, state.definition
    pending = None if past is None else past.retry
    if past is None or pending is None or job is None:
        return None
    ready = Instant(max(pending.due, _cooled(state, past), _room(past)))
    if now > ready + max(job.catch_up_within_us, ON_TIME):
        return None
    return pending, ready


def backing_off(state: JobState, now: Instant) -> Restraint | None:
    """Why ticks make no run while a retry is to come."""
    found = pending_retry(state, now)
    if found is None:
        return None
    pending, ready = found
    by = Blocker(pending.of, pending.state, Duration(max(0, now - pending.planned_at)), ready)
    return Restraint(RefusalReason.BACKING_OFF, ready, by)


def retry_due(state: JobState, now: Instant) -> Pending | None:
    """The retry that may be queued now: its time has come, its slot is free, and nothing is waiting before it."""
    found = pending_retry(state, now)
    if found is None or state.paused or state.runs or restraint(state, now) is not None:
        return None
    pending, _ = found
    return None if waits(pending.planned_at, pending.due, now) else pending


def retry_at(state: JobState, now: Instant) -> Instant | None:
    """When to look whether the retry may be queued; None while something else has to happen first."""
    found = pending_retry(state, now)
    return None if found is None or state.paused or state.runs else found[1]
