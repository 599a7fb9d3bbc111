"""A journal of an older version, brought up to date: a backup, then one transaction.

Entries are the truth and are taken over byte for byte, ids and hashes included; everything else in the file is made
anew as this version has it and folded from them. So a change of the projection needs no code of its own here. A change
of the table of entries itself gets a step in `STEPS`.

Crash windows, if this process stops
- before the commit: the old journal is as it was, and a backup lies beside it that nobody misses;
- after the commit: the new one is there, whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress

import apsw
from attrs import frozen

from fsm.codec.entries import entry_from_row
from fsm.errors import IllegalEntry, JournalUnusable
from fsm.journal import sqlite_store
from fsm.journal.backup import copy_database, schema_of
from fsm.journal.salvage import make_durable
from fsm.journal.sqlite_projection import REBUILD_PAGE, Execute, rebuild
from fsm.journal.sqlite_store import FORMAT, edges
from fsm.journal.sqlite_trouble import trouble
from fsm.journal.statements import sql_file, statements
from fsm.journal.verify import verify_entries
from fsm.model.entries import Entry

OLDEST = 1
"""The first version of the schema that was ever released."""

STEPS: Mapping[int, Callable[[Execute], None]] = {}
"""From the version of the schema: what has to be done to the table of entries, before all else is made anew."""

_BUSY_MS = 5_000  # a client's append takes a thousandth of that


@frozen(slots=True)
class Migrated:
    """From one version of the schema to another; the journal as it was before is kept in the file `kept`."""

    source: int
    target: int
    kept: str


def migrate(path: str, stamp: str) -> Migrated | None:
    """Bring the journal at `path` up to this version's schema; None where it has it, or where it is none of ours
    (whoever opens it next says so).

    For whoever holds the scheduler's lock. `stamp` is a part of the backup's name. Raises `JournalUnusable` where an
    entry in it cannot follow those before it, `JournalBusy`, `JournalFull`; then nothing was changed.
    """
    path = os.path.abspath(path)
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return None
    found, target = schema_of(path), sqlite_store.SCHEMA_VERSION
    if found is None or not OLDEST <= found < target:
        return None
    kept = f"{path}.schema-{found}-{stamp}"
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    with closing(connection):
        connection.set_busy_timeout(_BUSY_MS)
        execute = connection.cursor().execute
        try:
            execute("BEGIN IMMEDIATE")  # first, so that nothing is appended that the backup does not have
            copy_database(path, kept)
            make_durable(kept)
            for version in range(found, target):
                if version in STEPS:
                    STEPS[version](execute)
            _make_anew(execute)
            execute(f"PRAGMA user_version = {target}")
            execute("COMMIT")
        except BaseException as error:
            told = connection.system_errno
            with suppress(apsw.Error):
                if connection.in_transaction:
                    execute("ROLLBACK")
            if isinstance(error, apsw.Error):
                raise trouble(error, path, told) from error
            if isinstance(error, IllegalEntry):
                raise JournalUnusable(
                    path, f"it cannot be brought up to date: {error}", "cronfsm doctor says what can be done"
                ) from error
            raise
    return Migrated(found, target, kept)


_OF_KIND = (
    "SELECT name FROM sqlite_schema"
    " WHERE type = ? AND sql IS NOT NULL AND name NOT GLOB 'sqlite_*' AND name <> 'entries_before'"
)


def _make_anew(execute: Execute) -> None:
    """Everything but the entries themselves, as this version has it."""
    for kind in ("trigger", "view", "index", "table"):
        if kind == "table":
            execute("ALTER TABLE entries RENAME TO entries_before")  # it looks into triggers and views: they are gone
        for (name,) in execute(_OF_KIND, (kind,)).fetchall():
            execute(f'DROP {kind} "{name}"')
    execute(sql_file("schema"))
    execute("INSERT INTO meta VALUES (1, ?, 0)", (FORMAT,))
    for edge in edges():
        execute("INSERT INTO edges (trigger, source, reason, target) VALUES (?, ?, ?, ?)", edge)
    _take_over(execute)
    execute("DROP TABLE entries_before")
    rebuild(execute)
    for found in verify_entries(_entries(execute)):  # what is wrong already is doctor's to mend, in the old file
        raise IllegalEntry(found.job or "", found.seq or 0, found.why, found.requirement)


def _entries(execute: Execute) -> Iterator[Entry]:
    last_id = 0
    while rows := execute(statements("read")["entries"], (last_id, _NO_ID, REBUILD_PAGE)).fetchall():
        yield from map(entry_from_row, rows)
        last_id = rows[-1][0]


_NO_ID = (1 << 63) - 1  # above every id


def _take_over(execute: Execute) -> None:
    """The entries as they are. The triggers, which compare each with the projection, are away meanwhile: the fold
    that comes next compares more."""
    triggers = execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'entries'").fetchall()
    for name, _ in triggers:
        execute(f'DROP TRIGGER "{name}"')
    columns = ", ".join(f'"{row[1]}"' for row in execute("PRAGMA table_info(entries)").fetchall())
    execute(f"INSERT INTO entries ({columns}) SELECT {columns} FROM entries_before ORDER BY id")
    for _, text in triggers:
        execute(text)
