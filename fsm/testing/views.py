"""What a simulation shows: runs, refusals and answers with the names that ``--json`` gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fsm.errors import BadValue
from fsm.instants import SECOND, format_instant, parse_instant
from fsm.model.run import run_id

if TYPE_CHECKING:
    from fsm.instants import Deadline
    from fsm.model.entries import Blocker, Refused
    from fsm.model.run import Run
    from fsm.model.states import Cause, Reason, RefusalReason, SlotState, State


class Time(int):
    """An instant in a simulation: microseconds since the epoch that read, and compare, as they are written.

    >>> Time(0) == "1970-01-01T00:00:00Z"
    True
    """

    __slots__ = ()

    @classmethod
    def of(cls, us: int | None) -> Time | None:
        """The instant, or None for none."""
        return None if us is None else cls(us)

    def __repr__(self) -> str:
        return format_instant(self)

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            try:
                return int(self) == parse_instant(other)
            except BadValue:
                return False
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


@frozen(slots=True)
class RunView:
    """A run, with the attributes of ``runs --json``."""

    id: str
    job: str
    number: int
    state: State
    reason: Reason | None
    cause: Cause
    scheduled_for: Time | None
    queued_at: Time
    started_at: Time | None
    ended_at: Time | None
    deadline: Time | None
    exit_code: int | None
    signal: int | None
    error: str | None
    attempt: int
    retry_of: int | None
    session_key: str
    slot: SlotState

    @classmethod
    def of(cls, run: Run) -> RunView:
        """What is to be shown of a run."""
        return cls(
            run.id,
            run.job,
            run.number,
            run.state,
            run.reason,
            run.cause,
            Time.of(run.scheduled_for),
            Time(run.queued_at),
            Time.of(run.started_at),
            Time.of(run.ended_at),
            _utc(run.deadline),
            run.exit_code,
            run.signal,
            run.error,
            run.attempt,
            run.retry_of,
            run.session_key,
            run.slot,
        )


def _utc(deadline: Deadline | None) -> Time | None:
    return None if deadline is None else Time(deadline.utc)


@frozen(slots=True)
class BlockedBy:
    """The run in the way, as a refusal names it."""

    run_id: str
    state: State
    age_s: float
    deadline: Time | None

    @classmethod
    def of(cls, job: str, blocker: Blocker | None) -> BlockedBy | None:
        """What is to be shown of a blocker."""
        if blocker is None:
            return None
        return cls(run_id(job, blocker.number), blocker.state, blocker.age_us / SECOND, Time.of(blocker.deadline))


@frozen(slots=True)
class Refusal:
    """A refused entry: `count` scheduled times from `first` to `last`, or one request."""

    job: str
    reason: RefusalReason
    cause: Cause
    count: int
    first: Time
    last: Time
    blocked_by: BlockedBy | None

    @classmethod
    def of(cls, job: str, refused: Refused) -> Refusal:
        """What is to be shown of a refusal."""
        by = BlockedBy.of(job, refused.blocked_by)
        return cls(job, refused.reason, refused.cause, refused.count, Time(refused.first), Time(refused.last), by)


@frozen(slots=True)
class Answer:
    """The answer to a request, as ``run --json`` prints it: queued, or `ran` False with the reason."""

    ok: bool
    enqueued: bool = False
    run_id: str | None = None
    state: State | None = None
    ran: bool | None = None
    reason: RefusalReason | None = None
    blocked_by: BlockedBy | None = None
