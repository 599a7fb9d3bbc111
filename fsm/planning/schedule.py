"""Reading a schedule: a cron expression, one of the ``@`` names, ``every <duration>``, ``at <instant>``."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from fsm.errors import BadValue
from fsm.instants import SECOND, parse_duration, parse_instant
from fsm.planning.cron import read_cron
from fsm.planning.timetables import AtTable, CronTable, EveryTable, Kind, Span, Timetable
from fsm.planning.zones import zone

__all__ = ["NAMES", "Kind", "Span", "Timetable", "timetable"]

NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""The names of crontab(5), but for ``@reboot``, which is no time."""

_EXAMPLES = 'say "0 3 * * *", "@daily", "every 90s" or "at 2026-12-01T09:00:00Z"'
_MAX_LENGTH = 1_000  # characters; all sixty minutes, written out, are 169


@lru_cache(maxsize=32_768)  # 1 to 2 KB each; a hundred thousand jobs share far fewer expressions
def timetable(schedule: str, timezone: str = "UTC") -> Timetable:
    """The timetable of a schedule, as in the jobs file, in a time zone.

    Raises `BadValue`, which says what would be right, for what is no schedule, for one that never comes (``0 0 30 2
    *``), and for an unknown zone. An ``at`` that is past is a schedule.
    """
    where = zone(timezone)
    text = schedule.strip()
    if len(text) > _MAX_LENGTH:
        raise BadValue(f'"{text[:40]}…" is longer than {_MAX_LENGTH} characters')
    words = text.split()
    word = words[0].lower() if words else ""
    if word == "every":
        return _every(text, " ".join(words[1:]))
    if word == "at":
        return _at(text, " ".join(words[1:]))
    if word.startswith("@"):
        return CronTable(read_cron(_named(text)), where)
    if len(words) < 5 and not word[:1].isdigit() and not word.startswith("*"):
        raise BadValue(f'"{text}" is not a schedule ({_EXAMPLES})')
    return CronTable(read_cron(text), where)


def _at(text: str, rest: str) -> AtTable:
    try:
        return AtTable(parse_instant(rest))
    except BadValue as error:
        said = str(error) if rest else '"at" needs an instant (say "at 2026-12-01T09:00:00Z")'
        raise BadValue(f'"{text}": {said}') from None


def _every(text: str, rest: str) -> EveryTable:
    try:
        interval = parse_duration(rest)
    except BadValue:
        raise BadValue(f'"{text}" has no duration after "every" (say "every 90s", 15m, 2h or 1d)') from None
    if interval < SECOND:
        raise BadValue(f'"{text}" is too often; the shortest is "every 1s"')
    return EveryTable(interval)


def _named(text: str) -> str:
    name = text.lower()
    if name in NAMES:
        return NAMES[name]
    if name == "@reboot":
        raise BadValue(f'"{text}" is not a time (say {", ".join(NAMES)})')
    nearest = get_close_matches(name, NAMES, n=1)
    raise BadValue(f'"{text}" is not a schedule (say {nearest[0] if nearest else ", ".join(NAMES)})')
