"""Clocks that do what clocks do: a machine that is suspended, NTP that steps both ways, a wall clock that is an hour
wrong at boot. No run ends early, no tick fires twice, and none is unaccounted for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fsm.model.states import Cause, Reason, RefusalReason, State
from fsm.testing import Simulation, hang, succeed


@pytest.fixture
def sim() -> Simulation:
    return Simulation(start="2026-04-01T00:00:00Z")


def due(sim: Simulation) -> list[str]:
    """The scheduled times that made runs, oldest first."""
    return [str(run.scheduled_for)[11:19] for run in reversed(sim.runs("job")) if run.scheduled_for is not None]


def missed(sim: Simulation) -> list[tuple[str, str, int]]:
    return [
        (str(refusal.first)[11:19], str(refusal.last)[11:19], refusal.count)
        for refusal in sim.refusals("job")
        if refusal.reason is RefusalReason.MISSED
    ]


# ---- suspended


@pytest.mark.requirement("R-8")
@pytest.mark.requirement("R-10")
@pytest.mark.requirement("R-11")
def test_a_run_whose_time_is_over_while_the_machine_is_suspended_times_out(sim: Simulation) -> None:
    """Its deadline and the backstop pass in its sleep. Its supervisor is not mute: it had no turn."""
    sim.add_job("job", timeout="1h", grace="10s")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("10m")
    sim.suspend("8h")
    sim.advance("1m")
    run = sim.run("job/1")
    assert (run.state, run.reason) == (State.TIMED_OUT, Reason.RUN_TIMEOUT)
    sim.check()


@pytest.mark.requirement("R-11")
def test_one_that_stays_mute_after_the_machine_was_suspended_is_ended_by_the_backstop(sim: Simulation) -> None:
    sim.add_job("job", timeout="1h", grace="10s")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("10m")
    sim.mute_supervisor("job")
    sim.suspend("8h")
    sim.advance("1m")
    assert sim.run("job/1").reason is Reason.OVERDUE
    sim.advance("5m")
    sim.check()


@pytest.mark.requirement("R-8")
def test_a_run_with_time_left_goes_on_where_it_was(sim: Simulation) -> None:
    """The time in which it could do nothing counts, as the design says, and ends it no sooner than that."""
    sim.add_job("job", timeout="10h")
    sim.script("job", [succeed(after="1h")])
    sim.request("job")
    sim.advance("30m")
    sim.suspend("8h")
    sim.advance("29m58s")
    assert sim.run("job/1").state is State.RUNNING
    sim.advance("5s")
    assert sim.run("job/1").state is State.SUCCEEDED
    sim.check()


@pytest.mark.requirement("R-27")
def test_ticks_that_came_while_it_was_suspended_are_answered_once(sim: Simulation) -> None:
    sim.add_job("job", schedule="every 10m")
    sim.advance("25m")
    sim.suspend("1h30m")  # 00:30 to 01:50 come meanwhile
    sim.advance("1s")
    assert due(sim)[-1] == "01:50:00"
    assert sim.runs("job")[0].cause is Cause.CATCH_UP
    assert missed(sim) == [("00:30:00", "01:40:00", 8)]
    sim.advance("30m")
    assert len(due(sim)) == len(set(due(sim)))
    sim.check()


@pytest.mark.requirement("R-9")
def test_a_queued_run_has_waited_while_it_was_suspended(sim: Simulation) -> None:
    sim.add_job("job", start_within="1h")
    sim.stop_scheduler()
    sim.request("job")
    sim.suspend("2h")
    sim.continue_scheduler()
    sim.advance("1m")
    assert (sim.run("job/1").state, sim.run("job/1").reason) == (State.TIMED_OUT, Reason.QUEUE_TIMEOUT)
    sim.check()


# ---- NTP


@pytest.mark.requirement("R-27")
@pytest.mark.parametrize("steps", [("2s", "-3s", "1s"), ("-90s", "90s"), ("45s", "-45s", "45s", "-45s"), ("-1h", "1h")])
def test_steps_both_ways_fire_nothing_twice_and_leave_nothing_out(sim: Simulation, steps: tuple[str, ...]) -> None:
    """Each of them right before and right after a tick, while a run is running."""
    sim.add_job("job", schedule="every 1m", timeout="30m")
    sim.add_job("long", timeout="10m")
    sim.script("long", [hang()])
    sim.request("long")
    sim.advance("59s")
    for step in steps:
        sim.jump_clock(step)
        sim.advance("2s")
    sim.advance(f"{10 * 60 - 59 - 2 * len(steps) - 1}s")
    assert sim.run("long/1").state is State.RUNNING, "ten minutes are not over, whatever the wall clock says"
    sim.advance("2s")
    assert sim.run("long/1").state is State.TIMED_OUT
    sim.advance("1h5m")
    times = due(sim)
    assert all(earlier < later for earlier, later in pairwise(times)), "none twice, in order"
    sim.check()  # holds every tick against its answer


# ---- a wall clock that is wrong at boot


@pytest.mark.requirement("R-27")
@pytest.mark.parametrize(("wrong", "right"), [("-1h", "1h"), ("1h", "-1h")])
def test_a_wall_clock_an_hour_wrong_at_boot(sim: Simulation, wrong: str, right: str) -> None:
    """Until NTP has set it right, two minutes later; a run is running all the time."""
    sim.add_job("job", schedule="every 10m")
    sim.add_job("long", timeout="30m")
    sim.script("long", [hang()])
    sim.advance("35m")
    sim.reboot(after="1m", jump=wrong)
    sim.advance("1s")
    sim.request("long")
    sim.advance("2m")
    sim.jump_clock(right)
    sim.advance("27m50s")
    assert sim.run("long/1").state is State.RUNNING
    sim.advance("15s")
    assert sim.run("long/1").state is State.TIMED_OUT
    sim.advance("2h")
    times = due(sim)
    assert len(times) == len(set(times))
    assert times[:3] == ["00:10:00", "00:20:00", "00:30:00"]
    sim.check()
