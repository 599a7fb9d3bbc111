"""openclaw/openclaw#79196: runs that still work are called lost when the gateway restarts.

What happened: runs longer than five minutes were marked ``lost`` ("backing session missing") as the gateway came up
again, although they went on. The set of active jobs lived in its memory only; after a restart it was empty.

Why it cannot happen here: what runs is in the journal, and each run has a supervisor of its own that outlives the
scheduler. The next scheduler holds every open run against that supervisor's life lock and adopts it (R-23, R-25).
``lost`` is said only where the supervisor is gone and has left no verdict (R-26), and what ended while no scheduler was
up has its real end, its real exit code and its real time.
"""

from __future__ import annotations

import pytest
from scenario_kit import Stage, dies_as_it_comes_up, every_crash_point

from fsm.model.states import Reason, SlotState, State
from fsm.testing import Simulation, fail, succeed, vanish


def phases(sim: Simulation, job: str) -> list[str]:
    """What subscribers were told of a job, in order."""
    return [event.phase for event in sim.events(job)]


@pytest.mark.requirement("R-25")
@pytest.mark.requirement("R-26")
@pytest.mark.parametrize("how", ["killed", "in good order"])
def test_a_run_of_two_hours_outlives_ten_restarts(how: str) -> None:
    """Whenever one looks it is running; it starts once, succeeds once, and nothing else is ever said of it."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report", schedule="0 1 * * *", timeout="3h")
    sim.script("report", [succeed(after="2h")])
    sim.run_until("2026-04-01T01:00:00Z")
    for _ in range(10):
        sim.advance("7m")
        if how == "killed":
            sim.crash()
            sim.advance("3m")
            assert sim.run("report/1").state is State.RUNNING
        sim.restart()
        sim.advance("1m")
        assert sim.run("report/1").state is State.RUNNING
        sim.check()
    sim.run_until("2026-04-01T03:00:00Z")
    run = sim.run("report/1")
    assert (run.state, run.reason, run.slot) == (State.SUCCEEDED, Reason.COMPLETED, SlotState.FREE)
    assert phases(sim, "report") == ["queued", "start", "end"]
    sim.check()


@pytest.mark.requirement("R-26")
def test_what_ended_while_no_scheduler_was_up_is_told_as_it_was() -> None:
    """Exit code and time are the command's own, an hour before anybody wrote them down."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report", timeout="3h")
    sim.script("report", [fail(code=7, after="20m")])
    sim.request("report")
    sim.advance("10m")
    sim.crash()
    sim.advance("70m")
    assert sim.run("report/1").state is State.RUNNING, "nobody was there to say otherwise, and nobody guesses"
    sim.restart()
    sim.advance("1s")
    run = sim.run("report/1")
    assert (run.state, run.reason, run.exit_code) == (State.FAILED, Reason.EXIT_CODE, 7)
    assert run.ended_at == "2026-04-01T00:20:00Z"
    sim.check()


@pytest.mark.requirement("R-26")
def test_lost_is_said_only_of_what_is_gone_without_a_word() -> None:
    """And then at once: not after five minutes, nor after the two hours that it might have taken."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report", timeout="3h")
    sim.script("report", [vanish(after="20m")])
    sim.request("report")
    sim.advance("10m")
    sim.restart()
    sim.advance("9m")
    assert sim.run("report/1").state is State.RUNNING
    sim.advance("2m")
    run = sim.run("report/1")
    assert (run.state, run.reason, run.slot) == (State.LOST, Reason.VANISHED, SlotState.FREE)
    assert run.ended_at == "2026-04-01T00:20:00Z"
    sim.check()


@pytest.mark.requirement("R-23")
def test_a_recovery_that_is_killed_itself_loses_nothing() -> None:
    """The scheduler that comes up is killed at any point of its recovery: the one after it finds the same."""

    def scene() -> Simulation:
        sim = Simulation(start="2026-04-01T00:00:00Z")
        for job, behaviour in (("works", succeed(after="2h")), ("ended", fail(code=7, after="15m"))):
            sim.add_job(job, timeout="3h")
            sim.script(job, [behaviour])
            sim.request(job)
        sim.advance("10m")
        sim.crash()
        sim.advance("10m")
        return sim

    for sim in every_crash_point(scene, lambda sim: sim.advance("1m"), strike=dies_as_it_comes_up):
        sim.restart()
        sim.advance("2h")
        works, ended = sim.run("works/1"), sim.run("ended/1")
        assert (works.state, works.reason) == (State.SUCCEEDED, Reason.COMPLETED)
        assert (ended.state, ended.exit_code) == (State.FAILED, 7)
        assert phases(sim, "works") == ["queued", "start", "end"]
        sim.check()


@pytest.mark.requirement("R-25")
def test_with_real_processes_a_scheduler_killed_and_restarted_while_a_run_works(stage: Stage) -> None:
    """Three schedulers are killed over one run; the fourth sees it succeed. Nobody ever saw it as anything else."""
    gate = stage.gate()
    stage.ok("add", "report", "--shell", f"echo begun; read line < {gate}")
    told = []
    scheduler = stage.up()
    assert stage.asked("report")[1]["run_id"] == "report/1"
    stage.until_begun("report/1")
    supervisor = stage.show("report/1")["arming"]["pid"]
    for _ in range(3):
        told += stage.crash(scheduler)
        assert stage.show("report/1")["state"] == "running"
        scheduler = stage.up()
        shown = stage.show("report/1")
        assert (shown["state"], shown["arming"]["pid"]) == ("running", supervisor), "adopted, not started anew"
    gate.open()
    run = stage.until_shown("report/1", slot="free")
    assert (run["state"], run["exit_code"]) == ("succeeded", 0)
    told += stage.down(scheduler)
    assert [event["data"]["state"] for event in told] == ["queued", "running", "succeeded"]
    assert stage.triggers("report") == ["queue", "start", "succeed"]


@pytest.mark.requirement("R-26")
def test_with_real_processes_it_ends_while_nobody_is_there(stage: Stage) -> None:
    """The next scheduler takes the verdict from what the supervisor left."""
    gate = stage.gate()
    stage.ok("add", "report", "--shell", f"echo begun; read line < {gate}; exit 7")
    scheduler = stage.up()
    stage.asked("report")
    stage.until_begun("report/1")
    stage.crash(scheduler)
    gate.open()
    stage.until_gone(stage.show("report/1")["arming"])
    scheduler = stage.up()
    run = stage.until_shown("report/1", slot="free")
    assert (run["state"], run["reason"], run["exit_code"]) == ("failed", "exit_code", 7)
    up = [entry["at"] for entry in stage.entries("@scheduler") if entry["body"]["event"] == "up"]
    assert run["ended_at"] < up[-1], "it has the time of its end, not that of its discovery"
    assert stage.triggers("report") == ["queue", "start", "fail"]
