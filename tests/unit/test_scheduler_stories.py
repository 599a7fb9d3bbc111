"""The plain stories of a run, through the real scheduler on a simulated machine."""

from __future__ import annotations

import pytest

from fsm.model.states import Cause, Reason, RefusalReason, SlotState, State
from fsm.testing import (
    Simulation,
    cannot_start,
    child,
    fail,
    hang,
    ignore_term,
    refuse,
    succeed,
    vanish,
)


@pytest.fixture
def sim() -> Simulation:
    return Simulation(start="2026-03-28T22:00:00Z")


def _end(sim: Simulation, name: str = "job") -> tuple[State, Reason | None]:
    run = sim.runs(name)[0]
    assert run.slot is SlotState.FREE
    sim.check()
    return run.state, run.reason


def test_a_scheduled_run_succeeds(sim: Simulation) -> None:
    sim.add_job("job", schedule="0 3 * * *", timezone="Europe/Berlin")
    sim.script("job", [succeed(after="10m")])
    sim.run_until("2026-03-29T01:05:00Z")
    run = sim.runs("job")[0]
    assert (run.state, run.cause, run.slot) == (State.RUNNING, Cause.SCHEDULE, SlotState.HELD)
    assert run.deadline == "2026-03-30T01:00:00Z"  # the default timeout is a day
    sim.advance("1h")
    run = sim.runs("job")[0]
    assert (run.state, run.reason, run.exit_code) == (State.SUCCEEDED, Reason.COMPLETED, 0)
    assert (run.scheduled_for, run.started_at) == ("2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z")
    assert run.ended_at == "2026-03-29T01:10:00Z"
    assert (run.id, run.session_key, run.slot) == ("job/1", "cron:job:run:1", SlotState.FREE)
    assert [event.phase for event in sim.events("job")] == ["queued", "start", "end"]
    sim.check()


@pytest.mark.requirement("R-26")
@pytest.mark.parametrize(
    ("behaviour", "end"),
    [
        (fail(code=3, after="1m"), (State.FAILED, Reason.EXIT_CODE)),
        (fail(signal=11), (State.FAILED, Reason.SIGNAL)),
        (refuse(), (State.FAILED, Reason.REFUSED)),
        (cannot_start(), (State.FAILED, Reason.START_FAILED)),
        (cannot_start(armed=False), (State.FAILED, Reason.START_FAILED)),
        (hang(), (State.TIMED_OUT, Reason.RUN_TIMEOUT)),
        (ignore_term(), (State.TIMED_OUT, Reason.RUN_TIMEOUT)),
        (vanish(after="1m"), (State.LOST, Reason.VANISHED)),
        (succeed(leaves=(child(ignores_term=True, keeps_lock=False),)), (State.SUCCEEDED, Reason.COMPLETED)),
    ],
)
def test_every_behaviour_has_its_end(sim: Simulation, behaviour, end) -> None:
    sim.add_job("job", timeout="30m")
    sim.script("job", [behaviour])
    assert sim.request("job").state == "queued"
    sim.advance("1h")
    assert _end(sim) == end
    assert not sim.world.trees("job")


@pytest.mark.requirement("R-20")
def test_a_start_that_fails_ends_the_run_at_once_and_the_next_tick_runs(sim: Simulation) -> None:
    sim.add_job("job", schedule="every 30m")
    sim.script("job", [cannot_start(armed=False), cannot_start(), succeed()])
    sim.advance("2h1m")
    assert [run.state for run in sim.runs("job")] == ["succeeded", "succeeded", "failed", "failed"]
    assert not sim.refusals("job")
    sim.check()


