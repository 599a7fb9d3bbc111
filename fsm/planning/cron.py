"""Reading cron expressions: 5 fields, or 6 with seconds first. croniter parses and validates them.

The rules are Debian's (crontab(5)). Where croniter 7 has others, or is wrong, this module says so and rewrites or
refuses the expression before croniter sees it:

- ``3-3`` is 3 to Debian, the whole cycle to croniter: rewritten to ``3``.
- ``22-3/3``, a step through a range that runs backwards, is unknown to Debian, and croniter gets its wrapped part
  wrong (22 and 2 instead of 22 and 1): refused.
- ``R`` is a random value to croniter, another one at each reading, and ``H`` needs a hash: refused.
- A seventh field, for years: refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from attrs import frozen

from fsm.errors import BadValue
from fsm.planning.fields import Fields

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBERS = r"[0-9*,/-]+"


@frozen(slots=True)
class _Kind:
    """A field: what its values are called, which there are, and the characters and words it is written with."""

    called: str
    range: str
    low: int
    high: int
    written: str
    names: tuple[str, ...] = ()  # the first one stands for `low`


_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY, _SECOND = (
    _Kind("a minute", "0-59", 0, 59, _NUMBERS),
    _Kind("an hour", "0-23", 0, 23, _NUMBERS),
    _Kind("a day of the month", "1-31, L or 15W", 1, 31, r"[0-9*?,/lw-]+"),
    _Kind("a month", "1-12 or JAN-DEC", 1, 12, rf"(?:[0-9*,/-]|{'|'.join(_MONTHS)})+", _MONTHS),
    _Kind(
        "a day of the week",
        "0-7 or SUN-SAT, 0 and 7 are Sunday; 5#3 is the third Friday, L5 the last one",
        0,
        6,
        rf"(?:[0-9*?,/#l-]|{'|'.join(_WEEKDAYS)})+",
        _WEEKDAYS,
    ),
    _Kind("a second", "0-59", 0, 59, _NUMBERS),
)
_FIVE = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)
_SIX = (_SECOND, *_FIVE)
_RANGE = re.compile(r"([0-9a-z]+)-([0-9a-z]+)(/[0-9]+)?", re.ASCII)


@frozen(slots=True)
class Cron:
    """A cron expression, read.

    `fixed`: it names a time of day, so that it comes once on every local day that it matches; not `fixed`: the field
    of its hour or minute, or of its seconds where it has six, starts with ``*``, and it comes at each matching local
    time that exists. (Debian's cron treats the two kinds of job differently when the clock is changed; for it, that
    is decided by the hour and minute field. Seconds are our own, and count as minutes do.)
    """

    fields: Fields
    fixed: bool


@lru_cache(maxsize=32_768)  # about 1 KB each; one expression serves all zones
def read_cron(text: str) -> Cron:
    """Read an expression; raises `BadValue`, which names the field that is wrong, or a date that never comes."""
    words = text.split()
    if len(words) not in (5, 6):
        number = "one field" if len(words) == 1 else f"{len(words)} fields"
        raise BadValue(f'"{text}" has {number}; a cron expression has 5 (say "0 3 * * *"), or 6 with seconds first')
    kinds = _SIX if len(words) == 6 else _FIVE
    plain = [_plain(word, kind, text) for word, kind in zip(words, kinds, strict=True)]
    parsed = _parse(plain)
    if parsed is None:
        for place, kind in enumerate(kinds):  # which one is it? each by itself, the others harmless
            alone = ["*"] * len(kinds)
            alone[place] = plain[place]
            if _parse(alone) is None:
                raise _bad(words[place], kind, text)
        raise BadValue(f'"{text}" is not a cron expression (say "0 3 * * *")')
    fields = _fields(parsed)
    if fields.first(0) is None:
        raise BadValue(f'"{text}" never comes: no year has such a date')
    times = words[: len(words) - 3]  # all but day, month and day of week
    return Cron(fields, fixed=not any(word.startswith("*") for word in times))


def _bad(word: str, kind: _Kind, text: str) -> BadValue:
    where = "" if word == text else f' in "{text}"'
    return BadValue(f'"{word}"{where} is not {kind.called} ({kind.range})')


def _plain(word: str, kind: _Kind, text: str) -> str:
    """A field without what croniter reads in its own way; see the top of this module."""
    low_word = word.lower()
    if not re.fullmatch(kind.written, low_word):
        raise _bad(word, kind, text)
    return ",".join(_plain_item(item, kind, text) for item in low_word.split(","))


def _plain_item(item: str, kind: _Kind, text: str) -> str:
    match = _RANGE.fullmatch(item)
    low, high = (_value(match[1], kind), _value(match[2], kind)) if match else (None, None)
    if match is None or low is None or high is None:
        return item
    if low == high:
        return match[1]
    if low > high and match[3]:
        raise BadValue(
            f'"{item}" in "{text}" steps through a range that runs backwards; write it as two ranges or as a list'
        )
    return item


def _value(word: str, kind: _Kind) -> int | None:
    if word in kind.names:
        return kind.names.index(word) + kind.low
    return int(word) if word.isdigit() else None


def _parse(words: list[str]) -> Any:
    """croniter's reading, seconds moved to the end; None where it refuses."""
    from croniter import croniter  # here, for it takes 70 ms to import and most commands read no expression

    try:
        return croniter(" ".join(words), 0.0, second_at_beginning=True)
    except (
        ValueError,
        TypeError,
        LookupError,
    ):  # its own errors are ValueErrors; some inputs escape it as others
        return None


def _fields(parsed: Any) -> Fields:
    minutes, hours, days, months, weekdays = parsed.expanded[:5]
    seconds = parsed.expanded[5] if len(parsed.expanded) > 5 else [0]
    nth = tuple(
        sorted(
            (weekday, 0 if n == "l" else int(n))
            for weekday, all_n in parsed.nth_weekday_of_month.items()
            for n in all_n
        )
    )
    nearest = next(iter(getattr(parsed, "nearest_weekday", ())), None)  # croniter has no W before 7
    plain_weekdays = [w for w in weekdays if w not in parsed.nth_weekday_of_month]
    day_word, weekday_word = parsed.expressions[2], parsed.expressions[4]
    return Fields(
        seconds=_mask(seconds, _SECOND),
        minutes=_mask(minutes, _MINUTE),
        hours=_mask(hours, _HOUR),
        days=_mask([d for d in days if d != "l"], _DAY) if nearest is None else 0,
        months=_mask(months, _MONTH),
        weekdays=_mask(plain_weekdays, _WEEKDAY),
        last_day="l" in days,
        nearest=nearest,
        nth=nth,
        either=day_word[0] not in "*?" and weekday_word[0] not in "*?",
    )


def _mask(values: list[int | str], kind: _Kind) -> int:
    if "*" in values:
        return (1 << kind.high + 1) - (1 << kind.low)
    mask = 0
    for value in values:
        mask |= 1 << int(value)
    return mask
