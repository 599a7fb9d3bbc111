"""Hear of changes in a folder: inotify, where the system has it."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_MODIFIED, _CREATED, _MOVED_IN = 0x2, 0x100, 0x80  # inotify(7)
_READ = 64 * 1024


class FolderWatch:
    """`fd` is readable when a file in the folder was written, made or moved in; None where nobody tells."""

    def __init__(self, path: str) -> None:
        self.fd: int | None = None
        with suppress(AttributeError, OSError):  # another system; no such folder; too many watches
            libc = ctypes.CDLL(None, use_errno=True)
            fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
            if fd < 0:
                return
            if libc.inotify_add_watch(fd, os.fsencode(path), _MODIFIED | _CREATED | _MOVED_IN) < 0:
                os.close(fd)
                return
            self.fd = fd

    def drain(self) -> None:
        """Take what was heard; what it was is of no matter."""
        if self.fd is not None:
            with suppress(BlockingIOError):
                while os.read(self.fd, _READ):
                    pass

    def close(self) -> None:
        """Hear no more."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
