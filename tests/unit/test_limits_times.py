"""Jitter, `at` and `every`, and what the command line shows of due times."""

from __future__ import annotations

import json

import pytest
from cli_kit import World
from hypothesis import given
from hypothesis import strategies as st

from fsm.instants import DAY, HOUR, MINUTE, SECOND, Instant, format_instant, parse_instant
from fsm.model.job import Job
from fsm.planning.jitter import come_until, due_at
from fsm.planning.schedule import timetable
from fsm.testing import Simulation, hang, succeed

START = "2026-04-01T00:00:00Z"

SCHEDULES = st.sampled_from(["* * * * *", "*/5 * * * * *", "0 3 * * *", "0 0 29 2 *", "every 7s", "0,1 0 * * 5#3"])
TIMES = st.integers(parse_instant("2024-01-01T00:00:00Z"), parse_instant("2030-01-01T00:00:00Z"))
JITTERS = st.one_of(st.integers(1, MINUTE), st.integers(1, 31 * DAY))


def job(schedule: str, jitter: int, name: str = "a") -> Job:
    return Job(name, schedule=schedule, jitter=jitter)


# ---- jitter


@pytest.mark.requirement("R-54")
@given(SCHEDULES, JITTERS, TIMES)
def test_a_tick_is_due_before_the_next_one_whatever_its_jitter(schedule: str, jitter: int, now: int) -> None:
    table, one = timetable(schedule), job(schedule, jitter)
    tick = table.next_after(Instant(now))
    assert tick is not None
    following = table.next_after(tick)
    assert following is not None
    due = due_at(one, table, tick, None)
    assert tick <= due < min(following, tick + jitter)
    assert due == due_at(one, table, tick, None)


@given(SCHEDULES, JITTERS, TIMES)
def test_what_has_come_is_what_is_due(schedule: str, jitter: int, now: int) -> None:
    table, one = timetable(schedule), job(schedule, jitter)
    come = come_until(one, table, Instant(now), None)
    following = table.next_after(come)
    assert following is not None
    assert come <= now < due_at(one, table, following, None)
    before = table.span(Instant(come - 2 * DAY), come)
    if before is not None:
        assert due_at(one, table, before.last, None) <= now


def test_jitter_differs_from_job_to_job_and_from_time_to_time() -> None:
    table = timetable("0 * * * *")
    ticks = [Instant(parse_instant(START) + hour * HOUR) for hour in range(24)]
    offsets = {(name, tick): due_at(job("0 * * * *", 10 * MINUTE, name), table, tick, None) - tick
               for tick in ticks for name in ("a", "b")}  # fmt: skip
    assert len(set(offsets.values())) == len(offsets)
    assert max(offsets.values()) > 5 * MINUTE


@pytest.mark.requirement("R-54")
def test_jitter_never_changes() -> None:
    """The very microseconds: a later version that reckoned otherwise would move every job of every user."""
    table, tick = timetable("0 * * * *"), parse_instant("2026-04-01T03:00:00Z")
    due = due_at(job("0 * * * *", 10 * MINUTE, "backup"), table, tick, None)
    assert format_instant(due) == "2026-04-01T03:08:57.531840Z"


@pytest.mark.requirement("R-54")
def test_a_jittered_tick_runs_once_at_its_time_and_is_known_by_its_scheduled_one() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="0 * * * *", jitter="30m")
    sim.advance("5h")
    runs = sim.runs("a")
    assert len(runs) in (4, 5)
    table, one = timetable("0 * * * *"), job("0 * * * *", 30 * MINUTE)
    for run in runs:
        assert run.cause == "schedule", "what is due later is not late"
        assert run.scheduled_for is not None
        assert run.queued_at == due_at(one, table, run.scheduled_for, None)
    sim.check()


@pytest.mark.requirement("R-54")
def test_a_restart_between_scheduled_and_due_time_neither_loses_nor_repeats_the_tick() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="0 * * * *", jitter="30m")
    due = due_at(job("0 * * * *", 30 * MINUTE), timetable("0 * * * *"), parse_instant("2026-04-01T01:00:00Z"), None)
    sim.run_until(due - SECOND)
    sim.crash()
    sim.restart()
    assert sim.runs("a") == []
    sim.advance("2s")
    assert [run.queued_at for run in sim.runs("a")] == [due]
    sim.jump_clock("-10m")
    sim.advance("20m")
    assert len(sim.runs("a")) == 1
    sim.check()


