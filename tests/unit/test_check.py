"""`cronfsm check`: each trouble is found, at its level, not before it is one; the line is one that monitors read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_kit import World
from hypothesis import given
from hypothesis import strategies as st

from fsm.cli.main import run
from fsm.client.check import Disk, Level, of_disk, worst
from fsm.instants import parse_instant
from fsm.model.entries import Ended, SchedulerAlive
from fsm.model.states import Reason, Trigger

LINE = re.compile(r"CRONFSM (OK|WARNING|CRITICAL): [^|\n]+ \| ('?[\w ]+'?=[-\d.]+[a-zB]*(;[^ ;]*){0,4} ?)+\n")


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    world = World(capsys)
    world.up()
    return world


def told(world: World, *more: str) -> dict[tuple[str, str | None], str]:
    """(what, job) -> level of every trouble; the line and the exit code agree with it."""
    code, out, _ = world.call("--json", "check", *more)
    import json

    answer = json.loads(out)
    assert code == answer["code"]
    line_code, line, err = world.call("check", *more)
    assert (line_code, err) == (code, "")
    assert LINE.fullmatch(line), line
    assert line.startswith(f"CRONFSM {answer['level'].upper()}: ")
    return {(each["what"], each["job"]): each["level"] for each in answer["troubles"] if each["what"] != "disk"}


def failed(world: World, job: str) -> None:
    world.engine.request(job)
    world.start(job)
    world.end(job, Ended(Trigger.FAIL, Reason.EXIT_CODE, world.clock.now().utc, exit_code=3))


def succeeded(world: World, job: str) -> None:
    world.engine.request(job)
    world.start(job)
    world.end(job)


def test_all_well(world: World) -> None:
    world.define("a", schedule="@daily")
    succeeded(world, "a")
    assert told(world) == {}
    assert "1 job, 0 runs open, scheduler up" in world.ok("check")


def test_no_scheduler(world: World) -> None:
    world.define("a", schedule="@daily")
    world.down()
    world.clock.to("3h")
    assert told(world) == {("scheduler", None): "critical"}
    assert "no scheduler is up; the last one was heard of 3h ago" in world.call("check")[1]


def test_without_jobs_nobody_needs_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(World(capsys)) == {("scheduler", None): "warning"}


def test_a_scheduler_that_says_nothing_any_more(world: World) -> None:
    world.define("a")
    world.clock.to("5h")  # of which it was up for two
    assert told(world) == {("scheduler", None): "critical"}
    world.scheduler(SchedulerAlive(1))
    assert told(world) == {}


def test_a_queued_run_past_its_deadline(world: World) -> None:
    world.define("a", start_within="10m")
    world.engine.request("a")
    world.clock.to("10m30s")
    assert told(world) == {}, "one sweep is what the scheduler may take"
    world.clock.to("1m")
    assert told(world) == {("overdue", "a"): "critical"}


def test_a_running_run_past_its_backstop(world: World) -> None:
    world.define("a", timeout="10m", grace="10s")
    world.engine.request("a")
    world.start("a")
    world.clock.to("12m")
    assert told(world) == {}
    world.clock.to("11s")
    assert told(world) == {("overdue", "a"): "critical"}


def test_a_tick_that_nobody_answers(world: World) -> None:
    world.define("a", schedule="every 10m")
    world.clock.to("10m50s")
    assert told(world) == {}
    world.clock.to("20s")
    assert told(world) == {("overdue", "a"): "critical"}
    world.tick("a")
    assert told(world) == {}


def test_a_tick_of_a_paused_job_is_not_waited_for(world: World) -> None:
    world.define("a", schedule="every 10m")
    world.engine.pause("a")
    world.clock.to("30m")
    assert told(world) == {}


def test_a_slot_that_nothing_frees(world: World) -> None:
    world.define("a", grace="2m")
    world.engine.request("a")
    world.start("a")
    world.end("a", release=False)
    world.clock.to("3m")
    assert told(world) == {}
    world.clock.to("1s")
    assert told(world) == {("slot", "a"): "critical"}
    world.engine.remove("a")
    assert told(world) == {("slot", "a"): "critical"}, "also where its job was removed meanwhile"
    world.release("a")
    assert told(world) == {}


def test_a_success_that_is_expected(world: World) -> None:
    world.define("a", expect_success_within="26h")
    world.define("b")
    succeeded(world, "a")
    world.clock.to("26h")
    world.scheduler(SchedulerAlive(1))
    assert told(world) == {}
    world.clock.to("1s")
    assert told(world) == {("success", "a"): "critical"}
    failed(world, "a")
    assert told(world) == {("success", "a"): "critical", ("last_run", "a"): "warning"}
    succeeded(world, "a")
    assert told(world) == {}


def test_a_job_that_never_succeeded_is_waited_for_since_it_was_defined(world: World) -> None:
    world.define("a", expect_success_within="1h")
    world.clock.to("30m")
    assert told(world) == {}
    world.define("a", expect_success_within="1h", timeout="5m")  # an edit begins no new time
    world.clock.to("31m")
    world.scheduler(SchedulerAlive(1))
    assert told(world) == {("success", "a"): "critical"}
    assert "a never succeeded, in 1h (expected within 1h)" in world.call("check")[1]


def test_a_forgotten_pause_is_told(world: World) -> None:
    world.define("a", expect_success_within="1h", schedule="@daily")
    world.engine.pause("a")
    world.clock.to("2h")
    world.scheduler(SchedulerAlive(1))
    assert "it is paused" in world.call("check")[1]


def test_a_disabled_job_is_expected_to_do_nothing(world: World) -> None:
    world.define("a", expect_success_within="1h", enabled=False)
    world.clock.to("2h")
    world.scheduler(SchedulerAlive(1))
    assert told(world) == {}


def test_max_age(world: World) -> None:
    world.define("a", expect_success_within="10h")
    world.define("b")
    world.clock.to("2h")
    world.scheduler(SchedulerAlive(1))
    assert told(world, "--max-age", "1h") == {("success", "b"): "critical"}, "what a job states itself comes first"
    assert told(world, "--job", "a") == {}
    assert told(world, "--job", "a", "--max-age", "1h") == {("success", "a"): "critical"}
    assert "success_age=7200s;;3600;0" in world.call("check", "--job", "a", "--max-age", "1h")[1]


def test_a_run_that_a_person_ended_is_no_trouble(world: World) -> None:
    world.define("a")
    world.engine.request("a")
    world.engine.cancel("a/1")
    assert told(world) == {}


def test_a_name_cannot_break_the_line(world: World) -> None:
    world.define("a | b=1", expect_success_within="1s")
    world.define("größe 大", expect_success_within="1s")
    world.clock.to("2s")
    assert world.call("check")[1].count("|") == 1
    assert len(told(world)) == 2


def test_many_troubles_are_counted(world: World) -> None:
    for number in range(5):
        world.define(f"j{number}", expect_success_within="1s")
    world.clock.to("2s")
    assert "; and 2 more |" in world.call("check")[1]


def test_no_such_job(world: World) -> None:
    assert world.call("check", "--job", "nobody")[0] == 3


def test_a_journal_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "journal.db").write_bytes(b"no journal " * 1000)
    assert run(["--data-dir", str(tmp_path), "check"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("CRONFSM CRITICAL: ")
    assert "it is not a journal" in out
    assert err == ""


GB, MB = 10**9, 10**6


@pytest.mark.parametrize(
    ("free", "size", "files", "level"),
    [
        (500 * GB, 500 * GB, None, Level.OK),
        (2 * GB, 500 * GB, None, Level.OK),
        (900 * MB, 500 * GB, None, Level.WARNING),
        (99 * MB, 500 * GB, None, Level.CRITICAL),
        (60 * MB, 1 * GB, None, Level.OK),
        (40 * MB, 1 * GB, None, Level.WARNING),
        (9 * MB, 1 * GB, None, Level.CRITICAL),
        (500 * GB, 500 * GB, 999, Level.CRITICAL),
        (500 * GB, 500 * GB, 1_000, Level.OK),
    ],
)
def test_room_on_the_disk(free: int, size: int, files: int | None, level: Level) -> None:
    assert worst(of_disk(Disk(free, size, files))) is level


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_less_room_is_never_better(free: int, size: int) -> None:
    assert worst(of_disk(Disk(free // 2, size, None))) >= worst(of_disk(Disk(free, size, None)))


def test_a_damaged_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import apsw

    folder = str(tmp_path / "data")
    assert run(["--data-dir", folder, "add", "a", "--", "true"]) == 0
    with apsw.Connection(f"{folder}/journal.db") as connection:
        connection.execute("DROP TRIGGER entries_no_update; UPDATE entries SET at = at + 1")
    capsys.readouterr()
    assert run(["--data-dir", folder, "check"]) == 2
    assert "is damaged: " in capsys.readouterr().out


def test_a_success_is_found_by_its_end(world: World) -> None:
    world.define("a")
    world.engine.request("a")
    world.start("a")
    world.clock.to("1h")
    world.end("a")
    world.scheduler(SchedulerAlive(1))
    out = world.json("check", "--job", "a")
    assert parse_instant(out["last_success"]) == world.clock.now().utc
