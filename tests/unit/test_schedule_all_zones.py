"""Every change of every clock: fixed times of day against cronsim, times with a star against trying each minute.

By default over zones that stretch the rule; with CRONFSM_FULL=1 (``make zones``, for the night) over all that the zone
database has, each set of rules once, from 1970 to 2037.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim

from fsm.instants import SECOND, Instant
from fsm.planning.schedule import timetable
from fsm.planning.zones import zone

pytestmark = pytest.mark.requirement("R-31")

FULL = os.environ.get("CRONFSM_FULL", "") not in ("", "0")
STRANGE = [
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",  # back for each Ramadan
    "Antarctica/Troll",  # two hours
    "America/Nuuk",  # changed its rules in 2023
    "America/Sao_Paulo",  # at midnight, until 2019
    "Asia/Beirut",  # at midnight
    "Pacific/Apia",  # left out a day, then gave up summer time
    "America/St_Johns",  # at 00:01 once, and half hours
    "Europe/Berlin",
]
BEGIN, END = 0, 2_145_916_800  # 1970 to 2037
DAY_S = 86_400
STAR_FROM = 946_684_800  # 2000: to try each minute takes its time

Seam = tuple[int, int, int]  # second, offset before, offset after


@cache
def seams(name: str) -> tuple[Seam, ...]:
    """All changes of a zone's offset, by whole minutes (Liberia's was not until 1972; cron knows no seconds)."""
    found = []
    piece = zone(name).piece(BEGIN)
    while piece.end < END:
        after = zone(name).piece(piece.end)
        if after.offset != piece.offset and piece.offset % 60 == after.offset % 60 == 0:
            found.append((piece.end, piece.offset, after.offset))
        piece = after
    return tuple(found)


def zones() -> list[str]:
    """Each set of changes once: most names of the database are other names of the same."""
    if not FULL:
        return STRANGE
    by_changes: dict[tuple[Seam, ...], str] = {}
    for name in sorted(available_timezones()):
        by_changes.setdefault(seams(name), name)
    return sorted(by_changes.values())


def clock(local: int) -> tuple[int, int]:
    """Minute and hour of a local time in seconds."""
    return local // 60 % 60, local // 3600 % 24


def interesting(seam: Seam) -> Iterator[tuple[int, int]]:
    """Times of day around a change: its two edges, the middle of what is skipped or repeated, a minute outside."""
    at, before, after = seam
    low, high = sorted((at + before, at + after))
    middle = (low + high) // 2 // 60 * 60
    yield from sorted({clock(local) for local in (low - 60, low, middle, high - 60, high)})


def due(schedule: str, name: str, second: int, count: int) -> list[int]:
    table, found, at = timetable(schedule, name), [], Instant(second * SECOND)
    for _ in range(count):
        following = table.next_after(at)
        assert following is not None
        at = following
        found.append(at // SECOND)
    return found


@pytest.mark.parametrize("name", zones())
def test_fixed_times_around_every_change(name: str) -> None:
    info = ZoneInfo(name)
    for seam in seams(name):
        begin = seam[0] - 2 * DAY_S
        for minute, hour in interesting(seam):
            schedule = f"{minute} {hour} * * *"
            oracle = CronSim(schedule, datetime.fromtimestamp(begin, info))
            expected = [int(next(oracle).timestamp()) for _ in range(4)]
            assert due(schedule, name, begin, 4) == expected, (schedule, datetime.fromtimestamp(seam[0], info))


@pytest.mark.parametrize("name", zones())
def test_every_local_time_that_exists_around_every_change(name: str) -> None:
    where = zone(name)
    for at, before, after in seams(name):
        if at < STAR_FROM:
            continue
        around = max(7200, abs(after - before) + 1800)
        begin, end = at - around, at + around
        expected = []
        for second in range(begin + 60, end, 60):
            local = second + where.offset(second)
            if local % 60 == 0 and local // 60 % 20 == 0:
                expected.append(second)
        assert due("*/20 * * * *", name, begin, len(expected)) == expected, at


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 0 29 2 *", "2097-01-01", ["2104-02-29", "2108-02-29"]),  # 2100 is no leap year
        ("0 0 29 2 1", "2024-03-01", ["2025-02-03", "2025-02-10"]),  # either, by Debian's rule: Mondays of February too
        ("0 0 L 2 *", "2027-01-01", ["2027-02-28", "2028-02-29"]),
        ("0 0 * * 5#5", "2026-11-01", ["2027-01-29", "2027-04-30"]),
        ("0 0 31 * *", "2026-11-01", ["2026-12-31", "2027-01-31"]),
    ],
)
def test_rare_dates(schedule: str, after: str, expected: list[str]) -> None:
    begin = int(datetime.fromisoformat(f"{after}T00:00:00+00:00").timestamp()) - 1
    found = [datetime.fromtimestamp(second).astimezone(ZoneInfo("UTC")) for second in due(schedule, "UTC", begin, 2)]
    assert [f"{day:%Y-%m-%d}" for day in found] == expected


def test_rare_dates_are_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date that comes once in eight years is found by steps over months and pieces, not over days."""
    table = timetable("0 0 29 2 *", "Europe/Berlin")
    asked = []
    real = type(table.zone).piece  # type: ignore[attr-defined]  # a CronTable
    monkeypatch.setattr(type(table.zone), "piece", lambda self, second: asked.append(second) or real(self, second))  # type: ignore[attr-defined]
    begin = int(datetime.fromisoformat("2096-03-01T00:00:00+00:00").timestamp())
    at = table.next_after(Instant(begin * SECOND))
    assert at is not None
    assert datetime.fromtimestamp(at // SECOND, ZoneInfo("Europe/Berlin")).isoformat().startswith("2104-02-29T00:00")
    assert len(asked) < 10
