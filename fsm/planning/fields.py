"""The fields of a cron expression, and the search among the local times that they match.

Everything here is local time that knows nothing of zones: whole seconds counted from 1970-01-01T00:00:00
local, and days counted from the same. A field is a bit mask: bit n stands for the value n."""

from __future__ import annotations

from datetime import date

from attrs import field, frozen

_DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_MONTH = 9_990 * 12  # the calendar of `datetime` ends with the year 9999
_CYCLE = 400 * 12  # months after which the calendar repeats itself, weekdays included
_MAX_MONTHS_KEPT = 64  # per expression; a scheduler needs one or two of them at a time


@frozen(slots=True, eq=False)
class Fields:
    """What an expression matches. `seconds`, `minutes`, `hours`, `days` (1-31), `months` (1-12) and
    `weekdays` (0 is Sunday) are masks.

    `last_day`: ``L`` among the days. `nearest`: the day D of ``DW``, the weekday (Monday to Friday) nearest
    to it. `nth`: pairs (weekday, n) for ``5#3``, n = 0 for the last one. `either`: day of month and day of
    week are both restricted, and a date needs to match only one of them (Debian's crontab(5))."""

    seconds: int
    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    last_day: bool = False
    nearest: int | None = None
    nth: tuple[tuple[int, int], ...] = ()
    either: bool = False
    _kept: dict[int, tuple[int, int]] = field(factory=dict, init=False, repr=False)

    def first(self, from_: int) -> int | None:
        """The first matching time at or after `from_`; None when none comes within 400 years."""
        day, second = divmod(from_, _DAY)
        on = self._first_day(day)
        if on == day:
            time = self._first_time(second)
            if time is not None:
                return day * _DAY + time
            on = self._first_day(day + 1)
        if on is None:
            return None
        return on * _DAY + _lowest(self.hours) * 3600 + _lowest(self.minutes) * 60 + _lowest(self.seconds)

    def last(self, until: int, from_: int) -> int | None:
        """The last matching time before `until` and not before `from_`."""
        day, second = divmod(until, _DAY)
        while True:  # ends at the day of `from_`, or at the first day that matches and has a time left
            on = self._last_day(day, from_ // _DAY)
            if on is None:
                return None
            time = self._last_time(second if on == day else _DAY)
            if time is not None:
                found = on * _DAY + time
                return found if found >= from_ else None
            day, second = on - 1, _DAY

    def count(self, from_: int, until: int) -> int:
        """How many matching times there are from `from_` until before `until`."""
        if until <= from_:
            return 0
        (day, second), (last_day, last_second) = divmod(from_, _DAY), divmod(until, _DAY)
        a_day = self.hours.bit_count() * self.minutes.bit_count() * self.seconds.bit_count()
        times = self._count_days(day, last_day) * a_day
        if self._first_day(day) == day:
            times -= self._times_before(second)
        if self._first_day(last_day) == last_day:
            times += self._times_before(last_second)
        return times

    def _month(self, number: int) -> tuple[int, int]:
        """Mask of the matching days of a month (year * 12 + month - 1), and the day before its first."""
        kept = self._kept.get(number)
        if kept is None:
            year, month = number // 12, number % 12 + 1
            first = date(year, month, 1)
            length = (date(year + month // 12, month % 12 + 1, 1) - first).days
            mask = self._match(first.isoweekday() % 7, length) if self.months >> month & 1 else 0
            if len(self._kept) >= _MAX_MONTHS_KEPT:
                self._kept.clear()
            kept = self._kept[number] = mask, first.toordinal() - _EPOCH_ORDINAL - 1
        return kept

    def _match(self, first_weekday: int, length: int) -> int:
        """Mask of the matching days of a month that has `length` days and begins on `first_weekday`."""
        whole = (1 << length + 1) - 2
        days = self.days & whole
        if self.last_day:
            days |= 1 << length
        if self.nearest is not None:
            days |= 1 << _nearest_weekday(min(self.nearest, length), first_weekday, length)
        weekdays = 0
        for weekday in range(7):
            if self.weekdays >> weekday & 1:
                weekdays |= _weekly(1 + (weekday - first_weekday) % 7, length)
        for weekday, n in self.nth:
            on = 1 + (weekday - first_weekday) % 7
            on = on + 7 * (n - 1) if n else on + (length - on) // 7 * 7
            weekdays |= 1 << on
        return ((days | weekdays) if self.either else (days & weekdays)) & whole

    def _first_day(self, day: int) -> int | None:
        at = date.fromordinal(day + _EPOCH_ORDINAL)
        number = at.year * 12 + at.month - 1
        mask, before = self._month(number)
        rest = mask >> at.day
        if rest:
            return before + at.day + _lowest(rest)
        for later in range(number + 1, min(number + _CYCLE, _LAST_MONTH) + 1):
            if self.months >> later % 12 + 1 & 1:
                mask, before = self._month(later)
                if mask:
                    return before + _lowest(mask)
        return None

    def _last_day(self, day: int, not_before: int) -> int | None:
        at = date.fromordinal(day + _EPOCH_ORDINAL)
        number = at.year * 12 + at.month - 1
        mask, before = self._month(number)
        mask &= (2 << at.day) - 1
        while not mask and before >= not_before:
            number -= 1
            mask, before = self._month(number)
        found = before + mask.bit_length() - 1
        return found if mask and found >= not_before else None

    def _count_days(self, day: int, until: int) -> int:
        """Matching days from `day` until before `until`."""
        at = date.fromordinal(day + _EPOCH_ORDINAL)
        number = at.year * 12 + at.month - 1
        mask, before = self._month(number)
        mask = mask >> at.day << at.day
        days = 0
        while before + 1 < until:  # the first of the month; ends with the month that holds `until`
            days += (mask & ((1 << min(until - before, 32)) - 1)).bit_count()
            number += 1
            mask, before = self._month(number)
        return days

    def _first_time(self, second: int) -> int | None:
        """The first matching second of a day at or after `second`."""
        hour, rest = divmod(second, 3600)
        minute, second = divmod(rest, 60)
        if self.hours >> hour & 1:
            if self.minutes >> minute & 1 and self.seconds >> second:
                return hour * 3600 + minute * 60 + second + _lowest(self.seconds >> second)
            later = self.minutes >> minute + 1
            if later:
                return hour * 3600 + (minute + 1 + _lowest(later)) * 60 + _lowest(self.seconds)
        later = self.hours >> hour + 1
        if later:
            return (hour + 1 + _lowest(later)) * 3600 + _lowest(self.minutes) * 60 + _lowest(self.seconds)
        return None

    def _last_time(self, until: int) -> int | None:
        """The last matching second of a day before `until`."""
        if until <= 0:
            return None
        hour, rest = divmod(until - 1, 3600)
        minute, second = divmod(rest, 60)
        if self.hours >> hour & 1:
            seconds = self.seconds & ((2 << second) - 1)
            if self.minutes >> minute & 1 and seconds:
                return hour * 3600 + minute * 60 + _highest(seconds)
            minutes = self.minutes & ((1 << minute) - 1)
            if minutes:
                return hour * 3600 + _highest(minutes) * 60 + _highest(self.seconds)
        hours = self.hours & ((1 << hour) - 1)
        if hours:
            return _highest(hours) * 3600 + _highest(self.minutes) * 60 + _highest(self.seconds)
        return None

    def _times_before(self, until: int) -> int:
        """How many matching seconds a day has before `until`."""
        hour, rest = divmod(until, 3600)
        minute, second = divmod(rest, 60)
        an_hour = self.minutes.bit_count() * self.seconds.bit_count()
        times = _below(self.hours, hour) * an_hour
        if self.hours >> hour & 1:
            times += _below(self.minutes, minute) * self.seconds.bit_count()
            if self.minutes >> minute & 1:
                times += _below(self.seconds, second)
        return times


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _highest(mask: int) -> int:
    return mask.bit_length() - 1


def _below(mask: int, value: int) -> int:
    return (mask & ((1 << value) - 1)).bit_count()


def _weekly(day: int, length: int) -> int:
    mask = 0
    for each in range(day, length + 1, 7):
        mask |= 1 << each
    return mask


def _nearest_weekday(day: int, first_weekday: int, length: int) -> int:
    """The Monday to Friday nearest to a day, never in another month (croniter's rule for ``15W``)."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day
