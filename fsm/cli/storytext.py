"""The story of a job, told to a person: what happened at each scheduled time, what is now, what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from fsm.cli.output import Output, colour_of
from fsm.cli.storyends import ending_lines
from fsm.cli.storywhy import held_back, missed, pending_text, queue_full
from fsm.cli.tables import plain
from fsm.cli.times import clock, span, stamp, zone_name
from fsm.cli.words import ending, how
from fsm.client.story import Answer, Changed, Denied, Life, Pending, Ran, Story
from fsm.instants import SECOND, Instant
from fsm.model.run import Run, run_id
from fsm.model.states import HELD_BACK, Cause, Kind, Reason, RefusalReason, State

_LATE = 5 * SECOND
"""What was recorded this much later than it happened is worth saying."""

_WIDTH = 100
"""Cells of a line where nobody says how many there are."""


def story_text(story: Story, output: Output, unrecorded: str | None = None) -> str:
    """The whole story. `unrecorded`: what is known of the running run beyond the journal."""
    return "\n".join(_Teller(story, output, unrecorded).lines())


class _Teller:
    """Tells one story. The life of a blocker is told once; after that it is only named."""

    def __init__(self, story: Story, output: Output, unrecorded: str | None) -> None:
        self.story, self.output, self._unrecorded = story, output, unrecorded
        self.width = min(output.look.room or _WIDTH, _WIDTH)
        self._told: set[int] = set()

    def lines(self) -> Iterator[str]:
        """Line by line."""
        yield from self._head()
        if self.story.earlier:
            yield "(There is more before this: --since 7d)"
        yield ""
        for answer in self.story.answers:
            yield from self._answer(answer)
        pending = self.story.pending
        if pending is not None and (self.story.at is None or self._pends(self.story.at)):
            yield from self._pending(pending)
        if self.story.answers or pending is not None:
            yield ""
        yield from ending_lines(self.story, self.wrap, self._unrecorded)

    def _pends(self, at: Instant) -> bool:
        """Whether that time has no answer yet."""
        pending = self.story.pending
        return pending is not None and pending.first <= at <= pending.last

    def wrap(self, text: str, indent: str = "    ", more: str | None = None) -> list[str]:
        """The text in lines that fit, each indented."""
        return textwrap.wrap(
            plain(text),
            self.width,
            initial_indent=indent,
            subsequent_indent=indent if more is None else more,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _head(self) -> Iterator[str]:
        story, job = self.story, self.story.job
        name = story.state.job
        if job is None:
            yield f"{name} was removed; this is what its journal says."
        elif job.schedule is None:
            yield f"{name} has no schedule; it runs by hand only."
        else:
            yield f'{name} is due "{plain(job.schedule)}" in {job.timezone}.'
        if story.at is not None:
            yield from self._asked(story.at)
        elif not story.answers:
            yield "Nothing has been asked of it yet."

    def _asked(self, at: Instant) -> Iterator[str]:
        """What there is to say of the time that was asked for, beside its answer."""
        before, after = self.story.around
        first = self.story.answers[0] if self.story.answers else None
        if at > self.story.now:
            yield f"{stamp(at)} is still to come" + (", and a scheduled time of it." if after == at else ".")
        elif not _answers(first, at) and not self._pends(at):
            near = [f"{stamp(due)} {word}" for due, word in ((before, "before"), (after, "after")) if due is not None]
            by = f" (by its present schedule it is due {', '.join(near)})" if near else ""
            text = f"{stamp(at)} was no scheduled time of it" + ("" if before == at else by)
            yield from self.wrap(f"{text}.", "")
            if first is not None:
                yield "What the journal says last before that:"
            elif self.story.begins is not None:
                pruned = ": what came before is pruned" if self.story.begins.what == Kind.CHECKPOINT else ""
                yield f"Its journal begins {stamp(self.story.begins.at)} #{self.story.begins.entry}{pruned}."

    # ---- answers

    def _answer(self, answer: Answer) -> Iterator[str]:
        if isinstance(answer, Ran):
            yield from self._ran(answer)
        elif isinstance(answer, Denied):
            yield from self._denied(answer)
        else:
            yield self._changed(answer)

    def _changed(self, answer: Changed) -> str:
        more = f" (version {answer.version}, from {plain(answer.source or '')})" if answer.version is not None else ""
        return f"{stamp(answer.at)}  {answer.what} by {answer.actor}{more} #{answer.entry}"

    def _ran(self, answer: Ran) -> Iterator[str]:
        run = answer.life.run
        when = stamp(answer.tick if answer.tick is not None else answer.at)
        yield f"{when}  {self._verb(answer)}: {self.output.paint(_what(run, self.story.now), colour_of(run.state))}"
        if answer.cause is Cause.IMPORTED:
            steps = answer.life.steps
            yield from self.wrap(f"imported {stamp(steps[0].recorded)} (#{steps[0].entry} to #{steps[-1].entry}).")
        else:
            yield from self.wrap(_life(answer.life, answer.tick or answer.at) + ".")
        if run.error and run.state is not State.TIMED_OUT:  # its reason says all
            yield from self.wrap(run.error.split("\n", 1)[0])
        self._told.add(run.number)

    def _verb(self, answer: Ran) -> str:
        run = answer.life.run
        asked = {Cause.MANUAL: "asked for by hand, ", Cause.RETRY: "retried, ", Cause.IMPORTED: "elsewhere, "}.get(
            answer.cause, ""
        )
        if run.forced:
            asked = "forced by hand, "
        elif run.retry_of is not None:
            asked = f"attempt {run.attempt}, after {run_id(run.job, run.retry_of)} failed, "
        if run.state.terminal and (run.started_at is None or run.reason is Reason.START_FAILED):
            return asked + "not executed"
        if run.started_at is None:
            return asked + "waits"
        if answer.cause is Cause.CATCH_UP and answer.tick is not None:
            return f"ran {span(answer.at - answer.tick)} late"
        return asked + "ran"

    def _denied(self, answer: Denied) -> Iterator[str]:
        body = answer.body
        word = "asked for by hand, refused" if body.cause is Cause.MANUAL else "not run"
        yield (
            f"{_when(body.first, body.last, body.count)}  {word}: "
            + self.output.paint(f"{body.reason}", "yellow")
            + f" #{answer.entry}"
        )
        yield from self.wrap(" ".join(part for part in self._why(answer) if part))

    def _why(self, answer: Denied) -> Iterator[str]:
        body = answer.body
        by = body.blocked_by
        if by is not None and body.reason in HELD_BACK:
            yield from held_back(body, run_id(self.story.state.job, by.number), self._life_once(answer), self.story.job)
        elif by is not None and body.reason is RefusalReason.QUEUE_FULL:
            yield from queue_full(body, run_id(self.story.state.job, by.number), self.story.job)
            yield self._life_once(answer)
        elif by is not None:
            yield from self._blocked(answer)
        elif body.reason is RefusalReason.MISSED:
            yield from missed(answer, self.story.job)
        elif body.reason is RefusalReason.DRAINING:
            yield "The scheduler was about to end: it waited for what ran, and started nothing more."
        elif body.reason is RefusalReason.PAUSED:
            yield "The job was paused; a paused job's times are refused."
        else:
            yield f"Reason: {body.reason}."

    def _life_once(self, answer: Denied) -> str:
        """What is known of the run in the way, unless it was told before."""
        by = answer.body.blocked_by
        if by is None or by.number in self._told or answer.blocker is None:
            return ""
        self._told.add(by.number)
        return f"It was {_life(answer.blocker, answer.body.first)}."

    def _blocked(self, answer: Denied) -> Iterator[str]:
        body, by = answer.body, answer.body.blocked_by
        assert by is not None  # asked before
        name = run_id(self.story.state.job, by.number)
        told = by.number in self._told
        name += " (above)" if told else ""
        at = answer.body.first
        length = f" for {span(by.age_us)}" if by.age_us >= SECOND else ""
        until = f" and had until {clock(by.deadline, at)}" if by.deadline is not None else ""
        if by.state is State.QUEUED:
            yield f"{name} had been waiting to start{length}{until}."
        elif by.state is State.RUNNING:
            yield f"{name} had been running{length}{until}."
        elif body.reason is not RefusalReason.SLOT_HELD:
            doing = "waiting to start" if body.reason is RefusalReason.ALREADY_QUEUED else "running"
            yield f"{name} was still {doing} when that time came; it was over ({by.state}) when this was written down."
        else:
            yield f"{name} was over ({by.state}){length}, but something of it could still be alive: it held the slot."
        if answer.blocker is None:
            yield "Its entries are not in this journal any more."
        elif not told:
            self._told.add(by.number)
            yield f"It was {_life(answer.blocker, at)}."

    def _pending(self, pending: Pending) -> Iterator[str]:
        yield f"{_when(pending.first, pending.last, pending.count)}  no answer yet"
        yield from self.wrap(pending_text(pending))


def _answers(answer: Answer | None, at: Instant) -> bool:
    """Whether it is the answer to that very time, by whatever definition the job had then."""
    if isinstance(answer, Ran):
        return answer.tick == at
    return isinstance(answer, Denied) and (answer.body.first == at or answer.body.first < at <= answer.body.last)


def _when(first: Instant, last: Instant, count: int) -> str:
    """One time, or a stretch of them."""
    if count == 1:
        return stamp(first)
    return f"{stamp(first).rpartition(' ')[0]} to {clock(last, first)} {zone_name(last)}, {count:,} times"


def _what(run: Run, now: Instant) -> str:
    """``backup/42 succeeded after 12s``."""
    if run.state is State.QUEUED:
        return f"{run.id} has been queued for {span(now - run.queued_at)}"
    if run.state is State.RUNNING:
        return f"{run.id} has been running for {span(now - (run.started_at or run.queued_at))}"
    return f"{run.id} {ending(run)}"


def _life(life: Life, beside: Instant) -> str:
    """``queued 03:00:00 #801, started 03:00:00 #802, succeeded 03:00:12 #803, slot free 03:00:12 #804``."""
    words = []
    for step in life.steps:
        what = {"ended": str(life.run.state).replace("_", " "), "released": "slot free"}.get(step.what, step.what)
        more = f" ({how(life.run)})" if step.what == "ended" and how(life.run) else ""
        late = f" (recorded {clock(step.recorded, step.at)})" if step.recorded - step.at > _LATE else ""
        words.append(f"{what}{more} {clock(step.at, beside)}{late} #{step.entry}")
        beside = step.at
    if life.run.state.terminal and life.steps and life.steps[-1].what == "ended" and life.run.slot == "held":
        words.append("slot still held")
    elif not life.run.state.terminal:
        words.append("still open")
    return ", ".join(words)
