"""Due times held against two programs that were written by others.

cronsim follows Debian's cron and is the oracle for changes of the clock. It agrees with us on every fixed time of day
in every zone, but for gaps that end within a minute (it goes on minute by minute, so Monrovia's 00:44:30 of 1972
becomes 00:45). On expressions that start with ``*`` it steps through aware times hour by hour, and

- where the clock is not changed by whole hours at a whole hour it lands on wrong minutes and so misses times that
  exist (Lord Howe: ``*/6 */4``, 04:00 becomes 04:30; Chatham: ``53 */3`` misses 03:53; Santo Domingo 1974: ``54 *``
  misses the second 23:54);
- where a change touches midnight it repeats one instant for ever (Goose Bay 1997: ``* 0``), loops without an answer
  (Newfoundland 2007: ``30 */12``) or answers with an hour that was not asked for (Noronha 1999: ``0 */2``, 01:00).

So there its stepping is not asked, only what it takes for a match: every minute is tried instead.

croniter steps right where no clock changes, and is asked in UTC, for six fields and for L, W and ``#``. Where W or
``#`` stands beside another day field that is restricted it wants both instead of either; that is left out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from croniter import CroniterBadDateError, croniter
from cronsim import CronSim
from hypothesis import assume, given
from hypothesis import strategies as st

from fsm.errors import BadValue
from fsm.instants import SECOND, Instant
from fsm.planning.schedule import Timetable, timetable
from fsm.planning.zones import zone

pytestmark = pytest.mark.requirement("R-31")

ZONES = sorted(available_timezones())
STRANGE = ["Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll", "America/Nuuk", "America/Sao_Paulo"]
STRANGE += ["Asia/Beirut", "Pacific/Apia", "America/St_Johns", "Pacific/Chatham", "Africa/Monrovia", "Europe/Berlin"]
YEARS = (1970, 2037)
YEAR_S = 31_556_952
TAKEN = 15  # due times compared in one example: two or three days of a job that comes some times a day
MAX_TICKS = 20_000  # steps of cronsim towards one due time; beyond that it loops


class Lost(Exception):
    """cronsim does not find its way out."""


class Oracle(CronSim):
    """cronsim, which gives up instead of looping for ever."""

    ticks = 0

    def tick(self, seconds: int = 1) -> None:
        self.ticks += 1
        if self.ticks > MAX_TICKS:
            raise Lost
        super().tick(seconds)

    def next_second(self) -> int:
        self.ticks = 0
        return int(next(self).timestamp())


@st.composite
def field(draw: st.DrawFn, low: int, high: int, names: list[str] | None = None) -> str:
    number = st.integers(low, high)
    kind = draw(st.sampled_from(["*", "*", "*/n", "n", "n", "n-m", "n-m/k", "n,m"]))
    a, b = sorted(draw(st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])))  # 0-0/2: cronsim reads 0/2
    step = draw(st.integers(1, max(2, (high - low) // 2)))
    if names and kind == "n":
        return names[a - low] if a - low < len(names) else str(a)
    text = {"*": "*", "*/n": f"*/{step}", "n": f"{a}", "n-m": f"{a}-{b}", "n-m/k": f"{a}-{b}/{step}"}
    return text.get(kind, f"{a},{b}")


minutes, hours = field(0, 59), st.one_of(field(0, 23), field(0, 4))  # most clocks change early in the day
every_day = st.sampled_from(["* * *"] * 6)
days = st.tuples(field(1, 31), field(1, 12, ["JAN", "feb", "Mar"]), field(0, 7, ["SUN", "mon", "Tue"])).map(" ".join)
five = st.tuples(minutes, hours, st.one_of(every_day, days)).map(" ".join)
names = st.one_of(st.sampled_from(STRANGE), st.sampled_from(ZONES))


def seams(name: str, year: int) -> list[tuple[int, int, int]]:
    """The changes of a zone's offset in a year or so: second, offset before, offset after."""
    begin = (year - 1970) * YEAR_S
    found = []
    second = begin
    while second < begin + YEAR_S:
        piece = zone(name).piece(second)
        after = zone(name).piece(piece.end)
        if after.offset != piece.offset:
            found.append((piece.end, piece.offset, after.offset))
        second = piece.end
    return found


