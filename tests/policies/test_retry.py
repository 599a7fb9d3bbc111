"""Retries, breakers and the budget, beyond the storms: when they wait, what ends the wait, what a journal may hold."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.instants import HOUR, MINUTE, SECOND
from fsm.journal.memory import MemoryJournal
from fsm.model.policies import Retry
from fsm.model.states import Cause, Reason, RefusalReason, State
from fsm.planning.failures import wait_after
from fsm.testing import Simulation, child, fail, hang, refuse, succeed
from fsm.testing.scribe import Scribe

START = "2026-04-01T00:00:00Z"


def simulated(script: list[Any], **keys: Any) -> Simulation:
    sim = Simulation(start=START)
    sim.add_job("job", **{"schedule": "0 * * * *", "timeout": "30m", **keys})
    sim.script("job", script)
    return sim


def told(sim: Simulation) -> list[tuple[int, str, int, int | None]]:
    return [(run.number, str(run.cause), run.attempt, run.retry_of) for run in reversed(sim.runs("job"))]


@pytest.mark.requirement("R-40")
def test_attempts_are_counted_and_carry_the_scheduled_time() -> None:
    sim = simulated([fail(1, "20s")], retry={"attempts": 3, "backoff": "1m", "factor": 2})
    sim.advance("1h30m")
    assert told(sim) == [(1, "schedule", 1, None), (2, "retry", 2, 1), (3, "retry", 3, 2)]
    assert {str(run.scheduled_for) for run in sim.runs("job")} == {"2026-04-01T01:00:00.000000Z"}
    queued = [run.queued_at for run in reversed(sim.runs("job"))]
    assert [later - earlier for earlier, later in itertools.pairwise(queued)] == [80 * SECOND, 140 * SECOND]
    sim.check()


@pytest.mark.requirement("R-40")
@pytest.mark.parametrize(
    ("behaviour", "on", "runs"),
    [
        (refuse("20s"), ["failed", "timed_out", "lost"], 1),
        (refuse("20s"), ["refused"], 2),
        (fail(1, "20s"), ["timed_out"], 1),
        (fail(1, "20s"), ["exit_code"], 2),
        (hang(), ["run_timeout"], 2),
    ],
)
def test_only_what_is_named_is_tried_again(behaviour: Any, on: list[str], runs: int) -> None:
    sim = simulated([behaviour, succeed()], retry={"attempts": 5, "backoff": "1m", "on": on})
    sim.advance("1h50m")
    assert len(sim.runs("job")) == runs
    sim.check()


@pytest.mark.requirement("R-41")
def test_a_retry_waits_until_the_slot_is_free() -> None:
    """#137215: the run that timed out is over, and something of it lives: the retry waits, also past its time."""
    left = fail(1, "20s", leaves=(child("20m", hidden=True),))
    sim = simulated([left, succeed()], retry={"attempts": 2, "backoff": "1m"})
    sim.advance("1h10m")
    assert told(sim) == [(1, "schedule", 1, None)]
    sim.advance("15m")
    assert told(sim) == [(1, "schedule", 1, None), (2, "retry", 2, 1)]
    sim.check()


@pytest.mark.requirement("R-41")
def test_a_retry_survives_a_restart_a_pause_and_an_edit() -> None:
    retry = {"attempts": 2, "backoff": "10m"}
    sim = simulated([fail(1, "20s"), succeed()], retry=retry)
    sim.advance("1h1m")
    sim.crash()
    sim.restart(after="1m")
    sim.pause("job")
    sim.advance("20m")
    assert len(sim.runs("job")) == 1, "paused: nothing by itself"
    sim.add_job("job", schedule="30 * * * *", retry=retry)
    sim.resume("job")
    sim.advance("1s")
    assert told(sim)[-1] == (2, "retry", 2, 1)
    sim.check()


