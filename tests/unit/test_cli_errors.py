"""Errors: one sentence on stderr with its exit code, nothing on stdout, never a traceback unless it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import World
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsm.cli.exits import Exit, exit_of, exit_of_state
from fsm.cli.group import COMMANDS
from fsm.cli.main import run
from fsm.errors import (
    AlreadyServed,
    BadJobs,
    BadValue,
    Conflict,
    FolderUnusable,
    IllegalTransition,
    JournalBusy,
    JournalFull,
    JournalUnusable,
    UnknownJob,
    UnknownRun,
    WrongEpoch,
)
from fsm.model.states import State

WRONG = [
    ("nonsense", 2, "there is no command 'nonsense'; see: cronfsm --help"),
    ("lst", 2, "there is no command 'lst'; did you mean 'list'?"),
    ("--nonsense list", 2, "no such option '--nonsense'"),
    ("list --nonsense", 2, "no such option '--nonsense'; see: cronfsm list --help"),
    ("list extra", 2, "unexpected extra argument"),
    ("show", 2, "missing argument 'JOB|RUN'; see: cronfsm show --help"),
    ("show backpu", 3, "there is no job 'backpu'; did you mean 'backup'?"),
    ("show BACKUP", 3, "there is no job 'BACKUP'; did you mean 'backup'?"),
    ("show nothing/1", 3, "there is no run 'nothing/1'"),
    ("show backup/9", 3, "there is no run 'backup/9'; did you mean 'backup/1'?"),
    ("show backup/", 3, "there is no run 'backup/'; did you mean 'backup/1'?"),
    ("show backup/01x", 3, "there is no run 'backup/01x'"),
    ("show backpu/1", 3, "there is no run 'backpu/1'; did you mean 'backup/1'?"),
    ("show @scheduler", 3, "there is no job '@scheduler'"),
    ("run backup/1", 3, "there is no job 'backup/1'; did you mean 'backup'?"),
    ("run", 2, "missing argument 'JOB'"),
    ("run --wait nobody", 3, "there is no job 'nobody'"),
    ("runs --job nobody", 3, "there is no job 'nobody'"),
    ("runs --state done", 2, "'done' is not one of"),
    ("runs --limit 0", 2, "0 is not in the range"),
    ("runs --limit many", 2, "'many' is not a valid integer"),
    ("runs --since soon", 2, '"soon" is not a time'),
    ("explain nobody", 3, "there is no job 'nobody'"),
    ("explain backup --at soon", 2, '"soon" is not a time'),
    ("explain backup --at 03:00 --since 2h", 2, "--at and --since exclude each other"),
    ("explain backup/7", 3, "there is no run 'backup/7'; did you mean 'backup/1'?"),
    ("logs backup/7", 3, "there is no run 'backup/7'"),
    ("logs nobody", 3, "there is no job 'nobody'"),
    ("logs idle", 3, "idle has not run yet"),
    ("cancel nobody", 3, "there is no job 'nobody'"),
    ("cancel backup/7", 3, "there is no run 'backup/7'"),
    ("cancel idle", 75, "idle has no open run; there is nothing to cancel"),
    ("pause nobody", 3, "there is no job 'nobody'"),
    ("resume nobody", 3, "there is no job 'nobody'"),
    ("remove nobody", 3, "there is no job 'nobody'"),
    ("next nobody", 3, "there is no job 'nobody'"),
    ("next backup -n 0", 2, "0 is not in the range"),
    ("next backup --from soon", 2, '"soon" is not a time'),
    ("journal --job nobody", 3, "there is no job 'nobody'"),
    ("journal --run nobody/1", 3, "there is no run 'nobody/1'"),
    ("journal --job idle --run backup/1", 2, "backup/1 is no run of idle"),
    ("journal --after -1", 2, "-1 is not in the range"),
    ("add", 2, "missing argument 'NAME'"),
    ("add new", 2, "jobs.new: says not what to run"),
    ("add new --schedule soon -- true", 2, 'jobs.new.schedule: "soon" is not a schedule'),
    ("add new --schedule '0 0 30 2 *' -- true", 2, "never comes"),
    ("add new --timeout -5s -- true", 2, 'jobs.new.timeout: "-5s" is not a duration'),
    ("add Backup -- true", 2, '"Backup" and "backup" differ in case only'),
    ("add a/b -- true", 2, "may hold no slash"),
    ("apply", 2, "missing argument 'JOBS.toml'"),
    ("apply /nowhere/jobs.toml", 2, "/nowhere/jobs.toml: No such file or directory"),
    ("serve --for soon", 2, '"soon" is not a duration'),
    ("serve a b", 2, "unexpected extra argument"),
    ("status now", 2, "unexpected extra argument"),
]


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    made = World(capsys)
    made.define("backup", schedule="0 3 * * *")
    made.define("idle")
    made.ok("run", "backup") if made.session.serving else made.call("run", "backup")
    return made


@pytest.mark.parametrize(("line", "code", "sentence"), WRONG, ids=[line for line, _, _ in WRONG])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_wrong_input_gets_one_sentence_and_its_exit_code(
    world: World, line: str, code: int, sentence: str, as_json: bool
) -> None:
    import shlex

    words = shlex.split(line)
    if as_json:
        words.insert(words.index("--") if "--" in words else len(words), "--json")
    before = world.journal.last_id()
    got, out, err = world.call(*words)
    if as_json and line.startswith("cancel idle"):
        assert (got, err) == (75, "")  # an answer, not an error
        return
    assert (got, out) == (code, ""), err
    assert err.startswith("cronfsm: ")
    assert err.endswith("\n")
    assert sentence in err
    assert "Traceback" not in err
    assert world.journal.last_id() == before, "nothing is half done"


def test_every_mistake_of_a_job_is_told_at_once(world: World) -> None:
    code, _, err = world.call(
        "add", "x", "--schedule", "soon", "--timeout", "never", "--shell", "a", "--env", "foo", "--", "b"
    )
    assert code == Exit.USAGE
    assert err.splitlines() == [
        'cronfsm: jobs.x.env: "foo" is not a variable with its text (say LANG=C)',
        "  jobs.x: command and shell exclude each other; leave one of them out",
        '  jobs.x.schedule: "soon" is not a schedule (say "0 3 * * *", "@daily", "every 90s" or '
        '"at 2026-12-01T09:00:00Z")',
        '  jobs.x.timeout: "never" is not a duration (say 90s, 15m, 2h or 1d)',
    ]


def test_text_that_is_no_text_is_refused(world: World) -> None:
    code, out, err = world.call("show", "caf\udce9")
    assert (code, out) == (2, "")
    assert err == "cronfsm: 'caf\\udce9' is not UTF-8 text\n"


class Broken:
    """A journal with a mistake in it."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def jobs(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ZeroDivisionError("by nothing"), 70, "this is a mistake in cronfsm itself: ZeroDivisionError: by nothing"),
        (OSError(28, "No space left on device", "/var/x"), 2, "/var/x: No space left on device"),
        (JournalBusy("process 7 (dd)"), 75, "the journal is locked by process 7 (dd); trying again helps"),
        (JournalUnusable("/x", "it is damaged", "verify it"), 2, "/x: it is damaged; verify it"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_no_traceback_reaches_a_person(world: World, error: Exception, code: int, sentence: str) -> None:
    world.session._journal = Broken(error)  # type: ignore[assignment]
    got, out, err = world.call("list")
    assert (got, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err
    assert "test_cli" not in err
    if code == 70:
        assert "--debug" in err


def test_debug_shows_the_traceback_and_keeps_the_exit_code(world: World) -> None:
    for arguments in (["--debug", "list"], ["list", "--debug"]):
        for error, code in ((ZeroDivisionError(), 70), (JournalBusy(), 75), (OSError(28, "No space"), 2)):
            world.session._journal = Broken(error)  # type: ignore[assignment]
            got, out, err = world.call(*arguments)
            assert (got, out) == (code, "")
            assert err.startswith("Traceback (most recent call last):\n")
            assert err.splitlines()[-1].startswith(("cronfsm: ", "  run the same"))


WORDS = [*COMMANDS, "backup", "backup/1", "idle", "nobody", "--json", "--job", "--at", "--since", "--limit", "-n", "3"]
WORDS += [
    "--state",
    "failed",
    "--prune",
    "--dry-run",
    "2h",
    "03:00",
    "--",
    "",
    "/",
    "é",
    "a" * 300,
    "--from",
    "-",
    "@x",
]
NEVER = {"serve", "service", "events"}  # they begin something, here or for the whole machine


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([word for word in WORDS if word not in NEVER]), min_size=1, max_size=6))
def test_whatever_is_typed_it_is_no_mistake_of_ours(world: World, words: list[str]) -> None:
    code, _, err = world.call(*words)
    assert code in {0, 1, 2, 3, 75}, err
    assert "Traceback" not in err
    assert code == 0 or err.startswith("cronfsm: ") or "--json" in words or words[0] in ("verify", "check")


