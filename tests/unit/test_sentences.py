"""Sentences that were wrong, unclear or out of line once."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest
from attrs import evolve
from cli_kit import World

from fsm.cli import output
from fsm.cli.entrytext import entry_line
from fsm.cli.output import Output
from fsm.cli.storytext import story_text
from fsm.cli.tables import padded, width
from fsm.client.explain import explain
from fsm.client.story import Denied
from fsm.codec.jobsfile import read_jobs
from fsm.errors import BadJobs
from fsm.instants import Duration
from fsm.model.entries import Blocker, Refused
from fsm.model.states import Actor, Cause, RefusalReason, State
from fsm.notify.deliver import _json
from fsm.notify.lanes import Message
from fsm.plural import many


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys, "2026-11-19T01:00:00Z")


def test_one_is_one() -> None:
    assert [many(count, "run") for count in (0, 1, 2, 2_000)] == ["0 runs", "1 run", "2 runs", "2,000 runs"]
    assert many(1, "entry", "entries") == "1 entry"
    assert many(3, "entry", "entries") == "3 entries"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            "completion",
            "missing argument 'bash|zsh|fish'; it is one of: bash, zsh, fish; see: cronfsm completion --help",
        ),
        ("list --jsno", "no such option '--jsno'; did you mean '--json'? see: cronfsm list --help"),
        ("runs --limit 0", "invalid value for '--limit': 0 is not in the range 1 to 1000000; see: cronfsm runs --help"),
        ("add new", "jobs.new: says not what to run; put the command behind --, or say --shell LINE, or --agent KIND"),
    ],
)
def test_wrong_usage_is_one_line(world: World, command: str, sentence: str) -> None:
    code, out, err = world.call(*command.split())
    assert (code, out, err) == (2, "", f"cronfsm: {sentence}\n")


def test_a_file_that_is_no_toml_is_named() -> None:
    with pytest.raises(BadJobs, match=r"^jobs\.toml: line 1, column \d+: "):
        read_jobs("jobs = [", "jobs.toml")


def test_a_command_is_given_a_line() -> None:
    data = _json(Message("on_failure", {"run_id": "a/1"}))
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert orjson.loads(data)["notice"] == "on_failure"


def test_no_age_at_all_is_an_age(world: World) -> None:
    world.up()
    world.define("a", expect_success_within="26h")
    world.call("run", "a")
    world.start("a")
    world.end("a")
    world.clock.to("5s")
    assert world.call("check", "--job", "a")[0] == 0
    code, out, _ = world.call("check", "--job", "a", "--max-age", "0s")
    assert (code, out.startswith("CRONFSM CRITICAL: a last succeeded 5s ago")) == (2, True)


def test_a_job_without_a_schedule_is_resumed(world: World) -> None:
    world.define("a")
    world.ok("pause", "a")
    assert world.ok("resume", "a") == "a is resumed. It has no schedule; by hand: cronfsm run a\n"


@pytest.mark.parametrize(
    ("reason", "state", "told"),
    [
        (RefusalReason.ALREADY_RUNNING, State.RUNNING, "backup/1 had been running for 3s."),
        (
            RefusalReason.ALREADY_RUNNING,
            State.SUCCEEDED,
            "backup/1 was still running when that time came; it was over (succeeded) when this was written down.",
        ),
        (
            RefusalReason.ALREADY_QUEUED,
            State.REAPED,
            "backup/1 was still waiting to start when that time came; it was over (reaped) when this was written down.",
        ),
        (
            RefusalReason.SLOT_HELD,
            State.TIMED_OUT,
            "backup/1 was over (timed_out) for 3s, but something of it could still be alive: it held the slot.",
        ),
    ],
)
def test_a_refusal_that_is_written_late_is_understood(
    world: World, reason: RefusalReason, state: State, told: str
) -> None:
    at = world.clock.now().utc
    world.define("backup")
    story = explain(world.journal, "backup", world.clock.now(), served=False)
    body = Refused(reason, Cause.SCHEDULE, 1, at, at, Blocker(1, state, Duration(3_000_000), None))
    denied = Denied(7, at, Actor.SCHEDULER, body)
    text = story_text(evolve(story, answers=(denied,)), Output(as_json=False))
    assert told in " ".join(text.split())


def test_names_of_any_width_stand_in_columns(world: World) -> None:
    assert width(padded("备份 🚀/1", 16)) == 16
    assert padded("a name that is longer", 4) == "a name that is longer"
    world.define("备份")
    world.define("long")
    begin = {entry.job: entry_line(entry).index("defined") for entry in world.journal.entries()}
    lines = {entry.job: entry_line(entry) for entry in world.journal.entries()}
    assert len({width(lines[job][:at]) for job, at in begin.items()}) == 1


def test_who_follows_hears_that_nobody_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read, write = os.pipe()
    with open(write, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        output.pause(0)
        os.close(read)
        with pytest.raises(BrokenPipeError):
            output.pause(60)  # at once
    with open(tmp_path / "file", "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        output.pause(0)
