"""openclaw/openclaw#78233: manual runs are shown as lost for a while, then turn out fine.

What happened: a run that somebody asked for by hand and that took longer than five minutes was shown as ``lost``, and
later as done. Manual runs took another path through the code, which never marked their job as active; so the sweep
took them for orphans, and their real end was written over its verdict.

Why it cannot happen here: there is one path. A request queues a run as a tick does, and from there on nobody asks where
it came from (R-32). And a terminal state is final (R-3): a verdict that might have to be taken back is never given,
for ``lost`` needs evidence (R-26), and what is learnt later is recorded beside a verdict, never over it.
"""

from __future__ import annotations

import json

import pytest
from scenario_kit import Stage

from fsm.errors import IllegalEntry
from fsm.model.entries import Draft, Ended
from fsm.model.states import Actor, Kind, Reason, State, Trigger
from fsm.ports import Append
from fsm.testing import Simulation, succeed


@pytest.mark.requirement("R-26")
@pytest.mark.requirement("R-32")
def test_a_manual_run_of_an_hour_is_running_whenever_one_looks() -> None:
    """Every minute of it, over sweeps and a restart; it ends once."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report", schedule="0 3 * * *", timeout="2h")
    sim.script("report", [succeed(after="1h")])
    sim.request("report")
    for minute in range(59):
        sim.advance("1m")
        assert sim.run("report/1").state is State.RUNNING, f"minute {minute + 1}"
        if minute == 30:
            sim.crash()
            sim.restart(after="5s")
    sim.advance("2m")
    assert sim.run("report/1").state is State.SUCCEEDED
    assert [event.state for event in sim.events("report")] == [State.QUEUED, State.RUNNING, State.SUCCEEDED]
    sim.check()


@pytest.mark.requirement("R-32")
def test_a_manual_and_a_scheduled_run_leave_the_same_story() -> None:
    """But for the cause, and the scheduled time that one of them has."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report", schedule="0 1 * * *", timeout="2h")
    sim.script("report", [succeed(after="10m")])
    sim.request("report")
    sim.advance("2h")
    stories: dict[int, list[tuple[object, ...]]] = {1: [], 2: []}
    for entry in sim.journal("report"):
        if entry.run is not None:
            stories[entry.run].append((entry.kind, entry.source, getattr(entry.body, "reason", None)))
    assert [sim.run(f"report/{number}").cause for number in stories] == ["manual", "schedule"]
    assert stories[1] == stories[2]
    assert [step[0] for step in stories[1]] == [*3 * [Kind.TRANSITION], Kind.RELEASED]


@pytest.mark.requirement("R-3")
@pytest.mark.parametrize("end", [(Trigger.SUCCEED, Reason.COMPLETED), (Trigger.LOSE, Reason.VANISHED)])
def test_no_verdict_can_be_written_over_another(end: tuple[Trigger, Reason]) -> None:
    """Neither the real end over `lost` nor `lost` over the real end: the journal itself refuses it."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report")
    sim.request("report")
    sim.advance("10s")
    assert sim.run("report/1").state is State.SUCCEEDED
    before = sim.journal("report")
    state = sim.store.state("report")
    late = Draft("report", sim.now, Actor.RECOVERY, 1, Ended(*end, sim.now))
    with pytest.raises(IllegalEntry):
        sim.store.append([Append(state, (late,))])
    assert sim.journal("report") == before


@pytest.mark.requirement("R-3")
@pytest.mark.requirement("R-32")
def test_with_real_processes_nobody_is_ever_told_that_a_manual_run_is_lost(stage: Stage) -> None:
    """Who follows the journal sees it queued, running and succeeded, over the death of the scheduler."""
    gate = stage.gate()
    stage.ok("add", "report", "--shell", f"echo begun; read line < {gate}")
    scheduler = stage.up()
    waiting = stage.start("run", "report", "--wait", "--json")
    stage.until_shown_at_all("report/1")
    stage.until_begun("report/1")
    stage.crash(scheduler)
    assert stage.show("report/1")["state"] == "running"
    stage.up()
    assert stage.show("report/1")["state"] == "running"
    assert waiting.poll() is None, "whoever waits for it goes on waiting"
    gate.open()
    out, _ = waiting.communicate(timeout=120)
    assert (waiting.returncode, json.loads(out)["state"]) == (0, "succeeded")
    assert stage.triggers("report") == ["queue", "start", "succeed"]
