"""A simulated supervisor: the protocol of specs/supervision.md as a small state machine.

    forked -> waiting (for the slot lock) -> armed -> executing -> killing -> reported -> exited

and from each of them to `killed`; a mute one (SIGSTOP) does nothing until it goes on. It takes one step at a time and
each takes the lag `Step.SUPERVISOR`, so that anything can come between two steps. `step` looks at what is there and
does the one thing that follows; waking it for nothing is harmless.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from fsm.engine.decide import TIMEOUT_TEXT
from fsm.instants import SECOND, Deadline
from fsm.model.entries import Ended
from fsm.model.facts import Emptied, Order, Report
from fsm.model.run import Arming
from fsm.model.states import Reason, Trigger
from fsm.testing.behaviours import Behaviour
from fsm.testing.processes import Tree
from fsm.testing.world import Step

if TYPE_CHECKING:
    from fsm.testing.launcher import SimLauncher
    from fsm.testing.world import World

LEFTOVER_GRACE = 2 * SECOND
"""Between TERM and KILL for what a command left behind that ended by itself; never more than the job's grace."""


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


class SimSupervisor:
    """One arming of one run. Its report and its mailbox are files: they stay when it is gone."""

    def __init__(self, world: World, launcher: SimLauncher, order: Order, behaviour: Behaviour) -> None:
        self.world, self.order, self.behaviour = world, order, behaviour
        self.nonce = order.nonce
        now = world.now()
        self.arming = Arming(order.nonce, now.boot_id, world.next_pid(), now.boot // 10_000)
        self.stage = Stage.FORKED
        self.mute = self.holds_mailbox = self.terminated = False
        self.pipe: SimLauncher | None = launcher  # the go pipe; None once it is closed
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

    def _note(self, text: str) -> None:
        self.world.note(f"{self.run_id} [{self.nonce[:4]}]: {text}")

    # ---- what happens to it

    def wake(self) -> None:
        """There may be something to do: take a step, as soon as it gets to it."""
        if not self._woken:
            self._woken = True
            self.world.after(Step.SUPERVISOR, self._step)

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
            self._note(f"stop ({reason}) is in the mailbox")
        self.wake()

    def set_mute(self, mute: bool, *, holding_mailbox: bool = False) -> None:
        """SIGSTOP, perhaps while it has its mailbox open; or SIGCONT."""
        self.mute, self.holds_mailbox = mute, mute and holding_mailbox
        self._note("is stopped by a signal" if mute else "is continued")
        self.wake()

    def terminate(self) -> None:
        """TERM to itself: the host is being stopped."""
        self.terminated = True
        self.wake()

    def die(self, *, whole_tree: bool = False) -> None:
        """KILL. The command dies with it by its parent-death signal; other processes only with `whole_tree`."""
        if self.alive:
            self._note("the supervisor is killed")
            self._leave(Stage.KILLED)
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

    def _leave(self, stage: Stage) -> None:
        pipe, before = self.pipe, self.stage
        self.stage, self.gone_at_t, self.pipe = stage, self.world.t, None
        if pipe is not None and before in {Stage.FORKED, Stage.WAITING}:
            pipe.not_armed(self, "its supervisor died before it was armed", busy=False)
        self._changed()
        self.world.stir(self.order.job)

    def _changed(self) -> None:
        self.world.changed(self.nonce)

    # ---- its steps

    def _step(self) -> None:
        self._woken = False
        if self.mute or not self.alive:
            return
        again = {
            Stage.FORKED: self._forked,
            Stage.WAITING: self._waiting,
            Stage.ARMED: self._armed,
            Stage.EXECUTING: self._executing,
            Stage.KILLING: self._killing,
            Stage.REPORTED: self._reported,
        }[self.stage]()
        if again:
            self.wake()

    def _too_late(self) -> bool:
        return self.order.arm_by.passed(self.world.now())

    def _forked(self) -> bool:
        self.stage = Stage.WAITING
        self.world.at(self.world.boot_time(self.order.arm_by.boot), self.wake)
        return True

    def _waiting(self) -> bool:
        if self.pipe is None or self.stop is not None or self.terminated:
            self._leave(Stage.EXITED)
        elif self._too_late():
            pipe, self.pipe = self.pipe, None
            pipe.not_armed(self, "its slot lock was busy", busy=True)
            self._leave(Stage.EXITED)
        elif not self.world.slot_locked(self.order.job):
            self.stage, self.was_armed = Stage.ARMED, True
            self.world.folders.setdefault(self.order.job, {}).setdefault(self.order.number, []).append(self)
            self._note("is armed")
            self._say_armed()
            return True
        return False

    def _say_armed(self) -> None:
        """Say so, again and again: the message may be lost."""
        if self.stage is Stage.ARMED and self.pipe is not None:
            if not self.mute:
                self.pipe.armed(self)
            self.world.at(self.world.t + SECOND, self._say_armed)

    def _armed(self) -> bool:
        """Stop beats go, however late the go comes; so does the arm deadline."""
        if self.stop is not None:
            return self._disarm(Trigger.REAP, self.stop, "it was stopped before it executed")
        if self.terminated:
            return self._disarm(Trigger.REAP, Reason.HOST_STOP, "it was stopped before it executed")
        if self._too_late():
            return self._disarm(Trigger.FAIL, Reason.START_FAILED, "no go came before its arm deadline")
        if self.run_by is not None:
            return self._execute()
        if self.pipe is None:
            return self._disarm(Trigger.FAIL, Reason.START_FAILED, "its scheduler went away before it said go")
        return False

    def _disarm(self, trigger: Trigger, reason: Reason, error: str) -> bool:
        self._note(f"disarms: {error}")
        self._judge(Ended(trigger, reason, self.world.utc, error=error))
        return self._emptied()

    def _execute(self) -> bool:
        if self.behaviour.cannot_start:
            return self._disarm(Trigger.FAIL, Reason.START_FAILED, "No such file or directory")
        self.stage, self.executed = Stage.EXECUTING, True
        self.tree = Tree(self.world, self.order.job, self.behaviour)
        self._note(f"executes (process {self.tree.main.pid})")
        if self.behaviour.vanishes and self.behaviour.after_us is not None:
            self.world.at(self.world.t + self.behaviour.after_us, lambda: self.die(whole_tree=True))
        if self.world.witness is not None:
            self.world.witness.executing(self)
        return True  # a stop may have come meanwhile

    def _executing(self) -> bool:
        tree = self.tree
        assert tree is not None  # nobody executes without one
        if not tree.main.alive:
            return self._end(self._by_exit(tree), min(LEFTOVER_GRACE, self.order.grace_us))
        if self.stop is not None:
            return self._end(self._ended(Trigger.REAP, self.stop), self.order.grace_us)
        if self.terminated:
            return self._end(self._ended(Trigger.REAP, Reason.HOST_STOP), self.order.grace_us)
        if self.run_by is not None and self.run_by.passed(self.world.now()):
            late = self._ended(Trigger.TIME_OUT, Reason.RUN_TIMEOUT, TIMEOUT_TEXT)
            return self._end(late, self.order.grace_us)
        return False

    def _ended(self, trigger: Trigger, reason: Reason, error: str | None = None) -> Ended:
        began = None if self.tree is None else self.tree.began_at
        return Ended(trigger, reason, self.world.utc, error=error, started_at=began)

    def _by_exit(self, tree: Tree) -> Ended:
        ended_at = self.world.utc if tree.ended_at is None else tree.ended_at
        trigger, reason, error = Trigger.FAIL, Reason.EXIT_CODE, None
        if tree.signal is not None:
            reason = Reason.SIGNAL
        elif self.behaviour.refuses:
            reason, error = Reason.REFUSED, "the work was declined"
        elif tree.exit_code == 0:
            trigger, reason = Trigger.SUCCEED, Reason.COMPLETED
        return Ended(trigger, reason, ended_at, tree.exit_code, tree.signal, error, tree.began_at)

    def _end(self, verdict: Ended, grace_us: int) -> bool:
        """The verdict first; then what is left gets TERM, and KILL after the grace."""
        self._judge(verdict)
        self.stage = Stage.KILLING
        if self.tree_alive and self.tree is not None:
            self.tree.terminate()
            self._kill_at = self.world.t + grace_us
            self.world.at(self._kill_at, self.wake)
        return True

    def _killing(self) -> bool:
        assert self.tree is not None  # nobody kills what he has not executed
        if not self.tree.alive:
            return self._emptied()
        if self._kill_at is not None and self.world.t >= self._kill_at:
            self._kill_at = None
            self._note("kills what is left")
            self.tree.kill()
            return True
        return False  # what can't be killed ends by itself, or never

    def _judge(self, verdict: Ended) -> None:
        self.report = Report(self.nonce, verdict)
        self.judged_at_t = self.world.t
        self._note(f"reports {verdict.trigger} ({verdict.reason})")
        self._changed()

    def _emptied(self) -> bool:
        tree = self.tree
        exit_code, signal = (None, None) if tree is None else (tree.exit_code, tree.signal)
        self.report = Report(self.nonce, self.report.verdict, Emptied(self.world.utc, exit_code, signal))
        self.stage = Stage.REPORTED
        return True

    def _reported(self) -> bool:
        self._leave(Stage.EXITED)
        return False
