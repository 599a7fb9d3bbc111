"""What the launcher waits for, behind one descriptor: an epoll of everything, and timers by CLOCK_BOOTTIME."""

from __future__ import annotations

import heapq
import os
import select
from collections.abc import Callable
from itertools import count

from fsm.supervise.kernel import boot_timer, set_boot_timer
from fsm.supervise.waiting import boot_us

_AT_ONCE = 512  # events taken in one go; what is left makes the descriptor readable again

READ, WRITE, END = select.EPOLLIN, select.EPOLLOUT, 0
"""What to wait for. A closed other side is always reported; END asks for nothing else."""


class Events:
    """Callbacks for descriptors and for times. Of its methods only `nudge` may be called from another thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._timer = boot_timer()
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._nudge = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._timer, READ)
        self._epoll.register(self._nudge, READ)

    def fileno(self) -> int:
        """Readable when `run` has something to do."""
        return self._epoll.fileno()

    def watch(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        """Call back for as long as these events last; watching again replaces what was asked for."""
        if fd in self._callbacks:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def unwatch(self, fd: int) -> None:
        """No more; before the descriptor is closed. Harmless when repeated."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_at(self, boot_time_us: int, callback: Callable[[], None]) -> None:
        """Call back once, at this CLOCK_BOOTTIME. Can't be taken back: the callback looks whether it matters."""
        heapq.heappush(self._timers, (boot_time_us, next(self._order), callback))
        if self._timers[0][0] == boot_time_us:
            set_boot_timer(self._timer, boot_time_us)

    def nudge(self) -> None:
        """Make the descriptor readable until the next `run`: something happened that no descriptor tells."""
        os.eventfd_write(self._nudge, 1)

    def run(self) -> None:
        """Do what has come. Does not wait."""
        for fd, _ in self._epoll.poll(0, _AT_ONCE):
            if fd == self._nudge:
                os.eventfd_read(self._nudge)
                continue
            callback = self._callbacks.get(fd)  # an earlier callback may have ended this one
            if callback is not None:
                callback()
        if self._timers:
            self._run_timers()

    def _run_timers(self) -> None:
        now = boot_us()
        if self._timers[0][0] > now:
            return
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        set_boot_timer(self._timer, self._timers[0][0] if self._timers else None)

    def close(self) -> None:
        """Let go of everything that is its own."""
        self._epoll.close()
        os.close(self._timer)
        os.close(self._nudge)
        self._callbacks.clear()
        self._timers.clear()
