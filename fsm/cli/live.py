"""The live view of ``serve`` on a terminal: what has happened, line by line, and below it what runs and waits now."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fsm.cli.context import JOURNAL_FILE
from fsm.cli.eventtext import EventLines
from fsm.cli.output import colour_of
from fsm.cli.times import local, relative, span
from fsm.cli.words import CAUSE_TEXT
from fsm.errors import StoreError
from fsm.instants import Instant
from fsm.journal.sqlite import SqliteJournal
from fsm.model.events import LifecycleEvent
from fsm.model.run import Run
from fsm.model.states import OPEN, State
from fsm.ports import Clock, RunQuery

SHOWN = 12
"""Open runs that are shown at once, so that a small terminal has room for events, too."""

NEXT_SHOWN, NEXT_READ = 3, 20  # some that are read may be past, because a run is in their way
REFRESHES_PER_S = 4

_ANSI = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}


class LiveView(AbstractContextManager[tuple[Callable[[LifecycleEvent], None], Callable[[str], None]]]):
    """Gives two functions, one for events, one for sentences; both may be called from any thread.

    What is open is read from the journal through a connection of its own, so that runs which an earlier scheduler
    left running are seen, too.
    """

    def __init__(self, folder: str, clock: Clock, console: Console | None = None) -> None:
        self._path, self._clock = os.path.join(folder, JOURNAL_FILE), clock
        self._console = console or Console(highlight=False)
        self._lines = EventLines(_ansi)
        self._lock = threading.Lock()
        self._journal: SqliteJournal | None = None
        self._seen = -1
        self._open: list[Run] = []
        self._due: list[tuple[str, Instant]] = []
        self._live = Live(
            console=self._console, get_renderable=self._picture, refresh_per_second=REFRESHES_PER_S, transient=True
        )

    def __enter__(self) -> tuple[Callable[[LifecycleEvent], None], Callable[[str], None]]:
        self._live.start()
        return self._event, self._say

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        with self._lock:
            if self._journal is not None:
                self._journal.close()

    def _event(self, event: LifecycleEvent) -> None:
        self._console.print(Text.from_ansi(self._lines.line(event)))

    def _say(self, sentence: str) -> None:
        self._console.print(Text(f"cronfsm: {sentence}", style="yellow"))

    def _picture(self) -> RenderableType:
        with self._lock:
            self._read()
            now = self._clock.now().utc
            return Group(Text(""), _runs_table(self._open, now), _footer(self._due, now))

    def _read(self) -> None:
        """What is open and due; as it was last seen where the journal cannot be read just now."""
        try:
            if self._journal is None:
                if not os.path.exists(self._path):
                    return  # the scheduler makes it in a moment
                self._journal = SqliteJournal(self._path, read_only=True)
            newest = self._journal.last_id()
            if newest != self._seen:
                self._open = self._journal.runs(RunQuery(states=OPEN, limit=SHOWN + 1))
                due = self._journal.due_times()
                self._due = list(islice(due, NEXT_READ))
                self._seen = newest
        except StoreError:
            return


def _ansi(text: str, colour: str) -> str:
    return f"\x1b[{_ANSI[colour]}m{text}\x1b[0m"


def _runs_table(runs: list[Run], now: Instant) -> RenderableType:
    if not runs:
        return Text("No run is open.", style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("RUN", "STATE", "SINCE", "DEADLINE", "CAUSE"):
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for run in runs[:SHOWN]:
        since = run.started_at if run.state is State.RUNNING and run.started_at is not None else run.queued_at
        deadline = run.deadline
        table.add_row(
            Text(run.id),
            Text(run.state, style=colour_of(run.state)),
            span(now - since),
            relative(deadline.utc, now) if deadline is not None else "",
            CAUSE_TEXT[run.cause],
        )
    if len(runs) > SHOWN:
        table.add_row("...", "and more: cronfsm runs --state running")
    return table


def _footer(due: list[tuple[str, Instant]], now: Instant) -> Text:
    # What is past has no answer yet because a run is in the way: nothing that one would wait for.
    coming = [f"{job} {local(at):%H:%M:%S} ({relative(at, now)})" for job, at in due if at > now][:NEXT_SHOWN]
    lines = f"Next: {', '.join(coming) or 'nothing'}\nCtrl-C stops the scheduler; what runs goes on."
    return Text(lines, style="dim", no_wrap=True, overflow="ellipsis")
