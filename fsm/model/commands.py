"""What can be asked of a stream. `fsm.engine.decide` answers each with drafts and effects."""

from __future__ import annotations

from attrs import frozen

from fsm.instants import Deadline, Instant
from fsm.model.entries import Blocker, Draft, Ended, Refused
from fsm.model.facts import Execution
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import Evidence, Reason, RefusalReason
from fsm.model.values import value


@frozen(slots=True)
class Put:
    """Define a job, or change its definition. No entry where nothing changed."""

    job: Job
    source: str


@frozen(slots=True)
class Pause:
    """Refuse the job's ticks from now on."""


@frozen(slots=True)
class Resume:
    """Let its ticks make runs again."""


@frozen(slots=True)
class Remove:
    """Take the job away; what is queued is reaped, what is running needs `Cancel` with `job_removed`."""


@frozen(slots=True)
class TakeNumbers:
    """Numbers up to this one belong to runs that the stream does not know. Nothing where they are taken already."""

    up_to: int


@value(slots=True)
class Request:
    """A run, now: by hand, or, with `retry_of`, as attempt number `attempt` at what that run did not do.

    With `force`, also past breaker and budget. `at_once`: it is to be started in the same step, so a place in the queue
    is none. `env`: variables for this run, before those of its job. `draining`: the scheduler is about to end and
    starts nothing more, so what nothing else is in the way of is refused all the same.
    """

    force: bool = False
    at_once: bool = False
    retry_of: int | None = None
    attempt: int = 1
    env: tuple[tuple[str, str], ...] = ()
    draining: bool = False


@frozen(slots=True)
class TryAgain:
    """Queue the retry that is due, if its time has come and its slot is free."""


@frozen(slots=True)
class Deferred:
    """Refusals that have been given and not been written yet, because one like them was written a short time ago.

    They cover every tick after the stream's `accounted_to` up to `until`. `blocked_by` is the run in the way as it was
    then: by the time they are written, the stream may know nothing of it any more.
    """

    reason: RefusalReason
    blocked_by: Blocker | None
    until: Instant

    @property
    def blocker(self) -> int | None:
        """The number of the run in the way."""
        return None if self.blocked_by is None else self.blocked_by.number


@value(slots=True)
class Ticks:
    """Answer every tick up to now; with `flush`, only write what was deferred, before something else changes.

    `draining`: the scheduler is about to end and starts nothing more.
    """

    deferred: Deferred | None = None
    flush: bool = False
    draining: bool = False


@value(slots=True)
class Start:
    """This arming holds the slot lock and waits for go."""

    number: int
    arming: Arming


@frozen(slots=True)
class FailStart:
    """No supervisor could be armed for this queued run."""

    number: int
    error: str


@value(slots=True)
class Judge:
    """A verdict that the run's own supervisor, or evidence of its absence, gives."""

    number: int
    verdict: Ended


@frozen(slots=True)
class Stop:
    """A verdict from outside: cancel, replace, removal, the backstop.

    `stopped` says that a stop lies in the mailbox of the run's arming, or that its supervisor is dead. Without it, a
    running run is not judged: the answer is the effect `StopFirst`.
    """

    number: int
    reason: Reason
    stopped: bool = False


@frozen(slots=True)
class QueueTimeout:
    """The run waited in the queue past its `start_by`."""

    number: int


@value(slots=True)
class Release:
    """Nothing of the run is alive any more."""

    number: int
    nonce: str
    evidence: Evidence
    emptied_at: Instant | None = None
    exit_code: int | None = None
    signal: int | None = None
    note: str | None = None


Command = (
    Put
    | Pause
    | Resume
    | Remove
    | TakeNumbers
    | Request
    | TryAgain
    | Ticks
    | Start
    | FailStart
    | Judge
    | Stop
    | QueueTimeout
    | Release
)


@value(slots=True)
class Go:
    """Effect, after the commit: let this armed supervisor execute."""

    execution: Execution
    run_by: Deadline


@frozen(slots=True)
class StopFirst:
    """Effect instead of an entry: put this stop into the mailbox, then ask again with `stopped`."""

    execution: Execution
    reason: Reason


Effect = Go | StopFirst


@value(slots=True)
class Decision:
    """The answer to a command. `refusal` is set when it was a "no", also where that needed no new entry."""

    drafts: tuple[Draft, ...] = ()
    effects: tuple[Effect, ...] = ()
    refusal: Refused | None = None
    deferred: Deferred | None = None


NOTHING = Decision()
