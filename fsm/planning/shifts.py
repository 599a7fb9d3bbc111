"""What a change of the clock did to a due time, for the eyes of a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from fsm.instants import SECOND, Instant
from fsm.planning.timetables import CronTable, Timetable

_TWO_DAYS = 2 * 86_400  # s. No clock is turned back by more than a day, so later seams cannot repeat this time
_ZERO = datetime(1970, 1, 1)  # local time is counted from here, in no zone


class Shift(StrEnum):
    """How a due time stands to a change of the clock."""

    MOVED = "moved"  # its local time is skipped that day: due at the end of the gap
    FIRST = "first"  # its local time comes twice: this is the first
    SECOND = "second"  # and this the second (only where hour or minute start with "*")


def shift_of(table: Timetable, at: Instant) -> Shift | None:
    """The shift of a due time of `table`; None for an ordinary one, and for schedules without a time of day."""
    return _look(table, at)[0]


def describe_shift(table: Timetable, at: Instant) -> str | None:
    """The shift of a due time as a sentence, such as "02:30 is skipped on 2026-03-29; moved to 03:00"."""
    shift, planned, shown = _look(table, at)
    if shift is None:
        return None
    day = f"{_ZERO + timedelta(seconds=planned):%Y-%m-%d}"
    if shift is Shift.MOVED:
        return f"{_clock(planned)} is skipped on {day}; moved to {_clock(shown)}"
    return f"{_clock(planned)} comes twice on {day}; this is the {shift}"


def _clock(local: int) -> str:
    return f"{_ZERO + timedelta(seconds=local):{'%H:%M:%S' if local % 60 else '%H:%M'}}"


def _look(table: Timetable, at: Instant) -> tuple[Shift | None, int, int]:
    """The shift, the local time that was planned, and the one that the clock shows (seconds, local)."""
    if not isinstance(table, CronTable):
        return None, 0, 0
    second = at // SECOND
    piece = table.zone.piece(second)
    shown = second + piece.offset
    if table.cron.fixed and second == piece.start:
        planned = table.skipped_before(piece)
        if planned is not None:
            return Shift.MOVED, planned, shown
    if shown < piece.high:
        return Shift.SECOND, shown, shown
    while piece.end - second <= _TWO_DAYS:  # a few pieces at most
        piece = table.zone.piece(piece.end)
        if shown >= piece.start + piece.offset:
            return Shift.FIRST, shown, shown
    return None, shown, shown
