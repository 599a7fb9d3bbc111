"""A run: one intended execution of a job, and what is known of it."""

from __future__ import annotations

from fsm.instants import Deadline, Instant
from fsm.model.agent import AgentEvidence
from fsm.model.states import Cause, ErrorClass, Reason, SlotState, State
from fsm.model.values import value


def run_id(job: str, number: int) -> str:
    """``backup/42``: readable, ordered, and the name of the run's folder."""
    return f"{job}/{number}"


@value(slots=True)
class Arming:
    """One armed supervisor: the name of everything that belongs to one execution.

    `nonce` is random and names report, locks and mailbox; `pid` and `pid_start` (clock ticks since boot, field 22 of
    /proc/PID/stat) are the supervisor's, and mean something only within `boot_id`. `in_process` marks work done
    inside the process that called the engine, which has no files of its own.
    """

    nonce: str
    boot_id: str
    pid: int
    pid_start: int
    in_process: bool = False
    cgroup: str | None = None


@value(slots=True)
class Run:
    """The folded story of one run. Numbers count from 1 within the job and are never given twice."""

    job: str
    number: int
    state: State
    cause: Cause
    version: int  # of the job's definition, as it was when the run was queued
    attempt: int
    queued_at: Instant
    start_by: Deadline
    scheduled_for: Instant | None = None
    retry_of: int | None = None
    reason: Reason | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    run_by: Deadline | None = None
    reap_by: Deadline | None = None
    arming: Arming | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    slot: SlotState = SlotState.FREE
    forced: bool = False  # asked for by hand, past breaker and budget
    agent: AgentEvidence | None = None

    @property
    def error_class(self) -> ErrorClass | None:
        """Of an agent's turn that failed by an error."""
        return None if self.agent is None else self.agent.error_class

    @property
    def id(self) -> str:
        """``job/number``."""
        return run_id(self.job, self.number)

    @property
    def session_key(self) -> str:
        """The name of the isolated session of this run, and its idempotency key."""
        return f"cron:{self.job}:run:{self.number}"

    @property
    def deadline(self) -> Deadline | None:
        """The one that counts now: `start_by` while queued, `run_by` while running, None once ended."""
        if self.state is State.QUEUED:
            return self.start_by
        return self.run_by if self.state is State.RUNNING else None
