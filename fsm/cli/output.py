"""What a command prints: one JSON document or lines of them, or text for a person. Nothing else reaches stdout."""

from __future__ import annotations

import errno
import os
import select
import shutil
import sys
import time
from collections.abc import Sequence

import click

from fsm.cli.tables import Cell, Column, Look, table

_COLOURS = {
    "queued": "cyan",
    "running": "blue",
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "lost": "red",
    "reaped": "yellow",
}


def colour_of(state: str) -> str:
    """The colour in which a state is shown."""
    return _COLOURS.get(state, "yellow")


def colours(stream: object) -> bool:
    """Whether colour is wanted: on a terminal that can, unless NO_COLOR is set (https://no-color.org)."""
    isatty = getattr(stream, "isatty", None)
    terminal = bool(isatty()) if isatty is not None else False
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") not in ("dumb", "")


class Output:
    """Where a command's answer goes. `as_json` says which kind is wanted."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def document(self, value: object) -> None:
        """The one JSON document of a command."""
        import orjson

        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))

    def line(self, value: object) -> None:
        """One line of JSON Lines, flushed, so that who follows sees it at once."""
        import orjson

        click.echo(orjson.dumps(value))

    def text(self, text: str) -> None:
        """Text for a person; several lines in one go."""
        click.echo(text)

    def raw(self, data: bytes) -> None:
        """Bytes as they are: what a command printed."""
        click.echo(data, nl=False)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """A table, headings first."""
        self.text("\n".join(table(columns, rows, self.look)))

    @property
    def terminal(self) -> bool:
        """Whether a person's terminal is at the other end."""
        return sys.stdout.isatty()

    @property
    def look(self) -> Look:
        """How wide and how colourful it may be."""
        room = shutil.get_terminal_size((80, 24)).columns if self.terminal else None
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
        return Look(room, "…" if encoding.startswith("utf") else "~", self.paint)

    def paint(self, text: str, colour: str) -> str:
        """The text in that colour, where colour is wanted."""
        return click.style(text, fg=colour) if text and colours(sys.stdout) else text

    def paint_state(self, state: str, text: str | None = None) -> str:
        """A state (or a text about it) in the colour of the state."""
        return self.paint(text or state, colour_of(state))


def pause(seconds: float) -> None:
    """Wait. Raises BrokenPipeError where nobody reads stdout any more (``| grep -m 1``): who follows would else only
    notice with the next thing that happens."""
    try:
        stdout = sys.stdout.fileno()
    except (OSError, ValueError):  # none, or it is closed
        time.sleep(seconds)
        return
    poll = select.poll()
    poll.register(stdout, 0)  # an error, or a terminal that is gone, is told without being asked for
    if any(told & (select.POLLERR | select.POLLHUP) for _, told in poll.poll(seconds * 1_000)):
        raise BrokenPipeError(errno.EPIPE, "nobody reads any more")


def give_up_stdout() -> None:
    """Where stdout takes no more, what Python still holds for it goes nowhere, and so does what comes."""
    try:
        sys.stdout.flush()
    except OSError:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.close(devnull)


def complain(sentence: str) -> None:
    """An error, or what a person should know beside the answer: on stderr, in the one form that all of these have."""
    lines = sentence.splitlines() or [""]
    click.echo("\n".join([f"cronfsm: {lines[0]}", *(f"  {line}" for line in lines[1:])]), err=True)


note = complain
"""The same, where nothing is wrong."""
