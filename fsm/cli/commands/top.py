"""``cronfsm top``: what runs, what waits and why, what ended, what comes, as it happens."""

from __future__ import annotations

import os
import shutil
import sys

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.output import colours
from fsm.cli.topframe import frame_json, frame_lines, read_frame

LINES = 40
"""Lines of the one frame that is printed where nobody watches."""


@click.command("top", cls=Command, examples=["cronfsm top", "cronfsm top --once", "cronfsm top --json | jq .open_runs"])
@click.option("--once", is_flag=True, help="Print one frame, as where stdout is no terminal.")
@click.pass_obj
def top_command(session: Session, once: bool) -> None:
    """Runs that are open, with age, deadline and why they wait; what ended last; what is due next.

    Keys: up and down choose a line; l shows the log of its run, e explains it, c cancels it (and asks first), r runs
    its job, p pauses or resumes it; q ends. Where stdout or stdin is no terminal, or a dumb one, one frame is printed.
    """
    live = not once and not session.as_json and sys.stdout.isatty() and sys.stdin.isatty() and _able()
    if live:
        from rich.console import Console

        from fsm.cli.topview import TopView

        TopView(session, Console(highlight=False)).run()
        return
    served = session.served()
    up = None if served is None else str(served.pid or "?")
    frame = read_frame(session.journal, session.now(), up, served.since if served is not None else None)
    if session.as_json:
        session.output.document(frame_json(frame))
        return
    height = shutil.get_terminal_size((80, LINES)).lines if session.output.terminal else LINES
    session.output.text("\n".join(frame_lines(frame, session.output.look, height)))


def _able() -> bool:
    """Whether the terminal can be drawn on: not a dumb one. Without colour it can."""
    return colours(sys.stdout) or os.environ.get("TERM", "dumb") not in ("dumb", "")
