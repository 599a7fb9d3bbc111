"""openclaw/openclaw#76293 and #61633: storms. 1,384 calls in 60 s; thousands of runs of a job that is refused at once.

What happened: a job that failed at once was tried again at once, by its schedule, by its retries, or by a client that
asked again as soon as it had an answer. Nothing counted them.

Why it cannot happen here: what fails within seconds uses up a budget, which ticks, retries and requests share and which
every start is held against, in the fold of the journal, so that no restart forgets it (R-43). Two simulated days of
each storm: at most 30 starts in any hour, each run ended with its reason, each tick answered, and a journal whose
length follows from the hours, not from the storm.
"""

from __future__ import annotations

from bisect import bisect_left

import pytest

from fsm.client.answers import RunRefused
from fsm.client.engine import Engine
from fsm.instants import DAY, HOUR, Moment
from fsm.journal.memory import MemoryJournal
from fsm.model.entries import Queued, Refused, Started
from fsm.model.job import Job
from fsm.model.states import RefusalReason, SlotState, State
from fsm.testing import Simulation, fail, refuse, succeed
from fsm.testing.scribe import BOOT, START

PER_HOUR = 30
"""Starts of a job that fails within seconds, every time."""

ENTRIES_PER_HOUR = 15 * 4 + 15 * 3 + 10
"""Of a storm that has used up its budget: fifteen runs of four entries, and at most three refusals between two of them:
of a request, of the first tick, and of those that followed it."""


def most_in_an_hour(starts: list[int]) -> int:
    """The most starts in any hour."""
    return max(bisect_left(starts, at + HOUR) - place for place, at in enumerate(starts))


def hold_to_bounds(sim: Simulation, hours: int) -> None:
    """What every storm has to keep."""
    runs, entries = sim.runs("agent"), sim.journal("agent")
    starts = [entry.at for entry in entries if isinstance(entry.body, Started)]
    assert most_in_an_hour(starts) <= PER_HOUR
    assert len(runs) <= 15 * (hours + 1) + 1
    assert {(run.state, run.slot) for run in runs} == {(State.FAILED, SlotState.FREE)}
    assert all(run.reason is not None for run in runs)
    assert len(entries) <= ENTRIES_PER_HOUR * (hours + 1)
    sim.check()


def answered(sim: Simulation) -> int:
    """How many ticks have their answer."""
    bodies = [entry.body for entry in sim.journal("agent")]
    made = sum(isinstance(body, Queued) and body.cause in ("schedule", "catch_up") for body in bodies)
    return made + sum(body.count for body in bodies if isinstance(body, Refused) and body.cause != "manual")


@pytest.mark.requirement("R-43")
def test_a_job_that_is_refused_at_once_with_a_tick_every_20_s() -> None:
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="every 20s", timeout="10m")
    sim.script("agent", [refuse(after="0.2s")])
    sim.advance("2d")
    sim.pause("agent")  # what was deferred is written
    hold_to_bounds(sim, 48)
    assert answered(sim) == 2 * DAY // 20_000_000
    reasons = {refusal.reason for refusal in sim.refusals("agent")}
    assert reasons == {RefusalReason.OVER_BUDGET}
    named = [refusal for refusal in sim.refusals("agent") if refusal.blocked_by is not None]
    assert len(named) == len(sim.refusals("agent")), "each says which run failed last"


@pytest.mark.requirement("R-43")
@pytest.mark.requirement("R-41")
def test_the_same_with_retries_without_backoff() -> None:
    """Retries are starts like any other: they wait for the budget, and the ticks meanwhile are refused."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    retry = {"attempts": 1_000, "backoff": "0s", "on": ["refused"]}
    sim.add_job("agent", schedule="every 20s", timeout="10m", retry=retry)
    sim.script("agent", [refuse(after="0.2s")])
    sim.advance("2d")
    sim.pause("agent")
    hold_to_bounds(sim, 48)
    assert answered(sim) == 2 * DAY // 20_000_000
    assert {refusal.reason for refusal in sim.refusals("agent")} <= {
        RefusalReason.BACKING_OFF,
        RefusalReason.OVER_BUDGET,
    }
    retries = [run for run in sim.runs("agent") if run.retry_of is not None]
    assert len(retries) > 700, "the budget is used, not only kept"
    assert all(run.attempt == sim.run(f"agent/{run.retry_of}").attempt + 1 for run in retries)


@pytest.mark.requirement("R-43")
def test_a_client_that_asks_the_moment_the_last_run_ended() -> None:
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="10m")
    sim.script("agent", [fail(code=1, after="0.2s")])
    asked = refused = 0
    while sim.now < Simulation(start="2026-04-03T00:00:00Z").now:
        answer = sim.request("agent")
        asked += 1
        refused += not answer.enqueued
        if not answer.enqueued:
            assert answer.reason is RefusalReason.OVER_BUDGET
        sim.advance("0.2s" if answer.enqueued else "10s")
    assert asked > 15_000
    assert refused > asked - 15 * 49 - 1
    hold_to_bounds(sim, 48)


@pytest.mark.requirement("R-43")
def test_all_of_them_together_share_one_budget_over_restarts() -> None:
    """Ticks, retries and requests, and a scheduler that is killed every ten minutes."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="every 20s", retry={"attempts": 5, "backoff": "0s"})
    sim.script("agent", [fail(after="0s")])
    for _ in range(6 * 12):
        for _ in range(20):
            sim.request("agent")
            sim.advance("30s")
        sim.crash()
        sim.restart()
    sim.pause("agent")
    sim.advance("1m")
    hold_to_bounds(sim, 12)


def too_many_requests() -> None:
    raise TimeoutError("429")


class _Clock:
    def __init__(self) -> None:
        self.us = 0

    def now(self) -> Moment:
        return Moment(START + self.us, self.us, BOOT)  # type: ignore[arg-type]


@pytest.mark.requirement("R-43")
def test_the_engine_as_a_library_counts_as_well() -> None:
    """Work that is done in process, again and again, until there is an answer: no scheduler is there to stop it."""
    clock = _Clock()
    engine = Engine(MemoryJournal(), clock=clock)
    engine.define(Job("agent"))
    worked: list[int] = []
    for _ in range(20_000):
        try:
            with engine.run("agent"):
                worked.append(clock.us)
                too_many_requests()
        except (TimeoutError, RunRefused):
            clock.us += 1_000_000
    assert most_in_an_hour(worked) <= PER_HOUR
    assert len(worked) <= 15 * 7
    refused = engine.request("agent")
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.OVER_BUDGET
    with pytest.raises(ZeroDivisionError), engine.run("agent", force=True):
        _ = 1 / 0
    with engine.run("agent", force=True):
        pass
    with engine.run("agent"):  # it works again: nothing is left of it
        pass
    assert engine.journal.state("agent").past is None


@pytest.mark.requirement("R-43")
def test_what_works_is_never_held_back() -> None:
    """However short its runs and however many: a budget is spent by failures in a row only."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="every 1s")
    sim.script("agent", [*[fail(after="0s")] * 14, succeed(after="0s")])
    sim.advance("10m")
    assert len(sim.runs("agent")) == 600
    sim.check()
