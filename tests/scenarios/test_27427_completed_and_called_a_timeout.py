"""openclaw/openclaw#27427: an isolated job that takes longer than 600 s is an error, though it completes its work.

What happened: a timer of 600 s, which no setting reached, wrote "cron: job execution timed out" while the session went
on; its answer arrived later, and the record stayed an error without a summary (#68091: the same at any timeout).

Why it cannot happen here: the only deadline is the job's own, and it is stored with the run. Its supervisor says how
it ended, and says so once: whoever reads that later, even long after the deadline, gets the same (R-25, R-63). A run
that did time out is ended for good (R-64): no late answer of it contradicts its record.
"""

from __future__ import annotations

import sys

import pytest
from agents_kit import MESSAGE
from scenario_kit import Stage

from fsm.model.states import Reason, State
from fsm.testing import Simulation, hang, succeed


@pytest.mark.requirement("R-25")
def test_a_turn_of_a_quarter_of_an_hour_within_its_timeout_succeeds() -> None:
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="20m")
    sim.script("agent", [succeed(after="15m")])
    sim.request("agent")
    sim.advance("16m")
    assert (sim.run("agent/1").state, sim.run("agent/1").ended_at) == (State.SUCCEEDED, "2026-04-01T00:15:00Z")
    sim.check()


@pytest.mark.requirement("R-25")
def test_an_end_that_is_read_long_after_the_deadline_is_that_end() -> None:
    """The scheduler is down when it ends, and comes back when every deadline of the run has passed."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="20m")
    sim.script("agent", [succeed(after="15m")])
    sim.request("agent")
    sim.advance("1m")
    sim.crash()
    sim.advance("3h")
    sim.restart()
    sim.advance("1s")
    run = sim.run("agent/1")
    assert (run.state, run.reason, run.ended_at) == (State.SUCCEEDED, Reason.COMPLETED, "2026-04-01T00:15:00Z")
    sim.check()


@pytest.mark.requirement("R-64")
def test_a_run_that_timed_out_answers_no_more() -> None:
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="10m")
    sim.script("agent", [hang()])
    sim.request("agent")
    sim.advance("11m")
    assert sim.run("agent/1").reason is Reason.RUN_TIMEOUT
    assert sim.world.trees("agent") == []
    sim.check()


AGENT = """\
import json, signal, sys
said = {{"session_id": "known from the start"}}
print(json.dumps({{"type": "system", **said}}), flush=True)
{before}
print(json.dumps({{"type": "result", "is_error": False, "result": sys.argv[-1], **said}}), flush=True)
{after}
"""


def add_agent(stage: Stage, timeout: str, before: str = "", after: str = "") -> None:
    """A job with a program in claude's place."""
    script, program = stage.root / "agent.py", stage.root / "agent"
    script.write_text(AGENT.format(before=before, after=after))
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {script} "$@"\n')
    program.chmod(0o755)
    words = ("--message", MESSAGE, "--program", str(program), "--timeout", timeout, "--grace", "1s")
    stage.ok("add", "brief", "--agent", "claude", *words)


@pytest.mark.requirement("R-63")
def test_with_real_processes_a_turn_that_ends_without_a_scheduler(stage: Stage) -> None:
    """The next scheduler comes after its end, and reads what its supervisor has said."""
    gate = stage.gate()
    add_agent(stage, "1m", before=f"open({str(gate)!r}).readline()")
    stage.asked("brief")
    scheduler = stage.up()
    stage.until_begun("brief/1")
    stage.crash(scheduler)
    gate.open()
    stage.until_gone(stage.show("brief/1")["arming"])
    scheduler = stage.up()
    stage.until_shown("brief/1", state="succeeded", slot="free")
    stage.down(scheduler)
    run = stage.show("brief/1")
    assert (run["state"], run["reason"], run["agent"]["answer"]) == ("succeeded", "completed", MESSAGE)
    assert run["ended_at"] < run["run_by"]


@pytest.mark.requirement("R-64")
def test_with_real_processes_an_answer_and_no_end_is_a_timeout_that_keeps_the_answer(stage: Stage) -> None:
    """It answers, and then hangs: its record says that it was ended, and holds what it had said by then."""
    add_agent(stage, "10s", after="signal.pause()")
    stage.asked("brief")
    scheduler = stage.up()
    stage.until_shown("brief/1", state="timed_out", slot="free")
    stage.down(scheduler)
    run = stage.show("brief/1")
    assert (run["state"], run["reason"], run["error"]) == ("timed_out", "run_timeout", "cron: job execution timed out")
    assert (run["agent"]["answer"], run["agent"]["session_id"]) == (MESSAGE, "known from the start")
