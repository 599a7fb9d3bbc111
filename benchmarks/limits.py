"""What the machine can do at best: the limits that figures stand beside."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

TRUE = "/bin/true"

PAGE = 4096
"""Bytes of one write: a page, the least that a commit writes to a write-ahead log."""


def spawn_s(env: Mapping[str, str] | None = None) -> float:
    """Seconds for one posix_spawn of /bin/true and the wait for its end."""
    begin = time.perf_counter()
    pid = os.posix_spawn(TRUE, [TRUE], os.environ if env is None else env)
    os.waitpid(pid, 0)
    return time.perf_counter() - begin


def spawns_per_s(times: int) -> float:
    """posix_spawn + wait of /bin/true, one after the other."""
    begin = time.perf_counter()
    for _ in range(times):
        spawn_s()
    return times / (time.perf_counter() - begin)


def syncs_per_s(folder: str, times: int) -> float:
    """write + fdatasync of one page, over and over, in a file that is there in full: no commit can be cheaper."""
    path = os.path.join(folder, "limit")
    page, pages = os.urandom(PAGE), 1024
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(fd, bytes(PAGE * pages), 0)
        os.fsync(fd)
        begin = time.perf_counter()
        for number in range(times):
            os.pwrite(fd, page, number % pages * PAGE)
            os.fdatasync(fd)
        return times / (time.perf_counter() - begin)
    finally:
        os.close(fd)
        os.unlink(path)
