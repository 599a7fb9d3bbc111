"""Time zones as pieces of constant offset.

A cron expression speaks of local time, a scheduler of instants. Between two changes of its offset a zone's
local time is instant + offset, plain integer arithmetic. So a zone is cut into such pieces, and all that is
odd about local time (skipped and repeated times) stands at their seams.

The offsets come from `zoneinfo`, by asking for them; seams are found by bisection.
"""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from fsm.errors import BadValue
from fsm.instants import as_datetime

_CHUNK_BITS = 25  # pieces are cut and kept in chunks of 2**25 s, a little over a year
_STEP = 1 << 17  # s, 1.5 days. No zone ever changed its offset twice within 3.9 days; a test holds the database to it
_MEMORY = 4 * _STEP  # s before a chunk within which a step back of the clock (24 h at most) still matters
_MAX_CHUNKS = 64  # kept per zone: two thirds of a century, far more than a schedule steps over at once


class Piece(NamedTuple):
    """A stretch of time, from `start` until before `end`, during which local time is UTC + `offset`.

    `high` is the latest local time that any clock of the zone has shown before `start`: below the first local
    time of the piece where local time was skipped, above it where it is repeated. All in seconds; local time
    counts from 1970-01-01T00:00:00 local."""

    start: int
    end: int
    offset: int
    high: int


class Zone:
    """One zone. `info` is what `datetime` understands."""

    __slots__ = ("_chunks", "info", "name")

    def __init__(self, name: str, info: ZoneInfo) -> None:
        self.name, self.info = name, info
        self._chunks: dict[int, tuple[Piece, ...]] = {}

    def piece(self, second: int) -> Piece:
        """The piece that holds this second (since 1970, UTC). Chunks also end pieces, with nothing odd
        there."""
        number = second >> _CHUNK_BITS
        pieces = self._chunks.get(number) or self._cut(number)
        for piece in pieces:  # a handful
            if second < piece.end:
                return piece
        raise AssertionError(f"chunk {number} of {self.name} does not cover {second}")

    def _cut(self, number: int) -> tuple[Piece, ...]:
        begin, end = number << _CHUNK_BITS, (number + 1) << _CHUNK_BITS
        seams = self._seams(begin - _MEMORY, end)
        pieces = []
        high = begin - _MEMORY + seams[0][1]
        for (start, offset), (until, _) in zip(seams, [*seams[1:], (end, 0)], strict=True):
            if until > begin:
                # Where the chunk begins within a piece, local time has passed all that lies before.
                reached = max(high, begin + offset) if start < begin else high
                pieces.append(Piece(max(start, begin), until, offset, reached))
            high = until + offset  # the piece is longer than any step back before it
        if len(self._chunks) >= _MAX_CHUNKS:
            self._chunks.clear()
        self._chunks[number] = tuple(pieces)
        return self._chunks[number]

    def _seams(self, begin: int, end: int) -> list[tuple[int, int]]:
        """(second, offset from there on), the first one at `begin`."""
        seams = [(begin, self.offset(begin))]
        for step in range(begin + _STEP, end + 1, _STEP):
            known = seams[-1][1]
            if self.offset(step) != known:
                early, late = step - _STEP, step
                while late - early > 1:  # 17 rounds
                    middle = (early + late) // 2
                    if self.offset(middle) == known:
                        early = middle
                    else:
                        late = middle
                if late < end:
                    seams.append((late, self.offset(late)))
        return seams

    def offset(self, second: int) -> int:
        """Seconds by which local time is ahead of UTC at this second."""
        ahead = datetime.fromtimestamp(second, self.info).utcoffset()
        return 0 if ahead is None else ahead.days * 86_400 + ahead.seconds


@lru_cache(maxsize=1024)  # there are about 600 zones
def zone(name: str) -> Zone:
    """The zone of that name; raises `BadValue` for one that the zone database does not have."""
    # posix/ and right/ hold the database once more, the latter with leap seconds, which no system clock counts
    if not name.startswith(("posix/", "right/")):
        try:
            return Zone(name, ZoneInfo(name))
        except (LookupError, ValueError, OSError):  # unknown, not a name at all, a directory
            pass
    raise BadValue(_unknown(name))


def to_local(at: int, name: str) -> datetime:
    """An instant (microseconds) as local time of a zone, aware."""
    return as_datetime(at).astimezone(zone(name).info)


def _unknown(name: str) -> str:
    """What to say of a name that is no zone, with the names that are near it."""
    names = available_timezones()
    wanted = name[:100].strip().casefold().replace(" ", "_")
    by_fold: dict[str, str] = {}
    for known in sorted(names):
        by_fold.setdefault(known.casefold(), known)
        by_fold.setdefault(known.casefold().rpartition("/")[2], known)  # "Berlin" is Europe/Berlin
    nearest = list(dict.fromkeys(by_fold[fold] for fold in get_close_matches(wanted, by_fold, n=3)))
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else "say UTC, Europe/Berlin or America/New_York"
    shown = name if len(name) <= 40 else f"{name[:40]}…"
    return f'"{shown}" is not a time zone ({hint})'
