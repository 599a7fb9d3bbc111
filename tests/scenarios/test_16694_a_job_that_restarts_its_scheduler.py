"""openclaw/openclaw#16694: a job that restarts the gateway, 900 times.

What happened: a job's work was to restart the gateway. The restart came before the run was written down as done, so
the time was still due when the gateway came up; it ran the job again, which restarted it again. 900 times.

Why it cannot happen here: a scheduled time has its answer, durably, before anything of its run is executed (R-18,
R-27). The run goes on while its scheduler dies, and the next scheduler adopts it and writes down its end (R-25). A
`serve` that was started by a run begins anew without what marks the run's processes, so that a search for what is left
of that run does not end the scheduler that searches.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from scenario_kit import SOURCE, Stage, stop, until

from fsm.instants import SECOND, format_instant
from fsm.model.states import State
from fsm.supervise.processes import is_alive, stat_of
from fsm.testing import Simulation, Step, succeed
from fsm.testing.supervisor import SupervisorProcess


class Restarter:
    """Looks on as the simulation's own witness does; whatever begins to execute kills the scheduler."""

    def __init__(self, sim: Simulation) -> None:
        self._sim, self.executions = sim, 0

    def arming(self, supervisor: SupervisorProcess) -> None:
        self._sim.witness.arming(supervisor)

    def executing(self, supervisor: SupervisorProcess) -> None:
        self._sim.witness.executing(supervisor)
        self.executions += 1
        self._sim.world.at(self._sim.world.t, self._sim.crash)

    def wrong(self, law: str, what: str) -> None:
        self._sim.witness.wrong(law, what)