def test_the_exit_code_of_each_error() -> None:
    assert {exit_of(error) for error in (UnknownJob("a"), UnknownRun("a/1"))} == {Exit.NOT_FOUND}
    assert {exit_of(error) for error in (BadValue("a"), BadJobs(("a",)), FolderUnusable("a", "b"))} == {Exit.USAGE}
    refused = (
        Conflict("a", 1, 2),
        WrongEpoch(3, 3),
        JournalBusy(),
        JournalFull("a"),
        AlreadyServed("a", 1),
        IllegalTransition("failed", "reap", None),
    )
    assert {exit_of(error) for error in refused} == {Exit.REFUSED}
    assert {state: int(exit_of_state(state)) for state in State if state.terminal} == {
        State.SUCCEEDED: 0,
        State.FAILED: 1,
        State.LOST: 1,
        State.REAPED: 1,
        State.TIMED_OUT: 124,
    }


# ---- folders


def test_a_folder_that_does_not_exist_is_an_empty_one_and_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "deep" / "state"
    for line, code in (
        ("list", 0),
        ("runs", 0),
        ("status", 0),
        ("journal", 0),
        ("show x", 3),
        ("run x", 3),
        ("pause x", 3),
        ("cancel x", 3),
        ("remove x", 3),
        ("logs x/1", 3),
        ("explain x", 3),
    ):
        assert run(["--data-dir", str(folder), *line.split()]) == code, line
        assert run([*line.split(), "--data-dir", str(folder)]) == code, line
    assert not (tmp_path / "deep").exists()
    assert "Traceback" not in capsys.readouterr().err


