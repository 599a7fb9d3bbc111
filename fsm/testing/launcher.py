"""The launcher of a simulated scheduler (`fsm.ports.Launcher`), one for each life: it ends with its scheduler.

What it keeps is what a process would keep: the go pipes' ends, who is watched, facts that nobody has read yet. All of
it is lost when the scheduler dies; the supervisors see their pipes close.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from fsm.instants import SECOND, Deadline
from fsm.model.facts import (
    Armed,
    ArmFailed,
    Changed,
    Execution,
    Fact,
    Finding,
    Order,
    Report,
    Searched,
    StopAnswer,
)
from fsm.model.states import Evidence, Reason
from fsm.testing.behaviours import Behaviour
from fsm.testing.protocol import SimSupervisor
from fsm.testing.supervisor import Stage, SupervisorProcess
from fsm.testing.world import Step, World

SILENT = 5 * SECOND
"""How long after its arm deadline an arming that said nothing is given up."""


class SimExamination:
    """A look at an execution; counted until it is closed."""

    def __init__(self, finding: Finding, launcher: SimLauncher) -> None:
        self._finding, self._launcher = finding, launcher
        launcher.examining += 1
        self._open = True

    @property
    def finding(self) -> Finding:
        """What was found."""
        return self._finding

    def close(self) -> None:
        """Let the life lock go."""
        if self._open:
            self._open = False
            self._launcher.examining -= 1


class SimLauncher:
    """A process's way to the supervisors of a world.

    `behaviour` says what the run of a job with that number does. A client has a launcher, too; it only stops and
    kills.
    """

    def __init__(self, world: World, behaviour: Callable[[str, int], Behaviour]) -> None:
        self.world, self._behaviour = world, behaviour
        self._facts: deque[Fact] = deque()
        self._pipes: dict[str, SupervisorProcess] = {}
        self._watched: set[str] = set()
        self.closed = False
        self.examining = 0  # life locks that are kept
        self.between: Callable[[], None] = lambda: None  # comes between life lock and report
        world.listeners.append(self.changed)

    # ---- the port

    def arm(self, order: Order) -> None:
        """Fork a supervisor; what it says comes as a fact."""
        behaviour = self._behaviour(order.job, order.number)
        if behaviour.cannot_arm:
            self._tell(ArmFailed(order.job, order.number, order.nonce, "no supervisor could be made"))
            return
        supervisor = SimSupervisor(self.world, self, order, behaviour)
        self._pipes[order.nonce] = supervisor
        self.world.add(supervisor)
        supervisor.wake()
        self.world.at(self.world.boot_time(order.arm_by.boot) + SILENT, lambda: self._give_up(supervisor, order))

    def _give_up(self, supervisor: SupervisorProcess, order: Order) -> None:
        if self._pipes.get(order.nonce) is supervisor and supervisor.pipe is self and not supervisor.was_armed:
            self.not_armed(supervisor, "its supervisor says nothing", busy=True)
            self.disarm(order.nonce)

    def go(self, execution: Execution, run_by: Deadline) -> None:
        """Write the go into the pipe; nobody may read it any more."""
        supervisor = self._pipes.pop(execution.arming.nonce, None)
        if supervisor is not None:
            supervisor.go(run_by)
            supervisor.close_pipe()

    def disarm(self, nonce: str) -> None:
        """Close the pipe without a go."""
        supervisor = self._pipes.pop(nonce, None)
        if supervisor is not None:
            supervisor.close_pipe()

    def watch(self, execution: Execution) -> None:
        """Hear of it from now on, and of what it did before."""
        nonce = execution.arming.nonce
        self._watched.add(nonce)
        supervisor = self.world.supervisors.get(nonce)
        if supervisor is None or not supervisor.alive or supervisor.report.verdict is not None:
            self._tell(Changed(nonce))

    def forget(self, nonce: str) -> None:
        """Hear of it no more."""
        self._watched.discard(nonce)
        self.disarm(nonce)

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        """Put a stop into its mailbox, or see that it is dead."""
        supervisor = self.world.supervisors.get(execution.arming.nonce)
        if supervisor is None or not supervisor.alive:
            return StopAnswer.GONE
        if supervisor.holds_mailbox:
            return StopAnswer.BUSY
        supervisor.put_stop(reason)
        return StopAnswer.PUT

    def examine(self, execution: Execution) -> SimExamination:
        """The life lock first, then the report: what ends in between is seen alive, never lost."""
        alive = self.life_locked(execution)
        self.look()
        report, unreadable = self.read_report(execution)
        return SimExamination(Finding(alive, report, unreadable), self)

    def look(self) -> None:
        """Time passes, and anything may happen, between one look and the next."""
        self.between()
        self.world.spend(Step.LOOK)

    def life_locked(self, execution: Execution) -> bool:
        """Whether its supervisor holds its life lock."""
        supervisor = self.world.supervisors.get(execution.arming.nonce)
        return supervisor is not None and supervisor.alive

    def read_report(self, execution: Execution) -> tuple[Report | None, bool]:
        """What its file says, and whether there is something that cannot be read."""
        supervisor = self.world.supervisors.get(execution.arming.nonce)
        if supervisor is None:
            return None, False
        if supervisor.unreadable:
            return None, True
        return supervisor.report, False

    def search(self, execution: Execution) -> None:
        """Find what is left, end it, and say so."""
        supervisor = self.world.supervisors.get(execution.arming.nonce)
        if supervisor is not None and supervisor.alive:
            self.world.wrong("search_only_the_dead", f"{supervisor.run_id} is searched for while it is supervised")
        self.world.after(Step.SEARCH, lambda: self._searched(execution))

    def _searched(self, execution: Execution) -> None:
        nonce = execution.arming.nonce
        supervisor = self.world.supervisors.get(nonce)
        tree = None if supervisor is None else supervisor.tree
        if tree is not None and not self.closed:
            tree.kill()
        if tree is not None and tree.unreachable is not None:
            hindrance = f"process {tree.unreachable.pid} can be neither read nor ended"
            self._tell(Searched(nonce, None, hindrance))
        elif self.world.slot_locked(execution.job):
            self._tell(Searched(nonce, None, "somebody holds the slot lock"))
        else:
            self._tell(Searched(nonce, Evidence.SCAN))

    def kill(self, execution: Execution) -> None:
        """KILL to a supervisor, by pid and start time: nobody else can be hit."""
        supervisor = self.world.supervisors.get(execution.arming.nonce)
        if supervisor is not None and supervisor.alive:
            supervisor.die()

    def numbers(self, above: Mapping[str, int]) -> dict[str, list[int]]:
        """For every job: the numbers of runs that have a folder and are above the one given."""
        found = {
            job: sorted(number for number in numbers if number > above.get(job, 0))
            for job, numbers in self.world.folders.items()
        }
        return {job: numbers for job, numbers in found.items() if numbers}

    def armings(self, job: str, number: int) -> list[Execution]:
        """Every arming of a run that made its files."""
        some = self.world.folders.get(job, {}).get(number, ())
        return [Execution(job, number, one.arming) for one in some]

    def living(self) -> list[Execution]:
        """Every execution of which something lives that can be read."""
        return [
            Execution(one.order.job, one.order.number, one.arming)
            for numbers in self.world.folders.values()
            for armings in numbers.values()
            for one in armings
            if one.tree is not None and any(process.alive and not process.hidden for process in one.tree.processes)
        ]

    def facts(self) -> Sequence[Fact]:
        """What has happened since the last call."""
        facts = list(self._facts)
        self._facts.clear()
        return facts

    # ---- the other side

    @property
    def has_facts(self) -> bool:
        """Whether somebody should read them."""
        return bool(self._facts)

    def armed(self, supervisor: SupervisorProcess) -> None:
        """A supervisor says that it waits for go."""
        order = supervisor.order
        self._tell(Armed(Execution(order.job, order.number, supervisor.arming)))

    def not_armed(self, supervisor: SupervisorProcess, error: str, *, busy: bool) -> None:
        """A supervisor says, or shows by its end, that it will not be armed."""
        order = supervisor.order
        self._pipes.pop(order.nonce, None)
        self._tell(ArmFailed(order.job, order.number, order.nonce, error, busy))

    def changed(self, nonce: str) -> None:
        """There is news of an execution."""
        if nonce in self._watched:
            self._tell(Changed(nonce))

    def _tell(self, fact: Fact) -> None:
        if self.world.lags.get(Step.FACT):
            self.world.after(Step.FACT, lambda: self._arrives(fact))
        else:
            self._arrives(fact)

    def _arrives(self, fact: Fact) -> None:
        if not self.closed:
            self._facts.append(fact)

    def arming(self, job: str) -> list[str]:
        """Nonces of the armings of a job that are under way: neither told to go nor taken back."""
        return [
            nonce
            for nonce, one in self._pipes.items()
            if one.order.job == job and one.stage in {Stage.FORKED, Stage.WAITING, Stage.ARMED}
        ]

    def close(self) -> None:
        """Its process is gone: every pipe closes, nothing is watched, nothing more is heard."""
        if self.closed:
            return
        self.closed = True
        self.world.listeners.remove(self.changed)
        self._facts.clear()
        self._watched.clear()
        pipes, self._pipes = list(self._pipes.values()), {}
        for supervisor in pipes:
            supervisor.close_pipe()
