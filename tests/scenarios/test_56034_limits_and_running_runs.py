"""openclaw/openclaw#56034: what was meant to bound a store ended sessions that were running.

Why it cannot happen here: every bound of this program refuses what is new or ends what waits; a run that is running is
ended by its own deadline, by somebody's order, or by a newer run where its job says so (R-37, R-38).
"""

from __future__ import annotations

from typing import Any

import pytest

from fsm.model.states import Reason, State
from fsm.testing import Simulation, hang, succeed


@pytest.mark.requirement("R-37")
@pytest.mark.parametrize(
    "edit",
    [
        {"overlap": "queue", "queue_limit": 1},
        {"overlap": "skip"},
        {"breaker": {"failures": 1, "cooldown": "1d"}},
        {"enabled": False},
        {"catch_up": "skip", "catch_up_limit": 1},
        {"schedule": "0 0 1 1 *"},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_no_edit_of_a_bound_ends_what_is_running(edit: dict[str, Any]) -> None:
    sim = Simulation(start="2026-04-01T00:00:00Z")
    keys = {"schedule": "every 1m", "overlap": "queue", "queue_limit": 5, "timeout": "2h", "start_within": "2h"}
    sim.add_job("agent", **keys)
    sim.script("agent", [hang(), succeed()])
    sim.advance("10m")
    sim.add_job("agent", **{**keys, **edit})
    sim.advance("50m")
    running = sim.run("agent/1")
    assert (running.state, running.reason) == (State.RUNNING, None)
    pushed = {run.reason for run in sim.runs("agent") if run.state is State.REAPED}
    assert pushed <= {Reason.QUEUE_OVERFLOW}
    sim.check()
