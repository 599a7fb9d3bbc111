"""One life of a simulated scheduler process: the real `Scheduler`, with ports into the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fsm.instants import Duration, Instant
from fsm.model.events import LifecycleEvent
from fsm.model.settings import Settings
from fsm.ports import Journal
from fsm.scheduler.core import Scheduler, Wake
from fsm.scheduler.presence import Who
from fsm.testing.behaviours import Behaviour
from fsm.testing.interruptions import (
    BETWEEN_LOOKS,
    LAUNCHER_EFFECTS,
    PUBLISHER_EFFECTS,
    Interruptions,
)
from fsm.testing.launcher import SimLauncher
from fsm.testing.world import World

MAX_TURNS_AT_ONCE = 2_000
"""Turns without time passing: one for each thing that can happen to each of many jobs at one instant, and ample room.
A scheduler that needs more is spinning."""


class _Publisher:
    def __init__(self) -> None:
        self.events: list[LifecycleEvent] = []

    def publish(self, events: Sequence[LifecycleEvent]) -> None:
        """Keep them, in order."""
        self.events += events


class Life:
    """Everything in here is lost when the process dies, but for `published`, which subscribers have."""

    def __init__(
        self,
        world: World,
        seen_by: Callable[[Interruptions], Journal],
        behaviour: Callable[[str, int], Behaviour],
        settings: Settings,
    ) -> None:
        self.world = world
        self.interruptions = Interruptions()
        self.journal = seen_by(self.interruptions)
        self.launcher = SimLauncher(world, behaviour)
        self.launcher.between = lambda: self.interruptions.point(BETWEEN_LOOKS)
        self.publisher = _Publisher()
        self.scheduler = Scheduler(
            self.journal,
            world,
            self.interruptions.wrap(self.launcher, LAUNCHER_EFFECTS),
            self.interruptions.wrap(self.publisher, PUBLISHER_EFFECTS),
            nonce=world.nonce,
            who=Who(world.next_pid(), "simulated"),
            settings=settings,
        )
        self.stopped = False  # by SIGSTOP: its pipes stay open, it does nothing
        self.busy = False  # in the middle of something: what comes meanwhile waits
        self.poked = True
        self.publishes_after = 0
        self.began_t = world.t
        self.turned_utc: Instant | None = None
        self.knows_epoch = 0  # of the journal when its last turn began
        self._wake: Wake | None = None
        self._turns_at = (world.t, 0)

    def begin(self) -> None:
        """What `serve` does first."""
        self.scheduler.begin()
        self.publishes_after = self.scheduler.book.cursor

    def drain(self, most: Duration | None) -> None:
        """What `serve` does first when it is told to stop, and given time."""
        self.scheduler.drain(most)

    @property
    def wants_turn(self) -> bool:
        """Whether something has happened, or a time has come."""
        if self.stopped or self.busy:
            return False
        at = self.wakes_at
        return self.poked or self.launcher.has_facts or (at is not None and at <= self.world.t)

    @property
    def wakes_at(self) -> int | None:
        """The `t` of its next turn if nothing happens before."""
        wake = self._wake
        if wake is None or self.stopped or self.busy:
            return None
        times = [self.world.boot_time(wake.boot)] if wake.boot is not None else []
        if wake.utc is not None:
            times.append(self.world.true_time(wake.utc))
        return min(times, default=None)

    def turn(self) -> None:
        """One turn of its loop."""
        self._count()
        self.poked = False
        self.turned_utc = self.world.utc
        self.knows_epoch = self.journal.epoch()
        self._wake = self.scheduler.turn()

    def _count(self) -> None:
        t, count = self._turns_at
        self._turns_at = (t, count + 1) if t == self.world.t else (self.world.t, 1)
        if self._turns_at[1] > MAX_TURNS_AT_ONCE:
            raise AssertionError("\n".join(["the scheduler spins: time does not pass", *self.world.trace]))

    def die(self) -> None:
        """KILL: its pipes close, its locks are free, its memory is gone."""
        self.interruptions.clear()
        self.launcher.close()
