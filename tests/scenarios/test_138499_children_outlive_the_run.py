"""openclaw/openclaw#138499: children that outlive a timed-out run by hours.

What happened: the run's own process was ended at its timeout; what it had started was not: servers, browsers, builds
went on for hours, held ports and files, and met those of the next run.

Why it cannot happen here: what ends is the process tree. The supervisor is the subreaper of all that its command
starts, so that a child which forks twice, begins a session of its own and closes its descriptors is still found; it
says that a run is over when its last descendant is. Where the supervisor itself was killed, what is left is searched
for until two searches find nothing. The slot is freed by that evidence and no other (R-15), so that the next run meets
nobody (R-14).
"""

from __future__ import annotations

import os
import sys

import pytest
from scenario_kit import Stage, alive, until

from fsm.model.entries import Released
from fsm.model.states import Evidence, Reason, RefusalReason, SlotState, State
from fsm.testing import Simulation, child, ignore_term, succeed
from fsm.testing.behaviours import Behaviour

ORPHAN = """
import os, signal, sys
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.closerange(0, 256)
signal.pause()
"""
"""Forks twice, begins sessions of its own, closes every descriptor, ignores TERM, and stays."""


LEFT = (child(ignores_term=True, keeps_lock=False),)


def evidence(sim: Simulation, job: str) -> list[Evidence]:
    """What the slots of a job were freed by."""
    return [entry.body.evidence for entry in sim.journal(job) if isinstance(entry.body, Released)]


@pytest.mark.requirement("R-15")
@pytest.mark.parametrize(
    ("parent", "verdict"),
    [(succeed(after="5m", leaves=LEFT), State.SUCCEEDED), (ignore_term(leaves=LEFT), State.TIMED_OUT)],
    ids=["after a success", "after a timeout"],
)
def test_the_slot_is_freed_by_the_end_of_the_last_child(parent: Behaviour, verdict: State) -> None:
    """The verdict is out; the child, which closed the lock and ignores TERM, is killed; only then the slot is free."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="6m", grace="30s")
    sim.script("agent", [parent])
    sim.request("agent")
    sim.advance("6m" if verdict is State.TIMED_OUT else "5m")
    run = sim.run("agent/1")
    assert (run.state, run.slot) == (verdict, SlotState.HELD)
    assert sim.world.trees("agent")
    refused = sim.request("agent")
    assert refused.reason is RefusalReason.SLOT_HELD
    sim.advance("30s")
    assert sim.world.trees("agent") == []
    assert sim.run("agent/1").slot is SlotState.FREE
    assert evidence(sim, "agent") == [Evidence.REPORT]
    sim.check()


@pytest.mark.requirement("R-11")
@pytest.mark.requirement("R-15")
def test_a_child_that_nobody_can_end_keeps_the_slot_and_is_named() -> None:
    """A program of another user (setuid), six hours long, after its supervisor was killed: no run meets it.

    Nobody can say that the run is lost while something of it lives. Past its last deadline it is reaped all the same.
    """
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="*/10 * * * *", timeout="5m", grace="30s")
    sim.script("agent", [succeed(after="4m", leaves=(child("6h", hidden=True),)), succeed()])
    sim.run_until("2026-04-01T00:10:30Z")
    sim.kill_supervisor("agent")
    sim.run_until("2026-04-01T00:16:29Z")
    assert sim.run("agent/1").state is State.RUNNING
    sim.run_until("2026-04-01T06:10:00Z")
    (run,) = sim.runs("agent")
    assert (run.state, run.reason, run.slot) == (State.REAPED, Reason.OVERDUE, SlotState.HELD)
    assert run.ended_at == "2026-04-01T00:16:30Z"
    assert {refusal.reason for refusal in sim.refusals("agent")} == {RefusalReason.SLOT_HELD}
    assert sim.life is not None
    assert "can be neither read nor ended" in sim.life.scheduler.watcher.hindered["agent"][0]
    sim.run_until("2026-04-01T06:20:10Z")
    assert evidence(sim, "agent")[0] is Evidence.SCAN
    assert [run.state for run in sim.runs("agent")] == [State.SUCCEEDED, State.REAPED]
    sim.check()


@pytest.mark.requirement("R-14")
def test_with_real_processes_a_timeout_leaves_nothing_alive(stage: Stage) -> None:
    """Three kinds of children, none of which hears of the end of its parent."""
    cookie = f"138499.{os.getpid()}"
    stage.ok(
        "add", "agent", "--timeout", "1s", "--grace", "300ms", "--shell",
        f"nohup sleep {cookie} & (setsid sleep {cookie} </dev/null >/dev/null 2>&1 &); "
        f"{sys.executable} -ISc '{ORPHAN}' {cookie}; echo begun; sleep 300",
    )  # fmt: skip
    stage.up()
    stage.asked("agent")
    until(lambda: len(alive(f"{cookie}\0")) >= 3)
    run = stage.until_shown("agent/1", slot="free")
    assert run["state"] == "timed_out"
    assert alive(f"{cookie}\0") == []
    (released,) = [entry["body"] for entry in stage.entries("agent") if entry["kind"] == "released"]
    assert released["evidence"] in ("report", "cgroup")


@pytest.mark.requirement("R-15")
def test_with_real_processes_the_supervisor_is_killed_and_its_children_are_found(stage: Stage) -> None:
    """Nobody is their subreaper any more; the search knows them by what they inherited."""
    cookie = f"138499.{os.getpid()}"
    stage.ok(
        "add", "agent", "--shell",
        f"(setsid sleep {cookie} </dev/null >/dev/null 2>&1 &); {sys.executable} -ISc '{ORPHAN}' {cookie}; "
        "echo begun; sleep 300",
    )  # fmt: skip
    stage.up()
    stage.asked("agent")
    stage.until_begun("agent/1")
    until(lambda: len(alive(f"{cookie}\0")) >= 2)
    stage.kill_supervisor(stage.show("agent/1")["arming"])
    run = stage.until_shown("agent/1", slot="free")
    assert (run["state"], run["reason"]) == ("lost", "vanished")
    assert alive(f"{cookie}\0") == []
    (released,) = [entry["body"] for entry in stage.entries("agent") if entry["kind"] == "released"]
    assert released["evidence"] in ("scan", "cgroup")
