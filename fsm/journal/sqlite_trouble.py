"""What SQLite's errors mean to whoever appends or reads, and who keeps the store locked."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

import apsw

from fsm.errors import JournalBusy, JournalFull, JournalUnusable, StoreError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Of these, SQLite itself takes only ENOSPC for a full disk: a quota and a limit on file size are one as well."""

DAMAGED = "cronfsm doctor says what can be done; keep the file, it may be the only copy"
_WAL_LOCKS = range(
    120, 128
)  # bytes of the -shm file that SQLite locks: 120 to write, 121 and 122 to checkpoint, recover
_MAX_LOCKS = 100_000  # lines of /proc/locks that are looked at: some megabytes, and far above any machine seen


def trouble(error: apsw.Error, path: str, last_errno: int) -> StoreError:
    """Our error for SQLite's."""
    if isinstance(error, apsw.BusyError | apsw.LockedError | apsw.ProtocolError):
        return JournalBusy(lock_holder(path))
    full = isinstance(error, apsw.IOError | apsw.CantOpenError) and last_errno in _NO_ROOM
    if full or isinstance(error, apsw.FullError):
        return JournalFull(path)
    if isinstance(error, apsw.NotADBError):
        return JournalUnusable(path, "it is not a journal: not an SQLite database at all", f"check the path; {DAMAGED}")
    if isinstance(error, apsw.CorruptError):
        return JournalUnusable(path, f"it is damaged ({error})", DAMAGED)
    if isinstance(error, apsw.CantOpenError):
        return JournalUnusable(path, f"it cannot be opened: {_why_not(path)}", "")
    if isinstance(error, apsw.ReadOnlyError | apsw.PermissionsError):
        return JournalUnusable(path, "it may only be read", "write access to the file and to its folder is needed")
    if isinstance(error, apsw.IOError):
        told = f", {os.strerror(last_errno).lower()}" if last_errno else ""
        return JournalUnusable(path, f"the disk fails to read or write it ({error}{told})", "check the disk")
    return JournalUnusable(path, f"SQLite says: {error}", DAMAGED)


def _why_not(path: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        return "it is a folder"
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    if not _may(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} is not writable"
    if os.path.exists(path) and not _may(path, os.R_OK | os.W_OK):
        return "this user may not read and write it"
    return "the operating system refuses"


def _may(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def lock_holder(path: str) -> str | None:
    """The process that keeps `path` locked for writing, as far as the kernel tells; None where it does not."""
    for name, wanted in ((f"{path}-shm", _WAL_LOCKS), (path, None)):
        try:
            status = os.stat(name)
        except OSError:
            continue
        inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        for pid, first, last in _write_locks(inode):
            if wanted is None or (first <= wanted[-1] and last >= wanted[0]):
                return _name(pid)
    return None


def _write_locks(inode: str) -> Iterator[tuple[int, int, int]]:
    """Pid, first and last byte of each write lock that is held (not waited for) on a file: proc_locks(5)."""
    try:
        with open("/proc/locks") as file:
            lines = file.readlines(_MAX_LOCKS * 64)
    except OSError:
        return
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 1234 fd:01:5678 120 120
        words = line.split()
        if len(words) == 8 and words[3] == "WRITE" and words[5] == inode and words[4].isdigit():
            yield int(words[4]), int(words[6]), (1 << 63) if words[7] == "EOF" else int(words[7])


def _name(pid: int) -> str | None:
    if pid <= 0:
        return None  # it lives in another pid namespace
    if pid == os.getpid():
        return f"this process ({pid})"
    try:
        with open(f"/proc/{pid}/comm") as file:
            return f"process {pid} ({file.readline().strip()})"
    except OSError:
        return f"process {pid}"
