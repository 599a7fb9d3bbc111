"""Deliver beside the scheduler: a thread with a connection of its own to the journal, which is its queue.

The scheduler calls `wake`, which sets a flag; it waits for nothing here, and nothing here can fail it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from fsm.instants import SECOND, Instant
from fsm.model.job import Job
from fsm.model.receivers import Receiver
from fsm.notify.deliver import NotDelivered, deliver
from fsm.notify.desk import Delivery, Desk, Key
from fsm.notify.lanes import DOWN_AFTER, Message
from fsm.ports import Journal

POLL_S = 15.0
"""So often the journal is looked at without being woken: other processes append to it, too."""

AFTER_TROUBLE_S = 5.0
"""Before it is tried again after the journal could not be read."""

MOST_AT_ONCE = 8
"""Deliveries under way: receivers that hang keep so many processes busy, and the others wait for their turn."""

CLOSE_WITHIN_S = 3.0
"""What may still be delivered when the scheduler ends; the next one delivers the rest."""

Send = Callable[[Job, Receiver, Message], None]


class Deliverer:
    """The thread. `open_journal` is called in it, and gives a desk; `say` gets a sentence when a receiver is down."""

    def __init__(
        self,
        open_desk: Callable[[], tuple[Desk, Journal]],
        now: Callable[[], Instant],
        say: Callable[[str], object],
        send: Send = deliver,
    ) -> None:
        self._open, self._now, self._say, self._send = open_desk, now, say, send
        self._flag = threading.Event()
        self._closing = False
        self._results: SimpleQueue[tuple[Delivery, str | None]] = SimpleQueue()
        self._under_way: set[Key] = set()
        self._trouble: str | None = None
        self._unkept: str | None = None
        self._give_up = 0.0
        self._thread = threading.Thread(target=self._work, name="cronfsm-notify", daemon=True)
        self._thread.start()

    def wake(self, _: object = None) -> None:
        """There is something new, perhaps. Never waits."""
        self._flag.set()

    def close(self) -> None:
        """Deliver what can be delivered in a short time, then stop."""
        self._give_up = time.monotonic() + CLOSE_WITHIN_S
        self._closing = True
        self._flag.set()
        self._thread.join(CLOSE_WITHIN_S + 1.0)

    def _work(self) -> None:
        journal: Journal | None = None
        desk: Desk | None = None
        while True:
            try:
                if desk is None:
                    desk, journal = self._open()
                self._unkept = None
                wait = self._turn(desk)
                self._tell_trouble(self._unkept)
            except Exception as error:  # a full disk, a journal that cannot be read: this thread outlives them all
                self._tell_trouble(f"notifications wait: {error}")
                wait = None if self._closing else AFTER_TROUBLE_S
            if wait is None:
                break
            self._flag.wait(wait)
            self._flag.clear()
        if journal is not None:
            journal.close()

    def _turn(self, desk: Desk) -> float | None:
        """Settle, feed, deliver. How long to wait until the next one (seconds), None where this was the last."""
        while True:
            try:
                delivery, error = self._results.get_nowait()
            except Empty:
                break
            self._under_way.discard(delivery.key)
            desk.settle(delivery, error, self._now())
            lane = desk.book.lanes[delivery.key]
            if error is not None and lane.attempts == DOWN_AFTER:
                self._say(f"{delivery.message.key} of {delivery.job.name} cannot be delivered: {error}")
        more = desk.feed()
        self._keep(desk)  # before anything is delivered: a message that is under way is in the book
        for delivery in desk.due(self._now()):
            if len(self._under_way) < MOST_AT_ONCE and delivery.key not in self._under_way:
                self._begin(delivery)
        self._keep(desk)
        if self._closing and ((not more and not self._under_way) or time.monotonic() > self._give_up):
            return None
        if more or self._closing:
            return 0.0 if more else 0.1
        next_at = desk.next_at(self._under_way)
        if next_at is None or len(self._under_way) >= MOST_AT_ONCE:
            return POLL_S  # the next result wakes
        return min(POLL_S, max(0.1, (next_at - self._now()) / SECOND))

    def _keep(self, desk: Desk) -> None:
        """A book that cannot be written keeps nobody from being told; after a crash they are told again."""
        try:
            desk.save()
        except OSError as error:
            self._unkept = f"what was delivered cannot be noted, and may be told again: {error.strerror}"

    def _begin(self, delivery: Delivery) -> None:
        self._under_way.add(delivery.key)
        threading.Thread(target=self._deliver, args=(delivery,), name="cronfsm-delivery", daemon=True).start()

    def _deliver(self, delivery: Delivery) -> None:
        error: str | None = None
        try:
            self._send(delivery.job, delivery.receiver, delivery.message)
        except NotDelivered as reason:
            error = str(reason)
        except Exception as bug:  # its text may hold an address
            error = f"a mistake in cronfsm ({type(bug).__name__})"
        self._results.put((delivery, error))
        self._flag.set()

    def _tell_trouble(self, text: str | None) -> None:
        if text is not None and text != self._trouble:
            self._say(text)
        self._trouble = text