@pytest.mark.requirement("R-41")
@pytest.mark.parametrize("what", ["removed", "fewer attempts", "no retry", "disabled", "asked for by hand", "late"])
def test_what_ends_a_retry_that_is_to_come(what: str) -> None:
    retry = {"attempts": 2, "backoff": "10m"}
    sim = simulated([fail(1, "20s"), succeed()], schedule="0 1 * * *", retry=retry)
    sim.advance("1h1m")
    if what == "removed":
        sim.remove_job("job")
        sim.add_job("job", retry=retry)
    elif what == "fewer attempts":
        sim.add_job("job", schedule="0 1 * * *", retry={"attempts": 1})
    elif what == "no retry":
        sim.add_job("job", schedule="0 1 * * *")
    elif what == "disabled":
        sim.add_job("job", schedule="0 1 * * *", retry=retry, enabled=False)
    elif what == "late":
        sim.crash()
        sim.restart(after="1h15m")  # its time was 01:10, and it may be an hour late
    else:
        sim.request("job")
    sim.advance("3h")
    assert [run for run in sim.runs("job") if run.cause is Cause.RETRY] == []
    sim.check()


@pytest.mark.requirement("R-41")
def test_ticks_are_refused_meanwhile_and_name_the_run() -> None:
    sim = simulated([fail(1, "20s"), succeed()], schedule="every 10m", retry={"attempts": 2, "backoff": "25m"})
    sim.advance("45m")
    (refusal, *_) = sim.refusals("job")
    assert refusal.reason is RefusalReason.BACKING_OFF
    assert refusal.blocked_by is not None
    assert (refusal.blocked_by.run_id, refusal.blocked_by.deadline) == ("job/1", "2026-04-01T00:35:20Z")
    sim.check()


@pytest.mark.requirement("R-41")
@pytest.mark.parametrize(
    ("change", "requirement"),
    [({"attempt": 3}, "retry"), ({"retry_of": 2}, "retry"), ({"retry_of": None, "attempt": 1}, "retry"), ({}, None)],
)
def test_a_journal_holds_retries_only_as_planned(change: dict[str, Any], requirement: str | None) -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("job", retry={"attempts": 3, "backoff": "5s"})
    scribe.run_through("job", State.FAILED)
    again = scribe.queued("job", **{"cause": Cause.RETRY, "retry_of": 1, "attempt": 2, **change})
    state = scribe.journal.state("job")
    if requirement is None:
        with pytest.raises(IllegalEntry, match="not due"):
            evolve(state, scribe.draft("job", again, 2))
        for _ in range(5):
            draft = scribe.draft("job", again, 2)
        assert evolve(state, draft).last_number == 2
        return
    with pytest.raises(IllegalEntry) as refused:
        evolve(state, scribe.draft("job", again, 2))
    assert refused.value.requirement == requirement


def test_a_wait_grows_to_its_cap_and_no_further() -> None:
    retry = Retry(attempts=1_000, backoff="1s", factor=1.5, max_backoff="10m")
    waits = [wait_after(retry, attempt) for attempt in (1, 2, 3, 30, 999)]
    assert waits == [SECOND, 1_500_000, 2_250_000, 10 * MINUTE, 10 * MINUTE]
    assert wait_after(Retry(backoff="0s"), 999) == 0


def test_jitter_is_a_function_of_the_run() -> None:
    def dues() -> list[int]:
        sim = simulated([fail(1, "20s")], retry={"attempts": 4, "backoff": "1m", "factor": 1, "jitter": "1m"})
        sim.advance("1h30m")
        return [int(run.queued_at) for run in sim.runs("job")]

    assert dues() == dues()
    gaps = [later - earlier - 20 * SECOND for later, earlier in zip(dues(), dues()[1:], strict=False)]
    assert all(MINUTE <= gap <= 2 * MINUTE for gap in gaps)
    assert len(set(gaps)) == 3


# ---- breaker and force


