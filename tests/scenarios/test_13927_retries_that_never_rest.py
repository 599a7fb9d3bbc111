"""openclaw/openclaw#13927: a job that fails is tried again and again, as fast as it can, and a restart begins anew.

Why it cannot happen here: a retry is a new run, one at a time, after a wait that grows and is reckoned from the
journal, so that no restart shortens it (R-40, R-41); there are as many attempts as the job says, and whatever it says,
what fails within seconds shares one budget (R-43).
"""

from __future__ import annotations

import itertools

import pytest

from fsm.instants import SECOND
from fsm.testing import Simulation, fail


@pytest.mark.requirement("R-40")
def test_attempts_end_and_waits_grow_whatever_restarts() -> None:
    """The scheduler is killed every minute, and gets up at once: the same starts as without."""

    def starts(*, restless: bool) -> list[int]:
        sim = Simulation(start="2026-04-01T00:00:00Z")
        retry = {"attempts": 6, "backoff": "30s", "factor": 2, "max_backoff": "5m"}
        sim.add_job("agent", schedule="0 0 2 4 *", retry=retry)
        sim.script("agent", [fail(code=1, after="15s")])
        sim.request("agent")
        for _ in range(60):
            sim.advance("1m")
            if restless:
                sim.crash()
                sim.restart()
        sim.check()
        runs = list(reversed(sim.runs("agent")))
        assert [run.attempt for run in runs] == [1, 2, 3, 4, 5, 6]
        return [(run.started_at or 0) - sim.run("agent/1").queued_at for run in runs]

    calm, restless = starts(restless=False), starts(restless=True)
    gaps = [(later - earlier) // SECOND - 15 for earlier, later in itertools.pairwise(calm)]
    assert gaps == [30, 60, 120, 240, 300]
    # a scheduler that has just come up looks at what is left first; no start is earlier than without restarts
    assert all(0 <= later - earlier <= 60 * SECOND for earlier, later in zip(calm, restless, strict=True))
