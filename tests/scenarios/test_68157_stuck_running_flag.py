"""openclaw/openclaw#68157: "already-running", for ever.

What happened: a job answered ``{ok: true, ran: false, reason: "already-running"}`` for ever, also after restarts of the
gateway, while its run history stayed empty. A running flag was written before the isolated session was started; the
start failed, and nothing cleared the flag. Runs were recorded only when they finished, so there was nothing to see.
Only disabling and enabling the job freed it: the marker that should have counted as stuck after two hours never got
that old, because the job triggered again before.

Why it cannot happen here: there is no flag. What is in the way of a run is another run, which is in the history from
the moment it is queued (R-4). A start that fails ends that run at once (R-20). Whatever dies in the middle of a
start, the next scheduler holds every open run against what is really alive before it fires anything (R-23). And who is
refused is told which run is in the way, its state, its age and its deadline (R-28), past which it ends by itself.
"""

from __future__ import annotations

import pytest
from scenario_kit import Stage, every_crash_point

from fsm.instants import MINUTE, SECOND
from fsm.model.states import Reason, RefusalReason, SlotState, State
from fsm.testing import Simulation, cannot_start, hang, succeed


@pytest.mark.requirement("R-20")
@pytest.mark.parametrize("armed", [False, True], ids=["no supervisor", "no such program"])
def test_a_start_that_fails_ends_its_run_at_once(armed: bool) -> None:
    """Three starts fail, each run ends in the second of its tick, and the fourth tick runs. None is refused."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("script", schedule="*/30 * * * *")
    sim.script("script", [*3 * [cannot_start(armed=armed)], succeed(after="5m")])
    for tick in range(1, 4):
        sim.advance("30m")
        assert len(sim.runs("script")) == tick
        run = sim.runs("script")[0]
        assert (run.state, run.reason, run.slot) == (State.FAILED, Reason.START_FAILED, SlotState.FREE)
        assert run.ended_at == run.scheduled_for == sim.now
    sim.advance("36m")
    assert sim.runs("script")[0].state is State.SUCCEEDED
    assert sim.refusals("script") == []
    sim.check()


@pytest.mark.requirement("R-23")
def test_a_scheduler_killed_anywhere_in_a_start_leaves_nothing_in_the_way() -> None:
    """Whatever it was doing: ten seconds after the next one came up, the run has ended and a request is taken."""

    def scene() -> Simulation:
        sim = Simulation(start="2026-04-01T00:00:00Z")
        sim.add_job("script", schedule="*/30 * * * *", timeout="20m")
        sim.script("script", [succeed(after="5s")])
        sim.advance("29m")
        return sim

    ends = set()
    for sim in every_crash_point(scene, lambda sim: sim.advance("61s")):
        sim.restart()
        sim.advance("10s")
        (run,) = sim.runs("script")
        assert run.state.terminal, f"{run.id} is {run.state} although nobody works on it"
        assert run.slot is SlotState.FREE
        ends.add((run.state, run.reason))
        answer = sim.request("script")
        assert answer.enqueued, f"refused: {answer.reason} by {answer.blocked_by}"
        sim.check()
    assert ends == {
        (State.SUCCEEDED, Reason.COMPLETED),  # nothing was lost by the crash
        (State.FAILED, Reason.START_FAILED),  # it came between the journal's `start` and the supervisor's go
    }


@pytest.mark.requirement("R-28")
@pytest.mark.requirement("R-32")
def test_a_refusal_names_the_run_in_the_way_and_when_it_ends_at_the_latest() -> None:
    """A hung session keeps its job from running, and whoever asks is told what hangs, since when and until when."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("script", schedule="*/30 * * * *", timeout="2h")
    sim.script("script", [hang(), succeed()])
    sim.advance("40m")
    answer = sim.request("script")
    assert (answer.ok, answer.ran, answer.reason) == (True, False, RefusalReason.ALREADY_RUNNING)
    by = answer.blocked_by
    assert by is not None
    assert (by.run_id, by.state, by.age_s) == ("script/1", State.RUNNING, 10 * MINUTE / SECOND)
    assert by.deadline == "2026-04-01T02:30:00Z"
    sim.advance("2h")
    assert sim.run("script/1").state is State.TIMED_OUT
    assert sim.run("script/1").ended_at == by.deadline, "what it says it keeps"
    assert sim.runs("script")[0].number == 2
    assert sim.request("script").enqueued
    sim.check()


@pytest.mark.requirement("R-20")
def test_with_real_processes_a_program_that_is_not_there(stage: Stage) -> None:
    """Every attempt is in the history with its reason, and none is in the way of the next."""
    stage.ok("add", "script", "--", "/no/such/program", "--every-30-min")
    stage.up()
    for number in (1, 2):
        assert stage.run("run", "script", "--wait").returncode == 1
        run = stage.show(f"script/{number}")
        assert (run["state"], run["reason"], run["slot"]) == ("failed", "start_failed", "free")
        assert "/no/such/program" in run["error"]


@pytest.mark.requirement("R-23")
@pytest.mark.requirement("R-28")
def test_with_real_processes_the_session_and_the_scheduler_are_killed(stage: Stage) -> None:
    """The next scheduler sees at once that nothing lives; nobody has to disable and enable the job."""
    stage.ok("add", "script", "--shell", "echo begun; exec sleep 300")
    scheduler = stage.up()
    assert stage.asked("script")[1]["run_id"] == "script/1"
    stage.until_begun("script/1")
    run = stage.show("script/1")
    code, told = stage.asked("script")
    assert (code, told["ok"], told["ran"], told["reason"]) == (75, True, False, "already_running")
    by = told["blocked_by"]
    assert (by["run_id"], by["state"], by["deadline"]) == ("script/1", "running", run["run_by"])
    assert by["age_s"] >= 0
    stage.crash(scheduler)
    stage.kill_supervisor(run["arming"])
    assert stage.asked("script")[0] == 75, "nobody has looked yet"
    stage.up()
    run = stage.until_shown("script/1", slot="free")
    assert (run["state"], run["reason"]) == ("lost", "vanished")
    code, told = stage.asked("script")
    assert (code, told["run_id"]) == (0, "script/2")
    stage.until_begun("script/2")
    assert stage.json("verify")["ok"] is True
