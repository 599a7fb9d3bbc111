"""What the scheduler asks of the world, as Protocols. Adapters stand below; tests hold each to one contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from fsm.instants import Deadline, Instant, Moment
from fsm.model.entries import Draft, Entry
from fsm.model.events import LifecycleEvent
from fsm.model.facts import Execution, Fact, Finding, Order, StopAnswer
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import Reason, State
from fsm.model.stream import JobState
from fsm.model.values import value
from fsm.planning.retention import Mark, Span

if TYPE_CHECKING:
    from fsm.engine.steps import Step  # loads the machine, which whoever only reads a journal does without


class Clock(Protocol):
    """The clocks of this machine."""

    def now(self) -> Moment:
        """What they say now, read together."""
        ...


@value(slots=True)
class Append:
    """Drafts for one stream, decided upon `state`: they are appended only if the stream is still `state.seq` long.

    `steps`: the drafts folded, one after the other, by whoever has done so already; a journal may spare doing it again.
    """

    state: JobState
    drafts: tuple[Draft, ...]
    steps: tuple[Step, ...] = ()


@value(slots=True)
class Appended:
    """The stream's fold after an append, and its new entries."""

    state: JobState
    entries: tuple[Entry, ...]


@frozen(slots=True)
class RunQuery:
    """Which runs: newest first, by number within a job, by the time they were queued over all jobs."""

    job: str | None = None
    states: frozenset[State] | None = None
    since: Instant | None = None  # queued at or after
    limit: int | None = None


@frozen(slots=True)
class JobSummary:
    """One line of a list of jobs."""

    state: JobState
    next_due: Instant | None
    last_run: Run | None  # the newest run that has ended


@frozen(slots=True)
class Pruned:
    """What a stream has lost: so many entries, and so many runs with all that was known of them."""

    entries: int = 0
    runs: int = 0


class Journal(Protocol):
    """The journal: streams of entries, and the projection that is kept with them.

    Every method raises a `fsm.errors.StoreError` when the store cannot be used.
    """

    def append(self, batch: Sequence[Append], *, epoch: int | None = None) -> list[Appended]:
        """Append all drafts of `batch` durably, in order, in one transaction, or nothing at all.

        A stream may occur twice in a batch; the second time its `state` is the fold after the first. `epoch` is a
        scheduler's own, None for clients. Raises `Conflict` when a stream has another length than its `state`,
        `Fenced` when a newer epoch began, `IllegalEntry` when an entry cannot follow, `JournalFull`, `JournalBusy`.
        A draft of `SchedulerUp` begins its epoch, which must be the current one plus one (else `WrongEpoch`).
        """
        ...

    def state(self, job: str) -> JobState:
        """The fold of a stream; an empty one for a job that never was."""
        ...

    def definition(self, job: str, version: int) -> Job:
        """A job as it was in that version; raises `UnknownJob`."""
        ...

    def jobs(self) -> list[JobSummary]:
        """Every job that is defined and not removed, by name."""
        ...

    def span(self, job: str, keep_runs: int) -> Span:
        """What there is of a stream, for whoever prunes it. Costs its checkpoints, and `keep_runs` runs at most."""
        ...

    def prune(self, job: str, mark: Mark) -> Pruned:
        """Let a stream begin with the checkpoint `mark`: delete the entries before it, and from the projection the runs
        and definitions that only they tell of. One transaction: all of it, or nothing.

        Raises `IllegalEntry` (requirement ``retention``) where no checkpoint is there, or a run before it is open or
        holds the slot.
        """
        ...

    def job_names(self) -> list[str]:
        """Their names only, by name."""
        ...

    def last_numbers(self) -> Mapping[str, int]:
        """The last number given in each stream, removed jobs included."""
        ...

    def due_times(self, jobs: Iterable[str] | None = None) -> Iterator[tuple[str, Instant]]:
        """Name and next due time (with jitter) of every enabled job that has one, or of those named."""
        ...

    def busy_jobs(self) -> list[str]:
        """Names of all jobs with an open run or a held slot, removed ones included."""
        ...

    def runs(self, query: RunQuery) -> list[Run]:
        """Runs that fit, newest first."""
        ...

    def run(self, job: str, number: int) -> Run | None:
        """One run, or None."""
        ...

    def entries(
        self,
        *,
        job: str | None = None,
        run: int | None = None,
        after_id: int = 0,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Entry]:
        """Entries in commit order (or the other way round); `run` needs `job`."""
        ...

    def head(self, job: str) -> tuple[int, str]:
        """Length of a stream and the hash of its last entry (64 zeros for an empty one)."""
        ...

    def streams(self, *, after: str = "", limit: int | None = None) -> list[str]:
        """The names of all streams that have an entry, the scheduler's included, by name; a page of them on wish."""
        ...

    def last_id(self) -> int:
        """The newest entry's store-wide id; 0 for an empty journal."""
        ...

    def epoch(self) -> int:
        """The current epoch; 0 before the first scheduler."""
        ...

    def rebuild(self) -> None:
        """Drop the projection and fold it anew from the entries."""
        ...

    def close(self) -> None:
        """Let go of the store. Closing twice is harmless."""
        ...


