"""Draining: what runs is waited for, nothing is started, and everybody who asks is told."""

from __future__ import annotations

import pytest
from cli_kit import World

from fsm.client.answers import RunRefused
from fsm.client.draining import draining
from fsm.instants import HOUR, Deadline
from fsm.model.entries import Draft, SchedulerDraining
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Actor, RefusalReason
from fsm.ports import Append
from fsm.testing import Simulation, hang, succeed

START = "2026-04-01T00:00:00Z"


@pytest.fixture
def sim() -> Simulation:
    """One run is running, for half an hour, and one waits for the only place."""
    sim = Simulation(start=START, max_running=1)
    sim.add_job("long", timeout="2h")
    sim.script("long", [succeed(after="30m")])
    sim.add_job("waits", start_within="5h")
    sim.add_job("ticks", schedule="*/10 * * * *")
    sim.request("long")
    sim.advance("1m")
    sim.request("waits")
    sim.advance("1m")
    return sim


def states(sim: Simulation, job: str) -> list[str]:
    return [str(run.state) for run in sim.runs(job)]


@pytest.mark.requirement("R-57")
def test_what_runs_is_waited_for_and_nothing_is_started(sim: Simulation) -> None:
    sim.drain("1h")
    sim.advance("25m")
    assert not sim.drained
    assert [(one.reason, one.count) for one in sim.refusals("ticks")] == [("draining", 1)]
    answer = sim.request("ticks")
    assert (answer.ran, answer.reason) == (False, "draining")
    sim.advance("10m")
    assert sim.drained
    assert states(sim, "long") == ["succeeded"]
    assert states(sim, "waits") == ["queued"]
    assert states(sim, "ticks") == []
    sim.check()
    sim.restart()
    sim.advance("11m")
    assert states(sim, "waits") == ["succeeded"]
    assert states(sim, "ticks") == ["succeeded"]
    assert sim.request("long").enqueued
    assert sum(one.count for one in sim.refusals("ticks") if one.reason == "draining") == 3, (
        "the request says nothing new"
    )
    sim.check()


@pytest.mark.requirement("R-57")
def test_work_in_process_is_refused_like_any_other_request(sim: Simulation) -> None:
    sim.drain("1h")
    with pytest.raises(RunRefused) as refused, sim.engine.run("ticks"):
        raise AssertionError("it was begun")
    assert refused.value.refusal.reason is RefusalReason.DRAINING
    assert states(sim, "ticks") == []
    sim.check()


@pytest.mark.requirement("R-57")
def test_its_time_is_over_and_the_run_goes_on(sim: Simulation) -> None:
    sim.drain("5m")
    sim.advance("4m")
    assert not sim.drained
    sim.advance("1m")
    assert sim.drained
    sim.restart()
    assert states(sim, "long") == ["running"]
    sim.advance("30m")
    assert states(sim, "long") == ["succeeded"]
    sim.check()


def test_without_a_length_it_waits_for_as_long_as_any_run_may_take(sim: Simulation) -> None:
    sim.script("long", [hang()])
    sim.drain()
    sim.advance("1h")
    assert sim.drained, "this one took half an hour"
    sim.check()


def test_without_a_length_a_run_that_hangs_is_ended_by_its_deadline() -> None:
    sim = Simulation(start=START)
    sim.add_job("hangs", timeout="2h")
    sim.script("hangs", [hang()])
    sim.request("hangs")
    sim.advance("1m")
    sim.drain()
    sim.advance("1h")
    assert not sim.drained
    sim.advance("1h")
    assert sim.drained
    assert states(sim, "hangs") == ["timed_out"]
    sim.check()


def test_with_nothing_to_wait_for_it_is_over_at_once() -> None:
    sim = Simulation(start=START)
    sim.drain("1h")
    assert sim.drained
    sim.check()


def test_what_was_being_armed_is_taken_back_and_starts_later() -> None:
    sim = Simulation(start=START)
    sim.add_job("a")
    sim.request("a")
    sim.interrupt(2, lambda: None)
    sim.drain("1h")
    assert sim.drained
    sim.advance("1m")
    assert states(sim, "a") == ["queued"]
    sim.restart()
    sim.advance("1m")
    assert states(sim, "a") == ["succeeded"]
    sim.check()


@pytest.mark.requirement("R-57")
def test_a_scheduler_that_is_killed_while_it_drains_refuses_no_longer_than_it_said(sim: Simulation) -> None:
    sim.drain("40m")
    sim.advance("16m")  # it has said once more that it is there
    sim.crash()
    assert sim.request("ticks").reason == "draining"
    sim.advance("25m")
    assert sim.request("ticks").enqueued
    sim.restart()
    sim.advance("20m")
    assert states(sim, "waits") == ["succeeded"]
    sim.check()


def test_the_next_scheduler_takes_requests_at_once(sim: Simulation) -> None:
    sim.drain("1h")
    sim.crash()
    sim.restart()
    assert sim.request("ticks").enqueued
    sim.check()


def test_a_setting_that_is_changed_meanwhile_hides_nothing(sim: Simulation) -> None:
    sim.drain("1h")
    sim.set_max_running(5)
    assert sim.request("ticks").reason == "draining"
    sim.advance("1m")
    assert states(sim, "waits") == ["queued"]


# ---- what people see


def drains(world: World) -> None:
    world.up()
    until = Deadline.after(world.clock.now(), HOUR)
    draft = Draft(SCHEDULER_STREAM, world.clock.now().utc, Actor.SCHEDULER, None, SchedulerDraining(1, until))
    world.journal.append([Append(world.journal.state(SCHEDULER_STREAM), (draft,))], epoch=1)


def test_a_request_by_hand_is_told_and_may_be_made_later(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(capsys)
    world.define("a")
    drains(world)
    code, _, said = world.call("run", "a")
    assert code == 75
    assert "draining" in said
    text = world.ok("explain", "a")
    assert "The scheduler was about to end: it waited for what ran, and started nothing more." in text.replace(
        "\n    ", " "
    )
    assert "cronfsm run a" in text
    assert "draining until" in world.ok("status")
    assert world.json("status")["draining_until"] == "2026-11-20T03:00:00.000000Z"
    assert "draining, until" in world.ok("journal")
    world.clock.to("61m")
    assert draining(world.journal, world.clock.now()) is None
    assert world.call("run", "a")[0] == 0