def test_an_edit_or_a_pause_before_its_jitter_is_over() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="0 * * * *", jitter="30m")
    due = due_at(job("0 * * * *", 30 * MINUTE), timetable("0 * * * *"), parse_instant("2026-04-01T01:00:00Z"), None)
    sim.run_until(due - SECOND)
    sim.pause("a")
    sim.resume("a")
    sim.add_job("a", schedule="0 * * * *", jitter="30m", timeout="1m")
    sim.advance("2s")
    assert [run.queued_at for run in sim.runs("a")] == [due]
    sim.run_until("2026-04-01T02:00:00Z")
    sim.add_job("a", schedule="30 4 * * *")
    sim.advance("1h")
    assert [(one.reason, one.count) for one in sim.refusals("a")] == [("missed", 1)], "the tick that will not come"
    sim.check()


# ---- at, every


def states(sim: Simulation, name: str) -> list[str]:
    return [str(run.state) for run in sim.runs(name)]


@pytest.mark.requirement("R-55")
def test_an_at_job_runs_once_whatever_happens_to_it() -> None:
    sim = Simulation(start=START)
    at = "at 2026-04-01T01:00:00Z"
    sim.add_job("once", schedule=at)
    sim.advance("2h")
    assert states(sim, "once") == ["succeeded"]
    sim.restart()
    sim.jump_clock("-90m")
    sim.advance("3h")
    sim.add_job("once", schedule=at, timeout="5m")
    sim.advance("1h")
    sim.add_job("once", schedule=at, timezone="Europe/Berlin")
    sim.advance("1h")
    sim.remove_job("once")
    sim.add_job("once", schedule=at)
    sim.jump_clock("-5h")
    sim.add_job("once", schedule=at, timezone="Europe/Berlin")  # edited at a time before the one that was answered
    sim.crash()
    sim.restart()
    sim.advance("9h")
    assert states(sim, "once") == ["succeeded"]
    sim.check()


def test_an_at_job_that_fails_does_not_come_again() -> None:
    sim = Simulation(start=START)
    sim.add_job("once", schedule="at 2026-04-01T01:00:00Z", timeout="1m")
    sim.script("once", [hang()])
    sim.advance("1d")
    assert states(sim, "once") == ["timed_out"]
    sim.check()


def test_an_at_job_that_is_given_a_new_time_runs_again() -> None:
    sim = Simulation(start=START)
    sim.add_job("once", schedule="at 2026-04-01T01:00:00Z")
    sim.advance("2h")
    sim.add_job("once", schedule="at 2026-04-01T03:00:00Z")
    sim.advance("2h")
    assert states(sim, "once") == ["succeeded", "succeeded"]
    sim.check()


@pytest.mark.requirement("R-55")
def test_every_keeps_its_anchor_over_restarts_and_edits() -> None:
    sim = Simulation(start="2026-04-01T00:00:07Z")
    sim.add_job("e", schedule="every 10m")
    sim.advance("25m")
    sim.crash()
    sim.restart(after="3m")
    sim.add_job("e", schedule="every 10m", timeout="1m")
    sim.pause("e")
    sim.resume("e")
    sim.add_job("e", schedule="every 10m", timeout="1m", enabled=False)
    sim.advance("4m")
    sim.add_job("e", schedule="every 10m", timeout="1m")
    sim.advance("30m")
    sim.add_job("e", schedule="every 5m")
    sim.advance("15m")
    ticks = [run.scheduled_for for run in sim.runs("e") if run.scheduled_for is not None]
    assert len(ticks) > 6
    assert all((tick - parse_instant("2026-04-01T00:00:07Z")) % (5 * MINUTE) == 0 for tick in ticks)
    sim.check()


# ---- edits


@pytest.mark.requirement("R-56")
def test_an_edit_leaves_a_missed_tick_to_be_caught_up() -> None:
    """Stop the scheduler, edit the file, start it again: what came meanwhile is no reason to lose a run."""
    sim = Simulation(start=START)
    sim.add_job("a", schedule="0 * * * *", timeout="10m")
    sim.run_until("2026-04-01T00:50:00Z")
    sim.crash()
    sim.advance("20m")
    sim.add_job("a", schedule="0 * * * *", timeout="20m")
    sim.restart()
    sim.advance("1m")
    assert [(run.cause, run.version) for run in sim.engine.runs("a")] == [("catch_up", 2)]
    sim.check()


