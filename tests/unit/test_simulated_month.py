"""A month of fifty jobs in the simulation: the shipped scheduler, every law held. `make bench` measures it."""

from __future__ import annotations

import pytest

from benchmarks.simulating import JOBS, a_month
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import State


@pytest.mark.requirement("R-27")
@pytest.mark.requirement("R-71")
def test_a_month_of_fifty_jobs() -> None:
    sim = a_month()
    sim.check()
    runs = sim.runs()
    assert len({run.id.partition("/")[0] for run in runs}) == JOBS
    assert len(runs) > 1_900
    assert all(run.state.terminal and run.slot == "free" for run in runs)
    assert {State.SUCCEEDED, State.FAILED, State.TIMED_OUT} == {run.state for run in runs}
    # a clock change lies in it: the last day of March has 23 hours in Berlin, and no daily job misses a day for it
    assert sum(run.id.startswith("daily-0/") for run in runs) == 30
    ups = [entry.body.epoch for entry in sim.journal(SCHEDULER_STREAM) if isinstance(entry.body, SchedulerUp)]
    assert ups == [1, 2]  # a new term after a month
    assert list(verify_journal(sim.store)) == []