@pytest.mark.requirement("R-16")
@pytest.mark.requirement("R-17")
def test_a_timeout_is_known_before_its_stubborn_process_is_gone(sim: Simulation) -> None:
    sim.add_job("job", schedule="every 1m", timeout="3m", grace="5m")
    sim.script("job", [ignore_term(), succeed()])
    sim.advance("4m30s")  # started at :01, timed out at :04, killed at :09
    run = sim.runs("job")[0]
    assert (run.state, run.reason, run.ended_at) == (State.TIMED_OUT, Reason.RUN_TIMEOUT, "2026-03-28T22:04:00Z")
    assert run.slot is SlotState.HELD
    assert run.error == "cron: job execution timed out"
    last = sim.events("job")[-1]
    assert (last.phase, last.error_kind, last.stop_reason, last.error) == ("error", "timeout", "timeout", run.error)
    answer = sim.request("job")
    assert (answer.ran, answer.reason) == (False, RefusalReason.SLOT_HELD)
    assert answer.blocked_by is not None
    assert (answer.blocked_by.run_id, answer.blocked_by.state) == ("job/1", State.TIMED_OUT)
    sim.advance("7m")
    held = [refusal for refusal in sim.refusals("job") if refusal.reason is RefusalReason.SLOT_HELD]
    assert {refusal.blocked_by.run_id for refusal in held if refusal.blocked_by} == {"job/1"}
    ticks = [refusal for refusal in held if refusal.cause is Cause.SCHEDULE]
    assert (ticks[0].first, ticks[-1].last) == ("2026-03-28T22:04:00Z", "2026-03-28T22:08:00Z")
    assert [run.scheduled_for for run in sim.runs("job")][-2] == "2026-03-28T22:09:00Z"
    sim.check()


@pytest.mark.requirement("R-9")
def test_a_run_that_waits_too_long_times_out_in_the_queue(sim: Simulation) -> None:
    small = Simulation(max_running=1)
    small.add_job("long")
    small.add_job("job", start_within="5m")
    small.script("long", [succeed(after="1h")])
    small.request("long")
    small.advance("1s")
    small.request("job")
    small.advance("10m")
    run = small.runs("job")[0]
    assert (run.state, run.reason, run.ended_at) == (
        State.TIMED_OUT,
        Reason.QUEUE_TIMEOUT,
        "2026-03-28T22:05:01Z",
    )
    last = small.events("job")[-1]
    assert (last.phase, last.error_kind) == ("error", "timeout")
    small.check()


def test_a_queued_run_is_cancelled(sim: Simulation) -> None:
    sim.add_job("job")
    answer = sim.request("job")
    assert answer.run_id is not None
    run = sim.cancel(answer.run_id)
    assert run is not None
    assert (run.state, run.reason) == (State.REAPED, Reason.CANCELLED)
    sim.advance("1h")
    assert _end(sim) == (State.REAPED, Reason.CANCELLED)
    assert sim.world.folders == {}  # nothing was ever armed for it


@pytest.mark.requirement("R-21")
@pytest.mark.parametrize("up", [True, False])
def test_a_running_run_is_cancelled_with_or_without_a_scheduler(sim: Simulation, up: bool) -> None:
    sim.add_job("job", grace="30s")
    sim.script("job", [ignore_term()])
    sim.request("job")
    sim.advance("5m")
    if not up:
        sim.crash()
    run = sim.cancel("job/1")
    assert run is not None
    assert (run.state, run.reason, run.slot) == (State.REAPED, Reason.CANCELLED, SlotState.HELD)
    sim.advance("1m")
    assert not sim.world.trees("job")  # its supervisor saw to that by itself
    if not up:
        sim.restart()
    assert _end(sim) == (State.REAPED, Reason.CANCELLED)


@pytest.mark.requirement("R-21")
def test_a_cancel_takes_the_verdict_that_is_there_already(sim: Simulation) -> None:
    sim.add_job("job")
    sim.script("job", [succeed(after="10m")])
    sim.request("job")
    sim.advance("1m")
    sim.crash()
    sim.advance("1h")
    run = sim.cancel("job/1")
    assert run is not None
    assert (run.state, run.ended_at) == (State.SUCCEEDED, "2026-03-28T22:10:00Z")
    sim.check()


@pytest.mark.requirement("R-25")
def test_a_run_outlives_its_scheduler_and_its_real_end_is_found(sim: Simulation) -> None:
    sim.add_job("job")
    sim.script("job", [fail(code=7, after="10m")])
    sim.request("job")
    sim.advance("1m")
    sim.crash()
    sim.advance("2h")
    assert sim.runs("job")[0].state is State.RUNNING  # nobody is there to say otherwise
    sim.restart()
    run = sim.runs("job")[0]
    assert (run.state, run.exit_code, run.ended_at) == (State.FAILED, 7, "2026-03-28T22:10:00Z")
    assert _end(sim) == (State.FAILED, Reason.EXIT_CODE)