@pytest.mark.requirement("R-42")
def test_a_breaker_opens_lets_one_trial_through_and_closes_after_a_success() -> None:
    sim = simulated(
        [fail(1, "20s")] * 3 + [succeed("20s")], schedule="every 10m", breaker={"failures": 2, "cooldown": "25m"}
    )
    sim.advance("2h")
    refused = [(str(r.first)[11:16], r.reason) for r in sim.refusals("job")]
    assert refused == [(at, RefusalReason.BREAKER_OPEN) for at in ("00:30", "00:40", "01:00", "01:10")]
    ran = [str(run.scheduled_for)[11:16] for run in reversed(sim.runs("job"))]
    assert ran == ["00:10", "00:20", "00:50", "01:20", "01:30", "01:40", "01:50", "02:00"]
    sim.check()


@pytest.mark.requirement("R-44")
def test_force_passes_breaker_and_budget_and_nothing_else() -> None:
    sim = simulated([fail(1, "0s")] * 15 + [hang()], schedule=None, breaker={"failures": 3, "cooldown": "1d"})
    for _ in range(3):
        assert sim.request("job").enqueued
        sim.advance("1s")
    assert sim.request("job").reason is RefusalReason.BREAKER_OPEN
    for _ in range(12):
        assert sim.request("job", force=True).enqueued
        sim.advance("1s")
    assert sim.store.state("job").past is not None
    assert sim.store.state("job").past.spent_us < HOUR // 4, "what is forced spends nothing"
    assert sim.request("job", force=True).enqueued
    sim.advance("1s")
    assert sim.request("job", force=True).reason is RefusalReason.ALREADY_RUNNING
    sim.check()


@pytest.mark.requirement("R-42")
def test_what_waits_in_the_queue_waits_for_the_breaker_too() -> None:
    keys = {"overlap": "queue", "queue_limit": 3, "start_within": "5h", "breaker": {"failures": 1, "cooldown": "2h"}}
    sim = simulated([fail(1, "1m"), succeed("1m")], schedule=None, **keys)
    for _ in range(3):
        sim.request("job")
    sim.advance("1h")
    assert [run.state for run in reversed(sim.runs("job"))] == [State.FAILED, State.QUEUED, State.QUEUED]
    sim.advance("1h5m")
    assert [run.state for run in reversed(sim.runs("job"))] == [State.FAILED, State.SUCCEEDED, State.SUCCEEDED]
    sim.check()


@pytest.mark.requirement("R-42")
def test_ends_that_say_nothing_are_not_counted() -> None:
    sim = simulated([fail(1, "20s"), hang(), fail(1, "20s"), succeed()], breaker={"failures": 2, "cooldown": "1d"})
    sim.advance("2h5m")
    sim.cancel("job/2")
    sim.advance("1m")
    assert sim.run("job/2").reason is Reason.CANCELLED
    assert sim.request("job").enqueued, "one failure, and one that was cancelled"
    sim.advance("1m")
    assert sim.request("job").reason is RefusalReason.BREAKER_OPEN, "two in a row, with nothing in between"
    sim.check()


@pytest.mark.requirement("R-45")
def test_a_wall_clock_that_is_set_back_ends_the_wait() -> None:
    sim = simulated([fail(1, "20s"), succeed()], schedule=None, breaker={"failures": 1, "cooldown": "1h"})
    sim.request("job")
    sim.advance("1m")
    assert sim.request("job").reason is RefusalReason.BREAKER_OPEN
    sim.jump_clock("-1d")
    assert sim.request("job").enqueued, "nobody can say how long it still is"
    sim.advance("1m")
    sim.check()


@pytest.mark.requirement("R-45")
def test_a_journal_holds_no_run_against_breaker_or_budget() -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("job", breaker={"failures": 2, "cooldown": "1h"})
    scribe.define("quick")
    for _ in range(2):
        scribe.run_through("job", State.FAILED)
    for _ in range(15):
        scribe.run_through("quick", State.LOST)
    for job, requirement in (("job", "breaker"), ("quick", "budget")):
        state = scribe.journal.state(job)
        number = state.last_number + 1
        with pytest.raises(IllegalEntry) as refused:
            evolve(state, scribe.draft(job, scribe.queued(job), number))
        assert refused.value.requirement == requirement
        evolve(state, scribe.draft(job, scribe.queued(job, forced=True), number))
