"""A journal's file, held so that nobody else uses it, and another one put in its place.

What must never happen is that one file meets the write-ahead log of another, or that an entry is acknowledged by a
file that nobody will read again. So the old file is held exclusively from the first byte that is read of it until the
new one has its name; and whoever waits for it then finds, before it writes, that its file has moved (`Store.in_place`).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import BinaryIO

import apsw

from fsm.errors import JournalBusy, JournalFull, JournalUnusable
from fsm.instants import SECOND
from fsm.journal.pages import MAGIC
from fsm.journal.reading import Reading, read
from fsm.journal.salvage import make_durable
from fsm.journal.sqlite_trouble import lock_holder

SUFFIXES = ("", "-wal", "-shm")

BUSY_TIMEOUT_MS = 5 * SECOND // 1000  # a client appends in a thousandth of that

_COPY = 1 << 20


class Held:
    """The file at `path`, as long as the context lasts. Nobody else can open it meanwhile, unless it is so damaged
    that nobody can anyway; `readable` says which. Raises `JournalBusy` when somebody else has it open.

    For one `SqliteJournal` of this process at a time: none may have the same file open.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    def __enter__(self) -> Held:
        try:
            self._file = open(self.path, "r+b")  # closing it drops SQLite's locks: it comes last
        except OSError as error:
            raise JournalUnusable(self.path, error.strerror or "it cannot be opened") from error
        self._beside = [suffix for suffix in SUFFIXES[1:] if os.path.exists(self.path + suffix)]  # SQLite makes some
        self._connection: apsw.Connection | None = None
        try:
            self._connection = self._lock()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(apsw.Error):
            if self._connection is not None:
                self._connection.close()
        self._file.close()

    @property
    def readable(self) -> bool:
        """Whether SQLite can open it at all."""
        return self._connection is not None

    def _lock(self) -> apsw.Connection | None:
        connection = apsw.Connection(self.path, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()  # before anything is read: no -shm is used
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")  # the lock stays
        except apsw.BusyError as error:
            connection.close()
            raise JournalBusy(lock_holder(self.path)) from error
        except apsw.ReadOnlyError as error:
            connection.close()
            raise JournalUnusable(self.path, "it may only be read", "write access to it is needed") from error
        except (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.CantOpenError):
            with suppress(apsw.Error):
                connection.close()
            return None
        return connection

    def read(self) -> AbstractContextManager[Reading]:
        """All that can be read of it."""
        return read(self._connection, self._file, self.path)

    def keep(self, path: str) -> list[str]:
        """Copy the file, its log and its shared memory, byte for byte, to `path` and beside it; what was made."""
        made = []
        try:
            _copy(self._file, path)
            made.append(path)
            for suffix in self._beside:
                with suppress(FileNotFoundError), open(self.path + suffix, "rb") as source:
                    _copy(source, path + suffix)
                    made.append(path + suffix)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise JournalFull(path) from error
            raise
        return made

    def replace(self, new: str) -> None:
        """Put the closed journal at `new` in the place of this one.

        If this process stops anywhere in here, the old journal or the new one is there, never one with the other's
        log: the log is first taken into the old file. Where SQLite cannot even open that, nobody can use it, with its
        log or without, and the log is simply removed.
        """
        if self._connection is not None:
            try:
                self._connection.execute("PRAGMA journal_mode = DELETE").fetchall()
            except apsw.BusyError as error:
                raise JournalBusy(lock_holder(self.path)) from error
            except apsw.Error:
                pass  # as damaged as a file that does not open
        for suffix in SUFFIXES[1:]:
            with suppress(FileNotFoundError):
                os.unlink(self.path + suffix)
        os.replace(new, self.path)
        # Who has opened the old file and waits for its lock would next open the new one's log, for logs are known by
        # name. So nothing may be left of the old file that can be taken for a database; its copy is kept elsewhere.
        os.pwrite(self._file.fileno(), bytes(len(MAGIC)), 0)
        make_durable(self.path)


def _copy(source: BinaryIO, path: str) -> None:
    """A copy that has its name only once it is whole."""
    part = f"{path}.part"
    try:
        with open(part, "xb") as target:
            place = 0
            while data := os.pread(source.fileno(), _COPY, place):
                target.write(data)
                place += len(data)
            os.fchmod(target.fileno(), stat.S_IMODE(os.fstat(source.fileno()).st_mode))
        os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
    make_durable(path)
