"""All that can be read of a journal's file: by SQLite where it finds nothing wrong with it, else page by page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, BinaryIO

import apsw
from attrs import frozen

from fsm.journal.carve import COLUMNS, Row, carve, carve_lengths
from fsm.journal.pages import Pages
from fsm.journal.sqlite_store import open_to_read

_BUSY_TIMEOUT_MS = 5_000  # an append takes a thousandth of that

_ROWS = f"SELECT {', '.join(COLUMNS)} FROM entries"


@frozen(slots=True)
class Reading:
    """`rows` are those of `entries`, in any order, and perhaps some more than once. `lengths` is how long each stream
    was, by the projection, as far as that can be read. `whole` is whether SQLite finds nothing wrong with the file, so
    that there is nothing in it that could not be read."""

    rows: Iterable[Row]
    lengths: Mapping[str, int]
    whole: bool


@contextmanager
def look(path: str) -> Iterator[Reading]:
    """Read the file without keeping others from it. Raises OSError where there is none."""
    with open(path, "rb") as file:
        connection: apsw.Connection | None = None
        try:
            connection = open_to_read(path, frozen=not os.path.exists(f"{path}-wal"))
            connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        except apsw.Error:
            pass  # its pages are read, then
        try:
            with read(connection, file, path) as found:
                yield found
        finally:
            with suppress(apsw.Error):
                if connection is not None:
                    connection.close()


@contextmanager
def read(connection: apsw.Connection | None, file: BinaryIO, path: str) -> Iterator[Reading]:
    """The same by a connection, None where SQLite cannot open it, and a file that the caller has open."""
    if connection is not None and _whole(connection):
        lengths: list[Any] = connection.execute("SELECT job, seq FROM jobs").fetchall()
        yield Reading(connection.execute(_ROWS), dict(lengths), True)
        return
    with closing(Pages(file, f"{path}-wal")) as pages:
        yield Reading(carve(pages), carve_lengths(pages), False)


def _whole(connection: apsw.Connection) -> bool:
    try:
        connection.execute(f"{_ROWS} LIMIT 1").fetchall()
        connection.execute("SELECT job, seq FROM jobs LIMIT 1").fetchall()
        return bool(connection.execute("PRAGMA quick_check(1)").get == "ok")
    except apsw.Error:
        return False
