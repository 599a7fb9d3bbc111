"""The journal in SQLite keeps the contract."""

from __future__ import annotations

from pathlib import Path

from fsm.journal.sqlite import SqliteJournal
from fsm.ports import Journal
from fsm.testing.journal_contract import JournalContract


class TestSqlite(JournalContract):
    def make(self, folder: Path) -> Journal:
        return SqliteJournal(folder / "journal.db", node="here")
