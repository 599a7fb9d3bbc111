"""What a set of jobs would do in a stretch of time: the real scheduler on a simulated clock, with assumed lengths.

Nothing is executed. Every run succeeds once its assumed length has passed, or is ended by its timeout. Two ways lead
to the same answer, and `tests/unit/test_rehearsal.py` holds the one to the other: `simulate` lets the shipped scheduler
go through it, two or three milliseconds a run; `fsm.testing.reckoning` knows the rules for plain jobs, and is a hundred
times as fast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from attrs import evolve, field, frozen

from fsm.instants import DAY, MINUTE, Duration, Instant, format_instant
from fsm.model.entries import Refused
from fsm.model.job import MOST_KEPT, Job, Keep
from fsm.model.run import Run
from fsm.model.settings import Settings
from fsm.model.states import Cause, Reason, RefusalReason
from fsm.planning.schedule import timetable
from fsm.planning.timetables import Kind, Timetable
from fsm.ports import RunQuery
from fsm.testing.behaviours import Behaviour, succeed
from fsm.testing.simulation import Simulation

ASSUMED = Duration(MINUTE)
"""How long a run is taken to be where nobody says and nothing is known."""

_TICKS = frozenset({Cause.SCHEDULE, Cause.CATCH_UP})
_ALL = Keep(runs=MOST_KEPT, for_us=Duration(36_500 * DAY))


@frozen(slots=True)
class Lengths:
    """How long the runs of one job take. `in_turn`: one after the other, from the first; else drawn, always the same
    for the same run. `source` is a word for people."""

    of: tuple[Duration, ...] = (ASSUMED,)
    in_turn: bool = True
    source: str = "assumed"

    def run(self, job: str, number: int) -> Duration:
        """The length of that run."""
        if len(self.of) == 1:
            return self.of[0]
        if self.in_turn:
            return self.of[(number - 1) % len(self.of)]
        drawn = hashlib.sha256(f"{job}/{number}".encode()).digest()
        return self.of[int.from_bytes(drawn[:8], "big") % len(self.of)]


@frozen(slots=True)
class Plan:
    """What is tried: jobs, bounds and lengths, from `start` until before `until`."""

    jobs: tuple[Job, ...]
    start: Instant
    until: Instant
    settings: Settings = field(factory=Settings)
    lengths: Mapping[str, Lengths] = field(factory=dict)
    otherwise: Lengths = field(factory=Lengths)

    def of(self, job: str) -> Lengths:
        """Those of a job."""
        return self.lengths.get(job, self.otherwise)

    def table(self, job: Job) -> Timetable | None:
        """Its due times; None where it has none."""
        return timetable(job.schedule, job.timezone) if job.schedule is not None and job.enabled else None

    def ticks(self, job: Job) -> int:
        """How many due times it has in that time (but for jitter)."""
        table = self.table(job)
        if table is None:
            return 0
        before = self.start if table.kind is Kind.EVERY else Instant(self.start - 1)
        found = table.span(before, Instant(self.until - 1), self.start)
        return 0 if found is None else found.count


@frozen(slots=True)
class Ran:
    """One run: when its tick was due, when it started (None: never) and ended (None: not by then), and why it
    ended."""

    job: str
    number: int
    tick: Instant
    due: Instant
    started: Instant | None
    ended: Instant | None
    reason: Reason | None


@frozen(slots=True)
class Turned:
    """`count` ticks from `first` to `last` that made no run, why, and the run in the way."""

    job: str
    reason: RefusalReason
    count: int
    first: Instant
    last: Instant
    blocker: int | None


@frozen(slots=True)
class Rehearsal:
    """What came of it. Runs by the time they were due, then by job and number; refusals by job and time. `simulated`:
    by the scheduler itself."""

    plan: Plan
    runs: list[Ran]
    refused: list[Turned]
    simulated: bool


class _Lengthy(Simulation):
    """A simulation in which every run takes the length that a plan gives it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        super().__init__(format_instant(plan.start - 1), max_running=plan.settings.max_running)
        for group in plan.settings.groups:
            self.set_group(group.name, group.max_running)

    def behaviour(self, job: str, number: int) -> Behaviour:
        """It succeeds after the length that is assumed for it."""
        return succeed(after=self.plan.of(job).run(job, number))


def simulate(plan: Plan) -> Rehearsal:
    """Let the scheduler go through it. Costs two or three milliseconds a run."""
    sim = _Lengthy(plan)
    later = []
    for job in plan.jobs:
        table = plan.table(job)
        # All of the history is wanted; and nobody knows what a command would print, so silence ends nothing.
        job = evolve(job, keep=_ALL, idle_timeout=None)  # noqa: PLW2901
        if table is not None and table.kind is Kind.EVERY:
            later.append(job)  # it counts from when it is defined
        else:
            sim.engine.define(job, source="rehearsal")
    sim.run_until(plan.start)
    for job in later:
        sim.engine.define(job, source="rehearsal")
    sim.run_until(Instant(plan.until - 1))
    sim.restart()  # it ends in good order, and writes down what it had put off
    runs = [_ran(run) for run in sim.store.runs(RunQuery()) if run.cause in _TICKS or run.retry_of is not None]
    runs.sort(key=in_order)
    refused = []
    for job in plan.jobs:
        for entry in sim.store.entries(job=job.name):
            if isinstance(entry.body, Refused):
                refused.append(_turned(job.name, entry.body))
    return Rehearsal(plan, runs, merged(refused), simulated=True)


def in_order(ran: Ran) -> tuple[int, str, int]:
    """By the time it was due, then by job and number."""
    return ran.due, ran.job, ran.number


def _ran(run: Run) -> Ran:
    tick = run.queued_at if run.scheduled_for is None else run.scheduled_for
    return Ran(run.job, run.number, tick, run.queued_at, run.started_at, run.ended_at, run.reason)


def _turned(job: str, body: Refused) -> Turned:
    by = None if body.blocked_by is None else body.blocked_by.number
    return Turned(job, body.reason, body.count, body.first, body.last, by)


def merged(refused: list[Turned]) -> list[Turned]:
    """Neighbours of one job with one reason and one run in the way become one: how they were written says nothing."""
    found: list[Turned] = []
    for one in refused:
        last = found[-1] if found else None
        if last is not None and (last.job, last.reason, last.blocker) == (one.job, one.reason, one.blocker):
            found[-1] = Turned(one.job, one.reason, last.count + one.count, last.first, one.last, one.blocker)
        else:
            found.append(one)
    return found
