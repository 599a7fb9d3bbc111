"""A simulated supervisor as a process: what can be seen of it, and what can happen to it.

Its report and its mailbox are files: they stay when it is gone. What it does by itself stands in
`fsm.testing.protocol`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from fsm.instants import Deadline
from fsm.model.facts import Order, Report
from fsm.model.run import Arming
from fsm.model.states import Reason
from fsm.testing.behaviours import Behaviour
from fsm.testing.processes import Tree
from fsm.testing.world import Step

if TYPE_CHECKING:
    from fsm.testing.launcher import SimLauncher
    from fsm.testing.world import World


class Stage(StrEnum):
    """Where a supervisor is."""

    FORKED = "forked"
    WAITING = "waiting"
    ARMED = "armed"
    EXECUTING = "executing"
    KILLING = "killing"
    REPORTED = "reported"
    EXITED = "exited"
    KILLED = "killed"


_GONE = frozenset({Stage.EXITED, Stage.KILLED})
_LOCKED = frozenset({Stage.ARMED, Stage.EXECUTING, Stage.KILLING, Stage.REPORTED})


class SupervisorProcess:
    """One arming of one run."""

    def __init__(self, world: World, launcher: SimLauncher | None, order: Order, behaviour: Behaviour) -> None:
        self.world, self.order, self.behaviour = world, order, behaviour
        self.nonce = order.nonce
        now = world.now()
        self.arming = Arming(order.nonce, now.boot_id, world.next_pid(), now.boot // 10_000)
        self.stage = Stage.FORKED
        self.mute = self.holds_mailbox = self.terminated = False
        self.pipe = launcher  # the go pipe; None once it is closed
        self.run_by: Deadline | None = None  # the go, once it is there
        self.stop: Reason | None = None  # the mailbox
        self.tree: Tree | None = None
        self.was_armed = self.executed = False
        self.report = Report(order.nonce)
        self.unreadable = False  # the file was damaged
        self.judged_at_t: int | None = None  # when the verdict was on disk
        self.stopped_at_t: int | None = None  # when the stop was in the mailbox
        self.gone_at_t: int | None = None
        self._kill_at: int | None = None  # t of the KILL that follows a TERM
        self._woken = False

    # ---- what can be seen from outside

    @property
    def alive(self) -> bool:
        """Whether the process is there (and holds its life lock, once it has made it)."""
        return self.stage not in _GONE

    @property
    def tree_alive(self) -> bool:
        """Whether a process of its execution is."""
        return self.tree is not None and self.tree.alive

    @property
    def holds_slot_lock(self) -> bool:
        """Whether it, or a process that inherited it from it, holds the job's slot lock."""
        return self.stage in _LOCKED or (self.tree is not None and self.tree.holds_lock)

    @property
    def run_id(self) -> str:
        """The run it was forked for."""
        return self.order.run_id

    def note(self, text: str) -> None:
        self.world.note(f"{self.run_id} [{self.nonce[:4]}]: {text}")

    # ---- what happens to it

    def wake(self) -> None:
        """There may be something to do: take a step, as soon as it gets to it."""
        if not self._woken:
            self._woken = True
            self.world.after(Step.SUPERVISOR, self._awake)

    def _awake(self) -> None:
        self._woken = False
        if self.alive and not self.mute and self.step():
            self.wake()

    def go(self, run_by: Deadline) -> None:
        """The go arrives."""
        self.run_by = run_by
        self.world.at(self.world.boot_time(run_by.boot), self.wake)
        self.wake()

    def close_pipe(self) -> None:
        """The other end of the go pipe is closed, by will or because its process died."""
        self.pipe = None
        self.wake()

    def put_stop(self, reason: Reason) -> None:
        """A stop is put into its mailbox; the first one's reason stays."""
        if self.stop is None:
            self.stop, self.stopped_at_t = reason, self.world.t
            self.note(f"stop ({reason}) is in the mailbox")
        self.wake()

    def set_mute(self, mute: bool, *, holding_mailbox: bool = False) -> None:
        """SIGSTOP, perhaps while it has its mailbox open; or SIGCONT."""
        self.mute, self.holds_mailbox = mute, mute and holding_mailbox
        self.note("is stopped by a signal" if mute else "is continued")
        self.wake()

    def terminate(self) -> None:
        """TERM to itself: the host is being stopped."""
        self.terminated = True
        self.wake()

    def die(self, *, whole_tree: bool = False) -> None:
        """KILL. The command dies with it by its parent-death signal; other processes only with `whole_tree`."""
        if self.alive:
            self.note("the supervisor is killed")
            self.leave(Stage.KILLED)
        if self.tree is not None:
            if whole_tree:
                self.tree.vanish()
            else:
                self.tree.orphan()

    def power_off(self) -> None:
        """The machine stops: nobody is told."""
        if self.alive:
            self.stage, self.gone_at_t, self.pipe = Stage.KILLED, self.world.t, None
        if self.tree is not None:
            for process in self.tree.processes:
                process.alive = False

    def leave(self, stage: Stage) -> None:
        pipe, before = self.pipe, self.stage
        self.stage, self.gone_at_t, self.pipe = stage, self.world.t, None
        if pipe is not None and before in {Stage.FORKED, Stage.WAITING}:
            pipe.not_armed(self, "its supervisor died before it was armed", busy=False)
        self.changed()
        self.world.stir(self.order.job)

    def changed(self) -> None:
        self.world.changed(self.nonce)

    def step(self) -> bool:
        """Do the one thing that follows from what is there. Returns whether there is more to do at once."""
        raise NotImplementedError
