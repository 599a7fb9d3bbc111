"""The journal as JSON Lines: the format of specs/journal.md, for other programs and for `verify`."""

from __future__ import annotations

from collections.abc import Iterator

from fsm.codec.entries import entry_to_line
from fsm.ports import Journal


def export_lines(
    journal: Journal,
    *,
    job: str | None = None,
    run: int | None = None,
    after_id: int = 0,
    limit: int | None = None,
    newest_first: bool = False,
) -> Iterator[bytes]:
    """One entry a line, without the newline, as `Journal.entries` gives them. Memory is bounded."""
    found = journal.entries(job=job, run=run, after_id=after_id, limit=limit, newest_first=newest_first)
    return map(entry_to_line, found)
