"""Times as people read and write them: local with its zone, relative, and durations in two units."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo

from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, MINUTE, SECOND, Instant, as_datetime, parse_duration, parse_instant

_LOCAL = re.compile(r"(?:(\d{4}-\d{2}-\d{2})(?:[T ]|$))?(\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?", re.ASCII)
_EXAMPLES = 'say 2026-12-01T09:00:00Z, "2026-12-01 09:00" (local time), 09:00 or 2h'


def local(us: int, zone: tzinfo | None = None) -> datetime:
    """The instant as local time of the machine, or of `zone`."""
    return as_datetime(us).astimezone(zone)


def stamp(us: int | None, zone: tzinfo | None = None) -> str:
    """``2026-11-21 03:00:00 CET``: for a person who will compare or copy it."""
    return "" if us is None else local(us, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def stamp_ms(us: int | None, zone: tzinfo | None = None) -> str:
    """The same with milliseconds: for what happened, as opposed to what was planned."""
    if us is None:
        return ""
    at = local(us, zone)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} {at:%Z}"


def clock(us: int, beside: int | None = None) -> str:
    """The time of day; with its date in front where that is another day than `beside`'s."""
    at = local(us)
    same = beside is not None and local(beside).date() == at.date()
    return at.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M:%S")


def zone_name(us: int) -> str:
    """What local time is called at that instant: ``CET``."""
    return local(us).strftime("%Z")


def span(us: int) -> str:
    """A length in at most two units, rounded: ``2d 3h``, ``8h 12m``, ``5m 10s``, ``12.3s``, ``120ms``."""
    us = abs(us)
    if us < SECOND:
        return f"{us // 1000}ms"  # cut off, for a second is more than that
    if us < MINUTE - SECOND // 20:
        return f"{us / SECOND:.1f}".removesuffix(".0") + "s"
    for large, large_name, small, small_name in (
        (MINUTE, "m", SECOND, "s"),
        (HOUR, "h", MINUTE, "m"),
        (DAY, "d", HOUR, "h"),
    ):
        count = (us + small // 2) // small  # in the smaller unit; where that makes a whole day, it is one
        per = large // small
        if large == DAY or count < (24 if large == HOUR else 60) * per:
            whole, rest = divmod(count, per)
            return f"{whole}{large_name}" + (f" {rest}{small_name}" if rest else "")
    raise AssertionError("a day is the largest of them")


def age(us: int) -> str:
    """A length in one unit, for a column of a table: ``2d``, ``8h``, ``5m``, ``12s``."""
    us = abs(us)
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")):
        if us >= unit:
            return f"{us // unit}{name}"
    return "0s"


def relative(us: int, now: int) -> str:
    """``in 8h 12m``, ``5m 10s ago``, ``now``."""
    left = us - now
    if abs(left) < SECOND:
        return "now"
    return f"in {span(left)}" if left > 0 else f"{span(left)} ago"


def read_time(text: str, now: Instant, *, ahead: bool = False) -> Instant:
    """What a person means by a time.

    An instant with its offset from UTC; a local date and time (``2026-12-01 09:00``); a local date; a local time of
    day, the last one that has come (or, with `ahead`, the next one); a length of time before (after) now. Raises
    `BadValue`.
    """
    text = text.strip()
    if text == "now":
        return now
    try:
        length = parse_duration(text)
    except BadValue:
        pass
    else:
        return Instant(now + length if ahead else now - length)
    match = _LOCAL.fullmatch(text)
    if match is None or not text:
        try:
            return parse_instant(text)
        except BadValue:
            raise BadValue(f'"{text}" is not a time ({_EXAMPLES})') from None
    date, time = match[1] or f"{local(now):%Y-%m-%d}", match[2] or "00:00"
    try:
        at = _at(date, time)
        if match[1] is None and (at < now if ahead else at > now):
            at = _at(f"{local(now) + timedelta(days=1 if ahead else -1):%Y-%m-%d}", time)
    except ValueError:
        raise BadValue(f'"{text}" is not a time ({_EXAMPLES})') from None
    return at


def _at(date: str, time: str) -> Instant:
    """A local date and time; ``9:00`` is written as ``09:00`` first."""
    hour, _, rest = time.partition(":")
    return parse_instant(datetime.fromisoformat(f"{date} {hour:0>2}:{rest}").astimezone())
