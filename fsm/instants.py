"""Instants, durations and deadlines as values. Nothing here reads a clock.

An instant is a count of microseconds since 1970-01-01T00:00:00Z; a duration is a count of microseconds. On the
surface they are RFC 3339 text (``2026-03-28T22:00:00.000000Z``) and short text such as ``15m``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NewType

from fsm.errors import BadValue
from fsm.values import value

Instant = NewType("Instant", int)
"""Microseconds since the Unix epoch, UTC."""

Duration = NewType("Duration", int)
"""Microseconds."""

SECOND = Duration(1_000_000)
MINUTE = Duration(60 * SECOND)
HOUR = Duration(60 * MINUTE)
DAY = Duration(24 * HOUR)

_UNITS = {"us": 1, "ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)(us|ms|s|m|h|d)", re.ASCII)
_MAX_DURATION = 36_500 * DAY  # a hundred years: far above any use, far below what a datetime can hold
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@value(slots=True)
class Moment:
    """What the clocks of one machine said at once.

    `utc` is the wall clock; `boot` is CLOCK_BOOTTIME in microseconds, which no one can set; `boot_id` names the boot
    that `boot` counts from.
    """

    utc: Instant
    boot: int
    boot_id: str


@value(slots=True)
class Deadline:
    """A point in time that a jump of the wall clock cannot move while the boot lasts.

    Source: the design's lifecycle rule: boot id and CLOCK_BOOTTIME count first, UTC only after a reboot.
    """

    utc: Instant
    boot: int
    boot_id: str

    @classmethod
    def after(cls, now: Moment, delay: int) -> Deadline:
        """The deadline `delay` microseconds from `now`."""
        return cls(Instant(now.utc + delay), now.boot + delay, now.boot_id)

    def passed(self, now: Moment) -> bool:
        """Whether it has come, by the clock that counts."""
        return self.left(now) <= 0

    def left(self, now: Moment) -> int:
        """Microseconds until it comes; negative once it has."""
        if self.boot_id == now.boot_id:
            return self.boot - now.boot
        return self.utc - now.utc


def parse_duration(text: object) -> Duration:
    """Read ``0.5s``, ``90s``, ``15m``, ``2h``, ``1d``, ``1h30m``, a timedelta, or a count of microseconds.

    Raises `BadValue` for anything else, for negative lengths and for more than a hundred years.
    """
    if isinstance(text, timedelta):
        text = text // timedelta(microseconds=1)
    if isinstance(text, int) and not isinstance(text, bool):
        total = text
    elif isinstance(text, str):
        compact = text.strip().replace(" ", "")
        parts = _DURATION.findall(compact)
        if not parts or "".join(n + u for n, u in parts) != compact:
            raise BadValue(f'"{text}" is not a duration (say 90s, 15m, 2h or 1d)')
        total = sum(round(float(n) * _UNITS[u]) for n, u in parts)
    else:
        raise BadValue(f"{text!r} is not a duration (say 90s, 15m, 2h or 1d)")
    if not 0 <= total <= _MAX_DURATION:
        raise BadValue(f'"{text}" is not between 0s and 36500d')
    return Duration(total)


def format_duration(us: int) -> str:
    """The shortest text that `parse_duration` reads back exactly: 1800000000 -> ``30m``."""
    sign, us = ("-", -us) if us < 0 else ("", us)
    for unit in ("d", "h", "m", "s", "ms"):
        if us and us % _UNITS[unit] == 0:
            return f"{sign}{us // _UNITS[unit]}{unit}"
    if not us:
        return "0s"
    whole, rest = divmod(us, SECOND)
    return f"{sign}{whole}.{rest:06d}".rstrip("0") + "s" if whole else f"{sign}{us}us"


def parse_instant(text: object) -> Instant:
    """Read RFC 3339 text with an offset (``Z`` or ``+01:00``), or an aware datetime.

    Raises `BadValue` where the offset is missing or it is no instant at all.
    """
    if isinstance(text, datetime):
        moment = text
    elif isinstance(text, str):
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise BadValue(f'"{text}" is not an instant (say 2026-12-01T09:00:00Z)') from None
    else:
        raise BadValue(f"{text!r} is not an instant (say 2026-12-01T09:00:00Z)")
    if moment.tzinfo is None:
        raise BadValue(f'"{text}" lacks its offset from UTC (say 2026-12-01T09:00:00Z)')
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise BadValue(f'"{text}" is not between the years 1 and 9999 in UTC') from None
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))


@lru_cache(maxsize=4096)
def _whole_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def format_instant(us: int) -> str:
    """RFC 3339, UTC, always six decimals: ``2026-03-28T22:00:00.000000Z``."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_whole_second(seconds)}.{rest:06d}Z"


def as_datetime(us: int) -> datetime:
    """The instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=us)
