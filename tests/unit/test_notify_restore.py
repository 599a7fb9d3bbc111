"""After a restore nobody is told twice, and nothing that was not told yet is forgotten."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from fsm.cli.main import run
from fsm.journal.sqlite import SqliteJournal
from fsm.notify import ledger
from fsm.notify.desk import Desk

JOB = '[jobs.a]\nshell = "exit 3"\non_end = "true"\n[jobs.b]\ncommand = ["true"]\non_end = "true"\n'


class Folder:
    """A data folder, and a scheduler's desk on it that tells everything at once."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self._capsys = path, capsys

    def call(self, *arguments: str) -> str:
        run(["--data-dir", str(self.path), *arguments])
        return self._capsys.readouterr().out

    def desk(self, *, deliver: bool) -> list[str]:
        """A scheduler that comes and goes; the runs whose end it told."""
        told = []
        with closing(SqliteJournal(str(self.path / "journal.db"), read_only=True)) as journal:
            now = journal_now(journal)
            desk = Desk.of_folder(str(self.path), journal)
            while desk.feed():
                pass
            desk.save()
            while deliver and (due := desk.due(now)):
                for each in due:
                    told.append(str(each.message.event["run_id"]))
                    desk.settle(each, None, now)
            desk.save()
        return told


def journal_now(journal: SqliteJournal):  # type: ignore[no-untyped-def]
    """The time of its newest entry: nothing is retried here, so that any does."""
    return next(iter(journal.entries(newest_first=True))).at


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    (tmp_path / "jobs.toml").write_text(JOB)
    folder = Folder(tmp_path / "data", capsys)
    folder.call("apply", str(tmp_path / "jobs.toml"))
    assert folder.desk(deliver=True) == []  # from here on, all is told
    return folder


@pytest.mark.requirement("R-79")
def test_what_was_told_is_not_told_again(folder: Folder, tmp_path: Path) -> None:
    folder.call("run", "a", "--here")
    assert folder.desk(deliver=True) == ["a/1"]
    folder.call("run", "b")  # open in the backup: what becomes of it is carried over
    backup = str(tmp_path / "b.db")
    folder.call("backup", backup)
    folder.call("cancel", "b")
    assert folder.desk(deliver=True) == ["b/1"]
    for _ in range(5):  # so that the old ids are beyond those to come, or not
        folder.call("restore", backup)
        assert folder.desk(deliver=True) == []
    folder.call("run", "a", "--here")
    assert folder.desk(deliver=True) == ["a/2"]


@pytest.mark.requirement("R-79")
def test_what_was_not_told_yet_still_is(folder: Folder, tmp_path: Path) -> None:
    backup = str(tmp_path / "b.db")
    folder.call("backup", backup)
    folder.call("run", "a", "--here")
    folder.desk(deliver=False)  # it waits in the book
    folder.call("run", "b", "--here")  # nobody has read it
    said = json.loads(folder.call("--json", "restore", backup))
    assert said["untold"] == 2
    assert sorted(folder.desk(deliver=True)) == ["a/1", "b/1"]
    assert folder.desk(deliver=True) == []


@pytest.mark.requirement("R-79")
def test_what_happens_before_the_next_scheduler_is_told(folder: Folder, tmp_path: Path) -> None:
    backup = str(tmp_path / "b.db")
    folder.call("backup", backup)
    for _ in range(5):
        folder.call("run", "a", "--here")
    assert len(folder.desk(deliver=True)) == 5
    assert "receivers" not in folder.call("restore", backup)
    folder.call("run", "b", "--here")
    assert folder.desk(deliver=True) == ["b/1"]


def test_a_folder_that_nobody_ever_served_gets_no_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder(tmp_path / "data", capsys)
    folder.call("add", "a", "--", "true")
    folder.call("backup", str(tmp_path / "b.db"))
    folder.call("restore", str(tmp_path / "b.db"))
    assert ledger.load(str(folder.path)) is None


def test_a_journal_that_cannot_be_read_is_replaced_all_the_same(folder: Folder, tmp_path: Path) -> None:
    backup = str(tmp_path / "b.db")
    folder.call("backup", backup)
    (folder.path / "journal.db").write_bytes(b"no journal")
    said = folder.call("restore", backup)
    assert "nobody is told of it" in said
    folder.call("run", "b", "--here")
    assert folder.desk(deliver=True) == ["b/1"]
