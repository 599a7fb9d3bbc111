"""The real clocks of this machine."""

from __future__ import annotations

import os
import time

from fsm.instants import Instant, Moment

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)
_APART_NS = 100_000  # two readings further apart than this were interrupted between
_TRIES = 5  # a machine that interrupts every one of them is so busy that the last is as good as any


def _boot_ns() -> int:
    return time.clock_gettime_ns(_BOOT_CLOCK) if _BOOT_CLOCK is not None else time.monotonic_ns()


def read_boot_id() -> str:
    """The kernel's name for this boot; where there is none, one that holds for this process only.

    The latter makes every deadline of an earlier process count by UTC, which is the best there is without it.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return f"process-{os.getpid()}-{time.monotonic_ns()}"


class SystemClock:
    """`fsm.ports.Clock`: the wall clock and CLOCK_BOOTTIME, which also counts while the machine is suspended."""

    def __init__(self) -> None:
        self._boot_id = read_boot_id()

    def now(self) -> Moment:
        """Both clocks, read within 0.1 ms of each other unless the machine is too busy for it."""
        for _ in range(_TRIES):
            before = _boot_ns()
            utc = time.time_ns()
            after = _boot_ns()
            if after - before <= _APART_NS:
                break
        return Moment(Instant(utc // 1000), (before + after) // 2000, self._boot_id)


def this_process() -> tuple[int, int]:
    """Pid and start time (clock ticks since boot; 0 where the system has no /proc) of this process.

    The two together name a process; a pid alone may pass to another one.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return os.getpid(), 0
    return os.getpid(), int(fields[19])
