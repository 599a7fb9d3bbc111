"""``cronfsm serve``: the scheduler, in the foreground, and a line for everything that happens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from fsm.cli.again import again
from fsm.cli.context import Session
from fsm.cli.eventtext import EventLines, event_json
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.output import colours, complain, note
from fsm.errors import AlreadyServed
from fsm.instants import parse_duration
from fsm.model.events import LifecycleEvent
from fsm.model.states import State
from fsm.ports import RunQuery

MOST_NAMED = 5
"""Runs that are named when the scheduler stops and leaves them running."""


@click.command(
    "serve",
    cls=Command,
    examples=[
        "cronfsm serve",
        "cronfsm serve jobs.toml",
        "cronfsm serve jobs.toml --for 30s",
        "cronfsm serve --until-idle --json",
        "cronfsm serve --takeover",
        "cronfsm serve --drain 10m",
    ],
)
@click.argument("file", metavar="[JOBS.toml]", type=click.Path(path_type=Path), required=False)
@click.option("--for", "run_for", metavar="LENGTH", help="Stop after this long (30s, 15m, 2h).")
@click.option("--until-idle", is_flag=True, help="Stop once no run is open and no tick is due.")
@click.option("--takeover", is_flag=True, help="End a scheduler that has the folder first; its runs go on.")
@click.option("--drain", metavar="LENGTH", help="On stop, wait up to so long for what runs, and start nothing more.")
@click.option("--plain", is_flag=True, help="A line for each event, also on a terminal, instead of the live view.")
@click.pass_obj
def serve_command(
    session: Session,
    file: Path | None,
    run_for: str | None,
    until_idle: bool,
    takeover: bool,
    drain: str | None,
    plain: bool,
) -> int:
    """Apply JOBS.toml if it is given, then start what is due, in the foreground.

    Ctrl-C, SIGTERM and --for stop the scheduler and leave running what runs: the next one adopts it. SIGHUP reads the
    file again; a mistake in it is shown, and the old jobs stay. One scheduler serves a data folder.

    With --drain it first waits for what runs, while ticks and requests are refused (draining); a second Ctrl-C or
    SIGTERM ends that. The next scheduler starts what was queued, and does not catch up ticks that were refused. SIGQUIT
    drains as well, without --drain for as long as any run may run.
    """
    from fsm.scheduler.serve import Server

    length = None if run_for is None else parse_duration(run_for)
    live = not session.as_json and not plain and colours(sys.stdout)
    with _view(session, live=live) as (on_event, say):
        server = Server(
            session.folder,
            jobs_file=file,
            run_for=length,
            until_idle=until_idle,
            takeover=takeover,
            drain=None if drain is None else parse_duration(drain),
            on_event=on_event,
            say=say,
        )
        try:
            server.run()
        except AlreadyServed as error:
            complain(_already(session, error))
            return Exit.REFUSED
    if not session.as_json:
        _farewell(session)
    return Exit.DONE


def _farewell(session: Session) -> None:
    going_on = session.journal.runs(RunQuery(states=frozenset({State.RUNNING}), limit=MOST_NAMED + 1))
    names = ", ".join(run.id for run in going_on[:MOST_NAMED]) + (", ..." if len(going_on) > MOST_NAMED else "")
    note("the scheduler has stopped" + (f"; these runs go on: {names}" if going_on else "; no run goes on"))


View = tuple[Callable[[LifecycleEvent], None], Callable[[str], None]]


def _view(session: Session, *, live: bool) -> AbstractContextManager[View]:
    if live:
        from fsm.cli.live import LiveView

        return LiveView(session.folder_path, session.clock)
    return _Lines(session)


class _Lines(AbstractContextManager[View]):
    """Events as lines on stdout, text or JSON; sentences on stderr."""

    def __init__(self, session: Session) -> None:
        self._output = session.output
        self._lines = EventLines(self._output.paint)

    def __enter__(self) -> View:
        return self._event, complain

    def __exit__(self, *_: object) -> None:
        return None

    def _event(self, event: LifecycleEvent) -> None:
        if self._output.as_json:
            self._output.line(event_json(event))
        else:
            self._output.text(self._lines.line(event))


def _already(session: Session, error: AlreadyServed) -> str:
    who = f"process {error.pid}" if error.pid is not None else "another process"
    return (
        f"{who} serves {session.folder_path} already, and there is one scheduler for each data folder.\n"
        f"To end that one and go on in its place: {again('cronfsm serve --takeover')}"
    )
