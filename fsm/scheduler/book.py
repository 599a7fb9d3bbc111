"""The scheduler's book: the folds it works on, and the one place where it appends.

What one turn decides lands in one transaction. If somebody else was faster, the streams concerned are read again and
everything is decided again; commands that have been overtaken by then are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from fsm.engine.decide import decide
from fsm.engine.events import event_of
from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.engine.steps import step
from fsm.engine.wanted import still_wanted
from fsm.errors import Conflict, Fenced, StoreError
from fsm.instants import Moment
from fsm.model.commands import Command, Deferred, Go, Ticks
from fsm.model.entries import Draft, Ended, Entry, SchedulerSettings, SchedulerUp
from fsm.model.events import LifecycleEvent
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.run import Run
from fsm.model.settings import Settings
from fsm.model.states import Actor
from fsm.model.stream import JobState
from fsm.model.values import value
from fsm.ports import Append, Appended, Journal, Publisher

MAX_TRIES = 100
"""Every lost race means that somebody else appended something; a hundred in a row within one turn means that the
store does not keep its promises, and going on would hide it."""

MAX_FOREIGN = 10_000
"""Entries of others that are read in one turn; the rest waits for the next, so that a turn stays short."""

MAX_IDLE_FOLDS = 10_000
"""Folds of jobs with nothing open that are kept, to spare reading them again at their next tick."""


@value(slots=True)
class Intent:
    """A command for one job's stream."""

    job: str
    command: Command
    actor: Actor = Actor.SCHEDULER


@frozen(slots=True)
class Foreign:
    """What others appended: the jobs concerned, and among them those with a run that was judged."""

    touched: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()


NOTHING_NEW = Foreign()


def _ticks(state: JobState) -> bool:
    return state.definition is not None and state.definition.enabled and state.accounted_to is not None


class _Batch:
    """What one turn appends, and the runs that each draft leaves behind, for the events."""

    def __init__(self) -> None:
        self.appends: list[Append] = []
        self.runs: list[Run | None] = []

    def add(self, state: JobState, drafts: tuple[Draft, ...]) -> JobState:
        """`state` after `drafts`, which are put into the batch."""
        if not drafts:
            return state
        first, steps = state, []
        for draft in drafts:
            steps.append(made := step(state, draft))
            self.runs.append(made.run)
            state = made.after
        self.appends.append(Append(first, drafts, tuple(steps)))
        return state


@frozen(slots=True)
class Settled:
    """What came of a turn's intents: which streams moved, and what may be done now that it is durable.

    `foreign` is what others had appended before.
    """

    touched: frozenset[str]
    go: tuple[Go, ...] = ()
    foreign: Foreign = NOTHING_NEW


