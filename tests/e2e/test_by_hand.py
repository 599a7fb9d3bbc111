"""Runs by hand: in this terminal, again, with variables; and secrets that are left nowhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import WITHIN_S, Cli, alive, until

HUSH = "xyzzy-7f3a9c"


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path / "data")
    yield cli
    cli.close()


def channels(cli: Cli) -> list[str]:
    return [name for name in os.listdir(cli.path) if name.startswith("poke.here-")]


def test_here_without_a_scheduler(cli: Cli) -> None:
    cli.ok("add", "talk", "--shell", "echo to $WHO; echo oops >&2; exit 3")
    done = cli.run("run", "talk", "--here", "--env", "WHO=you")
    assert done.returncode == 1
    assert done.stdout == "to you\noops\n"
    assert done.stderr.startswith(
        "cronfsm: talk/1 runs here; Ctrl-C cancels it\ncronfsm: talk/1 failed (exit 3) after "
    )
    run = cli.json("show", "talk/1")
    assert (run["state"], run["exit_code"], run["slot"]) == ("failed", 3, "free")
    assert channels(cli) == []
    assert "nothing is wrong" in cli.ok("verify")
    again = cli.json("retry", "talk/1")
    assert again["run_id"] == "talk/2"
    with cli.serving("--until-idle") as serving:
        serving.wait(WITHIN_S)
    assert cli.ok("logs", "talk/2") == "to you\noops\n", "a retry has the variables of the run that it retries"
    run = cli.json("show", "talk/2")
    assert (run["attempt"], run["retry_of"], run["cause"]) == (2, "talk/1", "manual")


def test_here_beside_a_scheduler_shows_what_it_starts(cli: Cli) -> None:
    cli.ok("add", "talk", "--shell", "echo hello")
    with cli.serving():
        done = cli.run("run", "talk", "--here")
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "talk/1 is started by the scheduler that is up" in done.stderr


def test_ctrl_c_cancels_it(cli: Cli) -> None:
    cli.ok("add", "long", "--grace", "1s", "--", "sleep", "973")
    process = cli.start("run", "long", "--here")
    until(lambda: [run["state"] for run in cli.json("runs")] == ["running"])
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, out) == (130, "")
    assert "cronfsm: long/1 is cancelled\n" in err
    run = cli.json("show", "long/1")
    assert (run["state"], run["reason"], run["slot"]) == ("reaped", "cancelled", "free")
    assert alive("sleep\x00973") == []


def test_whoever_is_killed_leaves_the_run_to_a_scheduler(cli: Cli) -> None:
    gate = cli.path.parent / "gate"
    cli.ok("add", "waits", "--shell", f"while [ ! -e {gate} ]; do sleep 0.05; done; echo done")
    process = cli.start("run", "waits", "--here")
    until(lambda: [run["state"] for run in cli.json("runs")] == ["running"])
    process.kill()
    process.wait(WITHIN_S)
    assert len(channels(cli)) == 1
    with cli.serving():
        gate.touch()
        until(lambda: cli.json("show", "waits/1")["slot"] == "free")
    assert cli.json("show", "waits/1")["state"] == "succeeded"
    assert cli.run("run", "waits", "--here").returncode == 0
    assert channels(cli) == [], "the next one removes what was left"


def test_a_scheduler_that_comes_up_at_the_same_time_does_no_harm(cli: Cli) -> None:
    marks = cli.path.parent / "marks"
    cli.ok("add", "once", "--shell", f"echo x >> {marks}")
    scheduler = cli.start("serve", "--json", "--until-idle")
    done = cli.run("run", "once", "--here")
    scheduler.wait(WITHIN_S)
    assert done.returncode == 0, done.stderr
    assert marks.read_text() == "x\n", "executed once, by whichever of the two"
    assert "nothing is wrong" in cli.ok("verify")


def test_what_cannot_be_started_here_says_why(cli: Cli) -> None:
    cli.ok("add", "no", "--", "/no/such/program")
    done = cli.run("run", "no", "--here")
    assert done.returncode == 1
    assert "failed (start_failed)" in done.stderr
    assert "no such program: /no/such/program" in done.stderr


def test_a_run_in_the_way(cli: Cli) -> None:
    cli.ok("add", "one", "--", "true")
    cli.run("run", "one")
    done = cli.run("run", "one", "--here")
    assert done.returncode == 75
    assert "one/1 has been queued" in done.stderr


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ([], "is queued; only a run that is over can be tried again"),
        (["serve", "--until-idle"], "for another run: cronfsm run one"),
    ],
)
def test_what_cannot_be_retried(cli: Cli, prepare: list[str], said: str) -> None:
    cli.ok("add", "one", "--", "true")
    cli.run("run", "one")
    if prepare:
        cli.ok(*prepare)
    done = cli.run("retry", "one/1")
    assert (done.returncode, done.stdout) == (75, "")
    assert said in done.stderr


def test_a_secret_is_left_nowhere(cli: Cli) -> None:
    """Not in a file of the data folder, not in an answer, not in an error, whatever becomes of the run."""
    folder = cli.path.parent
    (folder / "jobs.toml").write_text(
        """
        [defaults]
        env_file = "secrets.env"
        [jobs.good]
        shell = 'test "$API_KEY" = "$EXPECTED" && exit 3'
        [jobs.absent]
        command = ["/no/such/program"]
        [jobs.late]
        command = ["sleep", "60"]
        timeout = "200ms"
        """
    )
    (folder / "secrets.env").write_text(f"API_KEY='{HUSH}'\nEXPECTED={HUSH}\n")
    cli.ok("apply", str(folder / "jobs.toml"))
    for job in ("good", "absent", "late"):
        cli.run("run", job)
    cli.ok("serve", "--until-idle", "--plain")
    assert cli.json("show", "good/1")["exit_code"] == 3, "the command had it"
    (folder / "secrets.env").write_text(f"API_KEY {HUSH}\n")
    cli.run("run", "good")
    told = cli.ok("serve", "--until-idle", "--plain")
    failed = cli.json("show", "good/2")
    assert failed["reason"] == "start_failed"
    assert failed["error"].endswith("secrets.env, line 1: it is not NAME=TEXT")
    for command in (
        *(["show", job] for job in ("good", "good/1", "good/2", "absent/1", "late/1")),
        ["journal"],
        ["journal", "--json"],
        ["events", "--json"],
        ["explain", "good", "--since", "1h"],
        ["runs"],
        ["list"],
        ["export", "runs"],
        ["export", "journal"],
        ["top"],
        ["check"],
        ["--debug", "run", "nobody"],
        ["--debug", "logs", "good/1"],
        ["--debug", "run", "good", "--here"],
    ):
        for more in ([], ["--json"]):
            if more and "--here" in command:
                continue
            done = cli.run(*command, *(more if "--json" not in command else []))
            told += done.stdout + done.stderr
    assert HUSH not in told
    for path in cli.path.rglob("*"):
        if path.is_file():
            assert HUSH.encode() not in path.read_bytes(), path
