"""Ends of supervisors, as events: a pidfd for each, whoever started it."""

from __future__ import annotations

import os
from collections.abc import Callable

from fsm.model.run import Arming
from fsm.supervise.events import READ, Events
from fsm.supervise.processes import open_process
from fsm.supervise.waiting import boot_us

_LOOK_AGAIN_US = 1_000_000  # where there was no descriptor left to watch with


class Watches:
    """`changed` is called with the nonce of an arming whose supervisor has ended, once."""

    def __init__(self, events: Events, boot_id: str, changed: Callable[[str], None]) -> None:
        self._events, self._boot_id, self._changed = events, boot_id, changed
        self._pidfds: dict[str, int | None] = {}  # None once its end was seen

    def add(self, arming: Arming) -> None:
        """Watch it; one that has ended already is told of at once. Harmless when repeated."""
        if arming.nonce in self._pidfds:
            return
        try:
            fd = open_process(arming.pid, arming.pid_start) if arming.boot_id == self._boot_id else None
        except OSError:
            self._events.call_at(boot_us() + _LOOK_AGAIN_US, lambda: self.add(arming))
            return
        self._pidfds[arming.nonce] = fd
        if fd is None:
            self._changed(arming.nonce)
        else:
            self._events.watch(fd, READ, lambda: self._ended(arming.nonce))

    def ended(self, nonce: str) -> bool:
        """Whether its end was seen."""
        return self._pidfds.get(nonce, -1) is None

    def _ended(self, nonce: str) -> None:
        self.remove(nonce)
        self._pidfds[nonce] = None
        self._changed(nonce)

    def remove(self, nonce: str) -> None:
        """No more. Harmless when repeated."""
        fd = self._pidfds.pop(nonce, None)
        if fd is not None:
            self._events.unwatch(fd)
            os.close(fd)

    def close(self) -> None:
        """Let go of all of them."""
        for nonce in list(self._pidfds):
            self.remove(nonce)
