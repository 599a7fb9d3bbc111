"""The book of who is told, beside a journal that is replaced by a backup. For whoever holds the scheduler's lock.

Ids are given anew in a restored journal, so the cursor of the one before it says nothing there. Two steps:
`take_in` before the journal is replaced, so that what was not read yet is not skipped; `begin_anew` after it, so that
what the new journal repeats is not told again. If this process stops between the two, the next scheduler finds a cursor
beyond the newest entry and begins at that, or one below it and tells again what was carried over: nothing is skipped.
"""

from __future__ import annotations

from fsm.notify import ledger
from fsm.notify.desk import Desk
from fsm.ports import Journal

__all__ = ["begin_anew", "take_in"]


def take_in(folder: str, journal: Journal) -> None:
    """Read what is not read yet of the journal that is to go: what it has to tell waits in the book from now on.

    Nothing where there is no book: no scheduler has ever told anything. Raises `StoreError`, OSError.
    """
    book = ledger.load(folder)
    if book is None:
        return
    desk = Desk(journal, book, lambda now: ledger.save(folder, now))
    while desk.feed():
        desk.save()
    desk.save()


def begin_anew(folder: str, newest_id: int) -> int:
    """Set the cursor to the newest entry of the restored journal; how many messages wait, also of runs that are not in
    it. Raises OSError."""
    book = ledger.load(folder)
    if book is None:
        return 0
    book.cursor = newest_id
    ledger.save(folder, book)
    return sum(len(lane.waiting) for lane in book.lanes.values())
