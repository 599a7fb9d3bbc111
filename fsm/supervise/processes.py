"""Processes by pid *and* start time: a pid alone may have passed to a stranger."""

from __future__ import annotations

import os
import signal
from typing import NamedTuple


class Stat(NamedTuple):
    """What /proc/PID/stat says. `start` is in clock ticks since boot; pid and start together name a process."""

    pid: int
    name: str
    state: str
    ppid: int
    group: int
    session: int
    terminal: int
    start: int

    @property
    def dead(self) -> bool:
        """A zombie is dead: it executes nothing and holds nothing."""
        return self.state in "ZXx"


def read_text(path: str, size: int = 65536) -> bytes | None:
    """The first `size` bytes of a small file of /proc; None where the process is gone.

    Raises PermissionError where it may not be read. Three system calls, where open() makes seven.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        return os.read(fd, size)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)


def stat_of(pid: int) -> Stat | None:
    """What is known of a process, or None when there is none. Anyone may read it."""
    raw = read_text(f"/proc/{pid}/stat", 4096)
    if not raw:
        return None
    head, _, tail = raw.rpartition(b")")  # the name itself may hold blanks and parentheses
    fields = tail.split()
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    state, ppid, group, session, terminal = fields[0].decode(), *map(int, fields[1:5])
    return Stat(pid, name, state, ppid, group, session, terminal, int(fields[19]))


def own_start() -> int:
    """Start time of the calling process. Taken from the text alone: a supervisor pays for each object it makes."""
    raw = read_text("/proc/self/stat", 4096) or b""
    return int(raw.rpartition(b")")[2].split()[19])


def ticks(boot_time_us: int) -> int:
    """A time of CLOCK_BOOTTIME as /proc gives start times."""
    return boot_time_us * os.sysconf("SC_CLK_TCK") // 1_000_000


def is_alive(pid: int, start: int) -> bool:
    """Whether this very process is there and not a zombie."""
    stat = stat_of(pid) if pid > 0 else None
    return stat is not None and stat.start == start and not stat.dead


def all_pids() -> list[int]:
    """Every process that can be seen, the youngest number first."""
    return sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True)


def open_process(pid: int, start: int) -> int | None:
    """A pidfd of this very process, or None when it is gone. The start time is compared after opening."""
    if pid <= 0:
        return None
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if is_alive(pid, start):
        return fd
    os.close(fd)
    return None


def send_signal(pid: int, start: int, number: int) -> bool:
    """Send a signal to this very process; False when it is gone. Raises PermissionError."""
    fd = open_process(pid, start)
    if fd is None:
        return False
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True
