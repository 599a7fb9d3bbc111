"""openclaw/openclaw#59301 (and #50414, #60495, #75307): a restart loop around a due time.

What happened: the gateway crashed and came up again every few seconds just when a job was due. Each start looked at the
clock anew: some took the time for missed and fired it again, others moved the next due time on without running
anything. The job ran many times, or not at all.

Why it cannot happen here: each scheduled time gets exactly one answer in the job's stream (R-27). The answer is durable
before anything is executed, and the next scheduler goes on from it; a time that was answered makes no second run,
whatever the clock says then, and one that was not is answered now.
"""

from __future__ import annotations

import select
import subprocess
import time

import pytest
from scenario_kit import Stage, dies_as_it_comes_up, every_crash_point, until

from fsm.instants import SECOND, format_instant, parse_instant
from fsm.model.states import Reason, State
from fsm.testing import RunView, Simulation, succeed

DUE = "2026-04-01T03:00:00Z"


def scene() -> Simulation:
    sim = Simulation(start="2026-04-01T02:59:50Z")
    sim.add_job("report", schedule="0 3 * * *", timeout="1h")
    sim.script("report", [succeed(after="20s")])
    return sim


def the_run(sim: Simulation) -> RunView:
    """The one answer to the time that was due."""
    assert sim.refusals("report") == []
    assert [run.scheduled_for for run in sim.runs("report")] == [DUE]
    return sim.runs("report")[0]


@pytest.mark.requirement("R-27")
@pytest.mark.parametrize("every", ["100ms", "700ms", "3s", "11s"])
def test_the_scheduler_is_killed_again_and_again(every: str) -> None:
    """From ten seconds before to fifty seconds after the due time, a new one as soon as the last one is dead."""
    sim = scene()
    while sim.now < parse_instant("2026-04-01T03:00:50Z"):
        sim.crash()
        sim.restart()
        sim.advance(every)
    assert the_run(sim).state is State.SUCCEEDED
    sim.run_until("2026-04-02T03:01:00Z")
    assert [run.scheduled_for for run in sim.runs("report")] == ["2026-04-02T03:00:00Z", DUE]
    sim.check()


@pytest.mark.requirement("R-27")
def test_one_answer_wherever_two_schedulers_in_a_row_are_killed() -> None:
    """The first one at each point of its work around the due time, the second one at each point of its start."""
    ends = set()
    deaths = 0
    firsts = sum(1 for _ in every_crash_point(scene, lambda sim: sim.advance("31s")))
    for first in range(1, firsts + 1):

        def killed_once(first: int = first) -> Simulation:
            sim = scene()
            sim.crash(at=first)
            sim.advance("31s")
            return sim

        for sim in every_crash_point(killed_once, lambda sim: sim.advance("31s"), strike=dies_as_it_comes_up, fewest=2):
            deaths += 1
            sim.restart()
            sim.advance("31s")
            run = the_run(sim)
            ends.add((run.state, run.reason))
            assert run.state.terminal
            sim.check()
    assert deaths > 100
    assert ends == {(State.SUCCEEDED, Reason.COMPLETED), (State.FAILED, Reason.START_FAILED)}


@pytest.mark.requirement("R-27")
def test_a_clock_that_is_set_back_makes_no_second_run() -> None:
    """As after a restart on a machine whose clock is corrected late: the same hour comes twice, its run does not."""
    sim = scene()
    sim.advance("1m")
    assert the_run(sim).state is State.SUCCEEDED
    sim.crash()
    sim.jump_clock("-30m")
    sim.restart()
    sim.advance("1h")
    assert the_run(sim).state is State.SUCCEEDED
    sim.check()


@pytest.mark.requirement("R-27")
def test_with_real_processes_serve_is_killed_in_a_loop(stage: Stage) -> None:
    """As soon as it is up, until the time is due; then as soon as it has said anything, until the run is over."""
    marks = stage.root / "marks"
    due = stage.add_due_in(3, "report", f"echo ran >> {marks}")
    while time.time() * SECOND < due:
        stage.crash(stage.up())
    for _ in range(5):  # it has three things to say: queued, running, ended
        scheduler = stage.up()
        until(lambda heard=scheduler: has_spoken(heard) or settled(stage))
        stage.crash(scheduler)
    stage.up()
    run = stage.until_shown("report/1", slot="free")
    assert run["scheduled_for"] == format_instant(due)
    assert [each["id"] for each in stage.runs("report")] == ["report/1"]
    ran = marks.read_text().splitlines() if marks.exists() else []
    if run["state"] == "succeeded":
        assert ran == ["ran"]
    else:  # killed between the journal's `start` and the go: it never executed
        assert (run["reason"], ran) == ("start_failed", [])
    assert stage.json("list")[0]["next_due"] is None, "and it is not due again"


def has_spoken(scheduler: subprocess.Popen[str]) -> bool:
    """Whether it has published an event."""
    return bool(select.select([scheduler.stdout], [], [], 0)[0])


def settled(stage: Stage) -> bool:
    """Whether the run is over for good."""
    return [run["slot"] for run in stage.runs("report") if run["state"] not in ("queued", "running")] == ["free"]
