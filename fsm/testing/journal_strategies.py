"""Hypothesis strategies for whole journals that are legal from their first entry on. It needs hypothesis.

>>> from hypothesis import given
>>> @given(journals())
... def test_my_exporter(journal): ...

They hold two jobs' streams and the scheduler's, in memory: all kinds of entries, ends, refusals, open runs, held slots,
removals and returns. What a smaller journal shows, a failing example shrinks to.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from fsm.errors import CronfsmError
from fsm.journal.export import export_lines
from fsm.journal.memory import MemoryJournal
from fsm.ports import Journal
from fsm.testing.journal_stories import Story, stories, told


def journals(make: Callable[[], Journal] = MemoryJournal) -> st.SearchStrategy[Journal]:
    """Journals with a story in them. `make` gives an empty one each time; whoever asked for it closes it."""
    return stories().map(lambda story: _with(make(), story))


def exports() -> st.SearchStrategy[list[bytes]]:
    """The same as exported lines, in commit order, as `cronfsm export journal` writes them."""
    return journals().map(lambda journal: list(export_lines(journal)))


def _with(journal: Journal, story: Story) -> Journal:
    """A story has batches that no journal takes; those leave nothing behind."""
    for batch, epoch in told(story, journal):
        try:
            journal.append(batch, epoch=epoch)
        except CronfsmError:
            continue
    return journal
