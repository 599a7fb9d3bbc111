"""Entries, page by page.

Each page is a statement of its own, so that a slow reader keeps no old state of the file alive (its log would grow
for as long), and memory is bounded by the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fsm.codec.entries import entry_from_row
from fsm.journal.sqlite_rows import Row
from fsm.journal.sqlite_store import Store
from fsm.journal.statements import statements
from fsm.model.entries import Ended, Entry, Released
from fsm.model.states import State

_SQL = statements("read")
_LAST = (1 << 63) - 1  # above every id and every seq

FIRST_PAGE = 8
"""Many want only the newest entry or two, or those of one run."""

PAGE = 256
"""What pages grow to: bounded memory still, and the cost of a statement is lost in it."""

_ID, _SEQ, _RUN = 0, 2, 8  # places in a row

Ask = Callable[..., Any]
"""Runs a function of the store and its arguments; turns SQLite's errors into ours."""


def all_entries(ask: Ask, after_id: int, *, back: bool) -> Iterator[Entry]:
    """Entries of every stream with an id above `after_id`."""
    name = "entries_back" if back else "entries"
    return map(entry_from_row, _rows(ask, name, (), _ID, after_id, back=back))


def rows(ask: Ask, after_id: int) -> Iterator[Row]:
    """The rows of every stream as they are stored, with an id above `after_id`."""
    return _rows(ask, "entries", (), _ID, after_id, back=False)


def entries_of_job(ask: Ask, job: str, after_id: int, *, back: bool) -> Iterator[Entry]:
    """Those of one stream."""
    name = "entries_of_job_back" if back else "entries_of_job"
    return map(entry_from_row, _rows(ask, name, (job,), _SEQ, ask(_seq_at, job, after_id), back=back))


def entries_of_run(ask: Ask, job: str, run: int, after_id: int, *, back: bool) -> Iterator[Entry]:
    """Those of one run: a handful, found from its first one on, without an index of their own."""
    found = [entry for entry in _of_run(ask, job, run) if entry.id > after_id]
    return reversed(found) if back else iter(found)


def _rows(ask: Ask, name: str, key: tuple[str, ...], place: int, low: int, *, back: bool) -> Iterator[Row]:
    """Rows of a statement that takes a key, a lower and an upper bound (both excluded) of `place`, and a number."""
    high, size = _LAST, FIRST_PAGE
    while rows := ask(_page, name, (*key, low, high, size)):
        yield from rows
        size = min(PAGE, size * 4)
        if back:
            high = rows[-1][place]
        else:
            low = rows[-1][place]


def _page(store: Store, name: str, bindings: Row) -> list[Row]:
    rows: list[Row] = store.execute(_SQL[name], bindings).fetchall()
    return rows


def _of_run(ask: Ask, job: str, run: int) -> Iterator[Entry]:
    """Up to the entry after which the fold takes no more of it: its release, or its end while it was queued."""
    first = ask(_first_seq, job, run)
    if first is None:
        return
    for row in _rows(ask, "entries_of_job", (job,), _SEQ, first - 1, back=False):
        if row[_RUN] != run:
            continue
        entry = entry_from_row(row)
        yield entry
        if isinstance(entry.body, Released) or (isinstance(entry.body, Ended) and entry.source is State.QUEUED):
            return


def _first_seq(store: Store, job: str, run: int) -> int | None:
    seq: int | None = store.execute(_SQL["first_seq"], (job, run)).get
    return seq


def _seq_at(store: Store, job: str, after_id: int) -> int:
    """The last seq of a stream with an id of at most `after_id`. Ids grow along a stream, so it is found by halves."""
    if after_id <= 0:
        return 0
    low, high = 0, (store.execute(_SQL["tip"], (job,)).get or (0, ""))[0]
    while low < high:
        middle = (low + high + 1) // 2
        ident = store.execute(_SQL["id_at"], (job, middle)).get
        if ident is None or ident <= after_id:  # None: pruned, so it came before all that is left
            low = middle
        else:
            high = middle - 1
    return low