def ours(table: Timetable, second: int, count: int) -> list[int]:
    found: list[int] = []
    at: Instant | None = Instant(second * SECOND)
    while len(found) < count and at is not None:
        at = table.next_after(at)
        if at is not None:
            found.append(at // SECOND)
    return found


def near_a_change(draw: st.DrawFn, name: str) -> tuple[int, tuple[int, int, int] | None]:
    """A second within a day and a half before a change, or anywhere in a zone and year that has none."""
    year = draw(st.integers(*YEARS))
    changes = seams(name, year)
    if not changes:
        return (year - 1970) * YEAR_S + draw(st.integers(0, YEAR_S)), None
    change = draw(st.sampled_from(changes))
    return change[0] - draw(st.integers(1, 36 * 3600)), change


def whole_minutes(name: str, second: int, change: tuple[int, int, int] | None) -> bool:
    """Whether the clocks there are ahead of UTC by whole minutes (Liberia's were not until 1972)."""
    offsets = change[1:] if change else (zone(name).piece(second).offset,)
    return all(offset % 60 == 0 for offset in offsets)


def read(schedule: str, name: str = "UTC") -> Timetable:
    try:
        return timetable(schedule, name)
    except BadValue:
        assume(False)  # 31 April
        raise


@given(st.data(), five, names)
def test_fixed_times_of_day_are_those_of_cronsim(data: st.DataObject, schedule: str, name: str) -> None:
    assume(not any(word.startswith("*") for word in schedule.split()[:2]))
    second, change = near_a_change(data.draw, name)
    assume(whole_minutes(name, second, change))
    found = ours(read(schedule, name), second, TAKEN)
    oracle = Oracle(schedule, datetime.fromtimestamp(second, ZoneInfo(name)))
    assert found == [oracle.next_second() for _ in found]


@given(st.data(), five, names)
def test_times_with_a_star_are_those_of_cronsim_at_whole_hours(data: st.DataObject, schedule: str, name: str) -> None:
    assume(any(word.startswith("*") for word in schedule.split()[:2]))
    second, change = near_a_change(data.draw, name)
    if change:
        at, before, after = change
        shown = {(at + before) % 86_400, (at + after) % 86_400}
        assume(all(time % 3600 == 0 and time > 0 for time in shown))
    found = ours(read(schedule, name), second, TAKEN)
    oracle = Oracle(schedule, datetime.fromtimestamp(second, ZoneInfo(name)))
    assert found == [oracle.next_second() for _ in found]


def every_minute(second: int, until: int, name: str) -> Iterator[tuple[int, datetime]]:
    """All whole minutes after `second` up to `until`, with the local time that the zone's clocks show then."""
    where = ZoneInfo(name)
    for minute in range(second // 60 + 1, until // 60 + 1):
        yield minute * 60, datetime.fromtimestamp(minute * 60, where).replace(tzinfo=None)


def matches(oracle: CronSim, local: datetime) -> bool:
    return (
        local.minute in oracle.minutes
        and local.hour in oracle.hours
        and local.month in oracle.months
        and oracle.match_day(local.date())
    )


@given(st.data(), five, names)
def test_times_with_a_star_are_all_local_times_that_exist(data: st.DataObject, schedule: str, name: str) -> None:
    assume(any(word.startswith("*") for word in schedule.split()[:2]))
    second, change = near_a_change(data.draw, name)
    assume(whole_minutes(name, second, change))
    oracle = CronSim(schedule, datetime(2000, 1, 1))
    until = second + 40 * 3600
    expected = [at for at, local in every_minute(second, until, name) if matches(oracle, local)]
    found = ours(read(schedule, name), second, len(expected) + 1)
    assert [at for at in found if at <= until] == expected


six_days = st.one_of(field(1, 31), st.sampled_from(["L", "15,L", "1-5,L", "25-L", "1W", "31W", "15W", "?", "28-3"]))
six_weekdays = st.one_of(field(0, 7), st.sampled_from(["5#3", "L5", "mon#1,fri#3", "7#5", "sat-sun", "fri-mon", "?"]))
six = st.tuples(
    field(0, 59), minutes, st.one_of(field(0, 23), st.just("22-3")), six_days, field(1, 12), six_weekdays
).map(" ".join)


@given(st.one_of(five, six), st.integers(0, 4_000_000_000))
def test_without_clock_changes_all_is_as_croniter_has_it(schedule: str, second: int) -> None:
    day, _, weekday = schedule.split()[-3:]
    special = "#" in weekday or "L" in weekday or "W" in day
    assume(not special or day[0] in "*?" or weekday[0] in "*?")
    table = read(schedule)
    oracle = croniter(schedule, float(second), second_at_beginning=True, implement_cron_bug=True)
    expected = []
    for _ in range(3):
        try:
            expected.append(int(oracle.get_next()))
        except CroniterBadDateError:  # it looks ahead for 50 years only
            break
    assert ours(table, second, len(expected)) == expected
