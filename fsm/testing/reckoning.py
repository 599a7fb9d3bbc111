"""The same as `fsm.testing.rehearsal.simulate`, reckoned: for jobs whose life holds no surprise.

What it knows: ticks with jitter, `overlap` skip and queue, deadlines, and the line of those that wait for a place,
which is the scheduler's own (`fsm.planning.admission`). Where something else would happen (a retry, a breaker, a
budget, a replacement), it gives up with `NotReckoned`, and the scheduler has to be asked. What comes at one instant
comes in the scheduler's order: ends, queue timeouts, ticks, then whoever has a turn.
"""

from __future__ import annotations

import heapq
from collections import deque

from attrs import define, field

from fsm.instants import SECOND, Instant
from fsm.model.job import Job, Overlap
from fsm.model.states import Reason, RefusalReason
from fsm.planning.admission import Line, Places
from fsm.planning.jitter import due_at
from fsm.planning.timetables import Kind, Timetable
from fsm.testing.rehearsal import Plan, Ran, Rehearsal, Turned, in_order, merged

_END, _LATE, _TICK = 0, 1, 2  # what may happen to a job, in the order in which it does at one instant
_QUICK = 10 * SECOND  # a failure sooner than that is paid from the budget (`fsm.planning.restraint`)


class NotReckoned(Exception):
    """Something happens that only the scheduler can judge."""


@define(slots=True, eq=False)
class _Of:
    """One job as it goes."""

    job: Job
    table: Timetable
    anchor: Instant
    number: int = 0
    tick: Instant = field(default=Instant(0))  # the next one, once there is one
    waiting: deque[tuple[int, Instant, Instant]] = field(factory=deque)  # number, tick, due
    running: tuple[int, Instant, Instant, Instant] | None = None  # number, tick, due, started

    def step(self, after: Instant) -> Instant | None:
        """When the next tick is due."""
        tick = self.table.next_after(after, self.anchor)
        if tick is None:
            return None
        self.tick = tick
        return tick if self.job.jitter_us is None else due_at(self.job, self.table, tick, self.anchor)


def reckon(plan: Plan) -> Rehearsal:
    """Go through it. Raises `NotReckoned`."""
    return _Reckoning(plan).through()


class _Reckoning:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.runs: list[Ran] = []
        self.refused: list[Turned] = []
        self.line, self.places = Line(), Places()
        self.jobs: list[_Of] = []
        self.places_of: dict[str, int] = {}
        self.agenda: list[tuple[int, int, int, int]] = []  # time, what, which job, which run
        for job in plan.jobs:
            table = plan.table(job)
            if table is None:
                continue
            one = _Of(job, table, plan.start)
            self.places_of[job.name] = len(self.jobs)
            self.jobs.append(one)
            self._next(one, plan.start if table.kind is Kind.EVERY else Instant(plan.start - 1))

    def through(self) -> Rehearsal:
        agenda, until = self.agenda, self.plan.until
        act = (self._end, self._late, self._tick)
        while agenda and agenda[0][0] < until:  # ends with the plan: every tick is later than the one before
            now = agenda[0][0]
            while agenda and agenda[0][0] == now:
                _, what, which, number = heapq.heappop(agenda)
                act[what](self.jobs[which], number, Instant(now))
            # Also where nobody waits: the line then forgets who had the last turn, as the scheduler's does.
            for job, _ in self.line.call(self.places, self.plan.settings, now):
                self._start(self.jobs[self.places_of[job]], Instant(now))
        for one in self.jobs:
            name = one.job.name
            if one.running is not None:
                self.runs.append(Ran(name, *one.running, None, None))
            self.runs += [Ran(name, number, tick, due, None, None, None) for number, tick, due in one.waiting]
        self.runs.sort(key=in_order)
        self.refused.sort(key=lambda each: (self.places_of[each.job], each.first))
        return Rehearsal(self.plan, self.runs, merged(self.refused), simulated=False)

    def _next(self, one: _Of, after: Instant) -> None:
        due = one.step(after)
        if due is not None and due < self.plan.until:
            heapq.heappush(self.agenda, (due, _TICK, self.places_of[one.job.name], 0))

    def _tick(self, one: _Of, _: int, now: Instant) -> None:
        tick, job = one.tick, one.job
        in_the_way = self._in_the_way(one)
        if in_the_way is None:
            one.number += 1
            one.waiting.append((one.number, tick, now))
            heapq.heappush(self.agenda, (now + job.start_within_us, _LATE, self.places_of[job.name], one.number))
            self._queue_up(one)
        else:
            reason, number = in_the_way
            self._refuse(Turned(job.name, reason, 1, tick, tick, number))
        self._next(one, tick)

    def _refuse(self, one: Turned) -> None:
        self.refused.append(one)

    def _in_the_way(self, one: _Of) -> tuple[RefusalReason, int] | None:
        """`fsm.planning.overlap.in_the_way`, in these words."""
        waiting = one.waiting[0][0] if one.waiting else None
        overlap = one.job.overlap
        if overlap is Overlap.QUEUE:
            full = len(one.waiting) >= one.job.queue_limit
            return (RefusalReason.QUEUE_FULL, one.waiting[0][0]) if full else None
        if one.running is not None:
            if overlap is Overlap.REPLACE:
                raise NotReckoned(f"{one.job.name}/{one.running[0]} is replaced")
            return RefusalReason.ALREADY_RUNNING, one.running[0]
        return None if waiting is None else (RefusalReason.ALREADY_QUEUED, waiting)

    def _queue_up(self, one: _Of) -> None:
        if one.waiting and one.running is None:
            number, _, due = one.waiting[0]
            self.line.join(one.job.name, number, due, priority=one.job.priority, group=one.job.group)

    def _start(self, one: _Of, now: Instant) -> None:
        number, tick, due = one.waiting.popleft()
        one.running = number, tick, due, now
        length = min(self.plan.of(one.job.name).run(one.job.name, number), one.job.timeout_us)
        heapq.heappush(self.agenda, (now + length, _END, self.places_of[one.job.name], number))

    def _end(self, one: _Of, number: int, now: Instant) -> None:
        assert one.running is not None  # it ends what was started, once
        reason = Reason.COMPLETED
        if self.plan.of(one.job.name).run(one.job.name, number) > one.job.timeout_us:
            reason = Reason.RUN_TIMEOUT
            self._only_plain(one, number)
            if one.job.timeout_us < _QUICK:
                raise NotReckoned(f"{one.job.name}/{number} fails within seconds")
        self.runs.append(Ran(one.job.name, *one.running, now, reason))
        one.running = None
        self.places.free(one.job.name)
        self._queue_up(one)

    def _late(self, one: _Of, number: int, now: Instant) -> None:
        """It has waited too long, if it still waits."""
        if not one.waiting or one.waiting[0][0] != number:
            return
        self._only_plain(one, number)
        _, tick, due = one.waiting.popleft()
        self.line.leave(one.job.name)
        self.runs.append(Ran(one.job.name, number, tick, due, None, now, Reason.QUEUE_TIMEOUT))
        self._queue_up(one)

    def _only_plain(self, one: _Of, number: int) -> None:
        if one.job.retry is not None or one.job.breaker is not None:
            raise NotReckoned(f"{one.job.name}/{number} does not succeed, and has a retry or a breaker")
