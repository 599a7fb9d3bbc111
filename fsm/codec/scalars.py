"""Single values of an entry, in JSON and back. Reading is strict: what is not exactly as written down is refused.

`specs/journal.md` is the format: instants are RFC 3339 with six decimals and ``Z``, durations and counts are integers
of at most 64 bits, words are the ones of `fsm.model.states`. There are no fractions anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

from fsm.instants import Instant, format_instant

MAX_INT = (1 << 63) - 1  # what SQLite, PostgreSQL and every language's 64-bit integer hold

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Unreadable(ValueError):
    """A value that the format does not allow; the sentence says which. Never leaves the codec."""


# All entries of one commit carry the same `at`, and jobs that are due together the same scheduled time.
write_instant: Callable[[int], str] = lru_cache(maxsize=512)(format_instant)


def read_instant(value: object, _: object = None) -> Instant:
    """RFC 3339 in the one form that is written: ``2026-03-28T22:00:00.000000Z``."""
    if type(value) is not str or len(value) != 27 or value[19] != "." or value[26] != "Z":
        raise Unreadable(f"{value!r} is not an instant in the form 2026-03-28T22:00:00.000000Z")
    fraction = value[20:26]
    if not (fraction.isascii() and fraction.isdigit()):
        raise Unreadable(f"{value!r} is not an instant")
    return Instant(_whole_second(value[:19]) + int(fraction))


@lru_cache(maxsize=512)  # entries that follow each other speak of the same few seconds
def _whole_second(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text + "+00:00")
    except ValueError:
        raise Unreadable(f"{text!r} is not an instant") from None
    if format_instant(us := (moment - _EPOCH) // _MICROSECOND)[:19] != text:  # it reads other forms, too
        raise Unreadable(f"{text!r} is not an instant in the form 2026-03-28T22:00:00")
    return us


def read_int(value: object, _: object = None) -> int:
    """An integer of at most 64 bits; a fraction, a flag or a text is refused."""
    if type(value) is not int:
        raise Unreadable(f"{value!r} is not an integer")
    if not -MAX_INT <= value <= MAX_INT:
        raise Unreadable(f"{value} is not an integer of 64 bits")
    return value


def read_text(value: object, _: object = None) -> str:
    """A text."""
    if type(value) is not str:
        raise Unreadable(f"{value!r} is not a text")
    return value


def read_flag(value: object, _: object = None) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise Unreadable(f"{value!r} is neither true nor false")
    return value


_Word = TypeVar("_Word", bound=StrEnum)


def word_reader(words: type[_Word]) -> Callable[[object, object], _Word]:
    """A reader of one of `words`; a word of a later version is refused, not guessed at."""
    known: dict[object, _Word] = {str(word): word for word in words}

    def read_word(value: object, _: object = None) -> _Word:
        word = known.get(value) if type(value) is str else None
        if word is None:
            raise Unreadable(f"{value!r} is not one of {', '.join(words)}")
        return word

    return read_word
