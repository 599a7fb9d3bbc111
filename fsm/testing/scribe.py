"""Writes stories into a journal, entry by entry, without a scheduler: for tests of journals."""

from __future__ import annotations

from typing import Any

import attrs

from fsm.instants import HOUR, MINUTE, SECOND, Deadline, Duration, Instant, Moment, parse_instant
from fsm.model.entries import (
    Body,
    Checkpoint,
    Draft,
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    Queued,
    Refused,
    Released,
    SchedulerUp,
    Started,
)
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.run import Arming, Run
from fsm.model.states import Actor, Cause, Evidence, Reason, RefusalReason, State, Trigger
from fsm.model.stream import FOLD, JobState
from fsm.planning.retention import Mark
from fsm.ports import Append, Appended, Journal

BOOT = "7f1e2d3c-0000-4000-8000-000000000001"
START = parse_instant("2026-03-28T22:00:00Z")

FIRST_REASON = {
    State.SUCCEEDED: (Trigger.SUCCEED, Reason.COMPLETED),
    State.FAILED: (Trigger.FAIL, Reason.EXIT_CODE),
    State.TIMED_OUT: (Trigger.TIME_OUT, Reason.RUN_TIMEOUT),
    State.LOST: (Trigger.LOSE, Reason.VANISHED),
    State.REAPED: (Trigger.REAP, Reason.CANCELLED),
}
"""A way into each terminal state, from running."""


class Scribe:
    """Appends to `journal`; its clock goes on by one second with every draft."""

    def __init__(self, journal: Journal, *, start: Instant = START) -> None:
        self.journal = journal
        self._us = 0
        self._start = start

    def now(self) -> Moment:
        """What its clocks say."""
        return Moment(Instant(self._start + self._us), 5 * HOUR + self._us, BOOT)

    def draft(self, job: str, body: Body, run: int | None = None, actor: Actor = Actor.SCHEDULER) -> Draft:
        """A draft, one second after the last one."""
        self._us += SECOND
        return Draft(job, self.now().utc, actor, run, body)

    def write(self, job: str, body: Body, run: int | None = None, *, epoch: int | None = None) -> Appended:
        """Append one entry to the stream as it is."""
        return self.append(self.journal.state(job), self.draft(job, body, run), epoch=epoch)

    def append(self, state: JobState, *drafts: Draft, epoch: int | None = None) -> Appended:
        """Append drafts to one stream."""
        (result,) = self.journal.append([Append(state, drafts)], epoch=epoch)
        return result

    # ---- the verbs

    def mark(self, job: str, *, epoch: int | None = None) -> Mark:
        """A checkpoint of all there is of the stream."""
        state, (length, last_hash) = self.journal.state(job), self.journal.head(job)
        entry = self.write(job, Checkpoint(length, last_hash, state, FOLD), epoch=epoch).entries[0]
        return Mark(entry.seq, entry.at, state.last_number, len(state.runs))

    def up(self) -> int:
        """A scheduler begins the next epoch."""
        epoch = self.journal.epoch() + 1
        self.write(SCHEDULER_STREAM, self.up_body(epoch), epoch=epoch)
        return epoch

    def up_body(self, epoch: int) -> SchedulerUp:
        """What a scheduler says as it begins."""
        return SchedulerUp(epoch, 4711, BOOT, "0.0.0", 8)

    def define(self, name: str, **keys: Any) -> JobState:
        """Put a job, or change it; keys as in the jobs file."""
        return self.write(name, self.job_body(name, **keys)).state

    def job_body(self, name: str, **keys: Any) -> JobPut:
        """The body of a definition. Unless `keys` say otherwise its runs may wait, so that stories can have several."""
        state = self.journal.state(name)
        anchor = state.anchor if state.anchor is not None else self.now().utc
        return JobPut(
            Job(name, **{"overlap": "queue", "queue_limit": 1_000, **keys}), state.version + 1, "test", anchor
        )

    def pause(self, job: str) -> Entry:
        """Pause it."""
        return self.write(job, JobPaused()).entries[0]

    def resume(self, job: str) -> Entry:
        """Resume it."""
        return self.write(job, JobResumed()).entries[0]

    def remove(self, job: str) -> Entry:
        """Remove it."""
        return self.write(job, JobRemoved()).entries[0]

    def queue(self, job: str, **changes: Any) -> int:
        """A new run; its number. `changes` are fields of `Queued`."""
        number = self.journal.state(job).last_number + 1
        self.write(job, self.queued(job, **changes), number)
        return number

    def queued(self, job: str, **changes: Any) -> Queued:
        """The body of a manual run's first entry."""
        version = self.journal.state(job).version
        return attrs.evolve(Queued(Cause.MANUAL, version, Deadline.after(self.now(), HOUR)), **changes)

    def start(self, job: str, number: int, **changes: Any) -> Arming:
        """The run executes from here on. `changes` are fields of `Started`."""
        body = self.started(number, **changes)
        self.write(job, body, number)
        return body.arming

    def started(self, number: int, **changes: Any) -> Started:
        """The body of a start; the arming's nonce follows from the number."""
        arming = Arming(f"{number:016x}", BOOT, 1000 + number, 2000 + number)
        run_by, reap_by = Deadline.after(self.now(), HOUR), Deadline.after(self.now(), HOUR + MINUTE)
        return attrs.evolve(Started(arming, run_by, reap_by), **changes)

    def end(self, job: str, number: int, state: State = State.SUCCEEDED, **changes: Any) -> Entry:
        """A verdict on a running run. `changes` are fields of `Ended`."""
        trigger, reason = FIRST_REASON[state]
        return self.write(job, self.ended(trigger, reason, **changes), number).entries[0]

    def ended(self, trigger: Trigger, reason: Reason, **changes: Any) -> Ended:
        """The body of a verdict."""
        return Ended(trigger, reason, self.now().utc, **changes)

    def release(self, job: str, number: int, **changes: Any) -> Entry:
        """The slot is free."""
        body = self.released(number, **changes)
        return self.write(job, body, number).entries[0]

    def released(self, number: int, **changes: Any) -> Released:
        """The body of a release, by the arming that `start` made."""
        return attrs.evolve(Released(f"{number:016x}", Evidence.REPORT), **changes)

    def refuse(self, job: str, reason: RefusalReason = RefusalReason.MISSED, **changes: Any) -> Entry:
        """A tick, a minute from now, gets the answer no."""
        tick = Instant(self.now().utc + Duration(MINUTE))
        return self.write(job, attrs.evolve(Refused(reason, Cause.SCHEDULE, 1, tick, tick), **changes)).entries[0]

    def run_through(self, job: str, state: State = State.SUCCEEDED) -> Run:
        """A whole run, from the queue to the free slot, and its verdict."""
        number = self.queue(job)
        self.start(job, number)
        self.end(job, number, state, exit_code=0 if state is State.SUCCEEDED else None)
        self.release(job, number)
        run = self.journal.run(job, number)
        assert run is not None
        return run

    def bring(self, job: str, state: State | None) -> int:
        """A run in that state (None: only its number, which is the next one). A terminal one still holds the slot."""
        if state is None:
            return self.journal.state(job).last_number + 1
        number = self.queue(job)
        if state is State.QUEUED:
            return number
        self.start(job, number)
        if state is not State.RUNNING:
            self.end(job, number, state)
        return number
