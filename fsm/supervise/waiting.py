"""What a supervisor waits for: signals, descriptors and one deadline, in one place, without polling."""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from fsm.supervise.kernel import SIGNAL_RECORD, boot_timer, set_boot_timer

END_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""Whoever sends one of these wants the supervisor to end: it ends its tree first and says `host_stop`."""

STOP_SIGNAL = signal.SIGUSR1
"""There is something in the mailbox."""

SIGNALS = frozenset({*END_SIGNALS, STOP_SIGNAL, signal.SIGCHLD})
"""Read through a signalfd; blocked before the supervisor is forked, so that none can ever hit it unprepared."""

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_SHORT_US = 200_000
_NONE: frozenset[int] = frozenset()


def boot_us() -> int:
    """CLOCK_BOOTTIME in microseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def awake_us() -> int:
    """CLOCK_MONOTONIC in microseconds: it stands still while the machine is suspended."""
    return time.monotonic_ns() // 1000


def utc_us() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


class Waiter:
    """A signalfd, a poll and, once a wait is not short, a timerfd.

    poll(2) measures a timeout by a clock that stands still while the machine is suspended. For the first fifth of a
    second that does not matter, and most commands that are short enough never need the timer.
    """

    __slots__ = ("_poll", "_set_to", "_signals", "_timer", "signals")

    def __init__(self, signals: int) -> None:
        """`signals` is a signalfd, which may be inherited: it gives each process its own signals."""
        self.signals: frozenset[int] = _NONE  # those that the last wait has brought
        self._signals = signals
        self._timer: int | None = None
        self._set_to: int | None = None
        self._poll = select.poll()
        self._poll.register(signals, select.POLLIN)

    @property
    def told_to_end(self) -> bool:
        """Whether the last wait has brought a signal by which somebody wants this process to end."""
        return not END_SIGNALS.isdisjoint(self.signals)

    def add(self, fd: int) -> None:
        """Wait for this descriptor too."""
        self._poll.register(fd, _READABLE)

    def remove(self, fd: int) -> None:
        """No more."""
        self._poll.unregister(fd)

    def wait(self, until_us: int) -> list[int]:
        """Wait until something happens, or CLOCK_BOOTTIME (µs) says `until_us`.

        Returns the descriptors that have something to read or are closed; what signals came is in `signals`.
        """
        left = 0 if self._timer is not None else min(max(until_us - boot_us(), 0), _SHORT_US)
        ready = self._poll.poll(-(-left // 1000))  # rounded up: it must not return before the time
        if not ready and boot_us() < until_us:
            ready = self._wait_long(until_us)
        self.signals = _NONE
        found = []
        for fd, _ in ready:
            if fd == self._signals:
                self._read_signals()
            elif fd != self._timer:
                found.append(fd)
        return found

    def _wait_long(self, until_us: int) -> list[tuple[int, int]]:
        if self._timer is None:
            self._timer = boot_timer()
            self._poll.register(self._timer, select.POLLIN)
        if until_us != self._set_to:
            set_boot_timer(self._timer, until_us)
            self._set_to = until_us
        return self._poll.poll()

    def _read_signals(self) -> None:
        try:
            records = os.read(self._signals, 16 * SIGNAL_RECORD)
        except BlockingIOError:
            return
        numbers = range(0, len(records), SIGNAL_RECORD)
        self.signals = frozenset([int.from_bytes(records[at : at + 4], sys.byteorder) for at in numbers])
