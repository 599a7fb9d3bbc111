"""openclaw/openclaw#33092: a morning brief was missed because the machine slept, and never came.

The opposite of #73643; hence each job says for itself what becomes of missed ticks (R-30). By default the newest comes
late, within an hour: a brief missed by half an hour still comes, one missed by three days does not.
"""

from __future__ import annotations

import pytest

from fsm.model.states import Cause, RefusalReason, State
from fsm.testing import Simulation


@pytest.mark.requirement("R-30")
@pytest.mark.parametrize(("slept", "comes"), [("30m", True), ("3d", False)])
def test_a_brief_by_default(slept: str, comes: bool) -> None:
    sim = Simulation(start="2026-04-01T06:59:00Z")
    sim.add_job("brief", schedule="0 7 1 * *")
    sim.crash()
    sim.restart(after=slept)
    sim.advance("1m")
    assert [(run.cause, run.state) for run in sim.runs("brief")] == (
        [(Cause.CATCH_UP, State.SUCCEEDED)] if comes else []
    )
    missed = [(refusal.reason, refusal.count) for refusal in sim.refusals("brief")]
    assert missed == ([] if comes else [(RefusalReason.MISSED, 1)])
    sim.check()


@pytest.mark.requirement("R-30")
def test_each_of_a_few_that_were_missed_oldest_first() -> None:
    """catch_up = "all": whoever books by the hour wants each hour, in order, and no two at once."""
    sim = Simulation(start="2026-04-01T00:30:00Z")
    sim.add_job("ledger", schedule="0 * * * *", catch_up="all", catch_up_limit=5, catch_up_within="1d")
    sim.crash()
    sim.restart(after="8h")
    sim.advance("5m")
    runs = list(reversed(sim.runs("ledger")))
    assert [str(run.scheduled_for)[11:16] for run in runs] == ["04:00", "05:00", "06:00", "07:00", "08:00"]
    assert {run.state for run in runs} == {State.SUCCEEDED}
    (missed,) = sim.refusals("ledger")
    assert (missed.count, str(missed.first)[11:16], str(missed.last)[11:16]) == (3, "01:00", "03:00")
    sim.check()
