"""Agent jobs: which CLI takes a turn, with what message; and what its output said of how that turn went."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import Attribute, field, frozen

from fsm.errors import BadValue
from fsm.model.states import ErrorClass

MAX_MESSAGE_BYTES = 100_000  # Linux takes 131,071 bytes as one argument of a program (MAX_ARG_STRLEN)


class AgentKind(StrEnum):
    """Whose output format it is. `command` is any program that prints the result object of specs/agents.md."""

    CLAUDE = "claude"
    CODEX = "codex"
    OPENCLAW = "openclaw"
    COMMAND = "command"


_OURS: dict[AgentKind, tuple[str, ...]] = {
    AgentKind.CLAUDE: ("--output-format", "--input-format"),
    AgentKind.CODEX: (),
    AgentKind.OPENCLAW: ("--session-key", "--message", "-m"),
    AgentKind.COMMAND: (),
}
"""Options that would take from us what the output is read by, or whose session it is."""


def _kind(value: object) -> AgentKind:
    for kind in AgentKind:
        if kind == value:
            return kind
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    raise BadValue(f"{shown} is not one of: {', '.join(AgentKind)}")


def _text_or_none(_: object, attribute: Attribute[str | None], value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip() or "\0" in value):
        raise BadValue(f"{value!r} is not a text for {attribute.alias}")


def _message(_: object, attribute: Attribute[str | None], value: str | None) -> None:
    _text_or_none(None, attribute, value)
    if value is not None and len(value.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        raise BadValue(
            f"the message is longer than {MAX_MESSAGE_BYTES:,} bytes, which is about what a program takes as one "
            "argument; put it into a file and name the file in the message"
        )


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise BadValue(f'{value!r} is not a list of words (say ["--allowedTools", "Read"])')
    words = tuple(value)
    if not all(isinstance(word, str) and "\0" not in word for word in words):
        raise BadValue("args is a list of texts without NUL characters")
    return words


@frozen(slots=True)
class Agent:
    """The `agent` key of a job. `program` is what is executed instead of the CLI of that name.

    Raises `BadValue` for what cannot be. `fsm.agents.commandline` makes the command line of it.
    """

    kind: AgentKind = field(converter=_kind)
    message: str | None = field(default=None, validator=_message, kw_only=True)
    model: str | None = field(default=None, validator=_text_or_none, kw_only=True)
    program: str | None = field(default=None, validator=_text_or_none, kw_only=True)
    args: tuple[str, ...] = field(default=(), converter=_words, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.kind is AgentKind.COMMAND and self.program is None:
            raise BadValue(
                'kind "command" needs the program that takes the turn (say program = "/usr/local/bin/brief")'
            )
        if self.kind is not AgentKind.COMMAND and self.message is None:
            raise BadValue(f'says not what {self.kind} is to do (say message = "Summarise …")')
        for word in self.args:
            option = word.partition("=")[0]
            if option in _OURS[self.kind]:
                raise BadValue(f"args may not hold {option}: cronfsm sets it itself, to know how the turn went")


@frozen(slots=True)
class AgentEvidence:
    """What an agent's output said, beside the verdict. Texts are cleaned and cut (`fsm.agents.cleaning`).

    `error_class` is set where the turn failed by an error. `cost_micro_usd`: millionths of a US dollar, as the CLI
    reckons it. `denied`: tools that it asked for and was not given. `answer`: the first 2 KB of it.
    """

    error_class: ErrorClass | None = None
    session_id: str | None = None
    stop_reason: str | None = None
    turns: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_micro_usd: int | None = None
    denied: tuple[str, ...] | None = None
    answer: str | None = None
