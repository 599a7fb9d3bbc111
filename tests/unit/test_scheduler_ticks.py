"""Each scheduled time has one answer: missed and caught up, refused, through DST nights and jumps of the clock."""

from __future__ import annotations

import pytest

from fsm.model.states import Cause, RefusalReason, State
from fsm.testing import Simulation, hang, succeed


def _due(sim: Simulation, name: str = "job") -> list[str]:
    return [str(run.scheduled_for)[:19] for run in reversed(sim.runs(name))]


@pytest.mark.requirement("R-30")
def test_missed_ticks_are_told_and_the_last_one_is_caught_up() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="every 10m", catch_up="once", catch_up_within="1h")
    sim.advance("25m")
    sim.crash()
    sim.restart(after="1h")  # 23:25: the ticks from 22:30 to 23:20 came meanwhile
    sim.advance("1m")
    assert [(run.cause, str(run.scheduled_for)[11:16]) for run in reversed(sim.runs("job"))] == [
        (Cause.SCHEDULE, "22:10"),
        (Cause.SCHEDULE, "22:20"),
        (Cause.CATCH_UP, "23:20"),
    ]
    (missed,) = sim.refusals("job")
    assert (missed.reason, missed.count) == (RefusalReason.MISSED, 5)
    assert (missed.first, missed.last) == ("2026-03-28T22:30:00Z", "2026-03-28T23:10:00Z")
    sim.check()


@pytest.mark.requirement("R-30")
@pytest.mark.parametrize(
    ("keys", "down"),
    [({"catch_up": "skip"}, "1h5m"), ({"catch_up": "once", "catch_up_within": "4m"}, "1h5m")],
)
def test_what_may_not_be_caught_up_is_missed(keys: dict[str, str], down: str) -> None:
    sim = Simulation()
    sim.add_job("job", schedule="0 * * * *", **keys)
    sim.crash()
    sim.restart(after=down)
    sim.advance("1m")
    assert not sim.runs("job")
    assert [(refusal.reason, refusal.count) for refusal in sim.refusals("job")] == [(RefusalReason.MISSED, 1)]
    sim.check()


@pytest.mark.requirement("R-30")
def test_a_short_stop_misses_nothing() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="every 10m", catch_up="skip")
    sim.advance("9m50s")
    sim.crash()
    sim.restart(after="40s")
    assert _due(sim) == ["2026-03-28T22:10:00"]
    assert sim.runs("job")[0].cause is Cause.SCHEDULE
    assert not sim.refusals("job")
    sim.check()


@pytest.mark.requirement("R-31")
def test_the_night_in_which_an_hour_is_skipped() -> None:
    sim = Simulation(start="2026-03-28T22:00:00Z")  # at 02:00 local the clock goes to 03:00
    sim.add_job("fixed", schedule="30 2 * * *", timezone="Europe/Berlin")
    sim.add_job("starred", schedule="30 * * * *", timezone="Europe/Berlin")
    sim.run_until("2026-03-30T01:00:00Z")
    assert _due(sim, "fixed") == ["2026-03-29T01:00:00", "2026-03-30T00:30:00"]  # at the end of the gap; then 02:30
    assert len(sim.runs("starred")) == 27  # every hour that exists
    sim.check()


@pytest.mark.requirement("R-31")
def test_the_night_in_which_an_hour_comes_twice() -> None:
    sim = Simulation(start="2026-10-24T20:00:00Z")  # at 03:00 local the clock goes back to 02:00
    sim.add_job("fixed", schedule="30 2 * * *", timezone="Europe/Berlin")
    sim.add_job("starred", schedule="30 * * * *", timezone="Europe/Berlin")
    sim.run_until("2026-10-26T02:00:00Z")
    assert _due(sim, "fixed") == ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]  # the first of the two
    nights = [due for due in _due(sim, "starred") if due.startswith("2026-10-25T0")][:3]
    assert nights == ["2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T02:30:00"]
    sim.check()


def test_a_paused_job_refuses_its_ticks_and_runs_again_when_resumed() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="every 10m")
    sim.advance("15m")
    assert sim.pause("job")
    assert not sim.pause("job")
    sim.advance("30m")
    assert sim.request("job").enqueued  # a manual run is not a tick
    sim.advance("1m")
    assert sim.resume("job")
    sim.advance("10m")
    assert _due(sim) == ["2026-03-28T22:10:00", "None", "2026-03-28T22:50:00"]
    refused = sim.refusals("job")
    assert {refusal.reason for refusal in refused} == {RefusalReason.PAUSED}
    assert sum(refusal.count for refusal in refused) == 3
    sim.check()


