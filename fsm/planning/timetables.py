"""The timetables: cron expressions in a time zone, a fixed interval, one instant.

The rule for changes of the clock (DESIGN, "Time"): a job at a fixed time of day is due exactly once on every
local day that it matches, also when its time is skipped (then at the end of the gap) or comes twice (then the
first). A job whose hour or minute field starts with ``*`` is due at each matching local time that exists, both
times where an hour repeats. `fsm.planning.cron.Cron` knows which is which.

Said with pieces of constant offset (`fsm.planning.zones`): within a piece, what starts with ``*`` is due at every
matching local time; what is fixed only at those that no clock of the zone has shown before (the first of two),
and at the beginning of the piece where a matching time was skipped right before it. So several skipped times are
due once, at the end of the gap, together with what is due there anyway. This holds for a gap of any length: the
day that Samoa left out (2011-12-30) is answered as the next one begins.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from attrs import field, frozen

from fsm.instants import SECOND, Duration, Instant
from fsm.planning.cron import Cron
from fsm.planning.zones import Piece, Zone

_MIN_SECOND = -2_208_988_800  # 1900-01-01; nobody's clock says less
_MAX_SECOND = 253_000_000_000  # in the year 9987; the calendar of `datetime` ends soon after
_MAX_PIECES = 1_000_000  # steps of a search: some for each year that the calendar has, and ample room
_TWO_DAYS = 2 * 86_400  # s. No clock is turned by more than a day, so it cannot matter at a distance of two


class Kind(StrEnum):
    """The kinds of schedule."""

    CRON = "cron"
    EVERY = "every"
    AT = "at"


@frozen(slots=True)
class Span:
    """The due times of a stretch of time: how many, the first and the last."""

    count: int
    first: Instant
    last: Instant


class Timetable(Protocol):
    """When a job is due. A value: the same expression and zone always give the same answers."""

    @property
    def kind(self) -> Kind:
        """Which kind of schedule it is."""
        ...

    def next_after(self, after: Instant, anchor: Instant | None = None) -> Instant | None:
        """The first due time strictly after `after`; None when none comes any more.

        `anchor` is what an ``every`` schedule counts from (its first due time; 1970 where it is left out).
        """
        ...

    def span(self, after: Instant, until: Instant, anchor: Instant | None = None) -> Span | None:
        """The due times after `after` and not after `until`, counted without stepping through them; None when there
        are none."""
        ...


_ANSWERS = 16
"""Answers that a table remembers: more than one turn asks of it, and small beside the table."""


@frozen(slots=True)
class CronTable:
    """A cron expression in a zone."""

    cron: Cron
    zone: Zone
    # The last answers. Jobs share a table by expression and zone, and those that are due together ask the same of it;
    # those that were defined one after the other ask from another time each, and get the same due time all the same.
    _next: dict[Instant, Instant | None] = field(factory=dict, init=False, eq=False, repr=False)
    _gap: list[tuple[Instant, Instant]] = field(factory=list, init=False, eq=False, repr=False)  # a time, what is next
    _spans: dict[tuple[Instant, Instant], Span] = field(factory=dict, init=False, eq=False, repr=False)

    @property
    def kind(self) -> Kind:
        """Always ``cron``."""
        return Kind.CRON

    def next_after(self, after: Instant, anchor: Instant | None = None) -> Instant | None:
        """See `Timetable`. The anchor makes no difference."""
        if after in self._next:
            return self._next[after]
        for low, following in self._gap:  # one at most
            if low <= after < following:  # nothing is due in between
                return following
        if len(self._next) >= _ANSWERS:
            self._next.clear()
        found = self._next[after] = self._next_after(after)
        if found is not None:
            self._gap[:] = ((after, found),)  # at once, for whoever reads it in another thread
        return found

    def _next_after(self, after: Instant) -> Instant | None:
        second = max(after // SECOND + 1, _MIN_SECOND)
        first = self.cron.fields.first
        for _ in range(_MAX_PIECES):
            if second >= _MAX_SECOND:
                return None
            piece = self.zone.piece(second)
            local = second + piece.offset
            if self.cron.fixed:
                if second == piece.start and self.skipped_before(piece) is not None:
                    return Instant(second * SECOND)
                local = max(local, piece.high)
            found = first(local)
            if found is None:
                return None
            due = found - piece.offset
            if due < piece.end:
                return Instant(due * SECOND)
            far = piece.end - second > _TWO_DAYS  # then no change of the clock leads back to before `local`
            second = max(piece.end, due - _TWO_DAYS) if far else piece.end
        raise AssertionError("the calendar has an end")

    def skipped_before(self, piece: Piece) -> int | None:
        """The first matching local time (seconds) that was skipped as this piece began, or None."""
        begin = piece.start + piece.offset
        if piece.high >= begin:
            return None
        found = self.cron.fields.first(piece.high)
        return found if found is not None and found < begin else None

    def span(self, after: Instant, until: Instant, anchor: Instant | None = None) -> Span | None:
        """See `Timetable`. Costs some microseconds for each month of the stretch."""
        first = self.next_after(after)
        if first is None or first > until:
            return None
        if (first, until) not in self._spans:
            if len(self._spans) >= _ANSWERS:
                self._spans.clear()
            self._spans[first, until] = self._span(first, until)
        return self._spans[first, until]

    def _span(self, first: Instant, until: Instant) -> Span:
        """From a due time on."""
        fields, fixed = self.cron.fields, self.cron.fixed
        second, end = first // SECOND, min(until // SECOND + 1, _MAX_SECOND)
        count, last = 0, second
        for _ in range(_MAX_PIECES):
            if second >= end:
                return Span(count, first, Instant(last * SECOND))
            piece = self.zone.piece(second)
            begin, stop = second + piece.offset, min(piece.end, end) + piece.offset
            if fixed:
                begin = max(begin, piece.high)
            here = fields.count(begin, stop)
            if here:
                latest = fields.last(stop, begin)
                assert latest is not None
                last = latest - piece.offset
            skipped = fixed and second == piece.start and self.skipped_before(piece) is not None
            if skipped and fields.first(begin) != begin:  # else it is due here anyway, and counted
                here += 1
                last = max(last, second)
            count += here
            second = piece.end
        raise AssertionError("the calendar has an end")


@frozen(slots=True)
class EveryTable:
    """A fixed interval, in microseconds, whatever the clocks of any zone do."""

    interval: Duration

    @property
    def kind(self) -> Kind:
        """Always ``every``."""
        return Kind.EVERY

    def next_after(self, after: Instant, anchor: Instant | None = None) -> Instant | None:
        """See `Timetable`."""
        start = anchor or 0
        steps = max((after - start) // self.interval + 1, 0)
        due = start + steps * self.interval
        return Instant(due) if due < _MAX_SECOND * SECOND else None

    def span(self, after: Instant, until: Instant, anchor: Instant | None = None) -> Span | None:
        """See `Timetable`."""
        first = self.next_after(after, anchor)
        if first is None or first > until:
            return None
        steps = (min(until, _MAX_SECOND * SECOND - 1) - first) // self.interval
        return Span(steps + 1, first, Instant(first + steps * self.interval))


@frozen(slots=True)
class AtTable:
    """One instant."""

    at: Instant

    @property
    def kind(self) -> Kind:
        """Always ``at``."""
        return Kind.AT

    def next_after(self, after: Instant, anchor: Instant | None = None) -> Instant | None:
        """See `Timetable`. The anchor makes no difference."""
        return self.at if self.at > after else None

    def span(self, after: Instant, until: Instant, anchor: Instant | None = None) -> Span | None:
        """See `Timetable`."""
        return Span(1, self.at, self.at) if after < self.at <= until else None
