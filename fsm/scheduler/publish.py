"""Hand lifecycle events to subscribers of this process, each in a thread of its own.

A subscriber that raises is told no more of that event; one that hangs fills its own queue and then misses events; the
scheduler never waits for either. Whoever must not miss anything reads the journal by the event's `id` instead.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from fsm.model.events import LifecycleEvent

MAX_WAITING = 10_000
"""Messages that wait for one subscriber, a few megabytes at most; what comes then is dropped and counted."""

CLOSE_WITHIN_S = 2.0
"""How long a subscriber may take for what still waits when the process ends."""

T = TypeVar("T")


class Courier(Generic[T]):
    """Calls `receive` for each message, in order, in a thread; `put` never waits. `dropped` counts what it missed."""

    def __init__(self, receive: Callable[[T], object], name: str) -> None:
        self._receive = receive
        self.dropped = 0
        self._queue: queue.Queue[T | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, message: T) -> None:
        """Hand it over, or drop it where too many wait."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self.dropped += 1

    def _work(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                self._receive(message)
            except Exception:  # a stranger's code: what it raises is its own affair
                self.dropped += 1

    def close(self) -> None:
        """Let it finish what waits, for a short time."""
        try:
            self._queue.put(None, timeout=CLOSE_WITHIN_S)
        except queue.Full:
            return
        self._thread.join(CLOSE_WITHIN_S)


class Broadcast:
    """`fsm.ports.Publisher` for subscribers in this process."""

    def __init__(self) -> None:
        self._couriers: list[Courier[LifecycleEvent]] = []

    def subscribe(self, receive: Callable[[LifecycleEvent], object]) -> None:
        """From now on `receive` is called with every event, in a thread."""
        self._couriers.append(Courier(receive, f"cronfsm-subscriber-{len(self._couriers) + 1}"))

    def publish(self, events: Sequence[LifecycleEvent]) -> None:
        """See `fsm.ports.Publisher`."""
        for courier in self._couriers:
            for event in events:
                courier.put(event)

    def close(self) -> None:
        """Let subscribers finish, for a short time each."""
        for courier in self._couriers:
            courier.close()
