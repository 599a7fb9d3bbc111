"""What a simulated supervisor does: the protocol of specs/supervision.md as a small state machine.

    forked -> waiting (for the slot lock) -> armed -> executing -> killing -> reported -> exited

and from each of them to `killed`; a mute one (SIGSTOP) does nothing until it goes on. It takes one step at a time and
each takes the lag `Step.SUPERVISOR`, so that anything can come between two steps.
"""

from __future__ import annotations

from fsm.engine.decide import TIMEOUT_TEXT
from fsm.instants import SECOND
from fsm.model.agent import AgentEvidence
from fsm.model.entries import Ended
from fsm.model.facts import Emptied, Report
from fsm.model.states import Reason, Trigger
from fsm.testing.processes import Tree
from fsm.testing.supervisor import Stage, SupervisorProcess

LEFTOVER_GRACE = 2 * SECOND
"""Between TERM and KILL for what a command left behind that ended by itself; never more than the job's grace."""

SAY_AGAIN = SECOND
"""How often an armed one says so until the go comes: the message may be lost."""


class SimSupervisor(SupervisorProcess):
    """One arming of one run, at work."""

    def step(self) -> bool:
        """Look at what is there and do what follows; waking it for nothing is harmless."""
        return {
            Stage.FORKED: self._forked,
            Stage.WAITING: self._waiting,
            Stage.ARMED: self._armed,
            Stage.EXECUTING: self._executing,
            Stage.KILLING: self._killing,
            Stage.REPORTED: self._reported,
        }[self.stage]()

    def _too_late(self) -> bool:
        return self.order.arm_by.passed(self.world.now())

    def _forked(self) -> bool:
        self.stage = Stage.WAITING
        self.world.at(self.world.boot_time(self.order.arm_by.boot), self.wake)
        return True

    def _waiting(self) -> bool:
        if self.pipe is None or self.stop is not None or self.terminated:
            self.leave(Stage.EXITED)
        elif self._too_late():
            pipe, self.pipe = self.pipe, None
            pipe.not_armed(self, "its slot lock was busy", busy=True)
            self.leave(Stage.EXITED)
        elif not self.world.slot_locked(self.order.job):
            self.stage, self.was_armed = Stage.ARMED, True
            self.world.folders.setdefault(self.order.job, {}).setdefault(self.order.number, []).append(self)
            self.note("is armed")
            self._say_armed()
            return True
        return False

    def _say_armed(self) -> None:
        """Say so, again and again: the message may be lost."""
        if self.stage is Stage.ARMED and self.pipe is not None:
            if not self.mute:
                self.pipe.armed(self)
            self.world.at(self.world.t + SAY_AGAIN, self._say_armed)

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
        self.note(f"disarms: {error}")
        self._judge(Ended(trigger, reason, self.world.utc, error=error))
        return self._emptied()

    def _execute(self) -> bool:
        if self.behaviour.cannot_start:
            return self._disarm(Trigger.FAIL, Reason.START_FAILED, "No such file or directory")
        self.stage, self.executed = Stage.EXECUTING, True
        self.tree = Tree(self.world, self.order.job, self.behaviour, keep=self.order.keep_leftovers)
        self.note(f"executes (process {self.tree.main.pid})")
        if self.behaviour.vanishes and self.behaviour.after_us is not None:
            self.world.work(self.behaviour.after_us, lambda: self.die(whole_tree=True))
        if self.world.witness is not None:
            self.world.witness.executing(self)
        return True  # a stop may have come meanwhile

    def _executing(self) -> bool:
        tree = self.tree
        assert tree is not None  # nobody executes without one
        if not tree.main.alive:
            if self.order.keep_leftovers:
                tree.keep()  # verdict and end are one write: nobody sees the one without the other
                self._judge(self._by_exit(tree))
                return self._emptied()
            return self._end(self._by_exit(tree), min(LEFTOVER_GRACE, self.order.grace_us))
        if self.stop is not None:
            return self._end(self._ended(Trigger.REAP, self.stop), self.order.grace_us)
        if self.terminated:
            return self._end(self._ended(Trigger.REAP, Reason.HOST_STOP), self.order.grace_us)
        if self.run_by is not None and self.run_by.passed(self.world.now()):
            late = self._ended(Trigger.TIME_OUT, Reason.RUN_TIMEOUT, TIMEOUT_TEXT)
            return self._end(late, self.order.grace_us)
        if self.order.idle_timeout_us is not None:
            silent_until = tree.printed_t + self.order.idle_timeout_us
            if self.world.t >= silent_until:
                return self._end(self._ended(Trigger.TIME_OUT, Reason.IDLE_TIMEOUT, TIMEOUT_TEXT), self.order.grace_us)
            self.world.at(silent_until, self.wake)
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
        elif self.behaviour.error_class is not None:
            said = AgentEvidence(self.behaviour.error_class)
            why = str(said.error_class)
            return Ended(trigger, Reason.ERROR, ended_at, tree.exit_code, None, why, tree.began_at, said)
        elif self.behaviour.no_result and tree.exit_code == 0:
            reason, error = Reason.NO_RESULT, "it printed no result"
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
            self.note("kills what is left")
            self.tree.kill()
            return True
        return False  # what can't be killed ends by itself, or never

    def _judge(self, verdict: Ended) -> None:
        self.report = Report(self.nonce, verdict)
        self.judged_at_t = self.world.t
        self.note(f"reports {verdict.trigger} ({verdict.reason})")
        self.changed()

    def _emptied(self) -> bool:
        tree = self.tree
        exit_code, signal = (None, None) if tree is None else (tree.exit_code, tree.signal)
        self.report = Report(self.nonce, self.report.verdict, Emptied(self.world.utc, exit_code, signal))
        self.stage = Stage.REPORTED
        return True

    def _reported(self) -> bool:
        self.leave(Stage.EXITED)
        return False
