"""Runs and jobs in words: the short phrases that tables and sentences are made of."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterable

from fsm.cli.tables import plain
from fsm.cli.times import age, relative, span
from fsm.instants import SECOND, Instant
from fsm.model.agent import Agent, AgentEvidence
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import Cause, Reason, RefusalReason, SlotState, State

REFUSAL_TEXT: dict[RefusalReason, str] = {
    RefusalReason.ALREADY_RUNNING: "another run of it was running",
    RefusalReason.ALREADY_QUEUED: "another run of it was waiting to start",
    RefusalReason.SLOT_HELD: "an ended run of it may still have had processes alive",
    RefusalReason.QUEUE_FULL: "its queue was full",
    RefusalReason.PAUSED: "the job was paused",
    RefusalReason.BACKING_OFF: "it was backing off after failures",
    RefusalReason.BREAKER_OPEN: "its breaker was open after repeated failure",
    RefusalReason.OVER_BUDGET: "its budget was used up",
    RefusalReason.MISSED: "nobody answered it in time",
    RefusalReason.DRAINING: "the scheduler was draining",
}

CAUSE_TEXT: dict[Cause, str] = {
    Cause.SCHEDULE: "by its schedule",
    Cause.MANUAL: "by hand",
    Cause.RETRY: "as a retry",
    Cause.CATCH_UP: "to catch up a missed time",
    Cause.IMPORTED: "under another scheduler, whose history was imported",
}


def signal_name(number: int) -> str:
    """``SIGKILL``, or ``signal 63`` for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def how(run: Run) -> str:
    """What there is to say beyond the state: ``exit 3``, ``SIGSEGV``, ``run_timeout``; empty where nothing is."""
    if run.reason is Reason.EXIT_CODE and run.exit_code is not None:
        return f"exit {run.exit_code}"
    if run.reason is Reason.SIGNAL and run.signal is not None:
        return signal_name(run.signal)
    if run.reason is None or run.reason is Reason.COMPLETED:
        return ""
    if run.reason is Reason.ERROR and run.error_class is not None:
        return f"{run.reason}: {run.error_class}"
    return str(run.reason)


def outcome(run: Run) -> str:
    """``succeeded``, ``failed (exit 3)``, ``timed_out (run_timeout)``, ``running``."""
    more = how(run)
    return f"{run.state} ({more})" if more else str(run.state)


def took(run: Run) -> str:
    """How long it ran, or waited where it never ran; empty for an open run."""
    if run.ended_at is None:
        return ""
    return span(run.ended_at - (run.started_at if run.started_at is not None else run.queued_at))


def open_phrase(run: Run, now: Instant) -> str:
    """``#42 running 5m``, for a table."""
    since = run.started_at if run.state is State.RUNNING and run.started_at is not None else run.queued_at
    return f"#{run.number} {run.state} {age(now - since)}"


def last_phrase(run: Run, now: Instant) -> str:
    """``failed 5m ago``, for a table."""
    if run.ended_at is None:
        return str(run.state)
    return f"{run.state} {age(now - run.ended_at)} ago" if now - run.ended_at >= SECOND else f"{run.state} now"


def run_sentence(run: Run, now: Instant) -> str:
    """What a run is now, in one sentence without its full stop."""
    if run.state is State.QUEUED:
        until = relative(run.start_by.utc, now)
        return f"{run.id} has been queued for {span(now - run.queued_at)}; its deadline is {until}"
    if run.state is State.RUNNING:
        since = run.started_at if run.started_at is not None else run.queued_at
        until = f"; its deadline is {relative(run.run_by.utc, now)}" if run.run_by is not None else ""
        return f"{run.id} has been running for {span(now - since)}{until}"
    return f"{run.id} {ending(run)}"


_ENDED = {State.TIMED_OUT: "timed out", State.LOST: "was lost", State.REAPED: "was reaped"}


def ending(run: Run) -> str:
    """``succeeded after 12s``, ``timed out (run_timeout) after 30m``: how a run ended, to follow its name."""
    more, length = how(run), took(run)
    text = _ENDED.get(run.state, str(run.state)) + (f" ({more})" if more else "")
    if run.started_at is None:
        return f"{text} after waiting {length}" if length else text
    return f"{text} after {length}" if length else text


def slot_phrase(run: Run) -> str:
    """What its slot is, for a person."""
    if run.slot is SlotState.FREE:
        return "free"
    return "held, for something of it may still be alive" if run.state.terminal else "held"


def command_line(job: Job) -> str:
    """What it executes, as one would type it."""
    if job.shell is not None:
        return job.shell
    if job.agent is not None:
        return f"{job.agent.kind}, {_about(job.agent)}"
    return shlex.join(job.command) if job.command is not None else "(nothing; its work is done in process)"


def _about(agent: Agent) -> str:
    more = [] if agent.model is None else [f"model {agent.model}"]
    more += [f"program {agent.program}"] if agent.program is not None else []
    more += [f"args {shlex.join(agent.args)}"] if agent.args else []
    said = "" if agent.message is None else f': "{_short(agent.message)}"'
    return "an agent's turn" + "".join(f", {part}" for part in more) + said


_SHORT = 200  # characters of a text that may be long


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"


def evidence_facts(evidence: AgentEvidence) -> list[tuple[str, str]]:
    """What an agent's output said, as names and what they are."""
    tokens = [
        f"{number:,} {which}"
        for number, which in ((evidence.input_tokens, "in"), (evidence.output_tokens, "out"))
        if number is not None
    ]
    cost = None if evidence.cost_micro_usd is None else f"${evidence.cost_micro_usd / 1_000_000:.4f}"
    known = (
        ("Error class", evidence.error_class),
        ("Denied", ", ".join(evidence.denied) if evidence.denied else None),
        ("Session", evidence.session_id),
        ("Stop reason", evidence.stop_reason),
        ("Turns", None if evidence.turns is None else str(evidence.turns)),
        ("Tokens", ", ".join(tokens) or None),
        ("Cost", cost),
        ("Answer", None if evidence.answer is None else _short(evidence.answer)),
    )
    return [(name, str(text)) for name, text in known if text is not None]


def quoted(text: str) -> str:
    """As it is typed into a shell."""
    return shlex.quote(text)


def about_size(size: int) -> str:
    """Bytes for a person: ``1.2 MB``."""
    if size < 1_000:
        return f"{size} B"
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    raise AssertionError("a thousand is the smallest of them")


def facts_text(facts: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, one below the other."""
    return "\n".join(f"{name:<13} {plain(text)}".rstrip() for name, text in facts)
