"""From queued to running: admit, arm, and journal the start.

Crash windows, in order. If this process stops
- after `arm`, before the supervisor says armed: its pipe closes, it disarms; the run is still queued;
- after armed, before `start` is journaled: the same;
- after `start` is journaled, before `go`: it disarms and says so in its report; the run is failed(start_failed);
- after `go`: the run is running, and the next scheduler adopts it.
"""

from __future__ import annotations

from collections.abc import Callable

from fsm.agents.commandline import command_line, environment
from fsm.instants import SECOND, Deadline, Duration, Moment
from fsm.model.commands import FailStart, Start
from fsm.model.facts import Armed, ArmFailed, Order
from fsm.model.run import Run
from fsm.model.states import State
from fsm.planning.admission import Line
from fsm.ports import Launcher
from fsm.scheduler.book import Book, Intent
from fsm.scheduler.strangers import Strangers

ARM_WITHIN = Duration(30 * SECOND)
"""How long an arming waits for its slot lock and for its go. Long enough for a disk that is busy; an arming that ends
by it harms nobody, the run stays queued and is armed anew."""


class Starter:
    """Keeps what is waiting and what is being armed; at most one arming for each job."""

    def __init__(self, launcher: Launcher, book: Book, strangers: Strangers, nonce: Callable[[], str]) -> None:
        self.launcher, self.book, self.strangers, self._nonce = launcher, book, strangers, nonce
        self.pending: dict[str, Order] = {}
        self._line = Line()
        self._holding: set[str] = set()

    def consider(self, job: str) -> None:
        """Bring what is waiting or being armed in line with the job's stream."""
        state = self.book.state(job)
        if state.slot is None:
            self._holding.discard(job)
        else:
            self._holding.add(job)
        queued = next((run for run in state.runs if run.state is State.QUEUED), None)
        order = self.pending.get(job)
        if order is not None and (queued is None or queued.number != order.number):
            del self.pending[job]
            holder = state.holder
            if holder is None or holder.arming is None or holder.arming.nonce != order.nonce:
                self.launcher.disarm(order.nonce)
        if queued is None or state.slot is not None or job in self.pending or self.strangers.block(job):
            self._line.leave(job)
        else:
            self._line.join(job, queued.number, queued.queued_at)

    def admit(self, now: Moment) -> None:
        """Arm as many of the waiting as there is room for."""
        for job, number in self._line.call(len(self.pending) + len(self._holding), self.book.max_running):
            run = self.book.state(job).run(number)
            if run is not None:
                self._arm(run, now)

    def _arm(self, run: Run, now: Moment) -> None:
        job = self.book.definition(self.book.state(run.job), run.version)
        nonce, agent = self._nonce(), job.agent
        order = Order(
            run.job,
            run.number,
            nonce,
            run.attempt,
            run.scheduled_for,
            run.session_key,
            job.command if agent is None else command_line(agent, run.session_key, nonce),
            job.shell,
            job.env if agent is None else (*job.env, *environment(agent)),
            job.cwd,
            job.grace_us,
            job.output_limit,
            Deadline.after(now, ARM_WITHIN),
            None if agent is None else agent.kind,
        )
        self.pending[run.job] = order
        self.launcher.arm(order)

    def armed(self, fact: Armed) -> list[Intent]:
        """A supervisor waits for go: its start is to be journaled, if it is still the one that is wanted."""
        execution = fact.execution
        order = self.pending.get(execution.job)
        if order is None or order.nonce != execution.arming.nonce:
            self.launcher.disarm(execution.arming.nonce)
            return []
        return [Intent(execution.job, Start(execution.number, execution.arming))]

    def arm_failed(self, fact: ArmFailed) -> list[Intent]:
        """No supervisor: the run fails, unless only the slot lock was busy; then it waits on."""
        order = self.pending.get(fact.job)
        if order is None or order.nonce != fact.nonce:
            return []
        del self.pending[fact.job]
        if fact.busy:
            self.consider(fact.job)
            return []
        return [Intent(fact.job, FailStart(fact.number, fact.error))]

    def abandon(self, job: str) -> None:
        """Its start could not be journaled: take the arming back; the run waits on."""
        order = self.pending.pop(job, None)
        if order is not None:
            self.launcher.disarm(order.nonce)
        self.consider(job)

    def abandon_all(self) -> None:
        """No further start will be journaled."""
        for order in self.pending.values():
            self.launcher.disarm(order.nonce)
        self.pending.clear()
        self._line.clear()
