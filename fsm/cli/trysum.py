"""What a rehearsal comes to: each job's counts, the peak, each hour, and the changes of the clock ahead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import define, field, frozen

from fsm.instants import HOUR, SECOND, Instant
from fsm.model.job import Job
from fsm.model.states import Reason
from fsm.planning.shifts import describe_shift
from fsm.planning.timetables import Kind
from fsm.planning.zones import zone
from fsm.testing.rehearsal import Plan, Ran, Rehearsal

_QUARTER = HOUR // 4
_AROUND = 3 * HOUR
"""On each side of a change of the clock, what is due is looked at: no clock of our time is turned by more."""
_MOST_AROUND = 1_000  # due times of one job that are looked at there


@define(slots=True)
class JobSum:
    """One job. `waited`: runs that did not start at once; `longest_us`: the longest that one of them waited."""

    job: Job
    ticks: int
    runs: int = 0
    refused: int = 0
    waited: int = 0
    longest_us: int = 0
    timed_out: int = 0
    gave_up: int = 0  # they waited longer than start_within


@define(slots=True)
class HourSum:
    """One hour of one day. `peak`: runs at once at most."""

    peak: int = 0
    starts: int = 0
    refused: bool = False
    waited: bool = False


@frozen(slots=True)
class Change:
    """A clock that is set: seconds it is ahead of UTC before and after, and what that does to each job due around it
    (the job, what happens, how many of its ticks)."""

    at: Instant
    zone: str
    before: int
    after: int
    jobs: tuple[tuple[str, str, int], ...]


@define(slots=True)
class Sum:
    """All of it. `hours` by day and hour of local time (days since 1970, 0 to 23)."""

    jobs: list[JobSum]
    hours: dict[tuple[int, int], HourSum] = field(factory=dict)
    peak: int = 0
    peak_at: Instant | None = None
    peak_jobs: tuple[str, ...] = ()
    changes: list[Change] = field(factory=list)


def add_up(rehearsal: Rehearsal, where: str) -> Sum:
    """Of a rehearsal, with days and hours as the zone `where` has them."""
    plan = rehearsal.plan
    of = {job.name: JobSum(job, plan.ticks(job)) for job in plan.jobs}
    clock = _Clock(where)
    total = Sum(list(of.values()))
    for ran in rehearsal.runs:
        _count(of[ran.job], ran, plan.until)
        hour = total.hours.setdefault(clock.hour(ran.due if ran.started is None else ran.started), HourSum())
        hour.starts += ran.started is not None
        if ran.started != ran.due:
            total.hours.setdefault(clock.hour(ran.due), HourSum()).waited = True
    for turned in rehearsal.refused:
        of[turned.job].refused += turned.count
        table = plan.table(of[turned.job].job)
        for begin, end in _hours(turned.first, Instant(turned.last + 1)):
            if table is not None and table.span(Instant(begin - 1), Instant(end - 1), plan.start) is not None:
                total.hours.setdefault(clock.hour(begin), HourSum()).refused = True
    _peaks(total, rehearsal, clock)
    total.changes = list(_changes(plan, where))
    return total


def _count(one: JobSum, ran: Ran, until: Instant) -> None:
    one.runs += 1
    waited = (ran.started or ran.ended or until) - ran.due
    if waited > 0:
        one.waited += 1
        one.longest_us = max(one.longest_us, waited)
    one.timed_out += ran.reason is Reason.RUN_TIMEOUT
    one.gave_up += ran.reason is Reason.QUEUE_TIMEOUT


class _Clock:
    """Local days and hours."""

    def __init__(self, where: str) -> None:
        self._zone = zone(where)

    def hour(self, at: Instant) -> tuple[int, int]:
        second = at // SECOND
        return divmod((second + self._zone.piece(second).offset) // 3600, 24)


def _hours(begin: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
    """The stretches that full quarters of an hour cut it into: each lies within one local hour, for that is what clocks
    differ by at worst."""
    while begin < end:
        until = Instant(min(end, (begin // _QUARTER + 1) * _QUARTER))
        yield begin, until
        begin = until


def _peaks(total: Sum, rehearsal: Rehearsal, clock: _Clock) -> None:
    """Go along all starts and ends; at one instant the ends come first."""
    events: list[tuple[int, int, str]] = []
    for ran in rehearsal.runs:
        if ran.started is not None:
            events.append((ran.started, 1, ran.job))
            events.append((rehearsal.plan.until if ran.ended is None else ran.ended, 0, ran.job))
    events.sort()
    now: Counter[str] = Counter()
    count = 0
    for place, (at, begins, job) in enumerate(events):
        count += 1 if begins else -1
        now[job] += 1 if begins else -1
        if count > total.peak:
            total.peak, total.peak_at = count, Instant(at)
            total.peak_jobs = tuple(sorted(name for name, runs in now.items() if runs))
        following = events[place + 1][0] if place + 1 < len(events) else rehearsal.plan.until
        if count and following > at:
            for begin, _ in _hours(Instant(at), Instant(following)):
                hour = total.hours.setdefault(clock.hour(begin), HourSum())
                hour.peak = max(hour.peak, count)


def _changes(plan: Plan, where: str) -> Iterator[Change]:
    """In order of time; of the zones of all jobs that are due, and of the one that is shown."""
    names = {where, *(job.timezone for job in plan.jobs if plan.table(job) is not None)}
    found = [(at, name, before, after) for name in names for at, before, after in _seams(plan, name)]
    for at, name, before, after in sorted(found):
        yield Change(at, name, before, after, tuple(_touched(plan, name, at)))


def _seams(plan: Plan, name: str) -> Iterator[tuple[Instant, int, int]]:
    clocks = zone(name)
    piece = clocks.piece(plan.start // SECOND)
    while piece.end * SECOND < plan.until:  # some pieces a year
        following = clocks.piece(piece.end)
        if following.offset != piece.offset:
            yield Instant(piece.end * SECOND), piece.offset, following.offset
        piece = following


def _touched(plan: Plan, name: str, at: Instant) -> Iterator[tuple[str, str, int]]:
    for job in plan.jobs:
        table = plan.table(job)
        if table is None or table.kind is not Kind.CRON or job.timezone != name:
            continue
        first, count = None, 0
        tick: Instant | None = Instant(at - _AROUND)
        for _ in range(_MOST_AROUND):
            tick = table.next_after(tick) if tick is not None else None
            if tick is None or tick > at + _AROUND:
                break
            note = describe_shift(table, tick)
            if note is not None and plan.start <= tick < plan.until:
                first, count = first or note, count + 1
        if first is not None:
            yield job.name, first, count


def hours_of(start: Instant, until: Instant, where: str) -> set[tuple[int, int]]:
    """The days and hours that come in that time: one that the clock skips does not."""
    clock = _Clock(where)
    return {clock.hour(begin) for begin, _ in _hours(start, until)}


def longest_wait(total: Sum) -> JobSum | None:
    """The job of which a run waited longest; None where none waited."""
    waited = [one for one in total.jobs if one.waited]
    return max(waited, key=lambda one: one.longest_us) if waited else None
