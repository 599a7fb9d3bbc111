"""Counting the due times of a gap says what stepping through it says, and does not step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.instants import DAY, HOUR, MINUTE, SECOND, Instant, parse_instant
from fsm.planning.schedule import Span, timetable
from fsm.planning.timetables import CronTable

ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Monrovia"]
SCHEDULES = ["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "15,45 0-23 * * *", "*/20 2 * * *", "0 0 * * 1-5"]
SCHEDULES += ["59 23 L * *", "0 12 1 * 5", "*/30 */15 2 * * *", "7 7 7-9 * * *", "0 0 29 2 *", "every 17m", "every 3d"]
SCHEDULES += ["at 2011-12-30T10:00:00Z", "0 3 30 12 *", "30 23,0 * * *", "0 0-23 * * *", "0,30 0-3 * * *"]
CHANGES = [  # an hour before a clock is changed, in one or more of the zones
    "2026-03-29T00:00:00Z",
    "2026-10-25T00:00:00Z",
    "2026-04-04T14:00:00Z",
    "2007-11-04T01:30:00Z",
    "2011-12-30T09:00:00Z",
    "1972-01-06T23:44:30Z",
]
anchors = st.sampled_from([None, parse_instant("2011-12-30T09:13:00Z")])


def stepped(schedule: str, zone: str, after: int, until: int, anchor: Instant | None) -> Span | None:
    """The same by stepping."""
    table = timetable(schedule, zone)
    found: list[Instant] = []
    at: Instant | None = Instant(after)
    while (at := table.next_after(at, anchor)) is not None and at <= until:
        found.append(at)
    return Span(len(found), found[0], found[-1]) if found else None


@given(
    st.sampled_from([schedule for schedule in SCHEDULES if schedule[0] not in "ea"]),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.lists(st.tuples(st.integers(-2 * DAY, 2 * DAY), st.integers(0, 3 * DAY)), min_size=2, max_size=40),
)
def test_what_a_table_remembers_is_what_it_would_find(
    schedule: str, zone: str, change: str, asked: list[tuple[int, int]]
) -> None:
    """Asked in any order, from any times: a table that was asked before answers as one that is new."""
    table = timetable(schedule, zone)
    assert isinstance(table, CronTable)
    for back, length in asked:
        after = Instant(parse_instant(change) + back)
        new = CronTable(table.cron, table.zone)
        assert table.next_after(after) == new.next_after(after)
        assert table.span(after, Instant(after + length)) == CronTable(table.cron, table.zone).span(
            after, Instant(after + length)
        )


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_span_over_a_change_is_what_stepping_finds(schedule: str) -> None:
    for zone in ZONES:
        for change in CHANGES:
            for hours in (30, 2):
                middle = parse_instant(change)
                after, until = Instant(middle - hours * HOUR), Instant(middle + hours * HOUR)
                found = timetable(schedule, zone).span(after, until)
                assert found == stepped(schedule, zone, after, until, None), (zone, change)


@given(
    st.sampled_from(SCHEDULES),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(-30 * HOUR, 5 * HOUR),
    st.one_of(st.integers(0, 40 * HOUR), st.integers(0, 70 * MINUTE)),
    anchors,
)
def test_a_span_is_what_stepping_finds(
    schedule: str, zone: str, change: str, before: int, length: int, anchor: Instant | None
) -> None:
    after = Instant(parse_instant(change) + before)
    until = Instant(after + length)
    assert timetable(schedule, zone).span(after, until, anchor) == stepped(schedule, zone, after, until, anchor)


@given(
    st.sampled_from([s for s in SCHEDULES if s not in ("* * * * *", "*/7 * * * *")]),
    st.sampled_from(ZONES),
    st.integers(0, 1_500_000_000),
    st.integers(0, 60),
)
def test_a_span_of_many_days_too(schedule: str, zone: str, after_s: int, days: int) -> None:
    after, until = Instant(after_s * SECOND), Instant(after_s * SECOND + days * DAY)
    assert timetable(schedule, zone).span(after, until) == stepped(schedule, zone, after, until, None)


@given(st.lists(st.integers(0, 59), min_size=6, max_size=6), st.integers(0, 10**9), st.integers(0, 10**6))
def test_a_span_between_two_due_times_is_additive(numbers: list[int], after_s: int, length_s: int) -> None:
    """Cut anywhere, the parts count what the whole does."""
    second, minute, hour = numbers[0], numbers[1], numbers[2] % 24
    table = timetable(f"{second},{numbers[3]} {minute}-59 {hour},{numbers[4] % 24} * * *", "Europe/Berlin")
    after, until = Instant(after_s * SECOND + 1), Instant((after_s + length_s) * SECOND + 1)
    middle = Instant((after + until) // 2)
    spans = [table.span(after, middle), table.span(middle, until), table.span(after, until)]
    first, last, whole = (span.count if span else 0 for span in spans)
    assert first + last == whole


def test_both_ends() -> None:
    table = timetable("0 * * * *")
    hour = Instant(10 * HOUR)
    assert table.span(hour, hour) is None
    assert table.span(hour, Instant(hour - 1)) is None
    assert table.span(Instant(hour - 1), hour) == Span(1, hour, hour)
    assert table.span(hour, Instant(hour + HOUR - 1)) is None
    assert table.span(hour, Instant(hour + HOUR)) == Span(1, Instant(hour + HOUR), Instant(hour + HOUR))


def test_a_span_before_the_first_and_after_the_last_due_time() -> None:
    at = timetable("at 2026-12-01T09:00:00Z")
    then = parse_instant("2026-12-01T09:00:00Z")
    assert at.span(Instant(0), Instant(then - 1)) is None
    assert at.span(Instant(0), then) == Span(1, then, then)
    assert at.span(then, Instant(then + DAY)) is None
    assert timetable("every 1h").span(Instant(0), Instant(DAY), Instant(2 * DAY)) is None


def test_a_long_gap_is_counted_and_not_stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A month, and a century, of a job that comes every minute: one step to the first, the rest is counted."""
    steps = 0
    step = CronTable.next_after

    def counted(self: CronTable, after: Instant, anchor: Instant | None = None) -> Instant | None:
        nonlocal steps
        steps += 1
        return step(self, after, anchor)

    monkeypatch.setattr(CronTable, "next_after", counted)
    table = timetable("* * * * *", "Europe/Berlin")
    start = parse_instant("2026-03-01T00:00:00Z")
    month = table.span(start, Instant(start + 31 * DAY))
    assert month == Span(44_640, Instant(start + MINUTE), Instant(start + 31 * DAY))
    century = table.span(start, Instant(start + 36_525 * DAY))
    assert century is not None
    assert century.count == 36_525 * 1_440
    assert steps == 2


@given(st.integers(-(10**18), 3 * 10**17), st.integers(0, 10**18), st.sampled_from(SCHEDULES))
def test_no_instant_is_too_far_away(after: int, length: int, schedule: str) -> None:
    """Beyond the calendar there is nothing; nowhere is there an error."""
    table = timetable(schedule, "Europe/Berlin")
    following = table.next_after(Instant(after))
    assert following is None or following > after
    if length < 10**15:
        span = table.span(Instant(after), Instant(after + length))
        assert span is None or after < span.first <= span.last <= after + length
