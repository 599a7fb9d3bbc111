"""One scheduler for each data folder, held by a lock that ends with its process."""

from __future__ import annotations

import json
import os

from attrs import frozen

from fsm.errors import AlreadyServed
from fsm.instants import Instant, Moment, format_instant, parse_instant
from fsm.realtime import this_process
from fsm.supervise.folder import DataFolder
from fsm.supervise.locks import try_lock

_READ = 1024  # what is written is far shorter


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
        fd = try_lock(folder.scheduler_lock, create=True)
        if fd is None:
            served = who_serves(folder)
            raise AlreadyServed(folder.path, served.pid if served else None)
        self._fd = fd
        pid, pid_start = this_process()
        text = {"pid": pid, "pid_start": pid_start, "boot_id": now.boot_id, "since": format_instant(now.utc)}
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(text).encode() + b"\n", 0)  # for people and `status`; the lock itself is what counts

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)


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
