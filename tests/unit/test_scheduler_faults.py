"""Sequences that once went wrong, found by the stateful machine and kept in their shortest form."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fsm.instants import SECOND
from fsm.model.entries import SchedulerAlive, SchedulerDown
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Reason, SlotState, State
from fsm.testing import Simulation, Step, child, hang, ignore_term, succeed
from fsm.testing.supervisor import Stage


@pytest.fixture
def sim() -> Simulation:
    return Simulation()


def test_a_full_disk_at_the_end_ends_the_scheduler_all_the_same(sim: Simulation) -> None:
    sim.add_job("job", schedule="every 1m")
    sim.advance("30s")
    sim.fill_disk("10s")
    assert sim.life is not None
    sim.life.scheduler.end("over")
    assert sim.life.scheduler.trouble is not None
    assert not [entry for entry in sim.journal(SCHEDULER_STREAM) if isinstance(entry.body, SchedulerDown)]


@pytest.mark.requirement("R-12")
def test_a_full_disk_holds_everything_back_and_nothing_is_lost(sim: Simulation) -> None:
    sim.add_job("job", schedule="every 10m", timeout="1h")
    sim.script("job", [succeed(after="5m")])
    sim.advance("10m1s")
    sim.fill_disk("12m")  # the run ends meanwhile, and a tick comes
    sim.advance("11m")
    assert sim.life is not None
    assert sim.life.scheduler.trouble is not None
    assert sim.runs("job")[0].state is State.RUNNING
    sim.advance("2m")
    assert sim.life.scheduler.trouble is None
    runs = sim.runs("job")
    assert [(run.state, run.scheduled_for) for run in runs] == [
        (State.RUNNING, "2026-03-28T22:20:00Z"),
        (State.SUCCEEDED, "2026-03-28T22:10:00Z"),
    ]
    assert runs[1].ended_at == "2026-03-28T22:15:00Z"
    sim.check()


def test_a_start_that_the_store_does_not_take_is_armed_anew_once_it_does(sim: Simulation) -> None:
    sim.add_job("job")
    sim.advance("0s")
    sim.request("job")  # a client's own append
    sim.fill_disk("20s")
    sim.advance("19s")
    assert sim.runs("job")[0].state is State.QUEUED
    # one arming whose start could not be journaled; no second one before the store takes something
    assert len(sim.world.supervisors) == 1
    sim.advance("5s")
    assert sim.runs("job")[0].state is State.SUCCEEDED
    assert len(sim.world.supervisors) == 2
    sim.check()


def test_a_scheduler_with_nothing_but_its_sign_of_life_to_write_outlasts_a_full_disk(sim: Simulation) -> None:
    sim.advance("14m")
    sim.fill_disk("10m")
    sim.advance("30m")
    assert sim.up
    alive = [entry for entry in sim.journal(SCHEDULER_STREAM) if isinstance(entry.body, SchedulerAlive)]
    assert len(alive) == 2
    sim.check()


def test_a_setting_changed_at_the_same_moment_is_no_conflict(sim: Simulation) -> None:
    sim.advance("14m59s")
    sim.interrupt(1, lambda: sim.set_max_running(3))  # right before the scheduler's sign of life
    sim.advance("1m")
    assert sim.up
    bodies = [type(entry.body).__name__ for entry in sim.journal(SCHEDULER_STREAM)]
    assert bodies == ["SchedulerUp", "SchedulerSettings", "SchedulerAlive"]


@pytest.mark.requirement("R-11")
@pytest.mark.parametrize("let_go", [True, False])
def test_an_overdue_supervisor_whose_mailbox_is_busy_is_asked_once_more(sim: Simulation, let_go: bool) -> None:
    """A client may have it open at that very moment; who still has it a second later hangs, and is killed."""
    sim.add_job("job", timeout="1m", grace="5s")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("10s")
    sim.mute_supervisor("job", holding_mailbox=True)
    sim.advance("1m55s")  # 2m5s after its start it is overdue
    [supervisor] = sim.world.of_job("job")
    sim.advance("500ms")
    assert supervisor.alive
    if let_go:
        supervisor.set_mute(True, holding_mailbox=False)
        sim.advance("1s")
        assert sim.runs("job")[0].reason is Reason.OVERDUE
        assert supervisor.alive
    else:
        sim.advance("3s")
        assert not supervisor.alive
        assert sim.runs("job")[0].state is State.LOST
    sim.advance("5m")
    sim.check()


@pytest.mark.requirement("R-33")
@pytest.mark.requirement("R-81")
def test_a_scheduler_that_was_replaced_ends_at_its_next_turn_and_touches_nothing(sim: Simulation) -> None:
    sim.add_job("job", timeout="5m")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("1m")
    old = sim.life
    assert old is not None
    sim.stop_scheduler()
    sim.restart()
    sim.continue_scheduler()
    sim.advance("0s")
    assert old.launcher.closed
    assert sim.life is not None
    assert sim.life is not old
    sim.advance("10m")
    assert sim.runs("job")[0].state is State.TIMED_OUT
    sim.check()


@pytest.mark.requirement("R-33")
@pytest.mark.parametrize("point", range(1, 11))
def test_a_takeover_at_any_point_of_a_turn(sim: Simulation, point: int) -> None:
    sim.add_job("job", schedule="every 1m", timeout="40s")
    sim.script("job", [hang(), succeed(after="5s")])
    sim.advance("59s")

    def stopped() -> None:
        sim.stop_scheduler()
        sim.restart()
        sim.advance("3m")
        sim.continue_scheduler()

    sim.interrupt(point, stopped)
    sim.advance("10m")
    sim.check()
    assert sim.runs("job")[-1].state in {State.TIMED_OUT, State.FAILED, State.SUCCEEDED}
    assert len({str(run.scheduled_for) for run in sim.runs("job")}) == len(sim.runs("job"))


@pytest.mark.requirement("R-23")
@pytest.mark.parametrize("point", range(1, 15))
def test_a_crash_at_any_point_of_a_turn_is_recovered(sim: Simulation, point: int) -> None:
    sim.add_job("job", schedule="every 1m", timeout="40s")
    sim.script("job", [ignore_term(), succeed(after="5s")])
    sim.advance("59s")
    sim.crash(at=point)
    sim.advance("1s")
    sim.restart(after="1s")
    sim.advance("5m30s")
    sim.check()
    assert all(run.slot is SlotState.FREE for run in sim.runs("job"))


@pytest.mark.requirement("R-21")
def test_removing_a_job_whose_run_has_just_ended_keeps_the_runs_own_verdict(sim: Simulation) -> None:
    sim.add_job("job")
    sim.script("job", [succeed(after="1m")])
    sim.request("job")
    sim.advance("10s")
    sim.crash()
    sim.advance("5m")
    sim.remove_job("job")
    assert (sim.runs("job")[0].state, sim.runs("job")[0].ended_at) == (State.SUCCEEDED, "2026-03-28T22:01:00Z")
    sim.check()


def test_a_client_settles_an_overdue_run_whose_supervisor_lives_and_has_judged_it(sim: Simulation) -> None:
    sim.add_job("job", timeout="10s", grace="1s")
    sim.script("job", [ignore_term(leaves=(child(hidden=True),))])
    sim.request("job")
    sim.advance("5s")
    sim.crash()
    sim.advance("10m")
    assert [one.stage for one in sim.world.everyone()] == [Stage.KILLING]  # something of it cannot be ended
    sim.settle("job")
    assert sim.runs("job")[0].reason is Reason.RUN_TIMEOUT
    sim.check()


@pytest.mark.requirement("R-11")
def test_a_supervisor_that_takes_its_time_to_die_is_not_killed_in_a_busy_loop(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.add_job("job", timeout="1m", grace="5s")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("10s")
    sim.mute_supervisor("job", holding_mailbox=True)
    kills: list[int] = []
    assert sim.life is not None
    monkeypatch.setattr(
        sim.life.scheduler.watcher.launcher, "kill", lambda execution: kills.append(sim.world.t), raising=False
    )
    sim.advance("10m")  # as if its disk did not answer
    assert 2 <= len(kills) <= 20
    assert all(later - earlier >= 30 * SECOND for earlier, later in pairwise(kills))


@pytest.mark.requirement("R-8")
def test_a_queue_timeout_that_the_store_could_not_take_is_dropped_when_the_clock_is_set_back(sim: Simulation) -> None:
    sim.add_job("job", start_within="5m")
    sim.lag(Step.SUPERVISOR, "1h")  # nobody gets armed
    sim.request("job")
    sim.advance("1s")
    sim.reboot(after="1m")  # from here on its deadline, 22:05, counts by the wall clock
    sim.run_until("2026-03-28T22:04:00Z")
    sim.fill_disk("3m")
    sim.run_until("2026-03-28T22:06:00Z")
    assert sim.runs("job")[0].state is State.QUEUED  # timed out, if the store could take it
    sim.jump_clock("-10m")
    sim.advance("2m")
    assert sim.life is not None
    assert sim.life.scheduler.trouble is None
    assert sim.runs("job")[0].state is State.QUEUED
    sim.calm()
    sim.advance("2m")
    assert sim.runs("job")[0].state is State.SUCCEEDED
    sim.check()


def test_what_is_slow_is_late_and_not_wrong(sim: Simulation) -> None:
    for step in Step:
        sim.lag(step, "3s")
    sim.add_job("job", schedule="every 1m", timeout="20s")
    sim.script("job", [succeed(after="5s"), hang(), ignore_term()])
    for _ in range(30):
        sim.advance("1m")
        sim.check()
    assert {run.state for run in sim.runs("job")[1:]} == {State.SUCCEEDED, State.TIMED_OUT}