@pytest.mark.requirement("R-25")
def test_a_run_is_adopted_by_scheduler_after_scheduler(sim: Simulation) -> None:
    sim.add_job("job")
    sim.script("job", [succeed(after="30m")])
    sim.request("job")
    for _ in range(10):
        sim.advance("2m")
        sim.crash()
        sim.restart(after="30s")
        assert sim.runs("job")[0].state is State.RUNNING
        sim.check()
    sim.advance("30m")
    assert _end(sim) == (State.SUCCEEDED, Reason.COMPLETED)
    assert [event.state for event in sim.events("job")] == ["queued", "running", "succeeded"]


@pytest.mark.requirement("R-10")
def test_a_run_ends_by_its_deadline_while_no_scheduler_is_up(sim: Simulation) -> None:
    sim.add_job("job", timeout="10m")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("1m")
    sim.crash()
    sim.restart(after="3h")
    run = sim.runs("job")[0]
    assert (run.state, run.ended_at) == (State.TIMED_OUT, "2026-03-28T22:10:00Z")
    sim.check()


def test_a_reboot_loses_what_ran_and_starts_what_was_queued(sim: Simulation) -> None:
    small = Simulation(max_running=1)
    small.add_job("a")
    small.add_job("b", start_within="1h")
    small.script("a", [hang()])
    small.request("a")
    small.advance("1s")
    small.request("b")
    small.advance("1m")
    small.reboot(after="5m")
    small.advance("1m")
    assert _end(small, "a") == (State.LOST, Reason.REBOOTED)
    assert _end(small, "b") == (State.SUCCEEDED, Reason.COMPLETED)


@pytest.mark.requirement("R-11")
def test_a_mute_supervisor_is_overdue_killed_and_its_slot_freed(sim: Simulation) -> None:
    sim.add_job("job", schedule="every 1m", timeout="5m", grace="10s")
    sim.script("job", [hang(), succeed()])
    sim.advance("2m")
    assert sim.mute_supervisor("job")
    sim.advance("6m")  # started at :01; run_by :06, reap_by :07:10
    run = sim.runs("job")[0]
    assert (run.state, run.reason, run.ended_at) == (State.REAPED, Reason.OVERDUE, "2026-03-28T22:07:10Z")
    assert run.slot is SlotState.HELD
    sim.advance("2m30s")  # killed a minute and its grace later
    assert [run.state for run in sim.runs("job")][:1] == ["succeeded"]
    assert sim.runs("job")[-1].slot is SlotState.FREE
    sim.check()


@pytest.mark.requirement("R-13")
def test_what_cannot_be_ended_keeps_the_slot_and_is_named(sim: Simulation) -> None:
    sim.add_job("job", timeout="5m")
    sim.script("job", [succeed(leaves=(child(lives="2h", hidden=True),)), succeed()])
    sim.request("job")
    sim.advance("1h")
    assert (sim.runs("job")[0].state, sim.runs("job")[0].slot) == (State.SUCCEEDED, SlotState.HELD)
    assert sim.life is not None
    assert "can be neither read nor ended" in sim.life.scheduler.watcher.hindered["job"][0]
    assert sim.request("job").reason is RefusalReason.SLOT_HELD
    sim.check()
    sim.advance("2h")
    assert sim.runs("job")[0].slot is SlotState.FREE
    sim.check()


def test_max_running_is_kept_and_the_longest_waiting_goes_first(sim: Simulation) -> None:
    small = Simulation(max_running=2)
    for name in ("a", "b", "c", "d"):
        small.add_job(name)
        small.script(name, [succeed(after="10m")])
        small.request(name)
        small.advance("1s")
    started = {name: small.runs(name)[0].state for name in ("a", "b", "c", "d")}
    assert started == {"a": "running", "b": "running", "c": "queued", "d": "queued"}
    small.advance("9m59s")  # a is over
    assert small.request("a").enqueued
    small.advance("2s")  # and b
    assert [small.runs(name)[0].state for name in ("c", "d", "a")] == ["running", "running", "queued"]
    small.advance("10m")
    assert small.runs("a")[0].state is State.RUNNING
    small.check()


def test_a_job_that_is_asked_for_often_takes_no_turn_from_one_that_is_not() -> None:
    small = Simulation(max_running=1)
    small.add_job("often", schedule="every 10s")
    small.add_job("seldom", schedule="every 10m")
    small.script("often", [succeed(after="9s")])
    small.advance("1h5m")
    assert len(small.runs("seldom")) == 6
    assert all(run.state is State.SUCCEEDED for run in small.runs("seldom"))
    assert all(run.started_at - run.queued_at <= 10_000_000 for run in small.runs("seldom") if run.started_at)
    small.check()