def test_the_environment_names_the_folder_and_the_option_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CRONFSM_HOME", str(tmp_path / "a"))
    assert run(["add", "x", "--", "true"]) == 0
    assert (tmp_path / "a" / "journal.db").exists()
    assert run(["--data-dir", str(tmp_path / "b"), "show", "x"]) == 3
    assert run(["--data-dir", str(tmp_path / "b"), "show", "x", "--data-dir", str(tmp_path / "a")]) == 0
    assert run(["--data-dir", "", "list"]) == 2
    assert "is not the name of a folder" in capsys.readouterr().err
    monkeypatch.setenv("CRONFSM_HOME", " ")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert run(["add", "x", "--", "true"]) == 0
    assert (tmp_path / "xdg" / "cronfsm" / "journal.db").exists()


def test_a_folder_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("I am a file")
    for line in ("list", "run x", "add x -- true", "status"):
        head, _, tail = line.partition(" -- ")
        words = [*head.split(), "--data-dir", str(file), *(["--", tail] if tail else [])]
        assert run(words) == 2, line
        assert str(file) in capsys.readouterr().err
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "journal.db").write_text("this is no journal" * 100)
    for line in ("list", "runs", "show x", "run x", "status", "journal", "explain x"):
        assert run([*line.split(), "--data-dir", str(folder)]) == 2, line
        err = capsys.readouterr().err
        assert "it is not a journal" in err
        assert err.count("\n") == 1


def test_a_jobs_file_with_mistakes_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text('[jobs.a]\nschedule = "soon"\ntimeout = "never"\n[jobs.b]\ncommand = ["true"]\ntimout = "1h"\n')
    folder = tmp_path / "state"
    assert run(["apply", str(file), "--data-dir", str(folder)]) == 2
    err = capsys.readouterr().err
    for sentence in (
        "jobs.a.schedule:",
        "jobs.a.timeout:",
        "jobs.a: says not what to run",
        "jobs.b.timout: there is no key",
    ):
        assert sentence in err, err
    assert not folder.exists()
