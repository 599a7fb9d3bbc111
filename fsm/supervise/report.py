"""From the bytes of an arming file to a `Report`, or to "unreadable": nobody judges by a guess."""

from __future__ import annotations

import os
from functools import cache

from attrs import evolve, frozen

from fsm.instants import Instant
from fsm.lifecycle.table import by_input
from fsm.model.agent import AgentEvidence
from fsm.model.entries import Ended
from fsm.model.facts import Emptied, Report
from fsm.model.states import ErrorClass, Reason, State, Trigger
from fsm.supervise.armingfile import AGENT, COMMAND, EMPTIED, HEADER, SIZE_OF_AGENT, VERDICT, Unreadable


@frozen(slots=True)
class Contents:
    """All that an arming file says. `report` is None for a file whose maker ended before it filled it."""

    report: Report | None
    command_pid: int | None = None
    command_forked_at_boot_us: int | None = None
    output_bytes: int | None = None
    output_dropped: int | None = None
    home: str | None = None


def read_contents(fd: int, nonce: str) -> Contents:
    """Read an open arming file. Raises `Unreadable`; raises OSError where the disk does."""
    data = os.pread(fd, SIZE_OF_AGENT, 0)
    header = HEADER.unpack(data)
    if header is None:
        if any(data):
            raise Unreadable("a report without a header")
        return Contents(None)
    if header.get("nonce") != nonce:
        raise Unreadable("it belongs to another arming")
    verdict, emptied = VERDICT.unpack(data), EMPTIED.unpack(data)
    if emptied is not None and verdict is None:
        raise Unreadable("it says that the tree is gone and not how it ended")
    try:
        report = Report(nonce, _ended(verdict, data), _emptied(emptied))
        output_bytes, dropped = (_count(emptied or {}, key) for key in ("output_bytes", "output_dropped"))
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"a part does not say what it should: {error}") from None
    home = header.get("home")
    contents = Contents(
        report,
        output_bytes=output_bytes,
        output_dropped=dropped,
        home=home if isinstance(home, str) else None,
    )
    return _with_command(contents, data)


def _with_command(contents: Contents, data: bytes) -> Contents:
    """The command part only helps a search: a damaged one costs the search that help and no more."""
    try:
        command = COMMAND.unpack(data) or {}
        pid, forked = (_count(command, key) for key in ("pid", "forked_at_boot_us"))
    except (Unreadable, TypeError):
        return contents
    return evolve(contents, command_pid=pid, command_forked_at_boot_us=forked)


@cache
def _ends() -> frozenset[tuple[Trigger, Reason]]:
    """How a running run can end, by the lifecycle table."""
    edges = by_input()
    return frozenset((t, r) for (s, t), e in edges.items() if s is State.RUNNING for r in e.reasons)


def _ended(body: dict[str, object] | None, file: bytes) -> Ended | None:
    if body is None:
        return None
    error = body.get("error")
    if error is not None and not isinstance(error, str):
        raise TypeError("error is no text")
    trigger, reason = Trigger(str(body["trigger"])), Reason(str(body["reason"]))
    if (trigger, reason) not in _ends():
        raise ValueError(f"no running run ends by {trigger} ({reason})")
    return Ended(
        trigger=trigger,
        reason=reason,
        ended_at=_instant(body, "ended_at_us"),
        exit_code=_count(body, "exit_code"),
        signal=_count(body, "signal"),
        error=error,
        started_at=_instant(body, "started_at_us") if body.get("started_at_us") is not None else None,
        agent=_agent(body.get("error_class"), file),
    )


def _agent(error_class: object, file: bytes) -> AgentEvidence | None:
    """What an agent's output said. It is beside the verdict: what can't be read of it is as if it had not been said;
    the class of an error is a part of the verdict."""
    known = None if error_class is None else ErrorClass(str(error_class))
    try:
        body = AGENT.unpack(file)
        if body is None:
            return None if known is None else AgentEvidence(known)
        denied = body.get("denied")
        said = AgentEvidence(
            known,
            _text(body, "session_id"),
            _text(body, "stop_reason"),
            _count(body, "turns"),
            _count(body, "input_tokens"),
            _count(body, "output_tokens"),
            _count(body, "cost_micro_usd"),
            tuple(map(str, denied)) if isinstance(denied, list) and denied else None,
            _text(body, "answer"),
        )
        return None if said == AgentEvidence() else said
    except (Unreadable, TypeError):
        return None if known is None else AgentEvidence(known)


def _text(body: dict[str, object], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value


def _emptied(body: dict[str, object] | None) -> Emptied | None:
    if body is None:
        return None
    return Emptied(_instant(body, "at_us"), _count(body, "exit_code"), _count(body, "signal"))


def _instant(body: dict[str, object], key: str) -> Instant:
    value = body[key]
    if type(value) is not int:
        raise TypeError(f"{key} is no count of microseconds")
    return Instant(value)


def _count(body: dict[str, object], key: str) -> int | None:
    value = body.get(key)
    if value is not None and type(value) is not int:
        raise TypeError(f"{key} is no number")
    return value
