"""Ways to damage a journal's file, for tests of what finds and mends damage.

Each is a function of the path of a journal that nobody has open. Those of a row leave the file whole for SQLite: only
the hash chain, or a comparison with the entries, can tell.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from fsm.journal.pages import Pages
from fsm.journal.sqlite_store import open_to_read

PAGE = 4096
_LEAF, _INTERIOR = 0x0D, 0x05  # of a table

Damage = Callable[[Path], None]


@contextmanager
def without_rules(path: Path) -> Iterator[apsw.Connection]:
    """A connection to which the triggers say nothing; they are back afterwards, as if nothing had been done."""
    connection = apsw.Connection(str(path))
    rules = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    try:
        for name, _ in rules:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, text in rules:
            connection.execute(str(text))
    finally:
        connection.close()


def rows_changed(statement: str) -> Damage:
    """What a person with a plain sqlite3 shell can do, who covers his tracks."""

    def spoil(path: Path) -> None:
        with without_rules(path) as connection:
            before = connection.total_changes()
            connection.execute(statement)
            assert connection.total_changes() > before, "it changed nothing"

    return spoil


def hashes_swapped(path: Path) -> None:
    """Two entries of one stream have each other's hash."""
    with without_rules(path) as connection:
        two = "SELECT id, hash FROM entries WHERE job <> '@scheduler' ORDER BY job, seq LIMIT 2"
        (first, hash_of_first), (second, hash_of_second) = connection.execute(two).fetchall()
        connection.execute("UPDATE entries SET hash = ? WHERE id = ?", (hash_of_second, first))
        connection.execute("UPDATE entries SET hash = ? WHERE id = ?", (hash_of_first, second))


def rules_dropped(path: Path) -> None:
    """The triggers are gone for good."""
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER entries_no_update; DROP TRIGGER entries_legal")
    connection.close()


# ---- of the file


def overwrite(path: Path, place: int, data: bytes) -> None:
    """Other bytes at one place."""
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(data)


def _pages_of_entries(path: Path, kind: int) -> list[int]:
    """The numbers of the pages of the table of entries, from its root down."""
    connection = open_to_read(str(path), frozen=not Path(f"{path}-wal").exists())
    try:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").get
    finally:
        connection.close()
    with open(path, "rb") as file:
        pages = Pages(file, f"{path}-wal")
        found, level = [], [root]
        while level:
            number = level.pop()
            page = pages.page(number)
            if page[0] == kind:
                found.append(number)
            if page[0] == _INTERIOR:
                count = int.from_bytes(page[3:5], "big")
                cells = [int.from_bytes(page[12 + 2 * at : 14 + 2 * at], "big") for at in range(count)]
                level += [int.from_bytes(page[cell : cell + 4], "big") for cell in cells]
                level.append(int.from_bytes(page[8:12], "big"))
        pages.close()
    return sorted(found)


def leaf_damaged(path: Path) -> None:
    """A page with entries in the middle of the history is overwritten."""
    leaves = _pages_of_entries(path, _LEAF)
    overwrite(path, (leaves[len(leaves) // 2] - 1) * PAGE, b"\xff" * PAGE)


def root_damaged(path: Path) -> None:
    """The page over all entries is overwritten: SQLite finds none of them any more."""
    (root, *_) = _pages_of_entries(path, _INTERIOR)
    overwrite(path, (root - 1) * PAGE, b"\x00" * PAGE)


def header_damaged(path: Path) -> None:
    """The first bytes are gone: SQLite takes it for no database."""
    overwrite(path, 0, os.urandom(100))


def first_page_damaged(path: Path) -> None:
    """So is the list of all tables."""
    overwrite(path, 0, b"\x00" * PAGE)


def cut_in_half(path: Path) -> None:
    """The second half of the file is gone."""
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)


def cut_within_a_page(path: Path) -> None:
    """The end of the file is gone, and not at the end of a page."""
    os.truncate(path, path.stat().st_size - PAGE - 1234)


def emptied(path: Path) -> None:
    """The file is there, and nothing is in it."""
    os.truncate(path, 0)


def foreign(path: Path) -> None:
    """It is the database of another program."""
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT)")
    connection.execute("INSERT INTO entries (text) VALUES ('not ours')")
    connection.commit()
    connection.close()


def no_database(path: Path) -> None:
    """It is a text."""
    path.write_bytes(b"To be or not to be, that is the question.\n" * 1_000)


def newer(path: Path) -> None:
    """A later version of this program has written it."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 99")
    connection.close()


_CHANGED = "UPDATE entries SET body = json_set(body, '$.ended_at', '2020-01-01T00:00:00.000000Z')"
_A_VERDICT = "(SELECT id FROM entries WHERE job = 'a' AND trigger = 'succeed' LIMIT 1)"

ENTRIES: dict[str, Damage] = {
    "an entry changed": rows_changed(f"{_CHANGED} WHERE id = {_A_VERDICT}"),
    "an entry removed": rows_changed("DELETE FROM entries WHERE job = 'b' AND seq = 5"),
    "an entry moved": rows_changed("UPDATE entries SET job = 'b', seq = 999 WHERE job = 'a' AND seq = 6"),
    "an entry unreadable": rows_changed(
        "UPDATE entries SET body = '{}' WHERE job = 'a' AND kind = 'refused' AND seq > 9"
    ),
    "hashes swapped": hashes_swapped,
}
"""Damages of entries of `fsm.testing.journal_base.tell_a_long_story`, which SQLite does not see."""

FILE: dict[str, Damage] = {
    "a leaf damaged": leaf_damaged,
    "the root damaged": root_damaged,
    "the header damaged": header_damaged,
    "the first page damaged": first_page_damaged,
    "cut in half": cut_in_half,
    "cut within a page": cut_within_a_page,
    "rules dropped": rules_dropped,
}
"""Damages of the file that leave good entries in it."""

PROJECTION: dict[str, Damage] = {
    "a run's state": rows_changed("UPDATE runs SET state = 'lost' WHERE job = 'a' AND number = 1"),
    "a run missing": rows_changed("DELETE FROM runs WHERE job = 'a' AND number = 1"),
    "a slot freed": rows_changed("UPDATE jobs SET slot = NULL WHERE slot IS NOT NULL"),
    "a definition": rows_changed("UPDATE definitions SET definition = json_set(definition, '$.timeout', '1s')"),
    "a definition unreadable": rows_changed("UPDATE definitions SET definition = '[]'"),
    "a due time": rows_changed("UPDATE jobs SET next_due = next_due + 1"),
    "a last hash": rows_changed(f"UPDATE jobs SET last_hash = '{'0' * 64}' WHERE job = 'b'"),
    "a stream missing": rows_changed("DELETE FROM jobs WHERE job = 'b'"),
    "the epoch": rows_changed("UPDATE meta SET epoch = 77"),
}
"""Damages of what is derived from the entries."""

NOTHING_LEFT: dict[str, Damage] = {"foreign": foreign, "no database": no_database}
"""Files in which there is no entry."""
