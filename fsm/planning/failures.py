"""What a stream remembers once a run has ended badly, and when that is tried again.

A *failure* is an end that says something about the job: a run that somebody took away (cancelled, replaced, removed,
pushed out of the queue), that the host stopped, or that waited too long for room, says nothing and changes nothing.
"""

from __future__ import annotations

from hashlib import sha256

from fsm.instants import HOUR, MINUTE, SECOND, Duration, Instant
from fsm.model.entries import Ended
from fsm.model.job import Job
from fsm.model.past import Past, Pending
from fsm.model.policies import Retry
from fsm.model.run import Run, run_id
from fsm.model.states import ErrorClass, Reason, State

QUICK = Duration(10 * SECOND)
"""A run that failed within this time of its start, or never started, is one of a storm if many of them follow each
other. A job that works for longer before it fails cannot start more often than 360 times an hour by itself."""

COST = Duration(4 * MINUTE)
"""What a quick failure takes from the budget, which grows back as time passes: fifteen an hour."""

BUDGET = Duration(15 * COST)
"""The whole budget: fifteen quick failures at once. Whatever an hour one looks at, at most 15 + 15 runs start in it."""

ROOM_WITHIN = Duration(MINUTE)
"""After an agent was rate limited, or its provider overloaded: the first retry comes no sooner, each next one no sooner
than after twice as long, whatever `backoff` says. Limits are counted by the minute and by the hour."""

MOST_ROOM = Duration(HOUR)

SAYS_NOTHING = frozenset(
    {
        Reason.CANCELLED,
        Reason.REPLACED,
        Reason.JOB_REMOVED,
        Reason.QUEUE_OVERFLOW,
        Reason.HOST_STOP,
        Reason.QUEUE_TIMEOUT,
    }
)


def after_end(past: Past | None, run: Run, state: State, body: Ended, at: Instant, job: Job | None) -> Past | None:
    """What is remembered after the verdict `body` on `run` (as it was before), which leads to `state`, appended `at`.

    `job` is the present definition: by its `retry` it is decided whether there is another attempt. A retry that is
    planned already stays: one at a time.
    """
    when = Instant(min(body.ended_at, at))
    pending = None if past is None else past.retry
    if pending is None:
        pending = plan(job, run, state, body, when)
    if state is State.SUCCEEDED:
        return None if pending is None else Past(0, run.number, state, when, Duration(0), pending)
    if body.reason in SAYS_NOTHING:
        if past is None:
            return None if pending is None else Past(0, run.number, state, when, Duration(0), pending)
        if pending is past.retry:
            return past
        return Past(past.failures, past.failed, past.state, past.failed_at, past.spent_us, pending)
    spent = 0 if past is None else left(past.spent_us, past.failed_at, when)
    if not run.forced and _quick(run, body, when):
        spent = min(BUDGET, spent + COST)
    failures = 1 if past is None else past.failures + 1
    return Past(failures, run.number, state, when, Duration(spent), pending)


def left(spent_us: int, since: Instant, now: Instant) -> int:
    """What is still spent of the budget at `now`. A wall clock that was set back gives nothing back meanwhile."""
    return max(0, spent_us - max(0, now - since))


def _quick(run: Run, body: Ended, when: Instant) -> bool:
    started = body.started_at if body.started_at is not None else run.started_at
    return started is None or when - started < QUICK


def plan(job: Job | None, run: Run, state: State, body: Ended, when: Instant) -> Pending | None:
    """The retry of a run that ended so, or None."""
    policy = None if job is None else job.retry
    if job is None or policy is None or run.attempt >= policy.attempts or not _named(policy, state, body):
        return None
    if body.reason is Reason.REFUSED and job.agent is not None:
        return None  # a model that declined declines the same words again
    due = when + max(wait_after(policy, run.attempt), _wait_for_room(body, run.attempt)) + jitter(policy, run)
    return Pending(run.number, state, run.attempt + 1, Instant(due), when, run.scheduled_for)


def _named(policy: Retry, state: State, body: Ended) -> bool:
    """`refused`, and whoever stopped the host, only where they are named; anything else by its state, too."""
    if body.reason in policy.on or (body.error_class is not None and body.error_class in policy.on):
        return True
    return state in policy.on and body.reason not in (Reason.REFUSED, Reason.HOST_STOP)


def _wait_for_room(body: Ended, attempt: int) -> int:
    """What the provider of a model is left alone for at least, after it said that there was too much."""
    if body.error_class not in (ErrorClass.RATE_LIMITED, ErrorClass.OVERLOADED):
        return 0
    return min(ROOM_WITHIN << min(attempt - 1, 16), MOST_ROOM)


def wait_after(policy: Retry, attempt: int) -> Duration:
    """How long to wait after that attempt failed, without jitter."""
    wait = policy.backoff_us
    for _ in range(attempt - 1):  # at most 1,000 attempts; it ends as soon as the cap is reached
        if wait >= policy.max_backoff_us or not wait:
            break
        wait = Duration(wait * policy.factor_permille // 1000)
        if policy.factor_permille == 1000:
            break
    return Duration(min(wait, policy.max_backoff_us))


def jitter(policy: Retry, run: Run) -> int:
    """What is added to the wait: a function of the run, so that every reader of the journal reckons the same."""
    if not policy.jitter_us:
        return 0
    digest = sha256(run_id(run.job, run.number).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (policy.jitter_us + 1)


def kept_over_an_edit(past: Past | None, job: Job) -> Past | None:
    """What is left of it when the job is defined anew: what failed was another definition. A retry that is to come
    stays if the new one still has that many attempts, and is enabled."""
    pending = None if past is None else past.retry
    if past is None or pending is None or job.retry is None or not job.enabled:
        return None
    if pending.attempt > job.retry.attempts:
        return None
    return Past(0, past.failed, past.state, past.failed_at, Duration(0), pending)


def without_retry(past: Past | None) -> Past | None:
    """A run was queued: it takes the place of the retry that was to come."""
    if past is None or past.retry is None:
        return past
    if not past.failures and not past.spent_us:
        return None
    return Past(past.failures, past.failed, past.state, past.failed_at, past.spent_us)
