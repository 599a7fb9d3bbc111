"""openclaw/openclaw#70347: a run that timed out, and nobody was told.

What happened: the outer timer aborted a run and recorded "cron: job execution timed out", but published no terminal
lifecycle event. The session stayed ``running`` until a watchdog from outside repaired it. The timeout rejected a
promise, and nobody listened.

Why it cannot happen here: a verdict is an entry of the journal, and every transition that is journaled is published in
the same step and in its order (R-35), without waiting for the processes to be gone (R-16). The deadline is enforced by
the run's own supervisor, whether or not a scheduler is up (R-10); the next one publishes what was not yet published.
"""

from __future__ import annotations

import pytest
from scenario_kit import Stage, every_crash_point

from fsm.model.events import LifecycleEvent
from fsm.model.states import Reason, SlotState, State
from fsm.testing import Simulation, hang, ignore_term

TEXT = "cron: job execution timed out"


def told(sim: Simulation) -> list[LifecycleEvent]:
    """What the subscribers of the scheduler that is up have heard so far."""
    assert sim.life is not None
    return list(sim.life.publisher.events)


def assert_is_the_timeout(event: LifecycleEvent) -> None:
    assert (event.phase, event.state, event.reason) == ("error", State.TIMED_OUT, Reason.RUN_TIMEOUT)
    assert (event.error, event.error_kind, event.stop_reason) == (TEXT, "timeout", "timeout")
    assert (event.run_id, event.session_key) == ("agent/1", "cron:agent:run:1")


@pytest.mark.requirement("R-35")
def test_the_timeout_is_published_as_it_is_journaled() -> None:
    """In the same instant, with the words that gateways wait for, and under the number of its entry."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="30m")
    sim.script("agent", [hang()])
    sim.request("agent")
    sim.advance("29m59s")
    assert [event.phase for event in told(sim)] == ["queued", "start"]
    sim.advance("1s")
    last = told(sim)[-1]
    assert_is_the_timeout(last)
    assert (last.ts, last.ended_at) == (sim.now, sim.now)
    (entry,) = [entry for entry in sim.journal("agent") if entry.id == last.id]
    assert (entry.seq, entry.at) == (last.seq, last.ts)
    sim.check()


@pytest.mark.requirement("R-16")
def test_nobody_waits_for_a_stubborn_process_to_learn_the_truth() -> None:
    """TERM is ignored for ten minutes of grace: the verdict is out long before the processes are."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="30m", grace="10m")
    sim.script("agent", [ignore_term()])
    sim.request("agent")
    sim.advance("30m")
    assert_is_the_timeout(told(sim)[-1])
    assert sim.run("agent/1").slot is SlotState.HELD, "and what it may still do is in nobody's way but its own"
    sim.advance("10m")
    assert sim.run("agent/1").slot is SlotState.FREE
    assert [event.phase for event in told(sim)] == ["queued", "start", "error"]
    sim.check()


@pytest.mark.requirement("R-10")
def test_a_timeout_while_no_scheduler_is_up_is_published_by_the_next_one() -> None:
    """It ends in time all the same, and whoever reads on from what he knew hears of it once."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="30m")
    sim.script("agent", [hang()])
    sim.request("agent")
    sim.advance("10m")
    sim.crash()
    sim.advance("1h")
    assert sim.world.trees("agent") == [], "its supervisor has ended it at its deadline"
    sim.restart()
    sim.advance("1s")
    (event,) = told(sim)
    assert_is_the_timeout(event)
    assert event.ended_at == sim.run("agent/1").ended_at
    assert sim.run("agent/1").ended_at == "2026-04-01T00:30:00Z"
    assert [event.phase for event in sim.events("agent")] == ["queued", "start", "error"]
    sim.check()


@pytest.mark.requirement("R-35")
def test_a_scheduler_killed_around_a_timeout_leaves_one_journaled_and_told() -> None:
    """Wherever it is killed: one timeout in the journal, from which every follower reads it, once."""

    def scene() -> Simulation:
        sim = Simulation(start="2026-04-01T00:00:00Z")
        sim.add_job("agent", timeout="30m")
        sim.script("agent", [hang()])
        sim.advance("1s")
        return sim

    def act(sim: Simulation) -> None:
        sim.request("agent")
        sim.advance("31m")

    for sim in every_crash_point(scene, act):
        sim.restart()
        sim.advance("31m")
        phases = [event.phase for event in sim.events("agent")]
        if sim.run("agent/1").reason is Reason.RUN_TIMEOUT:
            assert phases == ["queued", "start", "error"]
            assert_is_the_timeout(sim.events("agent")[-1])
        else:  # killed before its go: it never executed, and that is told
            assert sim.run("agent/1").reason is Reason.START_FAILED
        sim.check()


@pytest.mark.requirement("R-10")
@pytest.mark.requirement("R-35")
def test_with_real_processes_serve_prints_the_timeout(stage: Stage) -> None:
    """The event as a gateway gets it, and the same in the history."""
    stage.ok("add", "agent", "--timeout", "500ms", "--grace", "1s", "--", "sleep", "300")
    scheduler = stage.up()
    assert stage.run("run", "agent", "--wait").returncode == 124
    events = stage.down(scheduler)
    assert [event["data"]["phase"] for event in events] == ["queued", "start", "error"]
    last, run = events[-1], stage.show("agent/1")
    assert (last["run_id"], last["stream"], last["session_key"]) == ("agent/1", "lifecycle", "cron:agent:run:1")
    wanted = {
        "phase": "error",
        "error": TEXT,
        "errorKind": "timeout",
        "stopReason": "timeout",
        "state": "timed_out",
        "reason": "run_timeout",
        "started_at": run["started_at"],
        "ended_at": run["ended_at"],
    }
    assert last["data"] == wanted
    assert (run["state"], run["error"]) == ("timed_out", TEXT)


@pytest.mark.requirement("R-10")
def test_with_real_processes_it_times_out_while_the_scheduler_is_dead(stage: Stage) -> None:
    """The deadline is its supervisor's: it needs nobody else. The next scheduler publishes it."""
    stage.ok("add", "agent", "--timeout", "2s", "--grace", "1s", "--shell", "echo begun; exec sleep 300")
    stage.asked("agent")
    scheduler = stage.up()
    stage.until_begun("agent/1")
    stage.crash(scheduler)
    stage.until_gone(stage.show("agent/1")["arming"])
    scheduler = stage.up()
    stage.until_shown("agent/1", slot="free")
    (event,) = stage.down(scheduler)
    assert (event["data"]["state"], event["data"]["errorKind"]) == ("timed_out", "timeout")
    assert event["data"]["ended_at"] < event["ts"]
