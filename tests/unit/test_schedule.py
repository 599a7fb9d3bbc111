"""Reading schedules: what is one, what is refused and in which words, and when it is due where no clock changes."""

from __future__ import annotations

import pytest

from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, MINUTE, SECOND, Instant, format_instant, parse_instant
from fsm.planning.schedule import Kind, Timetable, timetable

START = "2026-03-04T05:06:07Z"  # a Wednesday


def due(table: Timetable, after: str, count: int) -> list[str]:
    """The next due times, as text without what is always the same."""
    at = parse_instant(after)
    found = []
    for _ in range(count):
        following = table.next_after(at)
        if following is None:
            break
        assert following > at
        at = following
        found.append(format_instant(at).removesuffix(".000000Z"))
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", ["2026-03-04T05:07:00", "2026-03-04T05:08:00"]),
        ("0 3 * * *", ["2026-03-05T03:00:00", "2026-03-06T03:00:00"]),
        ("*/25 5 * * *", ["2026-03-04T05:25:00", "2026-03-04T05:50:00", "2026-03-05T05:00:00"]),
        ("0 0 1 JAN *", ["2027-01-01T00:00:00", "2028-01-01T00:00:00"]),
        (
            "0 9 * * mon-Fri",
            ["2026-03-04T09:00:00", "2026-03-05T09:00:00", "2026-03-06T09:00:00", "2026-03-09T09:00:00"],
        ),
        ("0 0 * * 0", ["2026-03-08T00:00:00"]),
        ("0 0 * * 7", ["2026-03-08T00:00:00"]),
        ("0 22-1 * * *", ["2026-03-04T22:00:00", "2026-03-04T23:00:00", "2026-03-05T00:00:00", "2026-03-05T01:00:00"]),
        ("0 0 L * *", ["2026-03-31T00:00:00", "2026-04-30T00:00:00", "2026-05-31T00:00:00"]),
        ("0 0 15,L 2 *", ["2027-02-15T00:00:00", "2027-02-28T00:00:00", "2028-02-15T00:00:00", "2028-02-29T00:00:00"]),
        ("0 0 * * 5#3", ["2026-03-20T00:00:00", "2026-04-17T00:00:00"]),
        ("0 0 * * L5", ["2026-03-27T00:00:00", "2026-04-24T00:00:00"]),
        ("0 0 1W * *", ["2026-04-01T00:00:00", "2026-05-01T00:00:00", "2026-06-01T00:00:00", "2026-07-01T00:00:00"]),
        ("0 0 1W 8 *", ["2026-08-03T00:00:00"]),  # the first is a Saturday, and July is another month
        ("0 0 31W 5 *", ["2026-05-29T00:00:00"]),  # the last is a Sunday
        ("0 0 31W 2 *", ["2027-02-26T00:00:00", "2028-02-29T00:00:00"]),  # in a short month, its last day
        ("10 * * * * *", ["2026-03-04T05:06:10", "2026-03-04T05:07:10"]),  # six fields: seconds first
        ("*/20 30 4 * * *", ["2026-03-05T04:30:00", "2026-03-05T04:30:20", "2026-03-05T04:30:40"]),
        ("@hourly", ["2026-03-04T06:00:00"]),
        ("@daily", ["2026-03-05T00:00:00"]),
        ("@Midnight", ["2026-03-05T00:00:00"]),
        ("@weekly", ["2026-03-08T00:00:00"]),
        ("@monthly", ["2026-04-01T00:00:00"]),
        ("@yearly", ["2027-01-01T00:00:00"]),
        ("@annually", ["2027-01-01T00:00:00"]),
    ],
)
def test_due_times(schedule: str, expected: list[str]) -> None:
    assert due(timetable(schedule), START, len(expected)) == expected


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("0 0 13 3 5", ["06", "13", "20", "27"]),  # both restricted: either one
        ("0 0 5-9 3 5", ["05", "06", "07", "08", "09", "13", "20", "27"]),
        ("0 0 */9 3 5", []),  # one starts with *: both. 1, 10, 19 and 28 March are no Fridays in 2026
        ("0 0 */2 3 5", ["13", "27"]),
        ("0 0 13 3 */5", ["13"]),  # Sunday or Friday, and the 13th
        ("0 0 1 3 5#3", ["20"]),  # ``#`` restricts like any other day of the week
        ("0 0 ? 3 5", ["06", "13", "20", "27"]),
    ],
)
def test_day_of_month_and_day_of_week_by_debians_rule(schedule: str, days: list[str]) -> None:
    found = due(timetable(schedule), START, 12)
    assert [day[8:10] for day in found if day.startswith("2026-03")] == days