class Book:
    """Folds by job, and appends to them under one epoch."""

    def __init__(
        self,
        journal: Journal,
        publisher: Publisher,
        epoch: int,
        settings: Settings,
        own_term: Callable[[Entry], bool] = lambda _: False,
    ) -> None:
        """`own_term`: whether the beginning of a newer epoch is this scheduler's own."""
        self.journal, self.publisher, self.epoch = journal, publisher, epoch
        self._own_term = own_term
        self.settings = settings  # bounds over all jobs; an entry in the journal changes them
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
        if deferred is not None and (not _ticks(state) or deferred.until <= (state.accounted_to or 0)):
            del self.deferred[state.job]  # somebody else has answered these ticks, or nobody can any more
        return state

    def read_foreign(self) -> Foreign:
        """Take notice of what others appended: publish it, fold it.

        Raises `Fenced` when another scheduler took over.
        """
        if self.journal.last_id() == self.cursor:
            return NOTHING_NEW
        return self._read(MAX_FOREIGN)

    def _read(self, limit: int) -> Foreign:
        touched: set[str] = set()
        judged: set[str] = set()
        events: list[LifecycleEvent] = []
        for entry in self.journal.entries(after_id=self.cursor, limit=limit):
            self.cursor = entry.id
            if entry.job == SCHEDULER_STREAM:
                self._read_scheduler(entry)
                continue
            touched.add(entry.job)
            if isinstance(entry.body, Ended):
                judged.add(entry.job)
            run = self._read_entry(entry)
            event = event_of(entry, run) if run is not None else None
            if event is not None:
                events.append(event)
        self.publisher.publish(events)
        return Foreign(frozenset(touched), frozenset(judged))

    def _read_entry(self, entry: Entry) -> Run | None:
        """Fold an entry of somebody else; the run that it is about, as it is after it."""
        fold = self._folds.get(entry.job)
        if fold is not None and fold.seq == entry.seq - 1:
            after = self._keep(evolve(fold, entry))
            return run_after(fold, entry, after)
        if fold is None or fold.seq < entry.seq:
            self._keep(self.journal.state(entry.job))
        return self.journal.run(entry.job, entry.run) if entry.run is not None else None

    def _read_scheduler(self, entry: Entry) -> None:
        if isinstance(entry.body, SchedulerUp) and entry.body.epoch > self.epoch:
            if not self._own_term(entry):
                raise Fenced(self.epoch, entry.body.epoch)  # at once, not when something is to be appended
            self.epoch = entry.body.epoch
        if isinstance(entry.body, SchedulerSettings):
            self.settings = Settings(entry.body.max_running, entry.body.groups or ())

    def settle(self, intents: Iterable[Intent], clock: Callable[[], Moment]) -> Settled:
        """Decide all of `intents` and append what they give, durably, in one transaction.

        Raises `StoreError` where the store cannot take it (then nothing was appended and the caller asks again
        later), `Fenced` when another scheduler took over.
        """
        wanted = list(intents)
        for _ in range(MAX_TRIES):
            batch, go, deferred = self._decide(wanted, clock())
            if not batch.appends:
                self.deferred.update(deferred)
                return Settled(frozenset())
            try:
                results = self.journal.append(batch.appends, epoch=self.epoch)
            except Conflict as lost:
                self._folds.pop(lost.job, None)
                continue
            touched = frozenset(append.state.job for append in batch.appends)
            for job in touched:
                self.deferred.pop(job, None)
            self.deferred.update(deferred)
            foreign = self._publish(batch, results)
            for result in results:
                self._keep(result.state)
            return Settled(touched, tuple(go), foreign)
        raise StoreError(f"lost {MAX_TRIES} races in a row for {', '.join(sorted({i.job for i in wanted}))[:200]}")

    def _decide(self, intents: list[Intent], now: Moment) -> tuple[_Batch, list[Go], dict[str, Deferred]]:
        batch = _Batch()
        go: list[Go] = []
        deferred: dict[str, Deferred] = {}
        folds: dict[str, JobState] = {}
        for intent in intents:
            state = folds.get(intent.job) or self.state(intent.job)
            if not still_wanted(state, intent.command, now.utc):
                continue
            command = intent.command
            if isinstance(command, Ticks):
                command = Ticks(self.deferred.get(intent.job), command.flush, command.draining)
            elif intent.job in self.deferred and intent.job not in folds:  # what was deferred is written first
                flush = Ticks(self.deferred[intent.job], flush=True)
                state = batch.add(state, decide(state, flush, now, Actor.SCHEDULER).drafts)
            number = getattr(command, "number", None)
            run = state.run(number) if number is not None else None
            definition = self.definition(state, run.version) if run is not None else None
            decision = decide(state, command, now, intent.actor, definition)
            folds[intent.job] = batch.add(state, decision.drafts)
            go += [effect for effect in decision.effects if isinstance(effect, Go)]
            if decision.deferred is not None:
                deferred[intent.job] = decision.deferred
        return batch, go, deferred

    def _publish(self, batch: _Batch, results: list[Appended]) -> Foreign:
        """Publish what was appended, after what others had appended before: ids are given in commit order."""
        entries = [entry for result in results for entry in result.entries]
        foreign = NOTHING_NEW
        if entries[0].id > self.cursor + 1:
            # none of these streams is among ours: such an append would have been a conflict
            foreign = self._read(entries[0].id - self.cursor - 1)
        events = [event_of(entry, run) for entry, run in zip(entries, batch.runs, strict=True) if run is not None]
        self.cursor = entries[-1].id
        self.publisher.publish([event for event in events if event is not None])
        return foreign
