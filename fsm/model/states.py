"""The words of the lifecycle: states, triggers, reasons, causes, refusals, evidence.

Everything is a `StrEnum`, so that a value prints, compares and serialises as the word itself.

Up to Python 3.11 each `State.QUEUED` in a function costs 0.17 µs (a hook of the enumeration's metaclass is asked), as
much as making a small value: the few modules that every entry passes through name the words that they need once.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a run is. The last five are terminal, and terminal is final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    REAPED = "reaped"

    @property
    def terminal(self) -> bool:
        """Whether a run in this state has ended for good."""
        return self in TERMINAL


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.LOST, State.REAPED})
OPEN = frozenset({State.QUEUED, State.RUNNING})


class Trigger(StrEnum):
    """What moves a run from one state to the next."""

    QUEUE = "queue"
    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time_out"
    LOSE = "lose"
    REAP = "reap"


class Reason(StrEnum):
    """Why a run ended; every terminal transition has exactly one."""

    COMPLETED = "completed"
    START_FAILED = "start_failed"
    REFUSED = "refused"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    ERROR = "error"
    NO_RESULT = "no_result"
    QUEUE_TIMEOUT = "queue_timeout"
    RUN_TIMEOUT = "run_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    VANISHED = "vanished"
    REBOOTED = "rebooted"
    UNREADABLE_REPORT = "unreadable_report"
    NODE_EXPIRED = "node_expired"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    JOB_REMOVED = "job_removed"
    QUEUE_OVERFLOW = "queue_overflow"
    HOST_STOP = "host_stop"
    OVERDUE = "overdue"


class ErrorClass(StrEnum):
    """What kind of error ended an agent's turn: `failed(error)` says that there was one, this says what helps."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    AUTH = "auth"
    NETWORK = "network"
    PERMISSION_DENIED = "permission_denied"
    MAX_TURNS = "max_turns"
    OTHER = "other"


class Cause(StrEnum):
    """Why a run was queued."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    RETRY = "retry"
    CATCH_UP = "catch_up"
    IMPORTED = "imported"  # it ran under another scheduler, and is over; see `fsm.model.entries.Origin`


class RefusalReason(StrEnum):
    """Why a tick or a request made no run."""

    ALREADY_RUNNING = "already_running"
    ALREADY_QUEUED = "already_queued"
    SLOT_HELD = "slot_held"
    QUEUE_FULL = "queue_full"
    PAUSED = "paused"
    BACKING_OFF = "backing_off"
    BREAKER_OPEN = "breaker_open"
    OVER_BUDGET = "over_budget"
    MISSED = "missed"
    DRAINING = "draining"


BLOCKED = frozenset({RefusalReason.ALREADY_RUNNING, RefusalReason.ALREADY_QUEUED, RefusalReason.SLOT_HELD})
"""Refusals that name the run in the way."""

HELD_BACK = frozenset({RefusalReason.BACKING_OFF, RefusalReason.BREAKER_OPEN, RefusalReason.OVER_BUDGET})
"""Refusals that name the last run that failed; their deadline is when it is over."""


class Evidence(StrEnum):
    """How it is known that nothing of a run is alive: what a `released` entry stands on."""

    REPORT = "report"  # its supervisor saw its last descendant end, and said so
    CGROUP = "cgroup"  # its control group is empty
    SCAN = "scan"  # two searches in a row found no process of it
    REBOOT = "reboot"  # the machine was started anew since
    IMPORTED = "imported"  # it ran elsewhere, and the history that it comes from says that it ended


class Kind(StrEnum):
    """The kinds of entry."""

    JOB = "job"
    TRANSITION = "transition"
    RELEASED = "released"
    REFUSED = "refused"
    CHECKPOINT = "checkpoint"
    SCHEDULER = "scheduler"


class Actor(StrEnum):
    """Who appended an entry, or on whose word."""

    SCHEDULER = "scheduler"
    SUPERVISOR = "supervisor"
    CLI = "cli"
    API = "api"
    REAPER = "reaper"
    RECOVERY = "recovery"


class SlotState(StrEnum):
    """Whether something of a run may still be alive."""

    HELD = "held"
    FREE = "free"