def test_an_equal_range_is_its_one_value() -> None:
    """To croniter 7, ``3-3`` is every hour."""
    assert due(timetable("0 3-3 * * *"), START, 2) == ["2026-03-05T03:00:00", "2026-03-06T03:00:00"]
    assert {d[5:7] for d in due(timetable("0 0 * mar-mar/2 1"), START, 9)} == {"03"}
    assert due(timetable("0 0 * * 0-7"), START, 2) == ["2026-03-05T00:00:00", "2026-03-06T00:00:00"]


def test_rare_dates_come_however_late() -> None:
    leap = timetable("0 0 29 2 *")
    assert due(leap, "2095-01-01T00:00:00Z", 2) == ["2096-02-29T00:00:00", "2104-02-29T00:00:00"]
    sunday = timetable("0 0 29 2 */7")  # and a Sunday
    assert due(sunday, "2032-03-01T00:00:00Z", 3) == [
        "2060-02-29T00:00:00",
        "2088-02-29T00:00:00",
        "2128-02-29T00:00:00",
    ]
    fifth = timetable("0 0 * 2 1#5")  # a fifth Monday in February
    assert due(fifth, "2000-01-01T00:00:00Z", 2) == ["2016-02-29T00:00:00", "2044-02-29T00:00:00"]


def test_the_calendar_has_an_end() -> None:
    for schedule in ("* * * * *", "0 0 29 2 *", "every 1d"):
        assert timetable(schedule).next_after(Instant(253_402_300_799 * SECOND)) is None
    assert timetable("at 9999-12-31T23:59:59Z").next_after(Instant(0)) is not None


def test_due_times_lie_strictly_after_and_on_whole_seconds() -> None:
    table = timetable("* * * * *")
    minute = parse_instant("2026-03-04T05:06:00Z")
    assert table.next_after(Instant(minute - 1)) == minute
    assert table.next_after(minute) == minute + MINUTE
    assert table.next_after(Instant(minute + 1)) == minute + MINUTE
    assert table.next_after(Instant(-1)) == 0
    assert table.next_after(Instant(-61 * SECOND)) == -60 * SECOND


@pytest.mark.parametrize("schedule", ["every 90s", "EVERY 1m30s", " every  90 s "])
def test_every_counts_from_its_anchor(schedule: str) -> None:
    table = timetable(schedule, "Europe/Berlin")
    anchor = parse_instant("2026-03-29T00:00:00.000007Z")  # an hour before the clocks change: no matter
    assert table.kind is Kind.EVERY
    assert table.next_after(anchor, anchor) == anchor + 90 * SECOND
    assert table.next_after(Instant(anchor + 90 * SECOND - 1), anchor) == anchor + 90 * SECOND
    assert table.next_after(Instant(anchor + DAY), anchor) == anchor + DAY + 90 * SECOND
    assert table.next_after(Instant(anchor - HOUR), anchor) == anchor, "nothing is due before the anchor"
    assert table.next_after(Instant(0)) == 90 * SECOND, "without one it counts from 1970"


