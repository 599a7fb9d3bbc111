"""``cronfsm prune`` on a data folder, and what the other commands say of what was pruned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsm.cli.main import run
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.states import State
from fsm.supervise.folder import DataFolder
from fsm.testing.scribe import Scribe

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Sixty runs of `often`, which keeps ten, a removed job, and one that runs."""
    folder = DataFolder(tmp_path / "data")
    folder.create()
    scribe = Scribe(SqliteJournal(folder.journal))
    scribe.up()
    scribe.define("often", keep={"runs": 10})
    for number in range(1, 61):
        scribe.run_through("often", State.FAILED if number % 3 else State.SUCCEEDED)
        output = Path(folder.run_folder("often", number))
        output.mkdir(parents=True)
        (output / "output.0").write_bytes(b"x" * 100)
        if number % 10 == 0:
            scribe.mark("often")
    scribe.define("stuck", keep={"runs": 1})
    scribe.bring("stuck", State.RUNNING)
    scribe.journal.close()
    return folder


@pytest.fixture
def call(folder: DataFolder, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--data-dir", folder.path, *arguments])
        return int(code), *capsys.readouterr()

    return call


def document(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def test_what_would_be_pruned_is_what_is_pruned(folder: DataFolder, call: Call) -> None:
    would = document(call("--json", "prune", "--dry-run"))
    assert folder.run_numbers("often") == list(range(1, 61))
    did = document(call("--json", "prune"))
    assert (would["dry_run"], did["dry_run"]) == (True, False)
    assert would["pruned"] == did["pruned"]
    (often,) = did["pruned"]
    assert (often["job"], often["runs"], often["folders"], often["output_bytes"]) == ("often", 50, 50, 5_000)
    assert often["first_run"] == "often/51"
    assert folder.run_numbers("often") == list(range(51, 61))
    journal = SqliteJournal(folder.journal)
    assert list(verify_journal(journal)) == []
    journal.close()
    assert call("prune")[1] == "Nothing is older, or more, than is to be kept.\n"


def test_a_table_for_a_person(call: Call) -> None:
    code, out, err = call("prune", "--job", "often", "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["JOB", "RUNS", "ENTRIES", "OUTPUT", "GOES", "BACK", "TO"]
    assert out.splitlines()[1].split()[:2] == ["often", "50"]
    assert "50 runs would be pruned" in out


def test_a_job_that_is_not_there(call: Call) -> None:
    code, out, err = call("prune", "--job", "oftn")
    assert (code, out) == (3, "") or (code, out) == (2, "")
    assert "did you mean 'often'?" in err


@pytest.mark.requirement("R-72")
def test_who_asks_for_a_pruned_run_is_told(call: Call) -> None:
    call("prune")
    for command in (("show", "often/3"), ("logs", "often/3"), ("explain", "often/3"), ("cancel", "often/3")):
        code, out, err = call(*command)
        assert code != 0
        assert out == ""
        assert "run often/3 was pruned" in err
        assert "goes back to often/51" in err
    assert "pruned" not in call("show", "often/61")[2]
    assert "pruned up to often/50" in call("show", "often")[1]
    assert call("runs", "--job", "often", "--limit", "100")[1].count("often/") == 10


@pytest.mark.requirement("R-72")
def test_who_follows_is_told_of_the_gap(call: Call) -> None:
    call("prune")
    code, out, err = call("journal", "--after", "5")
    assert code == 0
    assert "entries have been pruned, the first of them with id 6" in err
    code, out, err = call("journal", "--after", "5", "--job", "often")
    assert "of often the first 205 entries have been pruned" in err
    assert "checkpoint" in out.splitlines()[0]
    newest = int(call("--json", "journal")[1].splitlines()[-1].split(":")[1].split(",")[0])
    assert call("journal", "--after", str(newest - 3))[2] == ""


def test_what_is_left_verifies_and_goes_on(folder: DataFolder, call: Call, tmp_path: Path) -> None:
    call("prune")
    _, exported, _ = call("--json", "journal")
    (tmp_path / "exported.jsonl").write_text(exported)
    assert call("verify", str(tmp_path / "exported.jsonl"))[0] == 0
    assert call("verify")[0] == 0
    assert call("run", "often")[1].startswith("often/61")
    assert call("doctor")[0] == 0


def test_folders_that_somebody_left_are_found_by_the_next_one(folder: DataFolder, call: Call) -> None:
    call("prune")
    left = Path(folder.run_folder("often", 7))
    (left / "part").mkdir(parents=True)
    (often,) = document(call("--json", "prune"))["pruned"]
    assert (often["runs"], often["folders"]) == (0, 1)
    assert not left.exists()
