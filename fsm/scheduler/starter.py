"""From queued to running: admit, arm, and journal the start.

Crash windows, in order. If this process stops
- after `arm`, before the supervisor says armed: its pipe closes, it disarms; the run is still queued;
- after armed, before `start` is journaled: the same;
- after `start` is journaled, before `go`: it disarms and says so in its report; the run is failed(start_failed);
- after `go`: the run is running, and the next scheduler adopts it.
"""

from __future__ import annotations

from collections.abc import Callable

from fsm.client.orders import order_of
from fsm.instants import Moment
from fsm.model.commands import FailStart, Start
from fsm.model.facts import Armed, ArmFailed, Order
from fsm.model.run import Run
from fsm.model.states import Cause, State
from fsm.model.stream import JobState
from fsm.planning.admission import Line, Places
from fsm.planning.pacing import pause
from fsm.planning.restraint import held_back
from fsm.ports import Launcher
from fsm.scheduler.book import Book, Intent
from fsm.scheduler.strangers import Strangers


class Starter:
    """Keeps what is waiting and what is being armed; at most one arming for each job."""

    def __init__(
        self,
        launcher: Launcher,
        book: Book,
        strangers: Strangers,
        nonce: Callable[[], str],
        clock: Callable[[], Moment],
    ) -> None:
        self.launcher, self.book, self.strangers, self._nonce = launcher, book, strangers, nonce
        self._clock = clock
        self.pending: dict[str, Order] = {}
        self._line = Line()
        self._places = Places()
        self._closed = False  # nothing is started any more
        self._late_line = Line()  # of runs that catch up missed ticks: behind all others, one after the other
        self._late_at = 0  # the boot time at which the next of these may start

    def consider(self, job: str) -> None:
        """Bring what is waiting or being armed in line with the job's stream."""
        state = self.book.state(job)
        queued = next((run for run in state.runs if run.state is State.QUEUED), None)
        if queued is not None and state.past is not None and held_back(state, queued, self._clock().utc) is not None:
            queued = None  # it waits for breaker or budget; the scheduler's alarm has it considered again
        order = self.pending.get(job)
        if order is not None and (queued is None or queued.number != order.number):
            del self.pending[job]
            holder = state.holder
            if holder is None or holder.arming is None or holder.arming.nonce != order.nonce:
                self.launcher.disarm(order.nonce)
        self._keep_place(state)
        unwanted = self._closed or queued is None or state.slot is not None
        if queued is None or unwanted or job in self.pending or self.strangers.block(job):
            self._line.leave(job)
            self._late_line.leave(job)
        else:
            lines = (self._line, self._late_line)
            line, other = reversed(lines) if queued.cause is Cause.CATCH_UP else lines
            other.leave(job)
            if not line.waits(job, queued.number):
                self._join(line, state, queued)

    def _keep_place(self, state: JobState) -> None:
        """A held slot and an arming under way have a place, in the group that the run's own definition names."""
        holder = state.holder
        if holder is not None:
            if self._places.taken_by(state.job) != holder.number:
                group = self.book.definition(state, holder.version).group
                self._places.take(state.job, holder.number, group)
        elif state.job not in self.pending:
            self._places.free(state.job)

    def _join(self, line: Line, state: JobState, run: Run) -> None:
        definition, now = self.book.definition(state, run.version), self._clock()
        waited = max(0, now.utc - run.queued_at)
        line.join(run.job, run.number, now.boot - waited, priority=definition.priority, group=definition.group)

    def admit(self, now: Moment) -> None:
        """Arm as many of the waiting as there is room for."""
        settings = self.book.settings
        called = self._line.call(self._places, settings, now.boot)
        if now.boot >= self._late_at:
            late = self._late_line.call(self._places, settings, now.boot, most=1)
            if late:
                self._late_at = now.boot + pause(len(self._late_line))
            called += late
        for job, number in called:
            run = self.book.state(job).run(number)
            assert run is not None  # whoever stands in line is open: `consider` has looked since the stream moved
            self._arm(run, now)

    def alarm(self) -> int | None:
        """The boot time at which a run that catches up may start; None where none waits, or there is no room for it."""
        return self._late_at if self._late_line.has_turn(self._places, self.book.settings) else None

    def _arm(self, run: Run, now: Moment) -> None:
        job = self.book.definition(self.book.state(run.job), run.version)
        order = order_of(self.book.journal, run, job, self._nonce(), now)
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

    @property
    def idle(self) -> bool:
        """Whether no slot is held and nothing is being armed."""
        return not len(self._places)

    def abandon_all(self) -> None:
        """No further start will be journaled."""
        self._closed = True
        for order in self.pending.values():
            self.launcher.disarm(order.nonce)
        abandoned = list(self.pending)
        self.pending.clear()
        for job in abandoned:
            self._keep_place(self.book.state(job))
        self._line.clear()
        self._late_line.clear()
