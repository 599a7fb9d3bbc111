"""Who sees everything: holds each entry, arming and execution against the laws, at the moment it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import define, field

from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.instants import Instant
from fsm.model.entries import Ended, Entry, Queued, SchedulerSettings, SchedulerUp
from fsm.model.events import LifecycleEvent
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.settings import Group
from fsm.model.states import Kind, Reason, State, Trigger
from fsm.model.stream import JobState
from fsm.planning.retention import Mark
from fsm.ports import Appended, Journal, Pruned
from fsm.scheduler.core import Scheduler
from fsm.testing.invariants.law import (
    ARMING_LAWS,
    ENTRY_LAWS,
    EXECUTION_LAWS,
    PRUNE_LAWS,
    STANDING_LAWS,
    Cut,
    Execution,
    Seen,
    sentence,
)
from fsm.testing.ledger import Story, Stream
from fsm.testing.supervisor import SupervisorProcess
from fsm.testing.trace import describe
from fsm.testing.world import World

MAX_VIOLATIONS = 20
"""How many are kept; the first is what matters, and what follows from it may not end."""


def edge_of(entry: Entry) -> tuple[State | None, Trigger, Reason | None]:
    """The edge of the table that a transition takes."""
    if isinstance(entry.body, Ended):
        return entry.source, entry.body.trigger, entry.body.reason
    return (None, Trigger.QUEUE, None) if isinstance(entry.body, Queued) else (entry.source, Trigger.START, None)


@define(slots=True, eq=False)
class Standing:
    """All that a standing law may look at. `calm_us`: for how long one scheduler has been up and no fault came."""

    world: World
    journal: Journal
    witness: Witness
    scheduler: Scheduler | None
    turned_utc: Instant | None  # the wall clock at its last turn
    calm_us: int
    slack_us: int  # what the lags that are set may add to any delay
    pending: bool  # something has happened that it has not turned to yet
    faulty_store: bool
    published: Sequence[LifecycleEvent]
    published_after: int  # the id after which this scheduler publishes
    rivals: Sequence[int]  # of each other scheduler that is not stopped: the epoch when its last turn began


@define(slots=True, eq=False)
class Witness:
    """The streams as they were appended, and what was wrong so far."""

    world: World
    streams: dict[str, Stream] = field(factory=dict)
    entries: int = 0
    transitions: list[int] = field(factory=list)  # ids, in commit order
    edges: Counter[tuple[State | None, Trigger, Reason | None]] = field(factory=Counter)  # how often each was taken
    touched: set[str] = field(factory=set)  # streams appended to since the last check
    epoch: int = 0
    max_running: int | None = None
    used_at_change: int = 0  # how many places were taken when it was last set, and not given back since: those stay
    groups: tuple[Group, ...] = ()
    groups_t: int = 0  # when they were set last
    broken: list[str] = field(factory=list)

    def stream(self, job: str) -> Stream:
        """The job's stream; an empty one for a job that never was."""
        found = self.streams.get(job)
        if found is None:
            found = self.streams[job] = Stream(job, fold=JobState(job))
        return found

    def used(self) -> int:
        """How many jobs hold a slot, or are about to take it: what is being armed was let in before."""
        held = {stream.job for stream in self.streams.values() if stream.slot is not None}
        about_to = {one.order.job for one in self.world.everyone() if one.pipe is not None}
        return len(held | about_to)

    def unsettled(self) -> Iterator[Story]:
        """Every run that is open or holds its slot."""
        for stream in self.streams.values():
            yield from stream.unsettled.values()

    def wrong(self, law: str, what: str) -> None:
        """A law was broken."""
        if len(self.broken) < MAX_VIOLATIONS:
            said = sentence(law)
            self.broken.append(f"{law}: {what}" + (f'\n      ("{said}")' if said else ""))
            self.world.note(f"!!! {law}: {what}")

    def rejected(self, error: IllegalEntry) -> None:
        """Somebody decided what the journal cannot hold; compare-and-set should have had him decide again."""
        self.wrong("the_journal_folds", str(error))

    def appended(self, results: Sequence[Appended]) -> None:
        """Entries were committed."""
        for result in results:
            for entry in result.entries:
                self._entry(entry)

    def _entry(self, entry: Entry) -> None:
        self.entries += 1
        stream = self.stream(entry.job)
        self.touched.add(entry.job)
        self._chain(stream, entry)
        if entry.job == SCHEDULER_STREAM:
            self._scheduler(entry)
        else:
            self.world.note(describe(entry))
            story = stream.stories.get(entry.run) if entry.run is not None else None
            seen = Seen(self.world, stream, story, entry)
            for name, law in ENTRY_LAWS.items():
                what = law(seen)
                if what is not None:
                    self.wrong(name, what)
            if entry.kind is Kind.TRANSITION:
                self.transitions.append(entry.id)
                self.edges[edge_of(entry)] += 1
        stream.read(entry, self.world.t)

    def _chain(self, stream: Stream, entry: Entry) -> None:
        if (entry.seq, entry.prev_hash) != (stream.seq + 1, stream.hash):
            self.wrong("streams_are_chained", f"entry {entry.seq} of {entry.job} does not follow {stream.seq}")
        if entry.epoch is not None and entry.epoch < self.epoch:
            self.wrong("epochs_fence", f"an entry of epoch {entry.epoch} after epoch {self.epoch} began")
        if stream.fold is not None:
            try:
                stream.fold = evolve(stream.fold, entry)
            except IllegalEntry as error:
                self.wrong("the_journal_folds", str(error))
                stream.fold = None

    def _scheduler(self, entry: Entry) -> None:
        if isinstance(entry.body, SchedulerUp):
            self.epoch = entry.body.epoch
        if isinstance(entry.body, SchedulerUp | SchedulerSettings):
            self.max_running = entry.body.max_running
            self.used_at_change = self.used()
            if (entry.body.groups or ()) != self.groups:
                self.groups, self.groups_t = entry.body.groups or (), self.world.t

    def arming(self, supervisor: SupervisorProcess) -> None:
        """A supervisor was forked."""
        act = Execution(self.world, self.stream(supervisor.order.job), supervisor)
        for name, law in ARMING_LAWS.items():
            what = law(act)
            if what is not None:
                self.wrong(name, what)

    def executing(self, supervisor: SupervisorProcess) -> None:
        """A supervisor began to execute."""
        stream = self.stream(supervisor.order.job)
        act = Execution(self.world, stream, supervisor)
        for name, law in EXECUTION_LAWS.items():
            what = law(act)
            if what is not None:
                self.wrong(name, what)
        stream.executed.add(supervisor.order.number)

    def prune(self, journal: Journal, job: str, mark: Mark) -> Pruned:
        """Cut a stream, and hold what is left of it against what there was."""
        before = list(journal.entries(job=job))
        state, head = journal.state(job), journal.head(job)
        pruned = journal.prune(job, mark)
        act = Cut(self.stream(job), journal, before, state, head, mark, self.world.utc)
        self.world.note(f"{job} is pruned: {pruned.entries} entries, {pruned.runs} runs")
        for name, law in PRUNE_LAWS.items():
            what = law(act)
            if what is not None:
                self.wrong(name, what)
        return pruned

    def check(self, now: Standing) -> None:
        """Hold the standing laws; then raise AssertionError with a trace if any law was ever broken."""
        for name, law in STANDING_LAWS.items():
            for what in law(now):
                self.wrong(name, what)
        self.used_at_change = min(self.used_at_change, self.used())
        for job in self.touched:
            self.streams[job].changed.clear()
        self.touched.clear()
        if self.broken:
            raise AssertionError("\n".join(["broken:", *self.broken, "what happened:", *self.world.trace]))
