"""Instants, lengths and due times, as specs/journal.md and specs/lifecycle.md (R-31, R-55) have them."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

UTC = dt.UTC
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
UNITS = {"d": 24 * HOUR, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1_000, "us": 1}

MOST_MINUTES = 60 * 24 * 40
"""Vectors are small: none asks what is due in more than forty days."""


def instant(text: str) -> int:
    """Microseconds since 1970 of the one form that the format has. Raises `ValueError`."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text):
        raise ValueError(f"{text!r} is not an instant")
    return (dt.datetime.fromisoformat(text) - EPOCH) // dt.timedelta(microseconds=1)


def shown(us: int) -> str:
    """The instant as the format writes it."""
    return (EPOCH + dt.timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def length(text: str) -> int:
    """Microseconds of a duration as the jobs file has it."""
    found = re.fullmatch(r"(\d+)(us|ms|s|m|h|d)", text)
    if found is None:
        raise ValueError(f"{text!r} is not a length of time")
    return int(found[1]) * UNITS[found[2]]


def shortest(text: str) -> str:
    """The same duration in the largest unit that divides it."""
    us = length(text)
    if us == 0:
        return "0s"
    for unit, size in UNITS.items():
        if us % size == 0:
            return f"{us // size}{unit}"
    raise AssertionError(text)


def _values(field: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            start, _, end = span.partition("-")
            first, last = int(start), int(end or start)
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _local(us: int, zone: ZoneInfo) -> dt.datetime:
    return (EPOCH + dt.timedelta(microseconds=us)).astimezone(zone)


class _Cron:
    """Five fields. Day of month and day of week are both to match; no vector restricts both of them."""

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        minute, hour, day, month, weekday = text.split()
        self.fixed = not minute.startswith("*") and not hour.startswith("*")
        self.minutes, self.hours = _values(minute, 0, 59), _values(hour, 0, 23)
        self.days, self.months = _values(day, 1, 31), _values(month, 1, 12)
        self.weekdays = {value % 7 for value in _values(weekday, 0, 7)}
        self.zone = zone

    def _matches(self, local: dt.datetime) -> bool:
        date = local.day in self.days and local.month in self.months and local.isoweekday() % 7 in self.weekdays
        return date and local.minute in self.minutes and local.hour in self.hours

    def between(self, after: int, upto: int) -> list[int]:
        """Scheduled times in (after, upto], minute by minute: slow, and easy to believe."""
        first = after // MINUTE * MINUTE + MINUTE
        if (upto - first) // MINUTE > MOST_MINUTES:
            raise ValueError("more minutes than a vector may ask for")
        found = []
        for us in range(first, upto + 1, MINUTE):
            local = _local(us, self.zone)
            if self._matches(local) and not (self.fixed and local.fold):
                found.append(us)
            elif self.fixed and self._skipped(us, local):
                found.append(us)  # the end of the gap, once for all that it skipped
        return found

    def _skipped(self, us: int, local: dt.datetime) -> bool:
        before = _local(us - MINUTE, self.zone)
        wall = before.replace(tzinfo=None) + dt.timedelta(minutes=1)
        while wall < local.replace(tzinfo=None):
            if self._matches(wall):
                return True
            wall += dt.timedelta(minutes=1)
        return False


def due(schedule: str | None, zone: str, anchor: int, after: int, upto: int) -> list[int]:
    """The scheduled times after `after`, up to and including `upto`."""
    if schedule is None:
        return []
    if schedule.startswith("every "):
        step = length(schedule.removeprefix("every "))
        number = max((after - anchor) // step + 1, 1)
        return list(range(anchor + number * step, upto + 1, step))
    if schedule.startswith("at "):
        text = schedule.removeprefix("at ").replace("Z", ".000000Z")
        return [us for us in [instant(text)] if after < us <= upto]
    return _Cron(schedule, ZoneInfo(zone)).between(after, upto)