@pytest.mark.requirement("R-56")
def test_an_edit_keeps_the_open_run_its_version_and_the_history() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="0 * * * *", timeout="90m")
    sim.script("a", [hang(), succeed()])
    sim.run_until("2026-04-01T01:30:00Z")
    sim.add_job("a", schedule="0 * * * *", timeout="10m")
    sim.advance("3h")
    first, *_ = reversed(sim.engine.runs("a"))
    assert (first.reason, first.version) == ("run_timeout", 1)
    assert first.ended_at is not None
    assert first.started_at is not None
    assert first.ended_at - first.started_at == 90 * MINUTE, "by the definition it was queued with"
    assert [one.reason for one in sim.refusals("a")] == ["already_running"]
    assert {run.version for run in sim.engine.runs("a")} == {1, 2}
    sim.check()


@pytest.mark.requirement("R-56")
def test_only_a_changed_schedule_changes_the_next_due_time() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="0 3 * * *")
    before = dict(sim.store.due_times())
    sim.advance("1h")
    sim.add_job("a", schedule="0 3 * * *", timeout="1m", priority=3, overlap="skip")
    assert dict(sim.store.due_times()) == before
    sim.add_job("a", schedule="0 4 * * *")
    assert dict(sim.store.due_times()) == {"a": before["a"] + HOUR}
    sim.check()


# ---- the command line


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys, "2026-03-28T12:00:00Z")


def test_next_shows_jitter_and_the_scheduled_time(world: World) -> None:
    world.define("a", schedule="0 3 * * *", jitter="1h")
    text = world.ok("next", "a", "-n", "2")
    assert "SCHEDULED" in text
    assert "Jitter of up to 1h is included" in text
    first = json.loads(world.ok("--json", "next", "a", "-n", "1"))[0]
    assert first["scheduled_for"] == "2026-03-29T03:00:00.000000Z"
    assert first["scheduled_for"] < first["utc"] < "2026-03-29T04:00:00.000000Z"
    assert json.loads(world.ok("--json", "list"))[0]["next_due"] == first["utc"]
    world.clock.to(first["scheduled_for"])
    again = json.loads(world.ok("--json", "next", "a", "-n", "1"))[0]
    assert again == first, "its scheduled time is past, and it is still to come"


def test_next_and_list_and_show_tell_of_a_change_of_the_clock(world: World) -> None:
    world.define("a", schedule="30 2 * * *", timezone="Europe/Berlin")
    world.define("b", schedule="30 2 * * *", timezone="America/New_York")
    said = "02:30 is skipped on 2026-03-29; moved to 03:00"
    assert said in world.ok("next", "a", "-n", "1")
    assert "CHANGE OF THE CLOCK" not in world.ok("next", "a", "--from", "2026-03-29 12:00")
    listed = world.ok("list")
    assert listed.endswith(f"\n* a: {said}\n")
    assert [line.count(" *") for line in listed.splitlines() if line.startswith(("a ", "b "))] == [3 + 1, 3]
    assert said in world.ok("show", "a")
    told = json.loads(world.ok("--json", "next", "a", "-n", "1"))[0]
    assert (told["shift"], told["note"]) == ("moved", said)
    assert [line["note"] for line in json.loads(world.ok("--json", "list"))] == [said, None]


def test_list_shows_that_an_at_job_is_finished(world: World) -> None:
    world.up()
    world.define("once", schedule="at 2026-03-28T13:00:00Z")
    assert "finished" not in world.ok("list")
    world.clock.to("2026-03-28T13:00:00Z")
    world.tick("once")
    world.start("once")
    world.end("once")
    assert "finished" in world.ok("list")
    assert json.loads(world.ok("--json", "list"))[0]["finished"] is True
    assert "State         finished: none of its times is left" in world.ok("show", "once")


def test_add_says_of_a_time_that_is_past_that_it_will_not_come(world: World) -> None:
    text = world.ok("add", "late", "--schedule", "at 2020-01-01T00:00:00Z", "--", "true")
    assert "It will not be due: none of its times is left (at 2020-01-01T00:00:00Z)" in text
