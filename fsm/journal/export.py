"""The journal as JSON Lines: the format of specs/journal.md, for other programs and for `verify`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from fsm.codec.entries import entry_to_line, row_to_line
from fsm.errors import IllegalEntry
from fsm.ports import Journal


@runtime_checkable
class Raw(Protocol):
    """A journal that can give its entries as they are stored, body and hash untouched by this version's reading."""

    def rows(self, after_id: int = 0) -> Iterator[tuple[object, ...]]:
        """As `fsm.codec.entries.entry_from_row` takes them, in commit order."""
        ...


def export_lines(
    journal: Journal,
    *,
    job: str | None = None,
    run: int | None = None,
    after_id: int = 0,
    limit: int | None = None,
    newest_first: bool = False,
) -> Iterator[bytes]:
    """One entry a line, without the newline, as `Journal.entries` gives them. Memory is bounded.

    Raises `IllegalEntry` (requirement ``format``) for a row that no version ever wrote.
    """
    if isinstance(journal, Raw) and job is None and limit is None and not newest_first:
        return map(_line, journal.rows(after_id))
    found = journal.entries(job=job, run=run, after_id=after_id, limit=limit, newest_first=newest_first)
    return map(entry_to_line, found)


def _line(row: tuple[Any, ...]) -> bytes:
    try:
        return row_to_line(row)
    except (TypeError, ValueError, OverflowError) as error:  # damaged, and SQLite has not noticed
        job, seq = row[1], row[2]
        where = (job if isinstance(job, str) else "?", seq if isinstance(seq, int) else 0)
        raise IllegalEntry(*where, f"it cannot be written out: {error}", "format") from None
