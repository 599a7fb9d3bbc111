"""openclaw/openclaw#43141: a run that times out while it is still queued.

What happened: a run waited for its turn longer than it was allowed to. The timer that should have ended it belonged to
the execution, which had not begun; so nothing ended the run, and nothing was published.

Why it cannot happen here: a queued run has a deadline of its own, stored with it (R-7). Past it the run ends as
``timed_out`` for the reason ``queue_timeout`` (R-9), and that is published with the very words of any other timeout.
"""

from __future__ import annotations

import pytest
from scenario_kit import Stage

from fsm.model.states import Reason, SlotState, State
from fsm.testing import Simulation, hang, succeed

TEXT = "cron: job execution timed out"


@pytest.mark.requirement("R-9")
@pytest.mark.parametrize("dead_for", [None, "30m"], ids=["a scheduler is up", "none is up when it comes"])
def test_a_run_that_waits_too_long_is_timed_out_and_told(dead_for: str | None) -> None:
    """There is room for one run, and another job's session sits on it."""
    sim = Simulation(start="2026-04-01T00:00:00Z", max_running=1)
    sim.add_job("hog", timeout="6h")
    sim.add_job("agent", timeout="30m", start_within="10m")
    sim.script("hog", [hang()])
    sim.request("hog")
    sim.advance("1s")
    sim.request("agent")
    waiting = sim.run("agent/1")
    assert (waiting.state, waiting.deadline) == (State.QUEUED, "2026-04-01T00:10:01Z")
    if dead_for is not None:
        sim.crash()
        sim.restart(after=dead_for)
    sim.advance("10m")
    run = sim.run("agent/1")
    assert (run.state, run.reason, run.slot) == (State.TIMED_OUT, Reason.QUEUE_TIMEOUT, SlotState.FREE)
    assert run.ended_at == "2026-04-01T00:10:01Z", "it ended when its time was over, not when somebody looked"
    assert sim.life is not None
    (event,) = [event for event in sim.life.publisher.events if event.phase == "error"]
    assert (event.run_id, event.state, event.reason) == ("agent/1", State.TIMED_OUT, Reason.QUEUE_TIMEOUT)
    assert (event.error, event.error_kind, event.stop_reason) == (TEXT, "timeout", "timeout")
    assert event.session_key == "cron:agent:run:1"
    assert event.started_at is None
    sim.check()


@pytest.mark.requirement("R-9")
def test_its_time_is_not_over_before_it_is_over() -> None:
    """Room comes up a second before: it starts, although the wall clock was set an hour on meanwhile."""
    sim = Simulation(start="2026-04-01T00:00:00Z", max_running=1)
    sim.add_job("hog", timeout="6h")
    sim.add_job("agent", start_within="10m")
    sim.script("hog", [succeed(after="9m59s")])
    sim.request("hog")
    sim.request("agent")
    sim.advance("5m")
    sim.jump_clock("1h")
    sim.advance("5m5s")
    assert sim.run("agent/1").state is State.SUCCEEDED
    sim.check()


@pytest.mark.requirement("R-9")
def test_with_real_processes_there_is_room_for_one(stage: Stage) -> None:
    """Whoever waits for it is told (exit code 124), and so is who listens."""
    jobs = stage.root / "jobs.toml"
    jobs.write_text(
        "[scheduler]\nmax_running = 1\n"
        '[jobs.hog]\nshell = "echo begun; exec sleep 300"\n'
        '[jobs.agent]\ncommand = ["true"]\nstart_within = "500ms"\n'
    )
    scheduler = stage.up(str(jobs))
    stage.asked("hog")
    stage.until_begun("hog/1")
    assert stage.run("run", "agent", "--wait").returncode == 124
    run = stage.show("agent/1")
    assert (run["state"], run["reason"], run["started_at"], run["slot"]) == ("timed_out", "queue_timeout", None, "free")
    last = stage.down(scheduler)[-1]
    assert (last["run_id"], last["session_key"]) == ("agent/1", "cron:agent:run:1")
    data = last["data"]
    assert (data["phase"], data["error"]) == ("error", TEXT)
    assert (data["errorKind"], data["stopReason"], data["reason"]) == ("timeout", "timeout", "queue_timeout")
