"""Locks: `flock`, never waited for, compared by inode, let go by closing.

`LOCK_UN` would unlock for every process that inherited the descriptor, and POSIX record locks are lost as soon as any
descriptor of the file is closed: neither is used.
"""

from __future__ import annotations

import errno
import fcntl
import os

_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_OPEN_OR_MAKE = _OPEN | os.O_CREAT
_EXCLUSIVE, _SHARED = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_SH | fcntl.LOCK_NB
_REPLACED = 8  # somebody who replaces the file this often in a row has other aims than ours


def names_file(fd: int, path: str | bytes) -> bool:
    """Whether `path` still names the file that `fd` has open."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return here.st_ino == there.st_ino and here.st_dev == there.st_dev


def lock_open_file(fd: int, *, shared: bool = False) -> bool:
    """Lock a file that is already open; False if somebody else has it. Raises OSError where locks don't work."""
    try:
        fcntl.flock(fd, _SHARED if shared else _EXCLUSIVE)
    except BlockingIOError:
        return False
    return True


def try_lock(path: str | bytes, *, shared: bool = False, create: bool = False) -> int | None:
    """A close-on-exec descriptor that holds the lock on `path`, or None while somebody else does.

    Closing it lets the lock go. Raises FileNotFoundError where there is no file and `create` is not asked for, OSError
    where locks don't work.
    """
    for _ in range(_REPLACED):
        fd = os.open(path, _OPEN_OR_MAKE if create else _OPEN, 0o600)
        try:
            if not lock_open_file(fd, shared=shared):
                os.close(fd)
                return None
            if names_file(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    raise OSError(errno.ESTALE, "the lock file is replaced again and again", path)
