"""A job that is disabled while its ticks are refused: each has its answer, and the scheduler has its rest."""

from __future__ import annotations

import pytest

from fsm.model.states import RefusalReason
from fsm.testing import Simulation, hang


@pytest.mark.requirement("R-27")
@pytest.mark.requirement("R-56")
@pytest.mark.parametrize("served", [True, False])
def test_the_ticks_that_came_before_have_their_answer(served: bool) -> None:
    """They were put off, behind a refusal that said the same; nobody would answer them afterwards, and the scheduler
    that had put them off asked again and again from the hour on, without a pause."""
    sim = Simulation()
    sim.add_job("job", schedule="*/10 * * * *", timeout="5h")
    sim.script("job", [hang()])
    sim.advance("45m")  # 22:10 runs; 22:20 is refused; 22:30 and 22:40 are put off
    refusals = sim.refusals("job")
    assert [(one.reason, one.count) for one in refusals] == [(RefusalReason.ALREADY_RUNNING, 1)]
    if not served:
        sim.crash()
    sim.edit_job("job", enabled=False)
    sim.check()
    refusals = sim.refusals("job")
    assert [(one.reason, one.count) for one in refusals] == [(RefusalReason.ALREADY_RUNNING, 1), ("already_running", 2)]
    sim.advance("3h")  # raises where it spins
    if not served:
        sim.restart()
    sim.edit_job("job", enabled=True)
    sim.advance("3h")
    sim.check()
    assert len(sim.runs("job")) == 2
