"""The live view of ``serve`` on a terminal: what runs and waits now, above it what has happened, line by line."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from types import TracebackType

import click
from attrs import frozen
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fsm.cli.eventtext import EventLines
from fsm.cli.output import colour_of
from fsm.cli.times import span
from fsm.instants import Instant
from fsm.model.events import LifecycleEvent
from fsm.model.states import State
from fsm.ports import Clock

SHOWN = 15
"""Open runs that are shown at once; a line says how many more there are."""

REFRESHES_PER_S = 4


@frozen(slots=True)
class _Open:
    run_id: str
    state: State
    since: Instant


class LiveView(AbstractContextManager[tuple[object, object]]):
    """Gives two functions: one for events, one for sentences. Both may be called from any thread."""