@pytest.mark.requirement("R-29")
def test_refusals_that_say_the_same_are_one_entry_an_hour() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="every 1m", timeout="5h")
    sim.script("job", [succeed(after="4h30m"), hang()])
    sim.advance("4h40m")
    refused = [refusal for refusal in sim.refusals("job") if refusal.reason is RefusalReason.ALREADY_RUNNING]
    assert refused[0].count == 1  # the first at once
    assert [refusal.count for refusal in refused[1:5]] == [60] * 4
    assert len([refusal for refusal in refused if refusal.blocked_by and refusal.blocked_by.run_id == "job/1"]) == 6
    assert refused[0].first == "2026-03-28T22:02:00Z"
    assert sum(r.count for r in refused if r.blocked_by and r.blocked_by.run_id == "job/1") == 269
    sim.check()


@pytest.mark.requirement("R-29")
def test_a_refused_tick_is_written_within_the_hour_although_no_other_follows() -> None:
    sim = Simulation(start="2026-03-28T22:00:00Z")
    sim.add_job("job", schedule="0,30 23 * * *", timeout="1d")  # twice a day
    sim.script("job", [hang()])
    sim.request("job")
    sim.run_until("2026-03-28T23:40:00Z")
    assert [refusal.count for refusal in sim.refusals("job")] == [1]  # 23:00 is written, 23:30 is told along later
    sim.run_until("2026-03-29T00:05:00Z")
    assert [refusal.count for refusal in sim.refusals("job")] == [1, 1]
    sim.check()


@pytest.mark.requirement("R-27")
def test_a_clock_that_is_set_back_fires_nothing_twice() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="every 10m")
    sim.advance("35m")
    sim.jump_clock("-1h")
    sim.advance("1h10m")
    due = _due(sim)
    assert len(due) == len(set(due)) == 4
    assert due[-1] == "2026-03-28T22:40:00"
    sim.check()


@pytest.mark.requirement("R-27")
def test_a_clock_that_is_set_forward_skips_nothing_unaccounted() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="every 10m")
    sim.advance("15m")
    sim.jump_clock("2h")
    sim.advance("1s")
    assert sim.runs("job")[0].cause is Cause.CATCH_UP
    assert [(refusal.reason, refusal.count) for refusal in sim.refusals("job")] == [(RefusalReason.MISSED, 11)]
    sim.check()


@pytest.mark.requirement("R-8")
@pytest.mark.parametrize("jump", ["-1h", "1h", "1d"])
def test_no_jump_of_the_clock_ends_a_run_early_or_late(jump: str) -> None:
    sim = Simulation()
    sim.add_job("job", timeout="30m")
    sim.script("job", [hang()])
    sim.request("job")
    sim.advance("10m")
    sim.jump_clock(jump)
    sim.advance("19m59s")
    assert sim.runs("job")[0].state is State.RUNNING
    sim.advance("1s")
    assert sim.runs("job")[0].state is State.TIMED_OUT
    sim.check()


@pytest.mark.requirement("R-27")
def test_an_answered_time_is_not_answered_again_by_a_job_changed_after_the_clock_was_set_back() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="0 * * * *")
    sim.advance("1h30m")
    sim.jump_clock("-1h")
    sim.add_job("job", schedule="0,30 * * * *")
    sim.advance("2h")
    due = _due(sim)
    assert due == [f"2026-03-{at}:00" for at in ("28T23:00", "28T23:30", "29T00:00", "29T00:30")]
    sim.check()


@pytest.mark.requirement("R-27")
@pytest.mark.requirement("R-6")
def test_nor_by_one_that_was_removed_and_added_again() -> None:
    sim = Simulation()
    sim.add_job("job", schedule="0 * * * *")
    sim.advance("1h30m")
    sim.remove_job("job")
    sim.jump_clock("-1h")
    sim.add_job("job", schedule="0 * * * *")
    sim.advance("2h")
    assert _due(sim) == ["2026-03-28T23:00:00", "2026-03-29T00:00:00"]
    assert [run.number for run in sim.runs("job")] == [2, 1]
    sim.check()


@pytest.mark.requirement("R-30")
@pytest.mark.parametrize(("overlap", "catch_up"), [("queue", "once"), ("queue", "all"), ("replace", "once")])
def test_a_gap_after_a_gap_that_still_waits_makes_no_more_than_may_catch_up(overlap: str, catch_up: str) -> None:
    """What the journal would refuse is not decided: the scheduler would try it again and again, and do nothing else."""
    sim = Simulation(start="2026-03-28T22:00:00Z")
    sim.add_job(
        "job", schedule="*/5 * * * *", overlap=overlap, catch_up=catch_up, catch_up_limit=2, timeout="1d", enabled=False
    )
    sim.script("job", [hang(), succeed()])
    sim.request("job")
    sim.advance("2m")
    sim.add_job("job", schedule="*/5 * * * *", overlap=overlap, catch_up=catch_up, catch_up_limit=2, timeout="1d")
    for _ in range(4):
        sim.jump_clock("4h")
        sim.advance("1s")
        sim.check()
    waiting = [run for run in sim.runs("job") if run.cause is Cause.CATCH_UP]
    assert len(waiting) == 2
    assert all(run.state is State.QUEUED for run in waiting)
    assert sim.refusals("job")[-1].last == "2026-03-29T14:00:00Z", "the newest gap was missed whole"
