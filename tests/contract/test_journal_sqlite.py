"""The journal in SQLite keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from fsm.errors import Conflict
from fsm.journal import sqlite_writes
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.stream import JobState
from fsm.ports import Append, Journal
from fsm.testing.journal_contract import JournalContract, everything, tell_a_long_story
from fsm.testing.scribe import Scribe


@pytest.mark.requirement("R-1")
@pytest.mark.requirement("R-33")
@pytest.mark.requirement("R-34")
class TestSqlite(JournalContract):
    def make(self, folder: Path) -> Journal:
        return SqliteJournal(folder / "journal.db", node="here")

    # ---- two connections: what one remembers of the streams is not what the other made of them

    def test_whoever_remembers_an_older_end_is_told(self, scribe: Scribe, journal: Journal, tmp_path: Path) -> None:
        scribe.define("a")
        number = scribe.queue("a")
        seen = journal.state("a")
        other = Scribe(self.make(tmp_path))
        other.start("a", number)
        before = everything(journal)
        good = Append(JobState("b"), (scribe.draft("b", scribe.job_body("b")),))
        for batch in ([Append(seen, (scribe.draft("a", scribe.started(number), number),))], [good]):
            batch = [*batch, Append(seen, (scribe.draft("a", scribe.started(number), number),) * 2)]
            with pytest.raises(Conflict) as lost:
                journal.append(batch)
            assert (lost.value.job, lost.value.expected, lost.value.actual) == ("a", 2, 3)
        assert everything(journal) == before
        other.journal.close()

    def test_what_was_undone_is_not_remembered(self, scribe: Scribe, journal: Journal, tmp_path: Path) -> None:
        state = scribe.define("a")
        scribe.define("b")
        undone = Append(state, (scribe.draft("a", scribe.queued("a"), 1),))
        with pytest.raises(Conflict):
            journal.append([undone, Append(JobState("b"), ())])
        other = Scribe(self.make(tmp_path))
        other.write("a", other.queued("a"), 7)  # another entry in the place of the one that never was
        scribe.start("a", 7)
        assert list(verify_journal(journal)) == []
        other.journal.close()

    def test_few_ends_are_remembered(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_writes, "MAX_TIPS", 2)
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        assert list(verify_journal(journal)) == []
        assert len(journal._writer._tips) <= 3  # type: ignore[attr-defined]