class Examination(Protocol):
    """A look at an execution. While it is open and found nobody alive, the life lock is kept, so that what it found
    stays true until the entry that says so is appended."""

    @property
    def finding(self) -> Finding:
        """What was found."""
        ...

    def close(self) -> None:
        """Let the life lock go."""
        ...


class Launcher(Protocol):
    """Supervisors: armed, told to go, stopped, examined. Nothing here blocks for long; answers arrive as facts."""

    def arm(self, order: Order) -> None:
        """Begin to arm a supervisor; `Armed` or `ArmFailed` follows."""
        ...

    def go(self, execution: Execution, run_by: Deadline) -> None:
        """Let an armed supervisor execute, until `run_by` at the latest. Only after its `start` is in the journal."""
        ...

    def disarm(self, nonce: str) -> None:
        """Take back an arming that was not told to go. Harmless for one that is unknown."""
        ...

    def watch(self, execution: Execution) -> None:
        """Adopt: from now on `Changed` is reported for it too. Harmless when repeated."""
        ...

    def forget(self, nonce: str) -> None:
        """It is over: stop watching, let go of all that is kept for it. Harmless when repeated."""
        ...

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        """Put a stop into its mailbox, or see that its supervisor is dead. Stop beats a go that comes later."""
        ...

    def examine(self, execution: Execution) -> Examination:
        """Take its life lock if it is free, then read its report. The caller closes the examination."""
        ...

    def search(self, execution: Execution) -> None:
        """Search for what is left of it and end it; `Searched` follows. Only when its supervisor is gone."""
        ...

    def kill(self, execution: Execution) -> None:
        """Kill a supervisor that is alive and mute. Its command loses its parent and dies with it, where it can."""
        ...

    def numbers(self, above: Mapping[str, int]) -> Mapping[str, Sequence[int]]:
        """For every job: the numbers of runs that have left something and are above the one given (0 for a job that
        is not among them). Jobs without any are left out."""
        ...

    def armings(self, job: str, number: int) -> Sequence[Execution]:
        """Every arming that left something of this run."""
        ...

    def living(self) -> Sequence[Execution]:
        """Every execution that a living process belongs to by its cookie, known to the journal or not. Costs one scan
        of all processes."""
        ...

    def facts(self) -> Sequence[Fact]:
        """What has happened since the last call, in order. Does not wait."""
        ...


class Outputs(Protocol):
    """What runs leave beside the journal: captured output, reports."""

    def numbers(self, job: str) -> Sequence[int]:
        """The runs of a job that have left something, ascending."""
        ...

    def size(self, job: str, number: int) -> int:
        """How many bytes it is; 0 where there is nothing."""
        ...

    def discard(self, job: str, number: int) -> None:
        """Delete what the run has left. Harmless where there is nothing. Raises OSError where it cannot be deleted."""
        ...


class Publisher(Protocol):
    """Where lifecycle events go."""

    def publish(self, events: Sequence[LifecycleEvent]) -> None:
        """Hand events on, in order. Never raises, never waits for a subscriber."""
        ...
