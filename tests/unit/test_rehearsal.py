"""`fsm.testing.rehearsal`: what would become of a set of jobs; and that what is reckoned is what the scheduler does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsm.instants import Duration, Instant, parse_duration, parse_instant
from fsm.model.job import Job
from fsm.model.settings import Group, Settings
from fsm.model.states import Reason, RefusalReason
from fsm.testing.reckoning import NotReckoned, reckon
from fsm.testing.rehearsal import Lengths, Plan, Rehearsal, simulate

START = parse_instant("2027-03-27T23:00:00Z")  # midnight in Berlin; two hours later its clock is set forward


def lengths(*texts: str) -> Lengths:
    return Lengths(tuple(parse_duration(text) for text in texts), source="given")


def plan(jobs: list[Job], given: dict[str, Lengths], hours: int = 6, bounds: Settings | None = None) -> Plan:
    return Plan(tuple(jobs), START, Instant(START + hours * 3_600_000_000), bounds or Settings(), given)


def job(name: str, schedule: str, **keys: Any) -> Job:
    return Job(name, schedule=schedule, timezone="Europe/Berlin", command=["true"], **keys)


def both(wanted: Plan) -> Rehearsal:
    simulated, reckoned = simulate(wanted), reckon(wanted)
    assert reckoned.runs == simulated.runs
    assert reckoned.refused == simulated.refused
    return simulated


def test_a_run_for_each_tick_and_a_refusal_for_each_overlap() -> None:
    found = both(plan([job("a", "*/10 * * * *")], {"a": lengths("5m", "25m")}, hours=1))
    assert [(run.tick - START) // 60_000_000 for run in found.runs] == [0, 10, 40, 50]
    (refusal,) = found.refused
    assert (refusal.reason, refusal.count, refusal.blocker) == (RefusalReason.ALREADY_RUNNING, 2, 2)


def test_a_tick_at_the_very_instant_of_an_end_finds_the_slot_free() -> None:
    found = both(plan([job("a", "*/10 * * * *")], {"a": lengths("10m")}, hours=1))
    assert len(found.runs) == 6
    assert found.refused == []


def test_a_full_group_makes_them_wait_and_a_timeout_ends_what_is_too_long() -> None:
    bounds = Settings(8, (Group("g", 1),))
    jobs = [job("a", "0 * * * *", group="g", timeout="20m"), job("b", "0 * * * *", group="g", start_within="15m")]
    found = both(plan(jobs, {"a": lengths("1h"), "b": lengths("1m")}, hours=1, bounds=bounds))
    a, b = found.runs
    assert (a.reason, a.ended) == (Reason.RUN_TIMEOUT, START + parse_duration("20m"))
    assert (b.reason, b.started, b.ended) == (Reason.QUEUE_TIMEOUT, None, START + parse_duration("15m"))


def test_every_counts_from_the_start() -> None:
    found = both(plan([job("a", "every 90s")], {}, hours=1))
    assert found.runs[0].tick == START + parse_duration("90s")


@pytest.mark.parametrize(
    ("keys", "length"),
    [
        ({"overlap": "replace"}, "70m"),
        ({"timeout": "30m", "retry": {"attempts": 2}}, "1h"),
        ({"timeout": "30m", "breaker": {"failures": 2, "cooldown": "1h"}}, "1h"),
        ({"timeout": "5s"}, "1h"),
    ],
)
def test_what_only_the_scheduler_can_judge_is_not_reckoned(keys: dict[str, Any], length: str) -> None:
    wanted = plan([job("a", "0 * * * *", **keys)], {"a": lengths(length)})
    with pytest.raises(NotReckoned):
        reckon(wanted)
    assert simulate(wanted).runs


SCHEDULES = ["*/7 * * * *", "0,10,20 * * * *", "30 * * * *", "30 2 * * *", "every 11m", "*/20 1-3 * * *"]
LENGTHS = ["5s", "1m", "7m", "10m", "25m", "2h"]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    jobs, given = [], {}
    for number in range(draw(st.integers(1, 6))):
        keys: dict[str, Any] = {
            "overlap": draw(st.sampled_from(["skip", "queue"])),
            "queue_limit": draw(st.integers(1, 3)),
            "start_within": draw(st.sampled_from(["10m", "1h", "6h"])),
            "timeout": draw(st.sampled_from(["20m", "24h"])),
            "priority": draw(st.sampled_from([0, 0, 30, -5])),
            "group": draw(st.sampled_from([None, "g", "h"])),
            "jitter": draw(st.sampled_from([None, "4m"])),
        }
        name = f"j{number}"
        jobs.append(job(name, draw(st.sampled_from(SCHEDULES)), **keys))
        given[name] = lengths(*draw(st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=4)))
    bounds = Settings(draw(st.integers(1, 5)), (Group("g", draw(st.integers(1, 2))),))
    return plan(jobs, given, 5, bounds)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
def test_what_is_reckoned_is_what_the_scheduler_does(wanted: Plan) -> None:
    both(wanted)


def test_whoever_left_the_line_last_has_it_forget_the_turns() -> None:
    # Found by the test above: the line is called at every turn of the scheduler, also when nobody stands in it.
    jobs = [
        job("j0", "*/7 * * * *", overlap="queue", queue_limit=2, timeout="20m"),
        job("j1", "*/7 * * * *", overlap="queue", start_within="10m", timeout="20m", priority=30),
    ]
    both(plan(jobs, {"j0": lengths("7m"), "j1": lengths("10m")}, hours=5, bounds=Settings(1)))


def test_drawn_lengths_are_always_the_same_and_all_are_drawn() -> None:
    drawn = Lengths(tuple(Duration(n) for n in range(1, 6)), in_turn=False)
    once = [drawn.run("a", number) for number in range(1, 200)]
    assert once == [drawn.run("a", number) for number in range(1, 200)]
    assert set(once) == set(drawn.of)
