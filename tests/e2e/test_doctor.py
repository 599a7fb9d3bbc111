"""A damaged journal, as its owner meets it: `serve` refuses, `status` and `verify` say where, `doctor` mends it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli_process import Cli, until

from fsm.cli.context import Session
from fsm.cli.main import run
from fsm.journal.health import NEWEST
from fsm.journal.sqlite import SqliteJournal
from fsm.model.states import State
from fsm.supervise.folder import DataFolder
from fsm.testing.damage import (
    ENTRIES,
    Damage,
    cut_within_a_page,
    foreign,
    header_damaged,
    leaf_damaged,
    newer,
    no_database,
    rows_changed,
    rules_dropped,
)
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import Scribe

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a history, and nothing in it that is open."""
    folder = tmp_path_factory.mktemp("template") / "data"
    DataFolder(folder).create()
    with closing(SqliteJournal(folder / "journal.db", node="here")) as journal:
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        for job in ("a", "b", "c"):
            for run_ in journal.state(job).runs:
                if run_.state is State.QUEUED:
                    scribe.start(job, run_.number)
                if run_.state in (State.QUEUED, State.RUNNING):
                    scribe.end(job, run_.number)
                scribe.release(job, run_.number)
        scribe.define("d", env={"LONG": "x" * 9_000})
        for _ in range(20):
            scribe.run_through("d")
        for job in ("a", "b"):
            scribe.pause(job)
        scribe.define("later")
        for _ in range(NEWEST // 4 + 1):
            scribe.run_through("later")
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "data", ignore=lambda _, names: [name for name in names if name == "poke"])
    return tmp_path / "data"


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """One command on the folder: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(["--data-dir", str(folder), *arguments], Session())
        out, err = capsys.readouterr()
        return int(code), out, err

    return command


@pytest.fixture
def cli(folder: Path) -> Iterator[Cli]:
    cli = Cli(folder)
    yield cli
    cli.close()


def answer(call: Call, *arguments: str) -> tuple[int, Any]:
    code, out, err = call(*arguments, "--json")
    assert err == ""
    return code, json.loads(out)


# ---- a journal that is well


def test_a_journal_that_is_well(call: Call, folder: Path) -> None:
    before = {file.name for file in folder.iterdir()}
    for options in ([], ["--apply"], ["--salvage", str(folder / "new.db")]):
        code, out, err = call("doctor", *options)
        assert (code, err) == (0, "")
        assert "nothing is wrong" in out
    code, told = answer(call, "doctor")
    assert code == 0
    assert told["ok"] is True
    assert told["remedy"] == "none"
    assert told["violations"] == []
    assert told["done"] is None
    assert {file.name for file in folder.iterdir()} == before, "looking made something"


def test_no_journal_at_all_is_nothing_wrong(call: Call, folder: Path) -> None:
    (folder / "journal.db").unlink()
    assert call("doctor")[0] == 0
    assert not (folder / "journal.db").exists()


def test_a_write_ahead_log_that_is_lost_is_known_by_the_folders_of_runs(call: Call, folder: Path) -> None:
    """What is left is whole, and shorter: no hash tells. The runs that it has forgotten have left folders."""
    with closing(SqliteJournal(folder / "journal.db", read_only=True)) as journal:
        known = journal.last_numbers()["a"]
    for number in (known, known + 1, known + 3):
        (folder / "runs" / "a" / str(number)).mkdir(parents=True)
    code, out, err = call("doctor", "--apply")
    assert (code, err) == (1, "")
    assert "its newest entries are lost" in out
    assert f"a/{known + 1} to a/{known + 3}\n" in out
    assert "cronfsm serve gives none of these numbers again" in out
    code, told = answer(call, "doctor")
    assert (code, told["ok"], told["remedy"]) == (1, False, "none")
    assert told["unknown_runs"] == {"a": {"first": known + 1, "last": known + 3}}


# ---- what is wrong, and where

MENDED: dict[str, tuple[Damage, str, str]] = {
    "an entry changed": (ENTRIES["an entry changed"], "entry 4 of a", "salvaged"),
    "an entry removed": (ENTRIES["an entry removed"], "entry 6 of b", "salvaged"),
    "hashes swapped": (ENTRIES["hashes swapped"], "entry 1 of a", "salvaged"),
    "its last entry removed": (
        rows_changed("DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)"),
        "missing at its end",
        "salvaged",
    ),
    "a leaf damaged": (leaf_damaged, "cannot be read on after id", "salvaged"),
    "cut": (cut_within_a_page, "it is damaged", "salvaged"),
    "the header damaged": (header_damaged, "not an SQLite database", "salvaged"),
    "rules dropped": (rules_dropped, "the trigger entries_legal is missing", "salvaged"),
    "a run's state": (rows_changed("UPDATE runs SET state = 'lost' WHERE number = 1"), "run 1 is not in it", "rebuilt"),
    "a definition unreadable": (rows_changed("UPDATE definitions SET definition = '7'"), "cannot be read", "rebuilt"),
}


@pytest.mark.parametrize("what", MENDED)
def test_it_is_named_mended_and_kept(what: str, call: Call, folder: Path) -> None:
    damage, sentence, how = MENDED[what]
    path = folder / "journal.db"
    damage(path)
    damaged = path.read_bytes()
    code, told = answer(call, "doctor")
    assert (code, told["ok"], told["done"]) == (1, False, None)
    assert any(sentence in f"entry {one['seq']} of {one['job']}: {one['why']}" for one in told["violations"]), told
    assert path.read_bytes() == damaged, "it was only asked"

    code, out, err = call("doctor")
    assert (code, err) == (1, "")
    assert "What can be done:" in out
    assert "cronfsm doctor --apply" in out
    assert sentence in out

    code, mended = answer(call, "doctor", "--apply")
    assert code == 0
    assert mended["done"]["how"] == how
    assert mended["done"]["entries"] >= told["good_entries"]
    if how == "salvaged":
        (kept,) = mended["done"]["kept"]
        assert Path(kept).read_bytes() == damaged
        assert mended["done"]["set_aside"] == told["bad_entries"]
        cut_jobs = [cut for cut in mended["cut_streams"] if cut["job"] != "@scheduler"]
        assert mended["done"]["paused"] == [cut["job"] for cut in cut_jobs if cut["first_bad"] > 1]
        assert mended["done"]["undefined"] == [cut["job"] for cut in cut_jobs if cut["first_bad"] == 1]
    for command in ("doctor", "verify", "status", "list"):
        assert call(command)[0] == 0
    assert answer(call, "status")[1]["damage"] == []


def test_what_is_done_is_said_in_plain_words(call: Call, folder: Path) -> None:
    ENTRIES["an entry changed"](folder / "journal.db")
    code, out, err = call("doctor", "--apply")
    assert (code, err) == (0, "")
    for words in (
        "was changed",
        "a is good up to entry 3, entry 4 is not good",
        "were set aside",
        "and was verified",
        "cronfsm resume a",
        "The damaged journal is kept: ",
        "have new ids",
    ):
        assert words in out, out
    assert answer(call, "list")[1][0]["paused"] is True


def test_a_new_file_is_written_and_nothing_else_is_touched(call: Call, folder: Path, tmp_path: Path) -> None:
    path, new = folder / "journal.db", tmp_path / "rescued.db"
    ENTRIES["an entry changed"](path)
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    code, told = answer(call, "doctor", "--salvage", str(new))
    assert code == 0
    assert told["done"]["journal"] == str(new)
    assert told["done"]["kept"] == []
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before
    assert call("verify", str(new))[0] == 0
    aside = Path(told["done"]["set_aside_file"]).read_text().splitlines()
    assert len(aside) == told["done"]["set_aside"] == told["bad_entries"]
    assert "was changed" in json.loads(aside[0])["why"]
    assert json.loads(aside[1])["seq"] == 5
    code, out, err = call("doctor", "--salvage", str(new))
    assert code == 2
    assert "there is a file of this name" in err
    assert out == ""
    assert call("doctor", "--salvage", str(new), "--apply")[0] == 2


@pytest.mark.parametrize(
    ("damage", "sentence", "helps"),
    [
        (foreign, "database of another program", "Put a backup into its place"),
        (no_database, "not an SQLite database", "Put a backup into its place"),
        (newer, "newer version of cronfsm", "Use the newer one"),
    ],
)
def test_where_it_cannot_help_it_says_so_and_touches_nothing(
    damage: Damage, sentence: str, helps: str, call: Call, folder: Path
) -> None:
    path = folder / "journal.db"
    damage(path)
    content = path.read_bytes()
    for options in ([], ["--apply"], ["--salvage", str(folder / "new.db")]):
        code, out, err = call("doctor", *options)
        assert (code, err) == (1, "")
        assert sentence in out
        assert helps in out
    assert path.read_bytes() == content
    assert not (folder / "new.db").exists()


# ---- the scheduler refuses to guess

REFUSED: dict[str, tuple[Damage, str]] = {
    "the newest entry changed": (
        rows_changed("UPDATE entries SET node = 'x' WHERE id = (SELECT max(id) FROM entries)"),
        "was changed",
    ),
    "the header damaged": (header_damaged, "not an SQLite database"),
    "cut": (cut_within_a_page, "it is damaged"),
    "rules dropped": (rules_dropped, "is missing"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_serve_refuses_in_one_sentence_that_names_the_doctor(what: str, cli: Cli, folder: Path) -> None:
    damage, sentence = REFUSED[what]
    damage(folder / "journal.db")
    before = (folder / "journal.db").read_bytes()
    done = cli.run("serve", "--until-idle", "--plain")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr
    assert "cronfsm doctor" in done.stderr
    assert (folder / "journal.db").read_bytes() == before
    status = cli.run("status")
    told = status.stdout + status.stderr
    assert "cronfsm doctor" in told
    assert sentence in told


@pytest.mark.parametrize("gone", [False, True], ids=["emptied", "missing"])
def test_a_journal_that_is_gone_is_not_made_anew(gone: bool, cli: Cli, call: Call, folder: Path) -> None:
    path = folder / "journal.db"
    (folder / "runs" / "a" / "1").mkdir(parents=True)
    path.unlink() if gone else path.write_bytes(b"")
    done = cli.run("serve", "--until-idle", "--plain")
    assert done.returncode == 2
    assert "folders of its runs are there" in done.stderr
    assert "cronfsm doctor" in done.stderr
    for command in (["status"], ["list"], ["verify"], ["add", "new", "--", "true"]):
        code, _, err = call(*command)
        assert code == 2
        assert "folders of its runs are there" in err
    code, out, _ = call("doctor", "--apply")
    assert code == 1
    assert "Put a backup into its place" in out
    assert path.exists() is not gone
    assert gone or path.read_bytes() == b""


def test_mended_it_serves_again_and_the_doctor_keeps_out_of_a_scheduler_s_way(cli: Cli, folder: Path) -> None:
    path = folder / "journal.db"
    rows_changed("UPDATE entries SET node = 'x' WHERE job = 'd' AND seq = 40")(path)
    with cli.serving() as serving:  # the damage lies in the history: the scheduler does not look there
        cli.ok("add", "e", "--", "true")
        cli.ok("run", "e", "--wait")
        refused = cli.run("doctor", "--apply")
        assert refused.returncode == 75
        assert f"process {serving.pid} serves" in refused.stderr
        assert cli.run("doctor").returncode == 1
    done = json.loads(cli.ok("--json", "doctor", "--apply"))["done"]
    assert done["paused"] == ["d"]
    with cli.serving():
        cli.ok("run", "e", "--wait")
        cli.ok("run", "d")
        cli.ok("resume", "d")
        until(lambda: all(run_["state"] not in ("queued", "running") for run_ in cli.json("runs", "--job", "d")))
    assert cli.run("verify").returncode == 0
    numbers = [run_["id"] for run_ in cli.json("runs", "--job", "e")]
    assert numbers == ["e/2", "e/1"]
