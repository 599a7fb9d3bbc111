"""A second, plain reading of the journal, entry by entry as it is appended.

It is written apart from `fsm.engine.evolve` on purpose: an invariant that asked the fold would believe its mistakes.
What it keeps also has the true time of each entry, which no wall clock can turn back.
"""

from __future__ import annotations

from attrs import define, field

from fsm.instants import SECOND, Instant
from fsm.model.entries import (
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    Queued,
    Refused,
    Released,
    Started,
)
from fsm.model.job import Job
from fsm.model.run import run_id
from fsm.model.states import TERMINAL, Cause, Reason, State, Trigger
from fsm.model.stream import JobState
from fsm.planning.jitter import come_until
from fsm.planning.schedule import Timetable, timetable

TICKS = frozenset({Cause.SCHEDULE, Cause.CATCH_UP})

SAYS_NOTHING = frozenset(
    {
        Reason.CANCELLED,
        Reason.REPLACED,
        Reason.JOB_REMOVED,
        Reason.QUEUE_OVERFLOW,
        Reason.HOST_STOP,
        Reason.QUEUE_TIMEOUT,
    }
)
"""Ends that say nothing about the job."""

KEPT = 1_000
"""Failures in a row that are kept: as many as a breaker may count."""

AFTER = {
    Trigger.SUCCEED: State.SUCCEEDED,
    Trigger.FAIL: State.FAILED,
    Trigger.TIME_OUT: State.TIMED_OUT,
    Trigger.LOSE: State.LOST,
    Trigger.REAP: State.REAPED,
}


@define(slots=True, eq=False)
class Story:
    """What the journal says of one run."""

    job: str
    number: int
    queued: Queued
    queued_t: int
    started: Started | None = None
    started_t: int = 0
    started_at: Instant | None = None  # when its start was appended, by the wall clock
    ended: Ended | None = None
    ended_t: int = 0
    ended_at: Instant = field(default=Instant(0))  # when its verdict was appended
    released: Released | None = None

    @property
    def id(self) -> str:
        """``job/number``."""
        return run_id(self.job, self.number)

    @property
    def state(self) -> State:
        """By its last transition."""
        if self.ended is not None:
            return AFTER[self.ended.trigger]
        return State.RUNNING if self.started is not None else State.QUEUED

    @property
    def open(self) -> bool:
        """Whether it has no verdict yet."""
        return self.state not in TERMINAL

    @property
    def began_at(self) -> Instant:
        """When it began to execute, or, for one that never did, when it ended."""
        said = None if self.ended is None else self.ended.started_at
        began = said if said is not None else self.started_at
        return self.ended_at if began is None else began

    @property
    def quick(self) -> bool:
        """Whether it was over within ten seconds."""
        return self.ended is not None and min(self.ended.ended_at, self.ended_at) - self.began_at < 10 * SECOND

    @property
    def in_the_way(self) -> bool:
        """Whether it is open, or may still have something alive."""
        return self.open or (self.started is not None and self.released is None)


@define(slots=True, eq=False)
class Stream:
    """What the journal says of one job."""

    job: str
    stories: dict[int, Story] = field(factory=dict)
    unsettled: dict[int, Story] = field(factory=dict)  # those in the way
    executed: set[int] = field(factory=set)  # numbers of the runs that were executed, in the world
    changed: set[int] = field(factory=set)  # numbers of the runs with an entry since the last check
    slot: int | None = None
    definition: Job | None = None
    anchor: Instant | None = None
    paused: bool = False
    answered_to: Instant | None = None  # never moves back, not even when the job is removed
    refusal: Refused | None = None  # the last one of a tick
    retried: set[int] = field(factory=set)  # numbers of the runs that have been tried again
    failures_in_a_row: list[Story] = field(factory=list)  # since a success, or since the job was defined anew
    defined_t: int = 0
    seq: int = 0
    hash: str = "0" * 64
    fold: JobState | None = None  # by `evolve`, to be held against the projection

    @property
    def table(self) -> Timetable | None:
        """The due times of a job that has any now."""
        job = self.definition
        if job is None or job.schedule is None or not job.enabled:
            return None
        return timetable(job.schedule, job.timezone)

    def come_until(self, now: Instant) -> Instant:
        """The time up to which its scheduled times have come, jitter included, by `now`."""
        job, table = self.definition, self.table
        return now if job is None or table is None else come_until(job, table, now, self.anchor)

    def changed_since(self, story: Story) -> bool:
        """Whether the job was defined anew since that run ended."""
        return self.defined_t >= story.ended_t

    def read(self, entry: Entry, t: int) -> None:
        """Take an entry in, legal or not."""
        self.seq, self.hash = entry.seq, entry.hash
        body = entry.body
        if isinstance(body, JobPut | JobRemoved | JobPaused | JobResumed):
            self._read_job(entry, body, t)
        elif isinstance(body, Refused):
            if body.cause in TICKS:
                self._answered(body.last)
                self.refusal = body
        elif entry.run is not None:
            self._read_run(entry, entry.run, body, t)

    def _read_job(self, entry: Entry, body: JobPut | JobRemoved | JobPaused | JobResumed, t: int) -> None:
        if isinstance(body, JobPut | JobRemoved):
            self.failures_in_a_row, self.defined_t = [], t
        if isinstance(body, JobPut):
            old, new = self.definition, body.job
            self.definition, self.anchor = new, body.anchor
            if old is None or not same_due_times(old, new):
                self._answered(entry.at)
        elif isinstance(body, JobRemoved):
            self.definition, self.paused = None, False
        else:
            self.paused = isinstance(body, JobPaused)

    def _answered(self, to: Instant) -> None:
        self.answered_to = to if self.answered_to is None else max(self.answered_to, to)

    def _read_run(self, entry: Entry, number: int, body: object, t: int) -> None:
        if isinstance(body, Queued):
            self.stories[number] = self.unsettled[number] = Story(self.job, number, body, t)
            if body.cause in TICKS and body.scheduled_for is not None:
                self._answered(body.scheduled_for)
                self.refusal = None
            if body.retry_of is not None:
                self.retried.add(body.retry_of)
        story = self.stories.get(number)
        if story is None:
            return
        self.changed.add(number)
        if isinstance(body, Started):
            story.started, story.started_t, story.started_at = body, t, entry.at
            self.slot = number
        elif isinstance(body, Ended):
            if story.ended is None:
                story.ended, story.ended_t, story.ended_at = body, t, entry.at
                self._read_result(story, body)
        elif isinstance(body, Released):
            story.released = body
            self.slot = None if self.slot == number else self.slot
        if not story.in_the_way:
            self.unsettled.pop(number, None)

    def _read_result(self, story: Story, body: Ended) -> None:
        if body.reason is Reason.COMPLETED:
            self.failures_in_a_row = []
        elif body.reason not in SAYS_NOTHING:
            self.failures_in_a_row.append(story)
            del self.failures_in_a_row[:-KEPT]


def same_due_times(old: Job, new: Job) -> bool:
    """Whether an edit leaves the due times alone; a job that is enabled again begins anew."""
    return (old.schedule, old.timezone) == (new.schedule, new.timezone) and (old.enabled or not new.enabled)
