"""Put a new file in the place of an old one, which is kept as a backup: all at once, or not at all.

If this process stops: before the new file is whole, the old one is what it was, and a file that ends in ``.new`` lies
beside it; between backup and swap, backup and file are one and the same; after the swap, all is done. At no moment is
there no file under its name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable

from fsm.errors import ConflictError
from fsm.openclaw.survey import FileId


class ChangedMeanwhile(ConflictError):
    """Somebody wrote the file while it was worked on. Field: `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path}: somebody wrote it meanwhile; nothing was changed: say the same again")


def swap(path: str, read: FileId, stamp: str, write: Callable[[int, int], None], ready: Callable[[], None]) -> str:
    """Replace `path` by what `write` (given descriptors of the old file and of the new one) makes; the backup's path.

    `read` says which file was looked at, `stamp` goes into the names beside it; `ready` is called last before the
    swap and may raise. Raises `ChangedMeanwhile`, `OSError` (as on a full disk), and what the callbacks raise; then
    nothing changed.
    """
    path = os.path.realpath(path)  # a link stays one
    backup, fresh = f"{path}.cronfsm-{stamp}.bak", f"{path}.cronfsm-{stamp}.new"
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        stat = os.fstat(source)
        _still(path, read)
        target = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _as_before(target, stat)
            write(source, target)
            os.fsync(target)
            ready()
            _still(path, read)
            _keep(path, backup)
            os.replace(fresh, path)
            _sync_folder(os.path.dirname(path))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)
    return backup


def _still(path: str, read: FileId) -> None:
    if FileId.of(os.stat(path)) != read:
        raise ChangedMeanwhile(path)


def _as_before(target: int, stat: os.stat_result) -> None:
    """The same mode, and the same owner where that is allowed (as for root)."""
    with contextlib.suppress(PermissionError):
        os.fchown(target, stat.st_uid, stat.st_gid)
    os.fchmod(target, stat.st_mode & 0o7777)


def _keep(path: str, backup: str) -> None:
    """A second name for the old file, or a copy where the file system has no such names."""
    try:
        os.link(path, backup)
    except OSError:
        if os.path.exists(backup):
            raise
        shutil.copy2(path, backup)
        with open(backup, "rb") as copy:
            os.fsync(copy.fileno())
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
