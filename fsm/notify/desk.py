"""The book at work: fed from the journal, emptied by whoever delivers. No thread, no waiting: time is given."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import frozen

from fsm.codec.events import event_json
from fsm.engine.events import event_of
from fsm.instants import Instant
from fsm.model.entries import Ended, Started
from fsm.model.job import Job
from fsm.model.receivers import Receiver
from fsm.model.states import Cause
from fsm.notify import ledger
from fsm.notify.lanes import Book, Channel, Message, whom
from fsm.ports import Journal

AT_ONCE = 500
"""Entries that are read at once, so that no read of the journal stays open for long."""

MOST_UNSAVED = 1_000
"""Entries without anything to tell that may be read again after a crash: the book is not written for each of them."""

Key = tuple[str, Channel]


@frozen(slots=True)
class Delivery:
    """One message to deliver now."""

    key: Key
    job: Job
    receiver: Receiver
    message: Message


class Desk:
    """The book of one data folder. `save` writes it (raises OSError): what was fed, and what was delivered, is safe
    after it. A folder without a book begins at the newest entry: nobody wants to be told of last year."""

    def __init__(self, journal: Journal, book: Book | None, save: Callable[[Book], None]) -> None:
        self._journal, self._save = journal, save
        self._changed = book is None
        newest = journal.last_id()
        self.book = book if book is not None else Book(newest)
        if self.book.cursor > newest:  # an older copy of the journal was restored
            self.book.cursor, self._changed = newest, True
        self._saved = self.book.cursor

    @classmethod
    def of_folder(cls, folder: str, journal: Journal) -> Desk:
        """The desk with the book that lies in a folder."""
        return cls(journal, ledger.load(folder), lambda book: ledger.save(folder, book))

    def feed(self) -> bool:
        """Take in the next entries. Whether there were as many as are read at once, so that there may be more."""
        definitions: dict[str, Job | None] = {}
        entries = list(self._journal.entries(after_id=self.book.cursor, limit=AT_ONCE))
        for entry in entries:
            self.book.cursor = entry.id
            if entry.run is None or not isinstance(entry.body, Started | Ended):
                continue
            if entry.job not in definitions:
                definitions[entry.job] = self._journal.state(entry.job).definition
            job = definitions[entry.job]
            run = self._journal.run(entry.job, entry.run) if job is not None and _asks(job) else None
            event = event_of(entry, run) if run is not None and run.cause is not Cause.IMPORTED else None
            if job is not None and event is not None:
                self._changed |= self.book.see(job, event, event_json(event))
        return len(entries) == AT_ONCE

    def due(self, now: Instant) -> list[Delivery]:
        """The first message of every lane that may be tried now. What nobody asks for any more is dropped."""
        found = []
        for key, lane in self.book.lanes.items():
            job = self._journal.state(key[0]).definition if lane.waiting else None
            while lane.waiting and whom(job, lane.waiting[0].key) is None:
                del lane.waiting[0]
                self._changed = True
            receiver = whom(job, lane.waiting[0].key) if lane.due(now) else None
            if job is not None and receiver is not None:
                found.append(Delivery(key, job, receiver, lane.waiting[0]))
        return found

    def settle(self, delivery: Delivery, error: str | None, now: Instant) -> None:
        """How it went. Meanwhile the lane may have been summarised, or emptied."""
        lane = self.book.lanes.get(delivery.key)
        if lane is None or not lane.waiting:
            return
        if error is not None:
            lane.failed(error, now)
        else:
            lane.told(delivery.message)
        self._changed = True

    def next_at(self, under_way: Collection[Key]) -> Instant | None:
        """When the next attempt is due, but for lanes where one is under way; None where nothing waits."""
        waiting = (lane for key, lane in self.book.lanes.items() if lane.waiting and key not in under_way)
        return min((lane.next_at for lane in waiting), default=None)

    def save(self) -> None:
        """Write the book where something changed. Raises OSError; nothing is lost then, but told again."""
        if self._changed or self.book.cursor - self._saved >= MOST_UNSAVED:
            self.book.forget_empty()
            self._save(self.book)
            self._changed, self._saved = False, self.book.cursor


def _asks(job: Job) -> bool:
    return any(whom(job, key) is not None for key in ("on_failure", "on_recovery", "on_end", "ping"))
