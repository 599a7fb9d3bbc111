"""The line: who is next, that nobody starves, and that a full group holds up nobody else."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.instants import MINUTE, SECOND
from fsm.model.settings import Group, Settings
from fsm.planning.admission import Line, Places

ONE = Settings(1)


def called(line: Line, places: Places, settings: Settings = ONE, now: int = 0) -> list[str]:
    return [job for job, _ in line.call(places, settings, now)]


def test_whoever_came_first_goes_first() -> None:
    line, places = Line(), Places()
    line.join("late", 1, 2)
    line.join("early", 1, 1)
    assert called(line, places) == ["early"]
    assert called(line, places) == []
    places.free("early")
    assert called(line, places) == ["late"]


def test_a_point_of_priority_is_a_minute_of_waiting() -> None:
    line, places = Line(), Places()
    line.join("low", 1, 0, priority=-1)
    line.join("same", 1, MINUTE)
    line.join("later", 1, MINUTE - 1, priority=0)
    assert called(line, places, Settings(3)) == ["later", "low", "same"]


def test_a_full_group_holds_up_its_own_runs_only() -> None:
    line, places, settings = Line(), Places(), Settings(4, (Group("db", 1),))
    for place, job in enumerate(("a", "b", "c")):
        line.join(job, 1, place, group="db")
    line.join("free", 1, 10)
    assert called(line, places, settings) == ["a", "free"]
    assert places.in_group("db") == 1
    places.free("a")
    assert called(line, places, settings) == ["b"]


def test_a_group_that_is_widened_lets_in_more_at_once() -> None:
    line, places = Line(), Places()
    for place, job in enumerate(("a", "b", "c")):
        line.join(job, 1, place, group="db")
    assert called(line, places, Settings(8, (Group("db", 1),))) == ["a"]
    assert called(line, places, Settings(8, (Group("db", 2),))) == ["b"]
    assert called(line, places, Settings(8)) == ["c"], "a group that nobody bounds any more"


def test_who_just_had_a_turn_stands_behind_who_waited() -> None:
    """One whose slot lock is busy is armed in vain, again and again; it may not keep the one place for that."""
    line, places = Line(), Places()
    line.join("stuck", 1, 0)
    line.join("other", 1, 5)
    assert called(line, places, now=30) == ["stuck"]
    places.free("stuck")
    line.join("stuck", 1, 0)
    assert called(line, places, now=60) == ["other"]


def test_who_left_is_not_called() -> None:
    line, places = Line(), Places()
    line.join("a", 1, 0)
    line.join("b", 1, 1)
    line.leave("a")
    assert not line.waits("a", 1)
    assert called(line, places) == ["b"]


def test_who_came_back_stands_at_one_place() -> None:
    line, places = Line(), Places()
    line.join("a", 1, 0)
    line.leave("a")
    line.join("a", 2, 7)
    line.join("b", 1, 3)
    assert line.call(places, Settings(4), 9) == [("b", 1), ("a", 2)]


def test_those_who_left_do_not_pile_up_behind_a_full_group() -> None:
    line, places, settings = Line(), Places(), Settings(8, (Group("db", 1),))
    line.join("holder", 1, 0, group="db")
    assert called(line, places, settings) == ["holder"]
    for number in range(10_000):
        line.join("a", number, number, group="db")
        line.leave("a")
    assert sum(map(len, line._heaps.values())) < 200


JOBS = st.lists(st.tuples(st.integers(-100, 100), st.sampled_from([None, "x", "y"])), min_size=2, max_size=8)


MOST_STEPS = 4  # of a run


@pytest.mark.requirement("R-53")
@given(JOBS, st.integers(1, 3), st.integers(1, 2), st.data())
def test_no_job_starves_another(
    jobs: list[tuple[int, str | None]], room: int, in_group: int, data: st.DataObject
) -> None:
    """Every job asks again the moment it is done, and they end in any order, each within some steps: each gets its
    turn, and waits no longer than its priority allows."""
    line, places = Line(), Places()
    settings = Settings(room, (Group("x", in_group), Group("y", in_group)))
    numbers = count(1)
    came: dict[str, int] = {}
    turns = dict.fromkeys((str(i) for i in range(len(jobs))), 0)

    def ask(job: str, now: int) -> None:
        priority, group = jobs[int(job)]
        came[job] = now
        line.join(job, next(numbers), now, priority=priority, group=group)

    for job in turns:
        ask(job, 0)
    running: list[str] = []
    steps: dict[str, int] = {}
    span = 200 * MINUTE  # between the highest and the lowest priority
    step = 2 * MINUTE
    now = 0
    for _ in range(3 * span // step):
        for job, _ in line.call(places, settings, now):
            turns[job] += 1
            del came[job]
            running.append(job)
            assert len(running) <= room
            mates = [one for one in running if jobs[int(one)][1] == jobs[int(job)][1]]
            assert jobs[int(job)][1] is None or len(mates) <= in_group
        assert running, "there is room, somebody waits, and nobody is called"
        now += step
        steps = {job: steps.get(job, 0) + 1 for job in running}
        late = [job for job in running if steps[job] >= MOST_STEPS]
        done = late[0] if late else running[data.draw(st.integers(0, len(running) - 1))]
        running.remove(done)
        places.free(done)
        ask(done, now)
        longest = max((now - at for at in came.values()), default=0)
        assert longest <= span + step * len(jobs) * (MOST_STEPS + room) + SECOND
    assert min(turns.values()) > 0
