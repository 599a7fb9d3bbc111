"""Laws of the policies: queues end, retries wait, what keeps failing is held back, what is replaced made room.

Reckoned from the plain reading of the journal, by its own arithmetic, not by the functions that decide. Where a law
needs to know how much time has passed between two entries, it holds only as long as nobody has set the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fsm.instants import HOUR, MINUTE, SECOND, format_duration
from fsm.model.entries import Ended, Queued, Refused, Started
from fsm.model.job import Overlap
from fsm.model.states import HELD_BACK, TERMINAL, Cause, Reason, RefusalReason, State
from fsm.scheduler.core import SETTLE_WITHIN, SWEEP_EVERY
from fsm.testing.invariants.law import Seen, of_entry, standing
from fsm.testing.ledger import Story, Stream

if TYPE_CHECKING:
    from fsm.testing.witness import Standing

MOST_AN_HOUR = 30
"""What the documentation promises of a job that fails within seconds, every time."""


@of_entry
def one_run_at_a_time(seen: Seen) -> str | None:
    """While a run of a skip job is in the way, a tick or a request is refused."""
    job, body = seen.stream.definition, seen.entry.body
    if not isinstance(body, Queued) or body.cause is Cause.CATCH_UP or job is None or job.overlap is not Overlap.SKIP:
        return None
    for other in seen.stream.unsettled.values():
        if other.queued.cause is not Cause.CATCH_UP or other.started is not None:
            return f"run {seen.entry.run} is queued while {other.id} ({other.state}) is in the way"
    return None


@of_entry
def the_queue_has_a_limit(seen: Seen) -> str | None:
    """No more runs wait than `queue_limit` allows, and no more catch up than `catch_up_limit`."""
    job, body = seen.stream.definition, seen.entry.body
    if not isinstance(body, Queued) or job is None:
        return None
    late = body.cause is Cause.CATCH_UP
    waiting = [story for story in _waiting(seen.stream) if (story.queued.cause is Cause.CATCH_UP) is late]
    most = job.catch_up_limit if late else job.queue_limit if job.overlap is Overlap.QUEUE else 1
    if len(waiting) >= most:
        return f"run {seen.entry.run} is queued as number {len(waiting) + 1}, and {most} may wait"
    return None


def _waiting(stream: Stream) -> Iterator[Story]:
    return (story for story in stream.unsettled.values() if story.state is State.QUEUED)


@of_entry
def a_retry_is_a_new_run_of_a_failed_one(seen: Seen) -> str | None:
    """A retry names a run that failed, is its next attempt, and the only one of it."""
    body, job = seen.entry.body, seen.stream.definition
    if not isinstance(body, Queued) or body.cause is not Cause.RETRY:
        return None
    story = seen.stream.stories.get(body.retry_of) if body.retry_of is not None else None
    if story is None or story.state not in (State.FAILED, State.TIMED_OUT, State.LOST):
        return f"run {seen.entry.run} retries {body.retry_of}, which has not failed"
    if job is None or job.retry is None or body.attempt > job.retry.attempts:
        return f"run {seen.entry.run} is attempt {body.attempt}, and that many there are not"
    if body.attempt != story.queued.attempt + 1:
        return f"run {seen.entry.run} is attempt {body.attempt}, after attempt {story.queued.attempt}"
    assert story.ended is not None  # it failed
    if story.ended.reason is Reason.REFUSED and "refused" not in job.retry.on:
        return f"run {seen.entry.run} retries {story.id}, which was refused"
    if body.retry_of in seen.stream.retried:
        return f"run {seen.entry.run} retries {story.id}, which was retried before"
    return None


@of_entry
def a_retry_waits_for_its_slot(seen: Seen) -> str | None:
    """A retry is never queued before the slot is free, nor while another run is open."""
    body = seen.entry.body
    if not isinstance(body, Queued) or body.cause is not Cause.RETRY or not seen.stream.unsettled:
        return None
    other = next(iter(seen.stream.unsettled.values()))
    return f"run {seen.entry.run} retries while {other.id} ({other.state}) is in the way"


@of_entry
def a_retry_waits_for_its_time(seen: Seen) -> str | None:
    """A retry is never queued before its backoff has passed."""
    body, job = seen.entry.body, seen.stream.definition
    if not isinstance(body, Queued) or body.cause is not Cause.RETRY or seen.world.jumps or job is None:
        return None
    story = seen.stream.stories.get(body.retry_of) if body.retry_of is not None else None
    if story is None or story.ended is None or job.retry is None or seen.stream.changed_since(story):
        return None
    grown = job.retry.backoff_us * (job.retry.factor_permille / 1000) ** (story.queued.attempt - 1)
    wait = min(grown, job.retry.max_backoff_us)
    passed = seen.entry.at - story.ended.ended_at
    if passed < wait - SECOND / 1000:  # thousandths of a factor, multiplied
        return (
            f"run {seen.entry.run} retries {format_duration(passed)} after {story.id}, and the wait is {wait / 1e6} s"
        )
    return None


@of_entry
def the_breaker_holds(seen: Seen) -> str | None:
    """After so many failures in a row nothing is queued or started, but by force, until the cooldown is over."""
    job, stream = seen.stream.definition, seen.stream
    if job is None or job.breaker is None or seen.world.jumps or _forced(seen) is not False:
        return None
    failed = stream.failures_in_a_row
    if len(failed) < job.breaker.failures:
        return None
    last = failed[-1]
    assert last.ended is not None  # it failed
    passed = seen.entry.at - min(last.ended.ended_at, last.ended_at)
    if passed < job.breaker.cooldown_us:
        return f"run {seen.entry.run} goes on {format_duration(passed)} after {last.id} was failure {len(failed)}"
    return None


@of_entry
def the_budget_is_kept(seen: Seen) -> str | None:
    """A job that ends within seconds and fails every time starts at most 30 times an hour, but for what is forced."""
    if not isinstance(seen.entry.body, Started) or seen.world.jumps or _forced(seen) is not False:
        return None
    quick = [story for story in seen.stream.failures_in_a_row if story.quick and not story.queued.forced]
    lately = [story for story in quick if seen.entry.at - story.began_at < HOUR]
    if len(lately) >= MOST_AN_HOUR:
        return f"run {seen.entry.run} starts after {len(lately)} quick failures within an hour"
    return None


def _forced(seen: Seen) -> bool | None:
    """Whether the run that is queued or started here is forced; None for every other entry."""
    body = seen.entry.body
    if isinstance(body, Queued):
        return body.forced
    if isinstance(body, Started) and seen.story is not None:
        return seen.story.queued.forced
    return None


@of_entry
def what_is_replaced_makes_room(seen: Seen) -> str | None:
    """A run is replaced only where the job says so, and only by a newer one that waits for its slot."""
    body, job, story = seen.entry.body, seen.stream.definition, seen.story
    if not isinstance(body, Ended) or body.reason is not Reason.REPLACED or story is None:
        return None
    if job is None:
        return f"{story.id} is replaced, and there is no job any more"
    if story.state is not State.RUNNING or not any(other.number > story.number for other in _waiting(seen.stream)):
        return f"{story.id} ({story.state}) is replaced, and nothing newer waits"
    return None


@of_entry
def what_is_pushed_out_was_too_much(seen: Seen) -> str | None:
    """A queued run is pushed out only where an edit has left too little room."""
    body, job, story = seen.entry.body, seen.stream.definition, seen.story
    if not isinstance(body, Ended) or body.reason is not Reason.QUEUE_OVERFLOW or story is None or job is None:
        return None
    most = job.queue_limit if job.overlap is Overlap.QUEUE else 1
    waiting = sum(other.queued.cause is not Cause.CATCH_UP for other in _waiting(seen.stream))
    return None if waiting > most else f"{story.id} is pushed out, and {waiting} of {most} wait"


@of_entry
def what_holds_back_has_failed(seen: Seen) -> str | None:
    """A refusal after failures names a run that failed; a full queue names one that waits, or waited."""
    body = seen.entry.body
    if not isinstance(body, Refused) or body.reason not in HELD_BACK | {RefusalReason.QUEUE_FULL}:
        return None
    story = None if body.blocked_by is None else seen.stream.stories.get(body.blocked_by.number)
    if story is None:
        return f"{seen.entry.job} refuses ({body.reason}) and names no run of it"
    if body.reason in HELD_BACK and (story.state not in TERMINAL or story.state is State.SUCCEEDED):
        return f"{seen.entry.job} refuses ({body.reason}) because of {story.id}, which is {story.state}"
    return None


@standing
def a_retry_comes(now: Standing) -> Iterator[str]:
    """A retry whose time has come, and whose slot is free, is queued; none is forgotten over a restart."""
    allowed = SWEEP_EVERY + SETTLE_WITHIN + now.slack_us
    if now.scheduler is None or now.calm_us <= allowed or now.world.jumps or now.pending or now.faulty_store:
        return
    for stream in now.witness.streams.values():
        state = stream.fold
        if state is None or state.past is None or state.past.retry is None or state.runs or state.paused:
            continue
        pending, job, past = state.past.retry, state.definition, state.past
        if job is None or (job.breaker is not None and past.failures >= job.breaker.failures) or past.spent_us:
            continue  # then it may have to wait for these as well
        over = now.world.utc - pending.due
        if allowed < over < max(job.catch_up_within_us, MINUTE) and now.calm_us > over:
            yield f"the retry of {stream.job}/{pending.of} was due {format_duration(over)} ago"
