"""openclaw/openclaw#139504: a manual run whose run id matches nothing.

What happened: asking for a run answered with a run id. The run that then took place had another one; the id was in no
history, no log and no event. Nobody could tell what had become of what he had asked for.

Why it cannot happen here: the id is `job/number`, and the number is given by the entry that queues the run. That entry
is in the journal before the answer is given (R-4), and it names the run ever after: in the history, in its events, in
its session key, in its folder, and in the environment of its command. No number is given twice (R-6).
"""

from __future__ import annotations

import json

import pytest
from scenario_kit import Stage

from fsm.errors import UnknownRun
from fsm.model.states import State
from fsm.testing import Simulation, succeed


@pytest.mark.requirement("R-4")
@pytest.mark.parametrize("served", [True, False], ids=["a scheduler is up", "none is up"])
def test_the_answer_names_a_run_that_is_in_the_history_already(served: bool) -> None:
    """Before anything else happens, and it is the run that takes place."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("report")
    sim.script("report", [succeed(after="1m")])
    if not served:
        sim.crash()
    answer = sim.request("report")
    assert answer.run_id is not None
    (run,) = sim.runs("report")
    assert (run.id, run.state) == (answer.run_id, State.QUEUED)
    if not served:
        sim.restart(after="1m")
    sim.advance("2m")
    assert sim.run(answer.run_id).state is State.SUCCEEDED
    assert {event.run_id for event in sim.events("report")} == {answer.run_id}
    assert {event.session_key for event in sim.events("report")} == {"cron:report:run:1"}
    sim.check()


@pytest.mark.requirement("R-4")
def test_who_is_killed_while_he_asks_has_a_run_or_none() -> None:
    """A client that is killed leaves no half of a run; asking again says what is there."""
    from fsm.testing.interruptions import Crash, crash

    outcomes = set()
    for point in (1, 2):
        sim = Simulation(start="2026-04-01T00:00:00Z")
        sim.add_job("report")
        sim.client_interruptions.at(point, crash)
        with pytest.raises(Crash):
            sim.request("report")
        sim.client_interruptions.clear()
        outcomes.add(len(sim.runs("report")))
        answer = sim.request("report")
        if sim.runs("report")[0].number == 1 and not answer.enqueued:
            assert answer.blocked_by is not None
            assert answer.blocked_by.run_id == "report/1"
        sim.advance("10s")
        assert {run.state for run in sim.runs("report")} == {State.SUCCEEDED}
        sim.check()
    assert outcomes == {0, 1}


@pytest.mark.requirement("R-6")
def test_an_id_never_comes_to_mean_another_run() -> None:
    """Also not after the job was removed and added again."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    ids = []
    for _ in range(3):
        sim.add_job("report")
        ids.append(sim.request("report").run_id)
        sim.advance("5s")
        sim.remove_job("report")
    assert ids == ["report/1", "report/2", "report/3"]
    with pytest.raises(UnknownRun):
        sim.run("report/4")
    sim.check()


@pytest.mark.requirement("R-4")
def test_with_real_processes_one_id_everywhere(stage: Stage) -> None:
    """In the answer, the history, the output, the events, the journal, and in what the command itself is told."""
    stage.ok("add", "report", "--shell", 'echo "$CRONFSM_RUN_ID $CRONFSM_SESSION_KEY"')
    code, told = stage.asked("report")  # no scheduler is up: the answer does not wait for one
    assert (code, told["ok"], told["enqueued"], told["state"]) == (0, True, True, "queued")
    run_id = told["run_id"]
    assert [run["id"] for run in stage.runs("report")] == [run_id]
    scheduler = stage.up()
    run = stage.until_shown(run_id, slot="free")
    assert run["state"] == "succeeded"
    assert stage.ok("logs", run_id) == f"{run_id} {run['session_key']}\n"
    events = stage.down(scheduler)
    assert [event["run_id"] for event in events] == 2 * [run_id], "`queued` came before the scheduler"
    assert {event["session_key"] for event in events} == {run["session_key"]}
    assert {entry["run"] for entry in stage.entries("report") if entry["kind"] == "transition"} == {run_id}
    assert run_id in json.dumps(stage.json("explain", "report"))
    assert stage.run("cancel", run_id).returncode == 75, "it has ended, and it is known"
