"""openclaw/openclaw#137215 (and #42640, #81087, #86451): a retry beside the original that still lives.

What happened: a run timed out and was given up; its process ignored that and went on. The retry was started at once,
and both worked on the same files.

Why it cannot happen here: verdict and slot are two things. The timeout is said at once (R-16), but the job's slot is
freed by nothing but evidence that the process tree is gone (R-13). Until then a tick is refused, naming the run that
holds the slot, and so is a request (R-17). So there are never two process trees of a job (R-14).

Retries themselves are still to come; whoever asks again by hand as soon as he hears of the timeout stands for them.
"""

from __future__ import annotations

import pytest
from scenario_kit import Stage

from fsm.model.states import RefusalReason, SlotState, State
from fsm.testing import Simulation, child, hang, ignore_term, succeed
from fsm.testing.behaviours import Behaviour


@pytest.mark.requirement("R-17")
@pytest.mark.requirement("R-13")
@pytest.mark.requirement("R-14")
@pytest.mark.parametrize(
    ("original", "gone_after"),
    [
        (ignore_term(), "10m"),
        (hang(), "0s"),
        (ignore_term(leaves=(child(ignores_term=True, keeps_lock=False),)), "10m"),
    ],
    ids=["ignores TERM", "heeds TERM", "ignores TERM, and a child closed the lock"],
)
def test_whoever_asks_again_waits_for_the_original_to_be_gone(original: Behaviour, gone_after: str) -> None:
    """Every ten seconds from the timeout on: each answer is no, and names it, until nothing of it lives."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="15 * * * *", timeout="10m", grace="10m")
    sim.script("agent", [original, succeed()])
    sim.request("agent")
    sim.advance("10m")
    assert sim.run("agent/1").state is State.TIMED_OUT
    waited = 0
    while not (answer := sim.request("agent")).enqueued:
        assert sim.world.trees("agent"), "refused, and nothing of it lives"
        by = answer.blocked_by
        assert answer.reason is RefusalReason.SLOT_HELD
        assert by is not None
        assert (by.run_id, by.state) == ("agent/1", State.TIMED_OUT)
        sim.advance("10s")
        waited += 10
    assert waited == {"10m": 600, "0s": 0}[gone_after]
    assert sim.world.trees("agent") == [], "taken, although something of it lives"
    assert sim.run("agent/1").slot is SlotState.FREE
    refused = [refusal for refusal in sim.refusals("agent") if refusal.cause == "schedule"]
    assert [refusal.first for refusal in refused] == (["2026-04-01T00:15:00Z"] if waited else [])
    sim.advance("5s")
    assert sim.run("agent/2").state is State.SUCCEEDED
    sim.check()


@pytest.mark.requirement("R-13")
@pytest.mark.requirement("R-23")
def test_a_restart_does_not_free_the_slot_of_a_run_that_is_over_and_lives() -> None:
    """Killed right after the verdict was written: the next scheduler knows of the held slot, not of open runs only."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="10m", grace="10m")
    sim.script("agent", [ignore_term(), succeed()])
    sim.request("agent")
    sim.advance("10m")
    assert sim.run("agent/1").state is State.TIMED_OUT
    sim.crash()
    sim.restart()
    sim.advance("5m")
    refused = sim.request("agent")
    assert refused.reason is RefusalReason.SLOT_HELD
    sim.kill_supervisor("agent")  # and its own supervisor does not live to see the end
    sim.advance("1s")
    assert sim.world.trees("agent") == []
    assert sim.request("agent").enqueued
    sim.advance("5s")
    assert sim.run("agent/2").state is State.SUCCEEDED
    sim.check()


@pytest.mark.requirement("R-14")
@pytest.mark.requirement("R-17")
def test_with_real_processes_the_original_ignores_term(stage: Stage) -> None:
    """Each run says whether it meets the one before it; the second is taken once the first is gone, and meets none."""
    gate, pid, marks = stage.gate(), stage.root / "pid", stage.root / "marks"
    stage.ok(
        "add", "agent", "--timeout", "500ms", "--grace", "1h", "--shell",
        f"if [ -e {pid} ] && kill -0 $(cat {pid}); then echo met >> {marks}; else echo alone >> {marks}; fi; "
        f"echo $$ > {pid}; trap '' TERM; read line < {gate}",
    )  # fmt: skip
    stage.up()
    assert stage.run("run", "agent", "--wait").returncode == 124
    code, told = stage.asked("agent")
    assert (code, told["reason"]) == (75, "slot_held")
    by = told["blocked_by"]
    assert (by["run_id"], by["state"]) == ("agent/1", "timed_out")
    gate.open()  # at last it ends
    run = stage.until_shown("agent/1", slot="free")
    assert (run["state"], run["exit_code"]) == ("timed_out", 0), "a success that comes too late changes no verdict"
    assert stage.asked("agent")[1]["run_id"] == "agent/2"
    gate.open()
    stage.until_shown("agent/2", slot="free")
    assert marks.read_text().splitlines() == ["alone", "alone"]
