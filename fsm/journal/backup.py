"""A consistent copy of a journal, while others write to it: SQLite's own backup, in one file, verified and durable."""

from __future__ import annotations

import os
from contextlib import closing, suppress

import apsw
from attrs import frozen

from fsm.errors import JournalUnusable
from fsm.journal.salvage import make_durable
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.sqlite_store import APPLICATION_ID, open_to_read
from fsm.journal.sqlite_trouble import DAMAGED, trouble
from fsm.journal.verify_store import verify_journal


@frozen(slots=True)
class BackedUp:
    """A backup at `path`, of so many bytes. It holds all entries up to the one with the id `last_id`."""

    path: str
    size: int
    last_id: int


def backup(source: str, target: str) -> BackedUp:
    """Copy the journal at `source` to the new file `target`; runs, appends and a scheduler go on meanwhile.

    What does not verify is not kept: a bad copy is worse than none. Raises `JournalUnusable` for a target that is
    there already and for a journal that is damaged, `JournalFull`, OSError.
    """
    target = os.path.abspath(target)
    if os.path.lexists(target):
        raise JournalUnusable(target, "there is a file of this name already", "say another one")
    with closing(SqliteJournal(source, read_only=True)):
        pass  # it is a journal, and this version can read it
    part = f"{target}.part"
    copy_database(source, part)
    try:
        with closing(SqliteJournal(part, read_only=True)) as journal:
            for violation in verify_journal(journal):
                raise JournalUnusable(source, f"it is damaged, so no backup was made: {violation}", DAMAGED)
            last_id = journal.last_id()
        # If this process stops before this, a file .part is left, which the next backup of this name replaces.
        os.link(part, target)  # unlike a rename, it replaces nothing
    except FileExistsError:
        raise JournalUnusable(target, "there is a file of this name already", "say another one") from None
    finally:
        _remove(part)
    make_durable(target)
    return BackedUp(target, os.path.getsize(target), last_id)


def copy_database(source: str, target: str) -> None:
    """All that is committed in `source`, as one file at `target` (what lies there is replaced), private to its owner.

    One step under one read transaction, so that writers neither wait nor make it begin again. Raises `StoreError`;
    then nothing is left at `target`.
    """
    _remove(target)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise JournalUnusable(target, f"there is no folder {folder}", "make it first")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with closing(_open_source(source)) as old:
            _copy(old, target)
    except apsw.Error as error:
        _remove(target)
        raise trouble(error, source, 0) from error
    except BaseException:
        _remove(target)
        raise


def _copy(old: apsw.Connection, target: str) -> None:
    new = apsw.Connection(target, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        with new.backup("main", old, "main") as work:
            work.step(-1)
        new.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, that any place can hold
    except apsw.Error as error:
        raise trouble(error, target, new.system_errno) from error
    finally:
        new.close()


def _open_source(path: str) -> apsw.Connection:
    """Where nobody has it open, the file as it lies there; else as one of those who read it."""
    connection = open_to_read(path, frozen=not os.path.exists(f"{path}-wal"))
    connection.set_busy_timeout(_BUSY_MS)
    return connection


_BUSY_MS = 5_000  # a writer that recovers the log of a crashed one takes far less


def schema_of(path: str) -> int | None:
    """The version of the schema of the journal at `path`; None for what is no journal of ours. Raises `StoreError`."""
    if not os.path.isfile(path):
        raise JournalUnusable(path, "there is no such file")
    try:
        with closing(_open_source(path)) as connection:
            if connection.execute("PRAGMA application_id").get != APPLICATION_ID:
                return None
            version: int = connection.execute("PRAGMA user_version").get
            return version
    except apsw.Error as error:
        raise trouble(error, path, 0) from error


def _remove(path: str) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-journal"):
        with suppress(FileNotFoundError):
            os.unlink(name)
