"""Limits with a real `serve` and real processes: draining, groups, silence, and what is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Cli, stop, until
from supervise_kit import Heard, lives


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path / "data")
    yield cli
    for run in cli.json("runs", "--limit", "100"):
        if run["state"] in ("queued", "running") or run["slot"] == "held":
            cli.run("cancel", run["id"])
    cli.close()


class Gate:
    """Commands that say that they run, and end when they are let go. A gate for each job: one opens for one run."""

    def __init__(self, folder: Path, *jobs: str) -> None:
        self.said = Heard(folder / "said")
        self._folder = folder
        self._opened: list[int] = []
        for job in jobs:
            os.mkfifo(folder / f"gate-{job}")
        self.shell = f"echo $CRONFSM_RUN_ID > {self.said.path}; read line < {folder}/gate-$CRONFSM_JOB"

    def open(self, job: str) -> None:
        """Let its run go, which is there or comes."""
        fd = os.open(self._folder / f"gate-{job}", os.O_RDWR)
        self._opened.append(fd)  # kept open, so that the line is there whoever comes when
        os.write(fd, b"go\n")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path, "long", "a", "b", "c")


def run_of(cli: Cli, run: str) -> dict[str, object]:
    found: dict[str, object] = cli.json("show", run)
    return found


@pytest.mark.requirement("R-57")
def test_serve_waits_for_what_runs_and_refuses_what_comes(cli: Cli, gate: Gate) -> None:
    cli.ok("add", "long", "--shell", gate.shell)
    cli.ok("add", "other", "--", "true")
    process = cli.start("serve", "--json", "--drain", "10m")
    until(cli.served)
    cli.ok("run", "long")
    assert gate.said.line() == "long/1"
    process.send_signal(signal.SIGTERM)
    until(lambda: cli.json("status")["draining_until"] is not None)
    refused = cli.run("run", "other")
    assert refused.returncode == 75
    assert "draining" in refused.stderr
    assert process.poll() is None
    gate.open("long")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "waiting up to 10m for long/1" in said
    assert run_of(cli, "long/1")["state"] == "succeeded"
    assert "down: SIGTERM, drained" in cli.ok("journal")
    assert cli.run("verify").returncode == 0


def test_a_second_signal_ends_the_wait_and_the_run_goes_on(cli: Cli, gate: Gate) -> None:
    cli.ok("add", "long", "--shell", gate.shell)
    process = cli.start("serve", "--json", "--drain", "10m")
    until(cli.served)
    cli.ok("run", "long")
    gate.said.line()
    process.send_signal(signal.SIGTERM)
    until(lambda: cli.json("status")["draining_until"] is not None)
    stop(process)
    assert process.returncode == 0
    assert run_of(cli, "long/1")["state"] == "running"
    with cli.serving():
        gate.open("long")
        until(lambda: run_of(cli, "long/1")["state"] == "succeeded")


def test_sigquit_drains_without_being_given_a_length(cli: Cli, gate: Gate) -> None:
    cli.ok("add", "long", "--shell", gate.shell)
    process = cli.start("serve", "--json")
    until(cli.served)
    cli.ok("run", "long")
    gate.said.line()
    process.send_signal(signal.SIGQUIT)
    until(lambda: cli.json("status")["draining_until"] is not None)
    gate.open("long")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert "down: SIGQUIT, drained" in cli.ok("journal")


@pytest.mark.requirement("R-52")
def test_a_group_runs_no_more_at_once_than_it_may(cli: Cli, gate: Gate, tmp_path: Path) -> None:
    names = ("a", "b", "c")
    text = "[groups.g]\nmax_running = 2\n" + "".join(
        f"[jobs.{n}]\ngroup = 'g'\nshell = '''{gate.shell}'''\n" for n in names
    )
    (tmp_path / "jobs.toml").write_text(text)
    with cli.serving(str(tmp_path / "jobs.toml")):
        for name in names:
            cli.ok("run", name)
        assert {gate.said.line(), gate.said.line()} == {"a/1", "b/1"}
        assert "It waits: group g has 2 of 2 running: a/1, b/1." in cli.ok("explain", "c").replace("\n       ", " ")
        assert run_of(cli, "c/1")["state"] == "queued"
        gate.open("a")
        assert gate.said.line() == "c/1"
        gate.open("b")
        gate.open("c")
        until(lambda: all(run["state"] == "succeeded" for run in cli.json("runs")))
    assert cli.run("verify").returncode == 0


@pytest.mark.requirement("R-50")
def test_a_silent_run_is_timed_out_and_explained(cli: Cli) -> None:
    cli.ok("add", "mute", "--idle-timeout", "300ms", "--grace", "100ms", "--shell", "echo once; exec sleep 600")
    with cli.serving():
        assert cli.run("run", "mute", "--wait").returncode == 124
        run = run_of(cli, "mute/1")
        assert (run["state"], run["reason"]) == ("timed_out", "idle_timeout")
        told = cli.ok("explain", "mute")
        assert "idle_timeout" in told
        assert "see what it printed before it fell silent" in told


@pytest.mark.requirement("R-51")
def test_what_is_kept_is_there_after_the_next_run_and_the_scheduler(cli: Cli, tmp_path: Path) -> None:
    said = Heard(tmp_path / "said")
    shell = f"sleep 600 > /dev/null 2>&1 & echo $! > {said.path}"
    cli.ok("add", "leaves", "--leftovers", "keep", "--shell", shell)
    left = []
    try:
        with cli.serving():
            for number in (1, 2):
                assert cli.run("run", "leaves", "--wait").returncode == 0
                left.append(int(said.line()))
                until(lambda number=number: run_of(cli, f"leaves/{number}")["slot"] == "free")  # type: ignore[misc]
            assert all(lives(pid) for pid in left)
        with cli.serving():  # which looks at everything that carries a cookie of this folder
            assert cli.run("run", "leaves", "--wait").returncode == 0
            left.append(int(said.line()))
        assert all(lives(pid) for pid in left)
    finally:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