def test_at_is_due_once_also_when_past() -> None:
    table = timetable("at 2001-09-09T03:46:40.5+02:00")
    at = Instant(1_000_000_000_500_000)
    assert table.kind is Kind.AT
    assert table.next_after(Instant(0)) == at
    assert table.next_after(Instant(at - 1)) == at
    assert table.next_after(at) is None


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("", '"" is not a schedule (say "0 3 * * *", "@daily", "every 90s" or "at 2026-12-01T09:00:00Z")'),
        ("tomorrow", '"tomorrow" is not a schedule (say "0 3 * * *", "@daily", "every 90s" or'),
        ("0 3 * *", 'has 4 fields; a cron expression has 5 (say "0 3 * * *"), or 6 with seconds first'),
        ("0 0 3 * * * 2030", "has 7 fields"),
        ("61 * * * *", '"61" in "61 * * * *" is not a minute (0-59)'),
        ("0 24 * * *", '"24" in "0 24 * * *" is not an hour (0-23)'),
        ("0 0 0 * *", '"0" in "0 0 0 * *" is not a day of the month'),
        ("0 0 0-5 * *", '"0-5" in "0 0 0-5 * *" is not a day of the month'),
        ("0 0 * 13 *", '"13" in "0 0 * 13 *" is not a month (1-12 or JAN-DEC)'),
        ("0 0 * * Monday", '"Monday" in "0 0 * * Monday" is not a day of the week (0-7 or SUN-SAT'),
        ("0 0 * * 8", "is not a day of the week"),
        ("0 0 * * 5#6", "is not a day of the week"),
        ("0 0 * * 1,5#3", "is not a day of the week"),
        ("0 0 L-3 * *", "is not a day of the month"),
        ("60 0 0 * * *", '"60" in "60 0 0 * * *" is not a second (0-59)'),
        ("*/0 * * * *", "is not a minute"),
        ("5- * * * *", "is not a minute"),
        ("0,,5 * * * *", "is not a minute"),
        ("? * * * *", "is not a minute"),
        ("R * * * *", '"R" in "R * * * *" is not a minute'),  # croniter: a random one, another at each reading
        ("0 0 R * *", "is not a day of the month"),
        ("0 0 * R(1-3) *", "is not a month"),
        ("H H * * *", "is not a minute"),
        ("٣ * * * *", "is not a minute"),
        ("0 22-3/3 * * *", "steps through a range that runs backwards; write it as two ranges or as a list"),
        ("0 0 30 2 *", '"0 0 30 2 *" never comes: no year has such a date'),
        ("0 0 31 2,4,6,9,11 *", "never comes"),
        ("0 0 31 4 */2", "never comes"),
        ("@reboot", '"@reboot" is not a time (say @yearly'),
        ("@dayly", '"@dayly" is not a schedule (say @daily)'),
        ("@every 5m", "is not a schedule (say @"),
        ("every", '"every" has no duration after "every" (say "every 90s", 15m, 2h or 1d)'),
        ("every day", "has no duration"),
        ("every 0.5s", '"every 0.5s" is too often; the shortest is "every 1s"'),
        ("every 0s", "is too often"),
        ("at", '"at" needs an instant (say "at 2026-12-01T09:00:00Z")'),
        ("at noon", '"noon" is not an instant (say 2026-12-01T09:00:00Z)'),
        ("at 2026-12-01T09:00:00", "lacks its offset from UTC (say 2026-12-01T09:00:00Z)"),
        ("at 0001-01-01T00:00:00+23:00", "is not between the years 1 and 9999"),
        ("0 " * 1_000, "is longer than 1000 characters"),
        (f"{'9' * 500} * * * *", "is not a minute"),
        (f"1-{'9' * 500} * * * *", "is not a minute"),
        (f"*/{'9' * 500} * * * 99", "is not a day of the week"),
    ],
)
def test_what_is_no_schedule_is_refused_in_words_that_help(schedule: str, said: str) -> None:
    with pytest.raises(BadValue) as refused:
        timetable(schedule)
    assert said in str(refused.value)


def test_a_date_that_comes_in_some_month_is_a_schedule() -> None:
    assert due(timetable("0 0 31 2,3 *"), START, 1) == ["2026-03-31T00:00:00"]
    assert due(timetable("0 0 30 2 1"), START, 1) == ["2027-02-01T00:00:00"], "either: Mondays in February"


def test_a_timetable_is_made_once_for_an_expression_and_a_zone() -> None:
    assert timetable("1 2 * * *", "Europe/Rome") is timetable("1 2 * * *", "Europe/Rome")
    assert timetable("1 2 * * *", "Europe/Rome") is not timetable("1 2 * * *", "Europe/Oslo")
    assert timetable.cache_info().maxsize is not None