@pytest.mark.requirement("R-18")
@pytest.mark.requirement("R-27")
@pytest.mark.parametrize("keeper", ["100ms", "5s", "10m"], ids=lambda after: f"restarted after {after}")
def test_a_job_that_kills_its_scheduler_every_night(keeper: str) -> None:
    """Ten nights, with a keeper that starts it again: ten runs, ten restarts, and no night has two."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("restarter", schedule="0 3 * * *", timeout="1h")
    sim.script("restarter", [succeed(after="2s")])
    restarter = sim.world.witness = Restarter(sim)
    sim.lag(Step.APPEND, "50ms")  # time enough to execute what is not yet written down
    for day in range(1, 11):
        sim.run_until(f"2026-04-{day:02}T03:00:01Z")
        assert not sim.up
        restarts = 0
        while not sim.up:
            sim.restart(after=keeper)
            sim.advance("3s")
            restarts += 1
            assert restarts < 900, "as in the report"
        assert restarts == 1
    assert restarter.executions == 10
    assert [run.state for run in sim.runs("restarter")] == 10 * [State.SUCCEEDED]
    assert len({run.scheduled_for for run in sim.runs("restarter")}) == 10
    assert sim.refusals("restarter") == []
    sim.check()


@pytest.mark.requirement("R-25")
@pytest.mark.requirement("R-27")
def test_with_real_processes_a_job_kills_its_scheduler_and_a_keeper_restarts_it(stage: Stage) -> None:
    """As under systemd: whenever `serve` dies it is started again. It dies once, and the job runs once."""
    marks = stage.root / "marks"
    kill = f"kill -9 $(sed 's/.*\"pid\": \\([0-9]*\\),.*/\\1/' {stage.folder.scheduler_lock})"
    due = stage.add_due_in(2, "restarter", f"echo ran >> {marks}; {kill}")
    until(lambda: time.time() * SECOND > due)
    codes = []
    while not codes or codes[-1] != 0:
        codes.append(stage.run("serve", "--until-idle", "--json").returncode)
        assert len(codes) < 10, "it goes round and round"
    assert codes == [-signal.SIGKILL, 0]
    assert marks.read_text().splitlines() == ["ran"]
    (run,) = stage.runs("restarter")
    assert (run["state"], run["exit_code"], run["slot"]) == ("succeeded", 0, "free")
    assert run["scheduled_for"] == format_instant(due)
    assert stage.run("serve", "--until-idle", "--json").stdout == "", "and there is nothing left to do"


def add_restarter(stage: Stage, *, apart: bool, gate: object) -> None:
    """A job that starts a scheduler in the place of its own, and then waits at the gate."""
    serve = f"{sys.executable} -m fsm.cli --data-dir {stage.path} serve --takeover --json"
    second = f"PYTHONPATH={SOURCE} {'setsid ' if apart else ''}{serve} > {stage.root}/second.log 2>&1 &"
    stage.ok("add", "restarter", "--grace", "5s", "--shell", f"{second} echo begun; read line < {gate}")
    stage.ok("add", "other", "--", "true")


def replaced(stage: Stage) -> int:
    """The pid of the scheduler that the run has started, once it is up."""
    first = stage.up()
    assert stage.asked("restarter")[1]["run_id"] == "restarter/1"
    until(lambda: stage.pid not in (None, first.pid))
    assert stop(first) is not None
    assert first.returncode == 0, "it was asked to end, and did in good order"
    pid = stage.pid
    assert pid is not None
    return pid


def assert_is_no_part_of_the_run(pid: int, stage: Stage) -> None:
    """Neither its environment nor its descriptors are those of a process of the run."""
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"CRONFSM_RUN_" not in environment
    lock = os.stat(stage.folder.slot_lock("restarter"))
    held = [entry for entry in Path(f"/proc/{pid}/fd").iterdir() if int(entry.name) > 2]
    assert not any(is_same_file(entry, lock) for entry in held), "it holds the slot of the job that started it"


def is_same_file(descriptor: Path, file: os.stat_result) -> bool:
    """Whether a descriptor of a living process leads there; one it has closed since it was listed leads nowhere."""
    with suppress(FileNotFoundError):
        return os.path.samestat(descriptor.stat(), file)
    return False


@pytest.mark.requirement("R-25")
@pytest.mark.requirement("R-15")
@pytest.mark.parametrize("apart", [True, False], ids=["in a session of its own", "in the run's session"])
def test_with_real_processes_a_scheduler_that_one_of_its_runs_has_started(stage: Stage, apart: bool) -> None:
    """It adopts the run that started it, and works. It is that run's child: when the run is over, so is it."""
    gate = stage.gate()
    add_restarter(stage, apart=apart, gate=gate)
    second = replaced(stage)
    assert_is_no_part_of_the_run(second, stage)
    assert stage.show("restarter/1")["state"] == "running"
    assert stage.run("run", "other", "--wait").returncode == 0
    gate.open()
    until(lambda: stage.pid is None)
    stage.up()
    run = stage.until_shown("restarter/1", slot="free")
    assert (run["state"], run["exit_code"]) == ("succeeded", 0)
    assert stage.triggers("restarter") == ["queue", "start", "succeed"]
    downs = [entry["body"]["reason"] for entry in stage.entries("@scheduler") if entry["body"]["event"] == "down"]
    assert downs == ["SIGTERM", "SIGTERM"], "both schedulers ended in good order"
    assert stage.json("verify")["ok"] is True


@pytest.mark.requirement("R-15")
@pytest.mark.parametrize("apart", [True, False], ids=["in a session of its own", "in the run's session"])
def test_with_real_processes_it_searches_for_the_run_that_started_it_and_lives(stage: Stage, apart: bool) -> None:
    """The run's supervisor is killed. What the run left is searched for and ended; its searcher is not part of it."""
    gate = stage.gate()
    add_restarter(stage, apart=apart, gate=gate)
    second = replaced(stage)
    born = stat_of(second)
    assert born is not None
    try:
        stage.kill_supervisor(stage.show("restarter/1")["arming"])
        run = stage.until_shown("restarter/1", slot="free")
        assert (run["state"], run["reason"]) == ("lost", "vanished")
        assert stage.pid == second
        assert stage.run("run", "other", "--wait").returncode == 0
    finally:
        if is_alive(second, born.start):
            os.kill(second, signal.SIGTERM)
            until(lambda: not is_alive(second, born.start))
    assert stage.pid is None
