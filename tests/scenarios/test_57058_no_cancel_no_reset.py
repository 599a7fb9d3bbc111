"""openclaw/openclaw#57058 (and #17554, #120683, #142638): a stuck job that nobody can cancel or reset.

What happened: a marker said that a job was running; nothing was. There was no command to cancel the run, for there was
no run, and none to reset the marker. People edited the state file by hand, or disabled and enabled the job.

Why it cannot happen here: what is in the way is a run, and every open run can be cancelled, in every state, with or
without a scheduler, whatever its supervisor does. The stop goes into the supervisor's mailbox before the verdict is
written (R-21); the verdict is out at once (R-16); a supervisor that says nothing is killed. There is nothing to reset:
the slot is freed by evidence that the processes are gone (R-13, R-15), and the next run is taken then.
"""

from __future__ import annotations

import os
import signal

import pytest
from scenario_kit import Stage, alive

from fsm.model.states import Reason, RefusalReason, SlotState, State
from fsm.testing import Simulation, hang, ignore_term

SCHEDULERS = pytest.mark.parametrize("served", [True, False], ids=["a scheduler is up", "none is up"])


def scene(state: State, *, served: bool) -> Simulation:
    """A run of `stuck` in that state."""
    sim = Simulation(start="2026-04-01T00:00:00Z", max_running=1)
    sim.add_job("stuck", schedule="0 3 * * *", timeout="6h", grace="10s")
    sim.script("stuck", [ignore_term()])
    if state is State.QUEUED:
        sim.add_job("hog", timeout="6h")
        sim.script("hog", [hang()])
        sim.request("hog")
        sim.advance("1s")
    sim.request("stuck")
    sim.advance("5m")
    assert sim.run("stuck/1").state is state
    if not served:
        sim.crash()
    return sim


@pytest.mark.requirement("R-16")
@pytest.mark.requirement("R-21")
@SCHEDULERS
@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_an_open_run_can_be_cancelled_in_every_state(state: State, served: bool) -> None:
    """The answer is the verdict, at once; the processes are gone after the grace; then the next run is taken."""
    sim = scene(state, served=served)
    ended = sim.cancel("stuck/1")
    assert ended is not None
    assert (ended.state, ended.reason, ended.ended_at) == (State.REAPED, Reason.CANCELLED, sim.now)
    if state is State.RUNNING:
        assert ended.slot is SlotState.HELD
        refused = sim.request("stuck")
        assert (refused.reason, refused.blocked_by and refused.blocked_by.run_id) == (
            RefusalReason.SLOT_HELD,
            "stuck/1",
        )
    sim.advance("11s")
    sim.settle("stuck")
    assert sim.run("stuck/1").slot is SlotState.FREE
    assert sim.world.trees("stuck") == []
    answer = sim.request("stuck")
    assert (answer.enqueued, answer.run_id) == (True, "stuck/2"), "and nobody had to reset anything"
    sim.check()


@pytest.mark.requirement("R-21")
@pytest.mark.parametrize("holding", [False, True], ids=["stopped by a signal", "stopped while it reads its mailbox"])
def test_a_supervisor_that_says_nothing_is_in_nobodys_way(holding: bool) -> None:
    """Its stop lies in the mailbox, or it was killed, before the verdict is written; its processes end either way."""
    sim = scene(State.RUNNING, served=True)
    assert sim.mute_supervisor("stuck", holding_mailbox=holding)
    ended = sim.cancel("stuck/1")
    assert ended is not None
    assert (ended.state, ended.reason) == (State.REAPED, Reason.CANCELLED)
    sim.advance("3m")
    assert sim.run("stuck/1").slot is SlotState.FREE
    assert sim.world.trees("stuck") == []
    assert sim.request("stuck").enqueued
    sim.check()


@pytest.mark.requirement("R-21")
def test_a_cancel_that_is_killed_half_way_leaves_nothing_stuck() -> None:
    """Whoever cancels may die at any point: the run is cancelled, or can be cancelled again."""
    ends = set()
    for point in range(1, 20):
        sim = scene(State.RUNNING, served=True)
        done = sim.cancel("stuck/1", dies_at=point)
        sim.advance("30s")
        ends.add(sim.run("stuck/1").state)
        if sim.run("stuck/1").state is State.RUNNING:  # not even the stop was put
            assert sim.cancel("stuck/1") is not None
            sim.advance("30s")
        run = sim.run("stuck/1")
        assert (run.state, run.reason, run.slot) == (State.REAPED, Reason.CANCELLED, SlotState.FREE)
        sim.check()
        if done is not None:
            break
    assert ends == {State.RUNNING, State.REAPED}


STUBBORN = "(setsid sleep {cookie} </dev/null >/dev/null 2>&1 &); trap '' TERM; echo begun; while :; do sleep 0.1; done"


@pytest.mark.requirement("R-16")
@SCHEDULERS
def test_with_real_processes_a_command_that_ignores_term(stage: Stage, served: bool) -> None:
    """A child that left its session included; then the job runs again."""
    cookie = f"57058.{os.getpid()}"
    stage.ok("add", "stuck", "--grace", "500ms", "--shell", STUBBORN.format(cookie=cookie))
    scheduler = stage.up()
    stage.asked("stuck")
    stage.until_begun("stuck/1")
    if not served:
        stage.crash(scheduler)
    assert alive(cookie)
    stage.ok("cancel", "stuck")
    assert not alive(cookie)
    run = stage.show("stuck/1")
    assert (run["state"], run["reason"], run["slot"]) == ("reaped", "cancelled", "free")
    code, told = stage.asked("stuck")
    assert (code, told["run_id"]) == (0, "stuck/2")


@pytest.mark.requirement("R-21")
def test_with_real_processes_a_supervisor_that_is_stopped(stage: Stage) -> None:
    """SIGSTOP, as a debugger or a frozen group does it: the verdict does not wait for it, and the slot not for ever."""
    stage.ok("add", "stuck", "--grace", "100ms", "--shell", "echo begun; exec sleep 300")
    scheduler = stage.up()
    stage.asked("stuck")
    stage.until_begun("stuck/1")
    stage.down(scheduler)  # what a client does by itself within seconds, a scheduler does a minute later
    supervisor = stage.show("stuck/1")["arming"]
    os.kill(supervisor["pid"], signal.SIGSTOP)
    stage.ok("cancel", "stuck")
    run = stage.show("stuck/1")
    assert (run["state"], run["reason"], run["slot"]) == ("reaped", "cancelled", "free")
    stage.until_gone(supervisor)
    assert stage.asked("stuck")[0] == 0
