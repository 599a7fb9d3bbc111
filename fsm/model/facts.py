"""What the world reports to the scheduler, and what the scheduler asks of it."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from fsm.instants import Deadline, Duration, Instant
from fsm.model.agent import AgentKind
from fsm.model.entries import Ended
from fsm.model.run import Arming, run_id
from fsm.model.states import Evidence
from fsm.model.values import value


@frozen(slots=True)
class Order:
    """What a launcher needs to arm a supervisor for one run. All that is checked was checked before."""

    job: str
    number: int
    nonce: str
    attempt: int
    scheduled_for: Instant | None
    session_key: str
    command: tuple[str, ...] | None  # None: `shell` counts; both None: there is nothing to execute
    shell: str | None
    env: tuple[tuple[str, str], ...]
    cwd: str | None
    grace_us: Duration
    output_limit: int  # bytes
    arm_by: Deadline
    idle_timeout_us: Duration | None = None  # without output for so long: ended
    keep_leftovers: bool = False  # what its command leaves behind is left alone, and not waited for
    env_file: str | None = None  # read when it is armed: its values stand nowhere
    agent: AgentKind | None = None  # whose output format it prints: then its end is judged by that

    @property
    def run_id(self) -> str:
        """``job/number``."""
        return run_id(self.job, self.number)


@value(slots=True)
class Execution:
    """One arming of one run: what locks, report, mailbox and processes are named by."""

    job: str
    number: int
    arming: Arming


@frozen(slots=True)
class Emptied:
    """The second part of a report: the process tree is gone. How its command ended stands beside it."""

    at: Instant
    exit_code: int | None = None
    signal: int | None = None


@frozen(slots=True)
class Report:
    """What a supervisor left. `verdict` comes as soon as it is known, `emptied` when the tree is gone."""

    nonce: str
    verdict: Ended | None = None
    emptied: Emptied | None = None


@frozen(slots=True)
class Finding:
    """What an examination of an execution found.

    `alive`: its supervisor holds its life lock (then the report is what it has said so far). `unreadable`: there is a
    report, and it cannot be read (damaged, or of a newer version).
    """

    alive: bool
    report: Report | None = None
    unreadable: bool = False


class StopAnswer(StrEnum):
    """What became of a stop."""

    PUT = "put"  # in the mailbox: it will never execute, or, where it does already, it is being ended
    GONE = "gone"  # its supervisor is dead
    BUSY = "busy"  # the mailbox is in use by someone who does not let go; ask again


@frozen(slots=True)
class Armed:
    """Fact: the supervisor holds its slot lock and waits for go."""

    execution: Execution


@frozen(slots=True)
class ArmFailed:
    """Fact: no supervisor is armed. `busy`: only the slot lock was not to be had in time, which is no failure."""

    job: str
    number: int
    nonce: str
    error: str
    busy: bool = False


@frozen(slots=True)
class Changed:
    """Fact: there is something new to be read about an execution, or its supervisor ended. Only a hint."""

    nonce: str


@frozen(slots=True)
class Searched:
    """Fact: the search for survivors came to its end. `evidence` is None while something lives that cannot be
    ended; `hindrance` then names it."""

    nonce: str
    evidence: Evidence | None
    hindrance: str | None = None


Fact = Armed | ArmFailed | Changed | Searched
