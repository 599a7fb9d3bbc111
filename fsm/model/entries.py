"""What the journal holds. An entry is never updated; its body says what happened, its envelope who wrote it and when.

`at` is when an entry was appended. When the thing itself happened stands in the body.
"""

from __future__ import annotations

from attrs import field, frozen

from fsm.instants import Deadline, Duration, Instant
from fsm.model.agent import AgentEvidence
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.settings import Group
from fsm.model.states import Actor, Cause, ErrorClass, Evidence, Kind, Reason, RefusalReason, State, Trigger
from fsm.model.texts import storable
from fsm.model.values import value


@frozen(slots=True)
class JobPut:
    """kind `job`: the definition from now on. `anchor` is what an ``every`` schedule counts from."""

    job: Job
    version: int
    source: str
    anchor: Instant


@frozen(slots=True)
class JobPaused:
    """kind `job`: ticks are refused from now on; manual runs are not."""


@frozen(slots=True)
class JobResumed:
    """kind `job`: ticks make runs again, from now on."""


@frozen(slots=True)
class JobRemoved:
    """kind `job`: no ticks, no new runs. Numbers go on if the job is added again."""


@frozen(slots=True)
class NumbersTaken:
    """kind `job`: numbers up to `up_to` belong to runs that this journal does not know.

    Written when folders of such runs are found, as after an older copy of the journal was restored: a number is never
    given twice.
    """

    up_to: int


IMPORTED_BOOT = "imported"
"""The boot id of the times of an imported run: they belong to no boot of this machine, and only their UTC says
anything."""


@frozen(slots=True)
class Origin:
    """Where an imported run comes from: the scheduler, its own id of the run, and when the run began there."""

    system: str
    id: str
    at: Instant


@frozen(slots=True)
class Variable:
    """A variable of the environment."""

    name: str
    text: str


@value(slots=True)
class Queued:
    """kind `transition`, trigger `queue`: a run exists from here on.

    A retry names the run that it repeats (`retry_of`) and answers no tick, though it carries the scheduled time of that
    run. `forced`: asked for by hand, past breaker and budget. `origin`: of an imported run, and of no other.
    """

    cause: Cause
    version: int
    start_by: Deadline
    scheduled_for: Instant | None = None
    attempt: int = 1
    retry_of: int | None = None
    env: tuple[Variable, ...] | None = None  # asked for with this run, beside the job's; None: none was
    forced: bool = False
    origin: Origin | None = None


@value(slots=True)
class Started:
    """kind `transition`, trigger `start`: this arming, and no other, may execute the run."""

    arming: Arming
    run_by: Deadline
    reap_by: Deadline


@value(slots=True)
class Ended:
    """kind `transition`, a terminal trigger: the verdict, and what it stands on.

    `ended_at` is when it happened (the exit, the deadline), which may be long before the entry's `at`.
    `started_at` is when the command was really executed, where a report says so. `agent` is what the output of an
    agent said.
    """

    trigger: Trigger
    reason: Reason
    ended_at: Instant
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = field(default=None, converter=storable)  # else no journal would take the verdict
    started_at: Instant | None = None
    agent: AgentEvidence | None = None

    @property
    def error_class(self) -> ErrorClass | None:
        """Of an agent's turn that failed by an error: by it a policy may retry, wait or give up."""
        return None if self.agent is None else self.agent.error_class


@value(slots=True)
class Released:
    """kind `released`: nothing of the run is alive any more, and how that is known.

    `exit_code` and `signal` are how the command really ended, where the verdict came before its end: evidence that
    arrives late is recorded here, beside the verdict, never over it.
    """

    nonce: str
    evidence: Evidence
    emptied_at: Instant | None = None
    exit_code: int | None = None
    signal: int | None = None
    note: str | None = field(default=None, converter=storable)


@value(slots=True)
class Blocker:
    """The run in the way of another, as it was when it was asked."""

    number: int
    state: State
    age_us: Duration  # since it was queued or started, whichever it is in
    deadline: Instant | None = None


