"""The journal in memory keeps the contract; it is the reference for the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm.journal.memory import MemoryJournal
from fsm.ports import Journal
from fsm.testing.journal_contract import VolatileJournalContract


@pytest.mark.requirement("R-1")
@pytest.mark.requirement("R-2")
@pytest.mark.requirement("R-33")
@pytest.mark.requirement("R-34")
@pytest.mark.requirement("R-13")
class TestMemory(VolatileJournalContract):
    def make(self, folder: Path) -> Journal:
        return MemoryJournal(node="here")
