"""How a story ends: what is now, what comes next, and the command that mends what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from fsm.cli.again import again
from fsm.cli.policywords import past_sentence
from fsm.cli.tables import padded, width
from fsm.cli.times import relative, span, stamp
from fsm.cli.words import quoted
from fsm.client.admission import Waits
from fsm.client.story import Denied, Ran, Story
from fsm.model.run import run_id
from fsm.model.states import Cause, Reason, RefusalReason, State
from fsm.planning.restraint import pending_retry, restraint

Wrap = Callable[[str, str, str], list[str]]


@frozen(slots=True)
class Mend:
    """A command, and what it does about it."""

    command: str
    why: str


def ending_lines(story: Story, wrap: Wrap, unrecorded: str | None = None) -> Iterator[str]:
    """The last lines of a story. `unrecorded`: what is known of the running run beyond the journal."""
    for word, text in (("Now", now_text(story, unrecorded)), ("Next", next_text(story))):
        yield from wrap(f"{word + ':':<6} {text}", "", " " * 7)
    found = mends(story)
    wide = max((width(mend.command) for mend in found), default=0)
    for place, mend in enumerate(found):
        # As it is typed; what it does stands behind it as a shell's comment, so that the line can be pasted whole.
        yield f"{'' if place else 'To do:':<6} {padded(mend.command, wide)}  # {mend.why}"


def now_text(story: Story, unrecorded: str | None = None) -> str:
    """What the job does now."""
    now = story.now
    holder = story.holder.run if story.holder is not None else None
    if holder is not None and holder.state is State.RUNNING:
        since = span(now - (holder.started_at or holder.queued_at))
        if unrecorded is not None:
            return f"{holder.id} is running, says the journal; {unrecorded}."
        until = f"; it is ended by {stamp(holder.run_by.utc)} at the latest" if holder.run_by is not None else ""
        return f"{holder.id} has been running for {since}{until}."
    if holder is not None:
        since = span(now - (holder.ended_at or now))
        return f"{holder.id} is over, but something of it may still be alive: it has held the slot for {since}."
    waiting = story.waiting.run if story.waiting is not None else None
    if waiting is not None:
        why = "" if story.reign is not None else " for a scheduler"
        since = span(now - waiting.queued_at)
        text = f"{waiting.id} has waited{why} for {since}; it waits until {stamp(waiting.start_by.utc)} at the latest."
        return f"{text} {waits_text(story.waits)}".rstrip() if story.reign is not None else text
    past = past_sentence(story.state, now)
    return "no run is open, and the slot is free" + (f"; failures: {past}." if past is not None else ".")


MOST_HOLDERS = 5
"""Runs that are named as those in the way; of more, the number says enough."""


def waits_text(waits: Waits | None) -> str:
    """For what a run waits: ``It waits: group backups has 2 of 2 running: a/3, b/9.``; empty where there is room."""
    if waits is None or not waits.full:
        return ""
    who = f"group {waits.group} has" if waits.group is not None else "there are"
    names = ", ".join(waits.holders[:MOST_HOLDERS]) + (", ..." if len(waits.holders) > MOST_HOLDERS else "")
    others = f" ({waits.others} more {'wait' if waits.others > 1 else 'waits'} for the same)" if waits.others else ""
    return f"It waits: {who} {len(waits.holders)} of {waits.most} running: {names}{others}."


def next_text(story: Story) -> str:
    """What comes next."""
    job = story.job
    if job is None:
        return "nothing; the job was removed."
    if job.schedule is None:
        return "nothing by itself; it runs by hand only."
    if not job.enabled:
        return "nothing; the job is disabled."
    if story.next_due is None:
        return "nothing; no time of its schedule is left."
    when = f"{stamp(story.next_due)} ({relative(story.next_due, story.now)})"
    retry = pending_retry(story.state, story.now)
    if retry is not None and not story.state.paused and retry[1] <= story.next_due:
        soon = f"{stamp(retry[1])} ({relative(retry[1], story.now)})"
        return f"attempt {retry[0].attempt} of run {retry[0].of} {soon}, then {when}."
    if story.state.paused:
        return f"{when}, which will be refused: the job is paused."
    if story.reign is None:
        return f"{when}, if a scheduler is up by then."
    return f"{when}."


def mends(story: Story) -> list[Mend]:
    """What would help, the most urgent first."""
    found: dict[str, Mend] = {}
    for mend in _mends(story):
        found.setdefault(mend.command, Mend(again(mend.command), mend.why))  # one command, though it helps twice
    return list(found.values())


def _mends(story: Story) -> Iterator[Mend]:
    job, name = story.job, story.state.job
    if job is None:
        return
    alive = job.schedule is not None and job.enabled
    if story.reign is None and (alive or story.waiting is not None):
        yield Mend("cronfsm serve", "start a scheduler; without one nothing is started")
    if story.state.paused:
        yield Mend(f"cronfsm resume {quoted(name)}", "let its ticks make runs again")
    yield from _free_the_slot(story)
    if not job.enabled:
        yield Mend(_redefine(story), "with enabled = true: a disabled job has no ticks")
    yield from _after_the_last(story)


def _free_the_slot(story: Story) -> Iterator[Mend]:
    holder = story.holder.run if story.holder is not None else None
    if holder is None:
        return
    refused = any(
        isinstance(answer, Denied)
        and answer.body.blocked_by is not None
        and answer.body.blocked_by.number == holder.number
        for answer in story.answers
    )
    in_the_way = refused or (story.pending is not None and story.pending.same_as is not None)
    if in_the_way or holder.state.terminal:
        yield Mend(f"cronfsm cancel {quoted(holder.id)}", "end it, so that the slot is free")
        yield Mend(f"cronfsm logs {quoted(holder.id)}", "see what it has printed")


_LOOK = "see what it printed before it ended"


def _after_the_last(story: Story) -> Iterator[Mend]:
    """By the newest answer: what one would look at, or change."""
    last = next((answer for answer in reversed(story.answers) if isinstance(answer, Ran | Denied)), None)
    name = story.state.job
    not_made = (RefusalReason.MISSED, RefusalReason.DRAINING)
    if isinstance(last, Denied) and last.body.reason in not_made and story.holder is None:
        yield Mend(f"cronfsm run {quoted(name)}", "make up for it now")
    yield from _ease(story)
    if isinstance(last, Denied) and last.body.reason is RefusalReason.QUEUE_FULL:
        yield Mend(_redefine(story), "with a larger queue_limit, or fewer times, if its runs take longer than that")
    if not isinstance(last, Ran):
        return
    run = last.life.run
    if run.cause is Cause.IMPORTED:
        return  # it ran elsewhere; nothing of it lies here
    if run.reason in (Reason.EXIT_CODE, Reason.SIGNAL, Reason.ERROR, Reason.NO_RESULT):
        yield Mend(f"cronfsm logs {quoted(run.id)}", _LOOK)
    elif run.reason is Reason.REFUSED and story.job is not None and story.job.agent is not None:
        yield Mend(_redefine(story), "with another message: asked in the same words it is declined again")
    elif run.reason is Reason.RUN_TIMEOUT:
        yield Mend(f"cronfsm logs {quoted(run.id)}", _LOOK)
        yield Mend(_redefine(story), "with a longer timeout, if it needs more time")
    elif run.reason is Reason.IDLE_TIMEOUT:
        yield Mend(f"cronfsm logs {quoted(run.id)}", "see what it printed before it fell silent")
        yield Mend(_redefine(story), "with a longer idle_timeout, if it is meant to be silent for so long")
    elif run.reason is Reason.QUEUE_TIMEOUT:
        group = story.job.group if story.job is not None else None
        more = "a larger max_running" + (f" (of the scheduler, or of group {group})" if group is not None else "")
        yield Mend(_redefine(story), f"with a longer start_within, or {more}: it waited too long")
    elif run.reason is Reason.START_FAILED:
        yield Mend(_redefine(story), "with a command that can be executed")
    elif run.state is State.LOST:
        yield Mend(
            f"cronfsm show {quoted(run.id)}",
            "see all that is known of it; whether its work was done, only you can tell",
        )


def _ease(story: Story) -> Iterator[Mend]:
    """What helps a job that is held back after failures."""
    state, name = story.state, story.state.job
    held = restraint(state, story.now)
    retry = pending_retry(state, story.now)
    if held is not None:
        yield Mend(f"cronfsm logs {quoted(run_id(name, held.blocked_by.number))}", "see why it failed")
        yield Mend(f"cronfsm run {quoted(name)} --force", "try it now; a success ends the wait")
        yield Mend(_redefine(story), "with what was wrong put right: a changed job begins anew")
    elif retry is not None:
        yield Mend(f"cronfsm logs {quoted(run_id(name, retry[0].of))}", "see why it failed")
        yield Mend(f"cronfsm run {quoted(name)}", "try again now, in place of the retry")


def _redefine(story: Story) -> str:
    """The command by which the job's definition is changed."""
    source = story.state.source
    if source.startswith("file:"):
        return f"cronfsm apply {quoted(source[5:])}"
    return f"cronfsm add {quoted(story.state.job)} ..."
