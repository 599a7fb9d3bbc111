"""A file system for SQLite that remembers everything that was asked of it, and can be told to fail.

`recording` makes it the process's default for a while, so that a journal opened meanwhile writes through it without
knowing. All it does is hand on to the real one; the log is what `crash_images` builds its crash images from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import count
from typing import Any

import apsw
from attrs import define, field, frozen

NAME = "cronfsm-recording"
_names = count(1)

# os_unix.c syncs the folder with the first sync of a log that it has made, and of no other file.
_LOGS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class Kind(StrEnum):
    """What was asked of the disk."""

    CREATE = "create"
    WRITE = "write"
    TRUNCATE = "truncate"
    DELETE = "delete"
    SYNC = "sync"  # of one file
    SYNC_FOLDER = "sync_folder"  # of the names in the folder


@frozen(slots=True)
class Op:
    """One operation. `file` is the file itself, not its name: a file that is made anew gets another number."""

    kind: Kind
    file: int
    name: str
    offset: int = 0  # of a write; the new length for a truncation
    data: bytes = b""
    failed: bool = False  # of a sync: what it should have made durable may be lost for ever


@define
class Recorder:
    """The log, and what is to fail. `before` sees each operation before it is done and may raise an apsw error.

    `ops` also holds syncs that failed, for what they leave behind is the worst case: pages that the kernel takes for
    clean and that never reached the disk. Writes that failed are not in it: they wrote nothing.
    """

    ops: list[Op] = field(factory=list)
    before: Callable[[Op], None] | None = None
    _files: dict[str, int] = field(factory=dict)
    _unsynced_logs: set[int] = field(factory=set)
    _number: Iterator[int] = field(factory=count)

    def opened(self, path: str, flags: int, *, made: bool) -> int:
        """The number of the file that was opened."""
        if made or path not in self._files:
            self._files[path] = next(self._number)
            if made:
                self.ops.append(Op(Kind.CREATE, self._files[path], os.path.basename(path)))
                if flags & _LOGS:
                    self._unsynced_logs.add(self._files[path])
        return self._files[path]

    def ask(self, op: Op) -> None:
        """An operation is about to be done. Raises what the test wants it to raise."""
        if self.before is not None:
            self.before(op)

    def sync(self, op: Op) -> None:
        """A file is synced, and its folder where SQLite does that."""
        try:
            self.ask(op)
        except apsw.Error:
            self.ops.append(Op(Kind.SYNC, op.file, op.name, failed=True))
            raise
        self.ops.append(op)
        if op.file in self._unsynced_logs:
            self._unsynced_logs.discard(op.file)
            self.ops.append(Op(Kind.SYNC_FOLDER, -1, ""))

    def deleted(self, path: str, *, sync_folder: bool) -> None:
        """A name is gone."""
        self.ops.append(Op(Kind.DELETE, self._files.pop(path, -1), os.path.basename(path)))
        if sync_folder:
            self.ops.append(Op(Kind.SYNC_FOLDER, -1, ""))


class _File(apsw.VFSFile):
    def __init__(self, base: str, recorder: Recorder, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        made = path is not None and not os.path.exists(path)
        super().__init__(base, name, flags)
        self._recorder, self._name = recorder, os.path.basename(path or "")
        self._file = recorder.opened(path, flags[0], made=made) if path is not None else -1

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  (the name SQLite gives it)
        """Write, then remember."""
        op = Op(Kind.WRITE, self._file, self._name, offset, bytes(data))
        self._recorder.ask(op)
        super().xWrite(data, offset)
        self._recorder.ops.append(op)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cut, then remember."""
        op = Op(Kind.TRUNCATE, self._file, self._name, newsize)
        self._recorder.ask(op)
        super().xTruncate(newsize)
        self._recorder.ops.append(op)

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Remember what is durable from here on. The real sync is left out: the images say what it would do."""
        self._recorder.sync(Op(Kind.SYNC, self._file, self._name))


class _Vfs(apsw.VFS):
    def __init__(self, name: str, recorder: Recorder) -> None:
        self._base, self._recorder = apsw.vfs_names()[0], recorder
        super().__init__(name, self._base, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802
        """A file that is remembered."""
        return _File(self._base, self._recorder, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Delete, then remember."""
        op = Op(Kind.DELETE, -1, os.path.basename(filename))
        self._recorder.ask(op)
        super().xDelete(filename, syncdir)
        self._recorder.deleted(filename, sync_folder=bool(syncdir))


@contextmanager
def recording() -> Iterator[Recorder]:
    """Whatever opens a database of this process meanwhile is recorded. All of them must be closed before the end."""
    recorder = Recorder()
    vfs = _Vfs(f"{NAME}-{next(_names)}", recorder)
    try:
        yield recorder
    finally:
        vfs.unregister()
