"""The part of the journal contract about what stays: whatever was acknowledged is there when it is opened again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm.errors import Fenced, IllegalEntry
from fsm.journal.verify_store import verify_journal
from fsm.model.states import State
from fsm.ports import Journal
from fsm.testing.journal_base import JournalTests, everything, tell_a_long_story
from fsm.testing.scribe import Scribe


class ReopeningTests(JournalTests):
    """For journals that outlive their object."""

    @pytest.fixture
    def again(self) -> Iterator[list[Journal]]:
        """Journals that were opened after the first one; they are closed in the end."""
        opened: list[Journal] = []
        yield opened
        for one in opened:
            one.close()

    def test_all_of_it_is_there_when_it_is_opened_again(
        self, scribe: Scribe, journal: Journal, again: list[Journal], tmp_path: Path
    ) -> None:
        tell_a_long_story(scribe)
        before = everything(journal)
        journal.close()
        again.append(self.make(tmp_path))
        assert everything(again[0]) == before
        assert list(verify_journal(again[0])) == []

    def test_it_goes_on_where_it_ended(
        self, scribe: Scribe, journal: Journal, again: list[Journal], tmp_path: Path
    ) -> None:
        old = scribe.up()
        scribe.define("a")
        first = scribe.bring("a", State.RUNNING)
        journal.close()
        again.append(self.make(tmp_path))
        later = Scribe(again[0], start=scribe.now().utc)
        second = later.queue("a")
        with pytest.raises(IllegalEntry):  # the slot is still held
            later.start("a", second)
        later.end("a", first)
        later.release("a", first)
        later.start("a", second)
        new = later.up()
        assert new == old + 1
        with pytest.raises(Fenced):
            later.write("a", later.queued("a"), second + 1, epoch=old)
        assert list(verify_journal(again[0])) == []

    def test_what_was_pruned_stays_pruned(
        self, scribe: Scribe, journal: Journal, again: list[Journal], tmp_path: Path
    ) -> None:
        scribe.define("a")
        scribe.run_through("a")
        mark = scribe.mark("a")
        scribe.run_through("a")
        journal.prune("a", mark)
        before = everything(journal)
        journal.close()
        again.append(self.make(tmp_path))
        assert everything(again[0]) == before
        assert Scribe(again[0], start=scribe.now().utc).run_through("a").number == 3
