"""One scheduler for each data folder, held by a lock that ends with its process."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable

from attrs import frozen

from fsm.errors import AlreadyServed
from fsm.instants import Instant, Moment, format_instant, parse_instant
from fsm.realtime import this_process
from fsm.supervise.folder import DataFolder
from fsm.supervise.locks import try_lock
from fsm.supervise.processes import open_process, stat_of

_READ = 1024  # what is written is far shorter
_TRIES, _PAUSE_S = 500, 0.01
"""Five seconds: somebody who asks holds the lock for microseconds, on a machine that lets him run."""

_TERM_WAIT_MS, _KILL_WAIT_MS = 5_000, 5_000
"""How long a scheduler that is taken over from may take for a good end, and the kernel for a bad one."""


@frozen(slots=True)
class Served:
    """Who serves a folder, as far as it can be told."""

    pid: int | None
    pid_start: int | None
    since: Instant | None


class SchedulerLock:
    """Taken by `serve` for its whole life."""

    def __init__(self, folder: DataFolder, now: Moment) -> None:
        """Raises `AlreadyServed`, which names the process that has it."""
        self._fd = fd = _take(folder)
        pid, pid_start = this_process()
        text = {"pid": pid, "pid_start": pid_start, "boot_id": now.boot_id, "since": format_instant(now.utc)}
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(text).encode() + b"\n", 0)  # for people and `status`; the lock itself is what counts

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


def _take(folder: DataFolder) -> int:
    """Whoever only asks who serves holds the lock for a moment, shared, and is no reason not to start."""
    for _ in range(_TRIES):
        fd = try_lock(folder.scheduler_lock, create=True)
        if fd is not None:
            return fd
        served = who_serves(folder)
        if served is not None:
            raise AlreadyServed(folder.path, served.pid)
        time.sleep(_PAUSE_S)
    raise AlreadyServed(folder.path, None)


def who_serves(folder: DataFolder) -> Served | None:
    """The scheduler that is up, or None. Asking takes the lock for a moment, shared, and changes nothing."""
    try:
        fd = try_lock(folder.scheduler_lock, shared=True)
    except FileNotFoundError:
        return None
    if fd is not None:
        os.close(fd)
        return None
    try:
        with open(folder.scheduler_lock, "rb") as file:
            text = json.loads(file.read(_READ))
        return Served(int(text["pid"]), int(text["pid_start"]), parse_instant(text["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Served(None, None, None)


def take_over(folder: DataFolder, say: Callable[[str], object]) -> int | None:
    """End the scheduler that serves `folder`, also one that hangs or is stopped; its pid, or None if there is none.

    It is asked first (SIGTERM) and killed five seconds later; one that is stopped hears nothing, and is killed at once:
    it is never continued, for what it would do then. Runs go on. `say` is given a sentence before the wait. Raises
    `AlreadyServed` when it cannot be told which process it is, or when it does not end.
    """
    served = who_serves(folder)
    if served is None:
        return None
    if served.pid is None or served.pid_start is None:
        raise AlreadyServed(folder.path, None)
    process = open_process(served.pid, served.pid_start)
    if process is None:
        return served.pid
    try:
        for number, wait_ms in _ways(served.pid, say):
            signal.pidfd_send_signal(process, number)
            if _ended(process, wait_ms):
                return served.pid
    except ProcessLookupError:
        return served.pid
    except PermissionError:
        pass
    finally:
        os.close(process)
    raise AlreadyServed(folder.path, served.pid)


def _ways(pid: int, say: Callable[[str], object]) -> tuple[tuple[int, int], ...]:
    """Signals, and how long to wait for the end after each (ms)."""
    kill = (signal.SIGKILL, _KILL_WAIT_MS)
    stat = stat_of(pid)
    if stat is not None and stat.state in "Tt":
        say(f"process {pid} is stopped; ending it")
        return (kill,)
    say(f"asking process {pid} to end; it is killed if that takes longer than {_TERM_WAIT_MS // 1000} s")
    return (signal.SIGTERM, _TERM_WAIT_MS), kill


def _ended(process: int, wait_ms: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(wait_ms))