@value(slots=True)
class Refused:
    """kind `refused`: the answer "no" to one or more ticks, or to a request.

    For ticks, `first` and `last` are the first and last scheduled time it covers and `count` how many; for a manual
    request both are when it was asked.
    """

    reason: RefusalReason
    cause: Cause
    count: int
    first: Instant
    last: Instant
    blocked_by: Blocker | None = None


@frozen(slots=True)
class Checkpoint:
    """kind `checkpoint`: seals all `count` entries before it in its stream, so that they may be pruned.

    `last_hash` is the hash of the last of them, `state` the stream folded up to there (a `fsm.model.stream.JobState`),
    in the form `fold`. A stream that was pruned begins with a checkpoint: what follows folds on from its `state`.
    """

    count: int
    last_hash: str
    state: object
    fold: int = 1  # fsm.model.stream.FOLD of whoever wrote it


@frozen(slots=True)
class SchedulerUp:
    """kind `scheduler`: a scheduler begins, under a new epoch."""

    epoch: int
    pid: int
    boot_id: str
    version: str
    max_running: int
    groups: tuple[Group, ...] | None = None


@frozen(slots=True)
class SchedulerAlive:
    """kind `scheduler`: it is still there."""

    epoch: int


@frozen(slots=True)
class SchedulerDown:
    """kind `scheduler`: it ended in good order."""

    epoch: int
    reason: str


@frozen(slots=True)
class SchedulerSettings:
    """kind `scheduler`: bounds over all jobs, from now on; `max_running` is how many runs may hold a slot at once."""

    max_running: int
    groups: tuple[Group, ...] | None = None


@frozen(slots=True)
class SchedulerDraining:
    """kind `scheduler`: it is still there, ends when nothing runs any more, `until` then at the latest, and starts
    nothing until then."""

    epoch: int
    until: Deadline


Body = (
    JobPut
    | JobPaused
    | JobResumed
    | JobRemoved
    | NumbersTaken
    | Queued
    | Started
    | Ended
    | Released
    | Refused
    | Checkpoint
    | SchedulerUp
    | SchedulerAlive
    | SchedulerDown
    | SchedulerSettings
    | SchedulerDraining
)

KIND_OF: dict[type[object], Kind] = {
    JobPut: Kind.JOB,
    JobPaused: Kind.JOB,
    JobResumed: Kind.JOB,
    JobRemoved: Kind.JOB,
    NumbersTaken: Kind.JOB,
    Queued: Kind.TRANSITION,
    Started: Kind.TRANSITION,
    Ended: Kind.TRANSITION,
    Released: Kind.RELEASED,
    Refused: Kind.REFUSED,
    Checkpoint: Kind.CHECKPOINT,
    SchedulerUp: Kind.SCHEDULER,
    SchedulerAlive: Kind.SCHEDULER,
    SchedulerDown: Kind.SCHEDULER,
    SchedulerSettings: Kind.SCHEDULER,
    SchedulerDraining: Kind.SCHEDULER,
}


@value(slots=True)
class Draft:
    """An entry before the journal gives it its place: what `decide` returns."""

    job: str
    at: Instant
    actor: Actor
    run: int | None
    body: Body

    @property
    def kind(self) -> Kind:
        """Follows from the body."""
        return KIND_OF[type(self.body)]


@value(slots=True)
class Entry:
    """One record of the journal.

    `id` is store-wide, in commit order; `seq` counts from 1 within the stream of `job`; `epoch` is the scheduler's,
    or None for an entry that a client wrote; `hash` is SHA-256 over everything but `id` and itself. `source` is, for a
    transition, the state that the run was in before (None for its first entry and for every other kind): with it an
    entry can be written out, hash and all, without the entries before it.
    """

    id: int
    job: str
    seq: int
    at: Instant
    actor: Actor
    node: str
    epoch: int | None
    run: int | None
    body: Body
    prev_hash: str
    hash: str
    source: State | None = None

    @property
    def kind(self) -> Kind:
        """Follows from the body."""
        return KIND_OF[type(self.body)]
