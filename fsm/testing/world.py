"""A simulated machine: its clocks, what is going to happen, who is alive, who holds which lock.

Nothing here ticks: time moves from one event of the agenda to the next. All that a scheduler can lose by dying lives
in the scheduler and its launcher; what is in here stays: processes, locks that they hold, reports, mailboxes. Only a
reboot ends processes and locks; reports are on disk and stay even then.

Every step of the world takes no time unless a lag says so. Lags are what makes races: with them, a process may end
while somebody looks at it.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from fsm.instants import MINUTE, Duration, Instant, Moment, format_instant

if TYPE_CHECKING:
    from fsm.testing.processes import Tree
    from fsm.testing.supervisor import SupervisorProcess

TRACE_LINES = 400
"""How much of what happened is kept for a readable failure: enough for the last few runs of a shrunk example."""

MAX_EVENTS_AT_ONCE = 100_000
"""Events at one instant: far above what all supervisors together can have to do without time passing."""


class Step(StrEnum):
    """What can be made to take time."""

    SUPERVISOR = "supervisor"  # each step of a supervisor
    FACT = "fact"  # the way of a fact to the scheduler
    TERM = "term"  # from a TERM to the end of a process that heeds it
    SEARCH = "search"  # the search for survivors
    APPEND = "append"  # a scheduler's append
    LOOK = "look"  # an examination, between life lock and report


class Witness(Protocol):
    """Who is told of what happens in the world at the moment it happens, to hold it against the journal."""

    def arming(self, supervisor: SupervisorProcess) -> None:
        """A supervisor has been forked."""
        ...

    def executing(self, supervisor: SupervisorProcess) -> None:
        """A supervisor has begun to execute: its tree is alive."""
        ...

    def wrong(self, law: str, what: str) -> None:
        """Something happened that may not happen."""
        ...


class World:
    """One machine. Times called `t` are microseconds of true time since the simulation began; they never jump."""

    def __init__(self, start: Instant, seed: int) -> None:
        self.t = 0
        self.random = random.Random(seed)
        self._start = start
        self._wall = int(start)  # what the wall clock said at t = 0, as it is set now
        self._highest = int(start)
        self._booted_at = -10 * MINUTE
        self.boots = 1
        self.witness: Witness | None = None
        self.supervisors: dict[str, SupervisorProcess] = {}  # by nonce, the dead ones too: their reports are on disk
        self.folders: dict[str, dict[int, list[SupervisorProcess]]] = {}  # job -> number -> armings that made files
        self._alive: dict[str, list[SupervisorProcess]] = {}  # by job: those that still do or hold something
        self.listeners: list[Callable[[str], None]] = []  # live launchers, told of changes by nonce
        self.hints_to_lose = 0
        self.jumps = 0  # how often the wall clock was set
        self.lags: dict[Step, Duration] = {}
        self.trace: deque[str] = deque(maxlen=TRACE_LINES)
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self._slept = 0  # µs in which the machine was suspended
        self._pid = 1000

    # ---- clocks

    def now(self) -> Moment:
        """What the clocks say (`fsm.ports.Clock`)."""
        return Moment(self.utc, self.t - self._booted_at, self.boot_id)

    @property
    def utc(self) -> Instant:
        """The wall clock, right or wrong."""
        return Instant(self._wall + self.t)

    @property
    def highest(self) -> Instant:
        """The most that the wall clock has ever said."""
        return Instant(max(self._highest, self.utc))

    @property
    def boot_id(self) -> str:
        """The name of this boot."""
        return f"boot-{self.boots}"

    def true_time(self, utc: int) -> int:
        """The `t` at which the wall clock, as it is set now, says `utc`."""
        return utc - self._wall

    def boot_time(self, boot: int) -> int:
        """The `t` at which the boot clock says `boot`."""
        return boot + self._booted_at

    def jump(self, us: int) -> None:
        """Set the wall clock; nothing else moves."""
        self._highest = self.highest
        self._wall += us
        self.jumps += 1
        self.note(f"the wall clock jumps by {us / 1e6:+g} s")

    def suspend(self, us: int) -> None:
        """For so long nobody does anything, and both clocks go on. What was due meanwhile comes afterwards, all at
        once; what a process is at by itself (`work`) goes on where it was."""
        self.note(f"the machine is suspended for {us / 1e6:g} s")
        self.t += us
        self._slept += us

    def reboot(self) -> None:
        """Every process and every lock is gone; the boot clock starts anew. Files stay."""
        self.note("the machine goes down")
        for supervisor in [one for some in self._alive.values() for one in some]:
            supervisor.power_off()
        self._alive.clear()
        self.boots += 1
        self._booted_at = self.t

    # ---- the agenda

    def at(self, t: int, event: Callable[[], None]) -> None:
        """Have it happen at `t`, or now where that is past. Events at one time happen in the order they were made."""
        self._serial += 1
        heapq.heappush(self._agenda, (max(t, self.t), self._serial, event))

    def work(self, us: int, event: Callable[[], None]) -> None:
        """Have it happen once a process has worked for so long: not while the machine is suspended."""
        end, slept = self.t + us, self._slept

        def come() -> None:
            nonlocal end, slept
            if self._slept == slept:
                event()
            else:
                end, slept = end + self._slept - slept, self._slept
                self.at(end, come)

        self.at(end, come)

    def after(self, step: Step, event: Callable[[], None]) -> None:
        """Have it happen as late as this step takes."""
        self.at(self.t + self.lags.get(step, 0), event)

    def next_event(self) -> int | None:
        """When something happens next."""
        return self._agenda[0][0] if self._agenda else None

    def go_to(self, t: int) -> None:
        """Let time pass up to `t`, with all that happens until then."""
        count = 0
        while self._agenda and self._agenda[0][0] <= t:
            at, _, event = heapq.heappop(self._agenda)
            count = count + 1 if at == self.t else 0
            if count > MAX_EVENTS_AT_ONCE:
                raise AssertionError(f"more than {MAX_EVENTS_AT_ONCE} events without time passing")
            self.t = max(self.t, at)
            event()
        self.t = max(self.t, t)

    def spend(self, step: Step) -> None:
        """The caller's own step takes its time; the world goes on meanwhile."""
        lag = self.lags.get(step)
        if lag:
            self.go_to(self.t + lag)

    # ---- who is there

    def next_pid(self) -> int:
        """A pid that was never given before."""
        self._pid += 1
        return self._pid

    def nonce(self) -> str:
        """A random nonce, as good as the seed."""
        return f"{self.random.getrandbits(64):016x}"

    def add(self, supervisor: SupervisorProcess) -> None:
        """A supervisor was forked."""
        self.supervisors[supervisor.nonce] = supervisor
        self._alive.setdefault(supervisor.order.job, []).append(supervisor)
        if self.witness is not None:
            self.witness.arming(supervisor)

    def of_job(self, job: str) -> list[SupervisorProcess]:
        """The job's supervisors that are alive or have a process that is, oldest first."""
        some = [one for one in self._alive.get(job, ()) if one.alive or one.tree_alive]
        if some:
            self._alive[job] = some
        else:
            self._alive.pop(job, None)
        return some

    def trees(self, job: str) -> list[Tree]:
        """The job's process trees of which something is alive."""
        return [one.tree for one in self.of_job(job) if one.tree is not None and one.tree.alive]

    def everyone(self) -> Iterator[SupervisorProcess]:
        """All supervisors that are alive or have a process that is."""
        for job in list(self._alive):
            yield from self.of_job(job)

    def slot_locked(self, job: str) -> bool:
        """Whether anyone holds the job's slot lock: a supervisor that took it, or a process that inherited it."""
        return any(one.holds_slot_lock for one in self.of_job(job))

    def stir(self, job: str) -> None:
        """Something changed that the job's supervisors may be waiting for."""
        for supervisor in self.of_job(job):
            supervisor.wake()

    def changed(self, nonce: str) -> None:
        """A hint to whoever watches this arming; hints can be lost."""
        if self.hints_to_lose > 0:
            self.hints_to_lose -= 1
            return
        for listener in self.listeners:
            listener(nonce)

    # ---- what happened, for people

    def note(self, text: str) -> None:
        """Keep a line for the trace of a failure."""
        self.trace.append(f"{format_instant(self._start + self.t)[:-4]}  {text}")

    def wrong(self, law: str, what: str) -> None:
        """Report what may not happen."""
        if self.witness is not None:
            self.witness.wrong(law, what)
