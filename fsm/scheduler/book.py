"""The scheduler's book: the folds it works on, and the one place where it appends.

What one turn decides lands in one transaction. If somebody else was faster, the streams concerned are read again and
everything is decided again; commands that have been overtaken by then are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from fsm.engine.decide import decide
from fsm.engine.events import event_of
from fsm.engine.evolve import evolve, run_after
from fsm.engine.wanted import still_wanted
from fsm.errors import Conflict, Fenced, StoreError
from fsm.instants import Moment
from fsm.model.commands import Command, Deferred, Go, Ticks
from fsm.model.entries import Draft, Entry, SchedulerSettings, SchedulerUp
from fsm.model.events import LifecycleEvent
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.states import Actor
from fsm.model.stream import JobState
from fsm.ports import Append, Appended, Journal, Publisher

MAX_TRIES = 100
"""Every lost race means that somebody else appended something; a hundred in a row within one turn means that the
store does not keep its promises, and going on would hide it."""

MAX_FOREIGN = 10_000
"""Entries of others that are read in one turn; the rest waits for the next, so that a turn stays short."""

MAX_IDLE_FOLDS = 10_000
"""Folds of jobs with nothing open that are kept, to spare reading them again at their next tick."""


@frozen(slots=True)
class Intent:
    """A command for one job's stream."""

    job: str
    command: Command
    actor: Actor = Actor.SCHEDULER


@frozen(slots=True)
class Settled:
    """What came of a turn's intents: which streams moved, and what may be done now that it is durable."""

    touched: frozenset[str]
    go: tuple[Go, ...] = ()


class Book:
    """Folds by job, and appends to them under one epoch."""

    def __init__(self, journal: Journal, publisher: Publisher, epoch: int, max_running: int) -> None:
        self.journal, self.publisher, self.epoch = journal, publisher, epoch
        self.max_running = max_running  # over all jobs; a setting in the journal changes it
        self.cursor = journal.last_id()
        self._folds: dict[str, JobState] = {}
        self.deferred: dict[str, Deferred] = {}

    def state(self, job: str) -> JobState:
        """The fold of a job's stream, as this scheduler last saw it."""
        fold = self._folds.get(job)
        if fold is None:
            fold = self._keep(self.journal.state(job))
        return fold

    def definition(self, state: JobState, version: int) -> Job:
        """The job as it was in that version."""
        if state.definition is not None and state.version == version:
            return state.definition
        return self.journal.definition(state.job, version)

    def _keep(self, state: JobState) -> JobState:
        if len(self._folds) > MAX_IDLE_FOLDS and state.job not in self._folds:
            for job in [job for job, fold in self._folds.items() if not fold.runs][:MAX_IDLE_FOLDS]:
                del self._folds[job]
        self._folds[state.job] = state
        deferred = self.deferred.get(state.job)
        if deferred is not None and (state.accounted_to is None or deferred.until <= state.accounted_to):
            del self.deferred[state.job]  # somebody else has answered these ticks
        return state

    def read_foreign(self) -> frozenset[str]:
        """Take notice of what others appended: publish it, fold it anew. Returns the jobs concerned.

        Raises `Fenced` when another scheduler took over.
        """
        if self.journal.last_id() == self.cursor:
            return frozenset()
        touched: set[str] = set()
        events: list[LifecycleEvent] = []
        for entry in self.journal.entries(after_id=self.cursor, limit=MAX_FOREIGN):
            self.cursor = entry.id
            if entry.job == SCHEDULER_STREAM:
                self._read_scheduler(entry)
                continue
            touched.add(entry.job)
            run = self.journal.run(entry.job, entry.run) if entry.run is not None else None
            event = event_of(entry, run) if run is not None else None
            if event is not None:
                events.append(event)
        for job in touched:
            self._folds.pop(job, None)
            self.state(job)
        self.publisher.publish(events)
        return frozenset(touched)

    def _read_scheduler(self, entry: Entry) -> None:
        if isinstance(entry.body, SchedulerUp) and entry.body.epoch > self.epoch:
            raise Fenced(self.epoch, entry.body.epoch)  # at once, not when something is to be appended
        if isinstance(entry.body, SchedulerSettings):
            self.max_running = entry.body.max_running

    def settle(self, intents: Iterable[Intent], clock: Callable[[], Moment]) -> Settled:
        """Decide all of `intents` and append what they give, durably, in one transaction.

        Raises `StoreError` where the store cannot take it (then nothing was appended and the caller asks again
        later), `Fenced` when another scheduler took over.
        """
        wanted = list(intents)
        for _ in range(MAX_TRIES):
            batch, go, deferred = self._decide(wanted, clock())
            if not batch:
                self.deferred.update(deferred)
                return Settled(frozenset())
            try:
                results = self.journal.append(batch, epoch=self.epoch)
            except Conflict as lost:
                self._folds.pop(lost.job, None)
                continue
            touched = frozenset(append.state.job for append in batch)
            for job in touched:
                self.deferred.pop(job, None)
            self.deferred.update(deferred)
            self._publish(batch, results)
            for result in results:
                self._keep(result.state)
            return Settled(touched, tuple(go))
        raise StoreError(f"lost {MAX_TRIES} races in a row for {', '.join(sorted({i.job for i in wanted}))[:200]}")

    def _decide(self, intents: list[Intent], now: Moment) -> tuple[list[Append], list[Go], dict[str, Deferred]]:
        batch: list[Append] = []
        go: list[Go] = []
        deferred: dict[str, Deferred] = {}
        folds: dict[str, JobState] = {}
        for intent in intents:
            state = folds.get(intent.job) or self.state(intent.job)
            if not still_wanted(state, intent.command):
                continue
            command = intent.command
            if isinstance(command, Ticks):
                command = Ticks(self.deferred.get(intent.job), command.flush)
            elif intent.job in self.deferred and intent.job not in folds:  # what was deferred is written first
                flush = Ticks(self.deferred[intent.job], flush=True)
                state = _fold(state, decide(state, flush, now, Actor.SCHEDULER).drafts, batch)
            number = getattr(command, "number", None)
            run = state.run(number) if number is not None else None
            definition = self.definition(state, run.version) if run is not None else None
            decision = decide(state, command, now, intent.actor, definition)
            folds[intent.job] = _fold(state, decision.drafts, batch)
            go += [effect for effect in decision.effects if isinstance(effect, Go)]
            if decision.deferred is not None:
                deferred[intent.job] = decision.deferred
        return batch, go, deferred

    def _publish(self, batch: list[Append], results: list[Appended]) -> None:
        entries = [entry for result in results for entry in result.entries]
        if entries[0].id != self.cursor + 1 or entries[-1].id != self.cursor + len(entries):
            return  # others appended in between: read_foreign brings all of it, in order
        events: list[LifecycleEvent] = []
        for append, result in zip(batch, results, strict=True):
            events += _events(append.state, result.entries)
        self.cursor = entries[-1].id
        self.publisher.publish(events)


def _fold(state: JobState, drafts: tuple[Draft, ...], batch: list[Append]) -> JobState:
    """`state` after `drafts`, which are put into the batch."""
    if not drafts:
        return state
    batch.append(Append(state, drafts))
    for draft in drafts:
        state = evolve(state, draft)
    return state


def _events(state: JobState, entries: tuple[Entry, ...]) -> list[LifecycleEvent]:
    events: list[LifecycleEvent] = []
    for entry in entries:
        after = evolve(state, entry)
        run = run_after(state, entry, after)
        event = event_of(entry, run) if run is not None else None
        if event is not None:
            events.append(event)
        state = after
    return events
