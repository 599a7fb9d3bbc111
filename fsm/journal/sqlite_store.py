"""Opening a journal's file, making it where there is none, and refusing what is no journal of ours."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import apsw

from fsm.errors import JournalUnusable, StoreError
from fsm.instants import SECOND, Duration
from fsm.journal.sqlite_trouble import DAMAGED, trouble
from fsm.journal.statements import sql_file
from fsm.lifecycle.table import TABLE

APPLICATION_ID = int.from_bytes(b"cfsm", "big")
SCHEMA_VERSION = 2
FORMAT = 1  # of the entries, as fsm.codec.entries has it; a test holds them equal, so that readers need not load it

BUSY_TIMEOUT = Duration(2 * SECOND)
"""How long an append waits for another process's: a thousand times what one takes, and short enough that a scheduler
goes on supervising in between."""

_TURN_MS = 5  # between two tries to change the journal mode; making the whole file takes about four of them
_STATEMENTS = 500  # APSW forgets a statement after so many others have run, however few there are: a batch's worth
_CACHE_KIB = 4_000  # pages of open runs and the ends of some hundred streams; a scheduler's memory is a goal
_WAL_LIMIT = 8_000_000  # bytes; twice what a checkpoint lets it grow to: after a burst the file shrinks again

# temp_store: a statement's rollback page is 64 KiB of malloc otherwise, at each statement.
# trusted_schema: a file from elsewhere calls no function of ours with effects.
_EVERY_CONNECTION = f"""
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = OFF;
PRAGMA recursive_triggers = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -{_CACHE_KIB};
PRAGMA journal_size_limit = {_WAL_LIMIT};
"""


class Store:
    """One connection to a journal's file, in which `execute` runs a statement.

    A reader creates nothing: where no process has the file open (there is no ``-wal`` beside it), it reads the file
    as it lies there, and changes over as soon as a writer appears.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool, busy_timeout_us: int = BUSY_TIMEOUT) -> None:
        self.path = os.path.abspath(path)
        self.read_only = read_only
        self._busy_ms = max(1, busy_timeout_us // 1000)
        self._open()

    def _open(self) -> None:
        """Connect, and check what is there. Raises `StoreError`; then nothing is left open."""
        try:
            self._open_once()
        except StoreError:
            if not self.overtaken():
                raise
            self._open_once()  # a writer came while it was read as it lay there: what was wrong may be half a write

    def _open_once(self) -> None:
        self._seen = signature(self.path)  # before anything of it is read
        self._frozen = self.read_only and not os.path.exists(f"{self.path}-wal")
        if self.read_only and not os.path.isfile(self.path):
            raise JournalUnusable(self.path, "there is no such file")
        connection: apsw.Connection | None = None
        found = _inode(self.path)
        try:
            connection = self.connection = self._connect()
            self.execute = connection.cursor().execute
            self._check()
            self._files = self._identity()
            if found not in (None, self._files[0]):  # it waited for a lock on a file that has another name by now
                raise JournalUnusable(self.path, "it was replaced while it was being opened", "try again")
        except apsw.Error as error:
            told = 0 if connection is None else self.last_errno()
            _close(connection)
            raise trouble(error, self.path, told) from error
        except StoreError:
            _close(connection)
            raise

    def _connect(self) -> apsw.Connection:
        if self.read_only:
            connection = open_to_read(self.path, frozen=self._frozen)
        else:
            connection = apsw.Connection(
                self.path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, statementcachesize=_STATEMENTS
            )
        connection.set_busy_timeout(self._busy_ms)
        # Plans that no bound value changes. Else SQLite looks at the values, and so prepares a statement that has a
        # LIMIT or an outer join anew each time it is bound: 10 to 40 µs, at every fold and every page that is read.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        return connection

    def fresh(self) -> None:
        """Before a read: where the file was read as it lay there and a writer has come, open it as it is now.

        A writer that has come and gone in between (one command) leaves no ``-wal``, but another file than was read.
        """
        if self.overtaken():
            _close(self.connection)
            self._open()

    def overtaken(self) -> bool:
        """Whether the file was read as it lay there, and a writer has come since: what was read may be half a write."""
        return self._frozen and (os.path.exists(f"{self.path}-wal") or self._seen != signature(self.path))

    def _check(self) -> None:
        if self._is_new():
            if self.read_only:
                raise JournalUnusable(self.path, "it is empty: no journal was made in it yet")
            self._create()
        self._check_version()
        if not self.read_only and self.connection.readonly("main"):
            raise JournalUnusable(
                self.path, "it may only be read", "write access to the file and to its folder is needed"
            )
        self.execute(_EVERY_CONNECTION).fetchall()  # some of them answer with a row, and wait until it is read
        if not self.read_only:
            self._check_wal()
        self._check_table()

    def _is_new(self) -> bool:
        return self._header() == (0, 0) and not self.execute("SELECT count(*) FROM sqlite_schema").get

    def _header(self) -> tuple[int, int]:
        return self.execute("PRAGMA application_id").get, self.execute("PRAGMA user_version").get

    def _create(self) -> None:
        """Make the schema. If this process stops here, the file is empty still, and new to whoever opens it next."""
        self._check_wal()
        self.execute("BEGIN IMMEDIATE")
        try:
            if self._is_new():  # or else another process was faster
                self.execute(sql_file("schema"))
                self.execute("INSERT INTO meta VALUES (1, ?, 0)", (FORMAT,))
                for edge in edges():
                    self.execute("INSERT INTO edges (trigger, source, reason, target) VALUES (?, ?, ?, ?)", edge)
                self.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self.execute("COMMIT")
        except BaseException:
            self.roll_back()
            raise

    def _check_version(self) -> None:
        application, version = self._header()
        if application != APPLICATION_ID:
            raise JournalUnusable(self.path, "it is a database of another program", "check the path")
        if version > SCHEMA_VERSION:
            raise JournalUnusable(
                self.path,
                f"it was written by a newer version of cronfsm (schema {version}, this one knows {SCHEMA_VERSION})",
                "use that version, or a newer one",
            )
        if version < 1:
            raise JournalUnusable(self.path, f"its schema has version {version}, which never was")
        if version < SCHEMA_VERSION:
            raise JournalUnusable(
                self.path,
                f"it was written by an older version of cronfsm (schema {version}, this one has {SCHEMA_VERSION})",
                "the next cronfsm serve brings it up to date, after a backup",
            )
        found = self.execute("SELECT format FROM meta").get
        if found != FORMAT:
            raise JournalUnusable(self.path, f"its entries have format {found}, this version knows {FORMAT}")

    def _check_wal(self) -> None:
        mode = self._use_wal()
        if mode != "wal":
            raise JournalUnusable(
                self.path, f"its file system has no write-ahead log (SQLite offers {mode})", "use a local disk"
            )

    def _use_wal(self) -> str:
        """The journal mode that there is. SQLite waits for no other process here, however long its busy timeout: when
        several make a new file at once, all but one are turned away, for as long as that one takes."""
        for _ in range(self._busy_ms // _TURN_MS):
            with suppress(apsw.BusyError):
                return str(self.execute("PRAGMA journal_mode = WAL").get)
            time.sleep(_TURN_MS / 1000)
        return str(self.execute("PRAGMA journal_mode = WAL").get)

    def _check_table(self) -> None:
        found = set(self.execute("SELECT trigger, source, reason, target FROM edges"))
        if found != set(edges()):
            raise JournalUnusable(
                self.path, "the lifecycle table in it is not this program's: somebody changed it", DAMAGED
            )

    def in_place(self) -> None:
        """Before a commit: raise `JournalUnusable` where the file, or its log, is not the one that is open any more.

        SQLite would go on writing to a file that has no name, or another one, and tell nobody.
        """
        if self._identity() != self._files:
            raise JournalUnusable(
                self.path, "it was moved, removed or replaced while it was open", "put it back, or begin anew with it"
            )

    def _identity(self) -> tuple[tuple[int, int] | None, ...]:
        """Which files lie there now: device and inode, None where there is none."""
        return tuple(_inode(name) for name in (self.path, f"{self.path}-wal"))

    def roll_back(self) -> None:
        """End a transaction that went wrong, where SQLite has not ended it itself."""
        with suppress(apsw.Error):
            if self.connection.in_transaction:
                self.execute("ROLLBACK")

    def last_errno(self) -> int:
        """The operating system's last error, as SQLite saw it; 0 where there was none."""
        try:
            return self.connection.system_errno
        except apsw.Error:
            return 0  # it is closed

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        _close(self.connection)


def open_to_read(path: str, *, frozen: bool) -> apsw.Connection:
    """A connection that may only read. `frozen` is for a file that nobody has open: then nothing is made beside it."""
    if not frozen:
        return apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return apsw.Connection(f"file://{quoted}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def edges() -> list[tuple[str, str, str, str]]:
    """The lifecycle table as rows of `edges`: trigger, source, reason, target, with '' for none."""
    return [
        (str(edge.trigger), str(edge.source or ""), str(reason), str(edge.target))
        for edge in TABLE
        for reason in sorted(edge.reasons or {""})
    ]


def signature(path: str) -> tuple[int, int, int] | None:
    """What changes whenever somebody writes to the file itself."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _inode(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _close(connection: Any) -> None:
    if connection is not None:
        with suppress(apsw.Error):
            connection.close()
