"""openclaw/openclaw#73643: after a restart, jobs whose time had passed ran at once, when nobody wanted them any more.

The opposite of #33092; hence each job says for itself what becomes of missed ticks (R-30), beside others that say
otherwise.
"""

from __future__ import annotations

import pytest

from fsm.model.states import RefusalReason
from fsm.testing import Simulation


@pytest.mark.requirement("R-30")
def test_two_jobs_that_want_opposite_things() -> None:
    sim = Simulation(start="2026-04-01T06:59:00Z")
    sim.add_job("brief", schedule="0 7 * * *", catch_up="once", catch_up_within="2h")
    sim.add_job("alarm", schedule="0 7 * * *", catch_up="skip")
    sim.crash()
    sim.restart(after="1h")
    sim.advance("1m")
    assert len(sim.runs("brief")) == 1
    assert sim.runs("alarm") == []
    assert [(refusal.reason, refusal.count) for refusal in sim.refusals("alarm")] == [(RefusalReason.MISSED, 1)]
    sim.check()
