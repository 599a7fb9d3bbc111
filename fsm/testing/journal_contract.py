"""What every journal must do: `JournalContract`. Subclass it to test an adapter of one's own.

It needs pytest and hypothesis.

>>> class TestMine(JournalContract):
...     def make(self, folder):
...         return MyJournal(folder / "journal")

`make` opens the journal that lives in `folder`, which is an empty one the first time. One that is gone with its object
keeps `VolatileJournalContract`, which has no test of what stays. The reference is `fsm.journal.memory.MemoryJournal`.
More: docs/adapters.md.
"""

from __future__ import annotations

from fsm.testing.journal_appends import AppendTests
from fsm.testing.journal_base import everything, tell_a_long_story
from fsm.testing.journal_laws import LawTests
from fsm.testing.journal_pruning import PruningTests
from fsm.testing.journal_questions import QuestionTests
from fsm.testing.journal_reopening import ReopeningTests

__all__ = ["JournalContract", "VolatileJournalContract", "everything", "tell_a_long_story"]


class VolatileJournalContract(AppendTests, QuestionTests, LawTests, PruningTests):
    """All but what stays, for a journal that is gone with its object."""


class JournalContract(VolatileJournalContract, ReopeningTests):
    """The whole suite."""
