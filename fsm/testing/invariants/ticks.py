"""Laws of ticks: each scheduled time of an enabled job has one answer, and a refusal says the truth."""

from __future__ import annotations

from fsm.instants import Instant, format_instant
from fsm.model.entries import JobPaused, JobPut, JobRemoved, JobResumed, Queued, Refused
from fsm.model.states import BLOCKED, HELD_BACK, RefusalReason, State
from fsm.testing.invariants.law import Seen, of_entry
from fsm.testing.ledger import TICKS, Story, Stream, same_due_times


@of_entry
def each_tick_has_one_answer(seen: Seen) -> str | None:
    """For each scheduled time of an enabled job the stream holds one answer; the same one never makes two runs."""
    body = seen.entry.body
    if isinstance(body, Queued) and body.cause in TICKS and body.scheduled_for is not None:
        return _answer(seen.stream, 1, body.scheduled_for, body.scheduled_for)
    if isinstance(body, Refused) and body.cause in TICKS:
        return _answer(seen.stream, body.count, body.first, body.last)
    return None


def _answer(stream: Stream, count: int, first: Instant, last: Instant) -> str | None:
    table, before = stream.table, stream.answered_to
    if table is None or before is None:
        return f"{stream.job} has no ticks and answers {format_instant(first)}"
    if first <= before:
        return f"{stream.job} answers {format_instant(first)} again: it has answered up to {format_instant(before)}"
    expected = table.next_after(before, stream.anchor)
    if expected is None or first != expected:
        said = "none" if expected is None else format_instant(expected)
        return f"{stream.job} answers {format_instant(first)}, and the next scheduled time is {said}"
    span = table.span(before, last, stream.anchor)
    if span is None or (span.count, span.last) != (count, last):
        return f"{stream.job} answers {count} ticks up to {format_instant(last)}, which is {span}"
    return None


@of_entry
def no_tick_fires_early(seen: Seen) -> str | None:
    """No tick is answered before its time has come, be it once, before the wall clock was set back."""
    body = seen.entry.body
    last: Instant | None = None
    if isinstance(body, Queued) and body.cause in TICKS:
        last = body.scheduled_for
    elif isinstance(body, Refused) and body.cause in TICKS:
        last = body.last
    if last is not None and last > seen.world.highest:
        return f"{seen.entry.job} answers {format_instant(last)} before it has come"
    if isinstance(body, Queued) and last is not None and last > seen.stream.come_until(seen.world.highest):
        return f"{seen.entry.job} runs for {format_instant(last)} before its jitter is over"
    return None


@of_entry
def ticks_are_settled_before_a_change(seen: Seen) -> str | None:
    """Every tick is accounted for, also those that came right before the job was changed, paused or removed. An edit
    that keeps the due times settles nothing: its ticks are still to be answered, by the new definition. One that
    disables the job does: nobody answers them afterwards."""
    body = seen.entry.body
    if not isinstance(body, JobPut | JobRemoved | JobPaused | JobResumed):
        return None
    table, stream = seen.stream.table, seen.stream
    if table is None or stream.answered_to is None or stream.definition is None:
        return None
    if isinstance(body, JobPut) and same_due_times(stream.definition, body.job) and body.job.enabled:
        return None
    left = table.span(stream.answered_to, stream.come_until(seen.entry.at), stream.anchor)
    if left is not None:
        return f"{stream.job} changes, and {left.count} ticks up to {format_instant(left.last)} have no answer"
    return None


@of_entry
def a_paused_job_does_not_fire(seen: Seen) -> str | None:
    """While a job is paused, its ticks are refused."""
    body = seen.entry.body
    if isinstance(body, Queued) and body.cause in TICKS and seen.stream.paused:
        return f"{seen.entry.job} is paused and fires"
    return None


@of_entry
def a_refusal_names_a_real_blocker(seen: Seen) -> str | None:
    """A refusal names the run that blocks, which was really in the way."""
    body = seen.entry.body
    if not isinstance(body, Refused) or body.reason not in BLOCKED:
        return None
    if body.blocked_by is None:
        return f"{seen.entry.job} refuses ({body.reason}) and names nobody"
    story = seen.stream.stories.get(body.blocked_by.number)
    if story is None:
        return f"{seen.entry.job} refuses ({body.reason}) because of a run that never was"
    if _in_the_way(story, body.reason) or _repeats(seen.stream.refusal, body):
        return None
    return f"{seen.entry.job} refuses ({body.reason}) because of {story.id}, which is {story.state}"


def _in_the_way(story: Story, reason: RefusalReason) -> bool:
    if reason is RefusalReason.ALREADY_RUNNING:
        return story.state is State.RUNNING
    if reason is RefusalReason.ALREADY_QUEUED:
        return story.state is State.QUEUED
    return not story.open and story.in_the_way


def _repeats(last: Refused | None, refusal: Refused) -> bool:
    """Whether it goes on with what the last refusal said; that one was held to the truth when it was written.

    It may be written after somebody else has ended the blocker: its ticks came before.
    """
    if last is None or last.blocked_by is None or refusal.blocked_by is None:
        return False
    return (last.reason, last.blocked_by.number) == (refusal.reason, refusal.blocked_by.number)


@of_entry
def pausing_says_nothing_about_runs(seen: Seen) -> str | None:
    """A refusal for another reason than a blocker names none."""
    body = seen.entry.body
    names_one = BLOCKED | HELD_BACK | {RefusalReason.QUEUE_FULL}
    if isinstance(body, Refused) and body.reason not in names_one and body.blocked_by is not None:
        return f"{seen.entry.job} refuses ({body.reason}) and names run {body.blocked_by.number}"
    return None
