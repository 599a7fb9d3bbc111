"""Clock changes: what is fixed comes once a day, what starts with ``*`` comes at every local time that exists."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fsm.instants import DAY, HOUR, SECOND, Instant, as_datetime, parse_instant
from fsm.planning.schedule import timetable
from fsm.planning.shifts import Shift, describe_shift, shift_of
from fsm.planning.zones import to_local

MOVED, FIRST, SECOND_TIME = Shift
TWICE = "02:30 comes twice on 2026-10-25; this is the "

pytestmark = pytest.mark.requirement("R-31")


def local_times(schedule: str, zone: str, after: str, until: str) -> list[str]:
    """All due times of a stretch (``2026-03-28 12``, hours in UTC) as day and local time with its offset."""
    table = timetable(schedule, zone)
    at, end = parse_instant(f"{after}:00Z"), parse_instant(f"{until}:00Z")
    found = []
    while (following := table.next_after(at)) is not None and following <= end:
        at = following
        local = to_local(at, zone)
        found.append(f"{local:%d} {local:%H:%M:%S%z}".replace(":00+", "+").replace(":00-", "-"))
    return found


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "until", "expected"),
    [
        # spring forward, 02:00 -> 03:00
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12", "2026-03-30 12",
         ["29 03:00+0200", "30 02:30+0200"]),
        # several skipped times are due once, and together with what is due at the end of the gap anyway
        ("0,15,30 2,3 * * *", "Europe/Berlin", "2026-03-28 12", "2026-03-29 12",
         ["29 03:00+0200", "29 03:15+0200", "29 03:30+0200"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29 00:15", "2026-03-29 01:45",
         ["29 01:30+0100", "29 03:00+0200", "29 03:30+0200"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28 12", "2026-03-30 12",
         ["30 02:00+0200", "30 02:30+0200"]),
        # autumn back, 03:00 -> 02:00
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12", "2026-10-26 12",
         ["25 02:30+0200", "26 02:30+0100"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", "2026-10-25 02:30",
         ["25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]),
        ("0 0-23 * * *", "Europe/Berlin", "2026-10-24 23:30", "2026-10-25 02:30",
         ["25 02:00+0200", "25 03:00+0100"]),  # a list of hours is fixed: each comes once
        # six fields: the field of the seconds counts as the minute's does
        ("15 30 2 * * *", "Europe/Berlin", "2026-03-28 12", "2026-03-29 12", ["29 03:00+0200"]),
        ("*/30 30 2 * * *", "Europe/Berlin", "2026-03-28 12", "2026-03-29 12", []),
        ("15 30 2 * * *", "Europe/Berlin", "2026-10-24 12", "2026-10-25 12", ["25 02:30:15+0200"]),
        ("*/30 30 2 * * *", "Europe/Berlin", "2026-10-24 12", "2026-10-25 12",
         ["25 02:30+0200", "25 02:30:30+0200", "25 02:30+0100", "25 02:30:30+0100"]),
        # half an hour (Lord Howe), two hours (Troll)
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 06", "2026-10-04 06", ["04 02:30+1100"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 06", "2026-04-05 06", ["05 01:45+1100"]),
        ("45 * * * *", "Australia/Lord_Howe", "2026-04-04 14:30", "2026-04-04 16:30",
         ["05 01:45+1100", "05 01:45+1030", "05 02:45+1030"]),
        ("0,30 1,2 * * *", "Antarctica/Troll", "2026-03-28 12", "2026-03-29 12", ["29 03:00+0200"]),
        ("0 2 * * *", "Antarctica/Troll", "2026-10-24 12", "2026-10-25 12", ["25 02:00+0200"]),
        # at midnight: the day that begins late (Sao Paulo, Beirut), the one that begins twice (Havana)
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03 12", "2018-11-05 12",
         ["04 01:00-0200", "05 00:00-0200"]),
        ("0 0 * * *", "Asia/Beirut", "2026-03-28 12", "2026-03-30 12",
         ["29 01:00+0300", "30 00:00+0300"]),
        ("30 0 * * *", "America/Havana", "2025-11-01 12", "2025-11-02 23", ["02 00:30-0400"]),
        ("30 23 * * *", "America/Sao_Paulo", "2018-02-17 12", "2018-02-18 12", ["17 23:30-0200"]),
        # over midnight, one minute past it (Newfoundland until 2011), where other programs loop for ever
        ("30 */12 * * *", "America/St_Johns", "2007-11-03 12", "2007-11-04 18",
         ["03 12:30-0230", "04 00:30-0330", "04 12:30-0330"]),
        ("30 23 * * *", "America/St_Johns", "2007-11-03 12", "2007-11-04 18", ["03 23:30-0230"]),
        # standard time in summer, daylight saving time below it (Ramadan)
        ("30 2 * * *", "Africa/Casablanca", "2026-02-14 12", "2026-02-16 12",
         ["15 02:30+0100", "16 02:30+0000"]),
        ("30 2 * * *", "Africa/Casablanca", "2026-03-21 12", "2026-03-23 12",
         ["22 03:00+0100", "23 02:30+0100"]),
        # no whole minutes: Monrovia's 00:00 became 00:44:30
        ("20 0 * * *", "Africa/Monrovia", "1972-01-06 12", "1972-01-08 12",
         ["07 00:44:30+0000", "08 00:20+0000"]),
        # a zone with new rules since 2023: Nuuk's 30 March 2024 ends at 23:00
        ("30 23 * * *", "America/Nuuk", "2024-03-30 12", "2024-04-01 12",
         ["31 00:00-0100", "31 23:30-0100"]),
        ("0 0,23 * * *", "America/Nuuk", "2024-03-30 12", "2024-03-31 12", ["31 00:00-0100"]),
    ],
)  # fmt: skip
def test_the_rule(schedule: str, zone: str, after: str, until: str, expected: list[str]) -> None:
    assert local_times(schedule, zone, after, until) == expected


def test_a_day_that_is_left_out_is_answered_as_the_next_one_begins() -> None:
    """Samoa had no 30 December 2011. What was planned for it is due at its end, once; so no monthly job is lost."""
    stretch = ("Pacific/Apia", "2011-12-29 12", "2012-01-01 00")
    assert local_times("0 3 * * *", *stretch) == [
        "29 03:00-1000",
        "31 00:00+1400",
        "31 03:00+1400",
        "01 03:00+1400",
    ]
    assert local_times("0 3,9,15 30 12 *", *stretch) == ["31 00:00+1400"]
    assert local_times("0 0 * * *", *stretch) == ["31 00:00+1400", "01 00:00+1400"]
    assert local_times("0 */6 30 12 *", *stretch) == [], "times that start with * and do not exist do not come"


def test_a_day_that_comes_twice_has_its_fixed_times_once() -> None:
    """Kwajalein stayed a day behind in 1969: its 30 September came twice, all but an hour of it."""
    stretch = ("Pacific/Kwajalein", "1969-09-29 00", "1969-10-03 12")
    fixed = local_times("30 12 * * *", *stretch)
    assert [time[:2] for time in fixed] == ["29", "30", "01", "02"]
    assert local_times("30 */12 30 9 *", *stretch) == ["30 00:30+1100", "30 12:30+1100", "30 12:30-1200"]


@pytest.mark.parametrize(
    ("schedule", "zone", "at", "shift", "said"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01", MOVED, "02:30 is skipped on 2026-03-29; moved to 03:00"),
        ("5 30 2 * * *", "Europe/Berlin", "2026-03-29 01", MOVED, "02:30:05 is skipped on 2026-03-29; moved to 03:00"),
        ("0 3 * * *", "Pacific/Apia", "2011-12-30 10", MOVED, "03:00 is skipped on 2011-12-30; moved to 00:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", FIRST, TWICE + "first"),
        ("30 * * * *", "Europe/Berlin", "2026-10-25 00:30", FIRST, TWICE + "first"),
        ("30 * * * *", "Europe/Berlin", "2026-10-25 01:30", SECOND_TIME, TWICE + "second"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-26 01:30", None, None),
        ("0 3 * * *", "Europe/Berlin", "2026-03-29 01", None, None),
        ("0 * * * *", "Europe/Berlin", "2026-03-29 01", None, None),
        ("0 * * * *", "Europe/Berlin", "2026-10-25 02", None, None),
        ("30 2 * * *", "UTC", "2026-10-25 02:30", None, None),
        ("every 1h", "Europe/Berlin", "2026-10-25 01:30", None, None),
        ("at 2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25 01:30", None, None),
    ],
)
def test_a_shift_is_told(schedule: str, zone: str, at: str, shift: Shift | None, said: str | None) -> None:
    table, instant = timetable(schedule, zone), parse_instant(f"{at}:00Z")
    anchor = parse_instant("2026-10-25T01:30:00Z")
    assert table.next_after(Instant(instant - 1), anchor) == instant, "the example must be a due time"
    assert shift_of(table, instant) is shift
    assert describe_shift(table, instant) == said


def test_every_is_elapsed_time_and_knows_no_clock_changes() -> None:
    table = timetable("every 1h", "Europe/Berlin")
    at = Instant(parse_instant("2026-03-29T00:30:00Z"))
    anchor = at
    for _ in range(5):
        following = table.next_after(at, anchor)
        assert following is not None
        assert following - at == HOUR
        at = following


def test_a_year_of_days_has_each_day_once() -> None:
    """The rule as a count: over a year with both changes every local date occurs exactly once."""
    for zone in ("Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Casablanca"):
        for schedule in ("0 0 * * *", "30 0 * * *", "45 1 * * *", "30 2 * * *", "59 23 * * *"):
            table = timetable(schedule, zone)
            at, end = parse_instant("2025-12-31T12:00:00Z"), parse_instant("2026-12-31T12:00:00Z")
            dates = []
            while (following := table.next_after(at)) is not None and following <= end:
                assert not dates or following - at >= DAY - 3 * HOUR
                at = following
                dates.append(to_local(at, zone).date())
            assert dates == [dates[0] + timedelta(days=n) for n in range(365)], (zone, schedule)


def test_local_time_is_that_of_the_zone() -> None:
    at = parse_instant("2026-07-01T12:00:00.5Z")
    assert to_local(at, "Asia/Kathmandu").isoformat() == "2026-07-01T17:45:00.500000+05:45"
    assert to_local(at, "UTC") == as_datetime(at)
    assert at % SECOND == 500_000
