"""What policies make of an agent's end: a refusal is not asked again, a limit is waited out."""

from __future__ import annotations

import pytest

from fsm.errors import BadValue
from fsm.instants import MINUTE
from fsm.model.job import Job
from fsm.model.states import ErrorClass, Reason, State
from fsm.testing import Behaviour, Simulation, err, refuse, succeed

AGENT = {"kind": "claude", "message": "Summarise the day"}
START = "2026-04-01T00:00:00Z"


def ran(retry: dict[str, object], *behaviours: Behaviour, agent: object = AGENT) -> Simulation:
    """One run of an agent, and what follows within three hours."""
    sim = Simulation(start=START)
    sim.add_job("agent", agent=agent, retry=retry)
    sim.script("agent", [*behaviours])
    sim.request("agent")
    sim.advance("3h")
    sim.check()
    return sim


def waits(sim: Simulation) -> list[int]:
    """From each end to the next attempt, in whole minutes."""
    runs = sorted(sim.runs("agent"), key=lambda run: run.number)
    ends = [run.ended_at for run in runs[:-1]]
    return [int((then.queued_at - end) // MINUTE) for then, end in zip(runs[1:], ends, strict=True) if end is not None]


@pytest.mark.requirement("R-65")
@pytest.mark.parametrize("on", [["failed"], ["refused"], ["failed", "refused", "error"]])
def test_what_a_model_declined_is_not_asked_again(on: list[str]) -> None:
    sim = ran({"attempts": 5, "backoff": "1s", "on": on}, refuse())
    assert [(run.state, run.reason) for run in sim.runs("agent")] == [(State.FAILED, Reason.REFUSED)]


@pytest.mark.requirement("R-65")
def test_a_command_that_declines_is_asked_again_where_that_is_named() -> None:
    sim = Simulation(start=START)
    sim.add_job("agent", retry={"attempts": 2, "backoff": "1s", "on": ["refused"]})
    sim.script("agent", [refuse(), succeed()])
    sim.request("agent")
    sim.advance("1h")
    assert [run.state for run in sim.runs("agent")] == [State.SUCCEEDED, State.FAILED]


@pytest.mark.requirement("R-65")
@pytest.mark.parametrize("error_class", [ErrorClass.RATE_LIMITED, ErrorClass.OVERLOADED])
def test_a_limit_is_waited_out(error_class: ErrorClass) -> None:
    """A minute, two, four, whatever the job's own backoff says, and longer where that is longer."""
    limited = err(error_class)
    sim = ran({"attempts": 4, "backoff": "1s", "factor": 1}, limited, limited, limited, succeed())
    assert waits(sim) == [1, 2, 4]
    assert sim.run("agent/4").state is State.SUCCEEDED
    assert waits(ran({"attempts": 2, "backoff": "10m", "max_backoff": "10m"}, limited, succeed())) == [10]


def test_another_error_waits_as_the_job_says() -> None:
    assert waits(ran({"attempts": 2, "backoff": "1s"}, err(ErrorClass.NETWORK), succeed())) == [0]


def test_only_the_classes_that_are_named_are_retried() -> None:
    retry: dict[str, object] = {"attempts": 3, "backoff": "1s", "on": ["network", "overloaded"]}
    assert len(ran(retry, err(ErrorClass.NETWORK), err(ErrorClass.AUTH)).runs("agent")) == 2
    assert len(ran(retry, err(ErrorClass.AUTH)).runs("agent")) == 1


def test_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(BadValue, match=r'"rate_limit" is not one of: .*, rate_limited, overloaded, auth, '):
        Job("a", retry={"attempts": 2, "on": ["rate_limit"]})
