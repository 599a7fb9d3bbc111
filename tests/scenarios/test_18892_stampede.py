"""openclaw/openclaw#18892: a machine comes back, and everything that was missed starts at the same moment.

Why it cannot happen here: what catches up starts one after the other with pauses in between, behind whatever is due now
(R-39), as `max_running` allows. One alone starts at once. And a gap costs what is made of it, not what it held (R-30).
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter

import pytest

from fsm.engine.evolve import evolve
from fsm.engine.ticks import answer_ticks
from fsm.instants import DAY, MINUTE, SECOND, Moment
from fsm.model.entries import Draft, JobPut, Queued, Refused
from fsm.model.job import Job
from fsm.model.states import Actor, Cause, State
from fsm.model.stream import JobState
from fsm.testing import Simulation, succeed
from fsm.testing.scribe import BOOT, START

JOBS = 100


@pytest.mark.requirement("R-39")
def test_a_hundred_jobs_that_were_missed_start_one_after_the_other() -> None:
    sim = Simulation(start="2026-04-01T00:30:00Z", max_running=50)
    for number in range(JOBS):
        sim.add_job(f"missed-{number}", schedule="0 1 * * *")
        sim.script(f"missed-{number}", [succeed("30s")])
    sim.add_job("due", schedule="* * * * *", catch_up="skip")
    sim.crash()
    sim.restart(after="1h")
    sim.advance("10m30s")
    late = [run for run in sim.runs() if run.cause is Cause.CATCH_UP]
    assert len(late) == JOBS
    starts = sorted(int(run.started_at or 0) for run in late)
    assert starts[0] - sim.run("missed-0/1").queued_at == 0, "the first at once"
    assert min(later - earlier for earlier, later in itertools.pairwise(starts)) >= 5 * SECOND
    assert starts[-1] - starts[0] <= 10 * MINUTE
    for run in sim.runs("due"):
        assert (run.started_at, run.state) == (run.scheduled_for, State.SUCCEEDED) or run.number == 1, run
    sim.check()


@pytest.mark.requirement("R-39")
def test_one_alone_starts_at_once() -> None:
    sim = Simulation(start="2026-04-01T00:30:00Z")
    sim.add_job("missed", schedule="0 1 * * *")
    sim.crash()
    sim.restart(after="1h")
    run = sim.run("missed/1")
    assert run.started_at == run.queued_at
    sim.check()


def steps_of(days: int, **keys: str | int) -> tuple[int, list[Draft]]:
    """What answering so many days of a per-minute job costs, in calls of functions, and what is written."""
    job = Job("job", schedule="* * * * *", timezone="Europe/Berlin", **keys)  # type: ignore[arg-type]
    put = Draft("job", START, Actor.CLI, None, JobPut(job, 1, "test", START))
    state = evolve(JobState("job"), put)
    now = Moment(START + days * DAY + 30 * SECOND, days * DAY, BOOT)  # type: ignore[arg-type]
    answer_ticks(state, now, Actor.SCHEDULER, None)  # what is remembered of the calendar is made now
    calls: Counter[str] = Counter()

    def count(frame: object, event: str, _: object) -> None:
        calls[event] += 1

    sys.setprofile(count)
    try:
        decision = answer_ticks(state, now, Actor.SCHEDULER, None)
    finally:
        sys.setprofile(None)
    return sum(calls.values()), list(decision.drafts)


@pytest.mark.requirement("R-30")
@pytest.mark.parametrize(
    "keys", [{"catch_up": "once"}, {"catch_up": "all", "catch_up_limit": 20, "catch_up_within": "40d"}]
)
def test_a_month_of_downtime_costs_what_is_made_of_it(keys: dict[str, str | int]) -> None:
    day, (first, *_) = steps_of(1, **keys)
    month, drafts = steps_of(30, **keys)
    assert isinstance(first.body, Refused)
    assert isinstance(drafts[0].body, Refused)
    made = [draft.body for draft in drafts if isinstance(draft.body, Queued)]
    assert drafts[0].body.count + len(made) == 30 * 24 * 60
    assert [draft.body for draft in drafts[1:]] == made, "one refusal for all of the gap, then the runs"
    assert month < 3 * day, f"{day} calls for a day, {month} for a month"
    assert month < 20_000
