"""Lifecycle events, as lines for a person and as JSON."""

from __future__ import annotations

from fsm.cli.output import colour_of
from fsm.cli.tables import Paint, padded, plain, width
from fsm.cli.times import local, span
from fsm.codec.events import event_json
from fsm.model.events import LifecycleEvent
from fsm.model.states import State

__all__ = ["EventLines", "detail", "event_json"]


_WIDEST = 40
"""Cells that names may take before the columns behind them are no longer kept in line."""


class EventLines:
    """Events as lines: ``03:00:00.123  backup/42         succeeded  after 12.3s``.

    The column of names is as wide as the widest so far, so that lines stand in columns without knowing what comes.
    """

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._wide = 16

    def line(self, event: LifecycleEvent) -> str:
        """One event."""
        at = local(event.ts)
        state = self._paint(f"{event.state:<10}", colour_of(event.state))
        name = plain(event.run_id)
        self._wide = max(self._wide, min(width(name), _WIDEST))
        name = padded(name, self._wide)
        words = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {name}  {state}  {detail(event)}"
        return words.rstrip()


def detail(event: LifecycleEvent) -> str:
    """What there is to say beyond the state: reason, error, how long it took."""
    words: list[str] = []
    if event.reason is not None and event.state is not State.SUCCEEDED:
        words.append(f"({event.reason})")
    if event.ended_at is not None and event.started_at is not None:
        words.append(f"after {span(event.ended_at - event.started_at)}")
    if event.error and event.error != event.reason and event.state is State.FAILED:
        words.append(plain(event.error.split("\n", 1)[0]))
    return " ".join(words)
