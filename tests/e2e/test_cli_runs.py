"""The command line beside a real scheduler, with real processes, and without one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import WITHIN_S, Cli, alive, stop, until


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path / "state")
    made.ok("add", "good", "--shell", "echo out; echo err >&2")
    made.ok("add", "bad", "--shell", "echo oops; exit 3")
    made.ok("add", "slow", "--timeout", "1s", "--grace", "1s", "--", "sleep", "60")
    made.ok("add", "long", "--grace", "1s", "--shell", "echo begun; exec sleep 300")
    yield made
    made.close()


def running(cli: Cli, run: str) -> bool:
    return bool(cli.json("show", run)["state"] == "running")


def begun(cli: Cli, run: str) -> None:
    """Wait until the command of a run has printed its first line."""
    until(lambda: "begun" in cli.run("logs", run).stdout)


def test_the_exit_code_of_a_wait_is_the_run_s(cli: Cli) -> None:
    with cli.serving():
        assert cli.run("run", "good", "--wait").returncode == 0
        done = cli.run("run", "bad", "--wait")
        assert done.returncode == 1
        assert done.stdout.startswith("bad/1 failed (exit 3) after ")
        done = cli.run("run", "slow", "--wait", "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["state"], told["run"]["reason"]) == (124, "timed_out", "run_timeout")
        assert cli.ok("logs", "good") == "out\nerr\n"
        assert cli.json("logs", "bad/1")["parts"] == [{"offset": 0, "text": "oops\n", "left_out": 0}]
        done = cli.run("serve")
        assert done.returncode == 75
        assert f"process {cli.json('status')['pid']} serves {cli.path} already" in done.stderr
    assert cli.json("status")["pid"] is None
    assert cli.json("verify")["ok"] is True


def test_cancel_ends_every_process_with_and_without_a_scheduler(cli: Cli, tmp_path: Path) -> None:
    """A child that left its session and closed its descriptors ends, too."""
    cookie = f"3{os.getpid()}{abs(hash(tmp_path)) % 1000:03d}"
    cli.ok(
        "add",
        "tree",
        "--grace",
        "1s",
        "--shell",
        f"(setsid sleep {cookie} </dev/null >/dev/null 2>&1 &) ; trap '' TERM; echo begun; while :; do sleep 0.1; done",
    )
    for number, with_scheduler in ((1, True), (2, False)):
        with cli.serving() as scheduler:
            cli.ok("run", "tree")
            begun(cli, f"tree/{number}")
            if not with_scheduler:
                stop(scheduler)
                assert cli.json("status")["pid"] is None
            assert alive(cookie)
            assert cli.ok("cancel", "tree") == f"tree/{number} is cancelled; nothing of it is alive.\n"
            assert not alive(cookie)
            told = cli.json("show", f"tree/{number}")
            assert (told["state"], told["reason"], told["slot"]) == ("reaped", "cancelled", "free")
    assert cli.json("verify")["ok"] is True


def test_what_ended_while_nobody_was_there_is_told_and_written_by_whoever_comes(cli: Cli, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    cli.ok("add", "gated", "--shell", f"echo begun; read line < {gate}; exit 5")
    with cli.serving() as scheduler:
        cli.ok("run", "gated")
        begun(cli, "gated/1")
        scheduler.kill()
        scheduler.wait(WITHIN_S)
        gate.write_text("go\n")
        until(lambda: cli.json("show", "gated/1")["unrecorded"] is not None)
        assert cli.json("show", "gated/1")["state"] == "running", "readers write nothing"
        assert "its supervisor reports that it is over (exit 5)" in cli.ok("explain", "gated")
        assert "had ended before: it failed (exit 5)" in cli.ok("cancel", "gated")
    told = cli.json("show", "gated/1")
    assert (told["state"], told["reason"], told["exit_code"], told["slot"]) == ("failed", "exit_code", 5, "free")


def test_a_wait_outlives_the_scheduler(cli: Cli, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    cli.ok("add", "gated", "--shell", f"echo begun; read line < {gate}; exit 7")
    with cli.serving() as scheduler:
        waiting = cli.start("run", "gated", "--wait", "--json")
        until(lambda: cli.json("runs", "--job", "gated"))
        begun(cli, "gated/1")
        scheduler.kill()
        scheduler.wait(WITHIN_S)
        gate.write_text("go\n")
        out, _ = waiting.communicate(timeout=WITHIN_S)
    assert waiting.returncode == 1
    assert json.loads(out)["run"]["exit_code"] == 7


def test_an_interrupted_wait_leaves_the_run_running(cli: Cli) -> None:
    with cli.serving():
        waiting = cli.start("run", "long", "--wait")
        until(lambda: cli.json("runs", "--job", "long"))
        begun(cli, "long/1")
        out, err = stop(waiting, signal.SIGINT)
        assert (waiting.returncode, out) == (130, "")
        assert "cronfsm: stopped waiting; long/1 is running and goes on\n" in err
        assert "Traceback" not in err
        assert running(cli, "long/1")


def test_a_scheduler_that_stops_leaves_runs_running_and_the_next_adopts_them(cli: Cli) -> None:
    with cli.serving() as scheduler:
        cli.ok("run", "long")
        begun(cli, "long/1")
        out, err = stop(scheduler)
        assert (scheduler.returncode, err) == (0, "")
        events = [json.loads(line) for line in out.splitlines()]
        assert [event["data"]["state"] for event in events] == ["queued", "running"]
        assert events[0]["stream"] == "lifecycle"
        assert running(cli, "long/1")
        with cli.serving():
            assert running(cli, "long/1")
            cli.ok("cancel", "long")


def test_serve_until_idle(cli: Cli) -> None:
    cli.run("run", "good")
    cli.run("run", "bad")
    done = cli.run("serve", "--until-idle")
    assert (done.returncode, done.stderr) == (0, "cronfsm: the scheduler has stopped; no run goes on\n")
    lines = done.stdout.splitlines()
    assert sorted(line.split()[1:3] for line in lines) == [
        ["bad/1", "failed"],
        ["bad/1", "running"],
        ["good/1", "running"],
        ["good/1", "succeeded"],
    ]
    assert cli.json("status")["open_runs"] == 0


def test_following_the_output_until_the_run_ends(cli: Cli, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    cli.ok("add", "gated", "--shell", f"echo begun; read line < {gate}; echo ended")
    with cli.serving():
        cli.ok("run", "gated")
        following = cli.start("logs", "gated", "--follow")
        assert following.stdout is not None
        assert following.stdout.readline() == "begun\n"
        gate.write_text("go\n")
        out, err = following.communicate(timeout=WITHIN_S)
    assert (following.returncode, out) == (0, "ended\n")
    assert err.startswith("cronfsm: gated/1 succeeded after ")


def test_following_the_journal(cli: Cli) -> None:
    last = cli.json("status")["last_entry"]
    following = cli.start("journal", "--follow", "--json", "--after", str(last - 1))
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["id"] == last
    cli.ok("pause", "good")
    entry = json.loads(following.stdout.readline())
    assert (entry["id"], entry["job"], entry["kind"]) == (last + 1, "good", "job")
    _, err = stop(following, signal.SIGINT)
    assert following.returncode == 130
    assert err.strip() == ""


def test_output_beyond_the_limit_has_a_line_for_the_gap(cli: Cli) -> None:
    cli.ok("add", "much", "--output-limit", "64KB", "--shell", "yes 0123456789 | head -c 1000000")
    with cli.serving():
        cli.run("run", "much", "--wait")
        out = cli.ok("logs", "much")
        told = cli.json("logs", "much")
    assert out.count("bytes were left out here") == 1
    assert len(out) < 70_000
    assert told["bytes"] == 1_000_000
    assert told["kept"] <= 64_000
    left_out = sum(part["left_out"] for part in told["parts"])
    assert told["kept"] + left_out == 1_000_000


def test_apply_prune_ends_what_it_removes(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "jobs.toml"
    file.write_text('[scheduler]\nmax_running = 3\n[jobs.new]\nschedule = "@daily"\ncommand = ["true"]\n')
    (tmp_path / "twin.toml").write_text('[jobs.Long]\ncommand = ["true"]\n')
    done = cli.run("apply", str(tmp_path / "twin.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'cronfsm: jobs.Long: differs from the stored job "long" in case only\n'
    told = cli.json("apply", str(file), "--dry-run")
    assert (told["added"], told["removed"], told["kept"]) == (["new"], [], ["bad", "good", "long", "slow"])
    assert told["max_running"] == {"old": 8, "new": 3}
    assert [job["name"] for job in cli.json("list")] == ["bad", "good", "long", "slow"], "nothing was changed"
    with cli.serving():
        cli.ok("run", "long")
        begun(cli, "long/1")
        told = cli.json("apply", str(file), "--prune")
        assert told["removed"] == ["bad", "good", "long", "slow"]
        until(lambda: cli.json("show", "long/1")["slot"] == "free")
    assert cli.json("show", "long/1")["reason"] == "job_removed"
    assert [job["name"] for job in cli.json("list")] == ["new"]
    assert cli.json("status")["max_running"] == 3
    assert cli.json("apply", str(file))["unchanged"] == ["new"]
