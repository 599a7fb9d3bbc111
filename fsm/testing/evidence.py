"""Evidence that comes late or contradicts what is known: what is journaled must not move by it."""

from __future__ import annotations

from attrs import evolve

from fsm.model.entries import Ended
from fsm.model.facts import Emptied, Report
from fsm.model.run import Run
from fsm.model.states import Reason, State, Trigger
from fsm.testing.faults import FaultyHost
from fsm.testing.protocol import SimSupervisor
from fsm.testing.supervisor import Stage, SupervisorProcess


class ContradictedHost(FaultyHost):
    """A machine on which reports come late, are rewritten, and are left by armings that nobody asks any more."""

    def let_end_unheard(self, job: str) -> SupervisorProcess | None:
        """The job's supervisor is stopped by a signal, and its command succeeds: nobody says so before it is continued
        (`unmute_supervisor`), whatever the journal says by then. None where no command of the job is executed."""
        executing = [one for one in self.world.of_job(job) if one.stage is Stage.EXECUTING and one.tree is not None]
        if not executing:
            return None
        [supervisor] = executing
        assert supervisor.tree is not None  # it executes
        supervisor.set_mute(True)
        supervisor.tree.end(supervisor.tree.main, 0, None)
        return supervisor

    def rewrite_report(self, job: str) -> str | None:
        """The report of the job's newest run that has ended says another verdict from now on, and whoever watches is
        told to look. The id of that run; None where there is none that a supervisor executed."""
        ended = (run for run in reversed(list(self._started(job))) if run.state.terminal)
        run = next(ended, None)
        supervisor = None if run is None else self._supervisor_of(run)
        if run is None or supervisor is None:
            return None
        supervisor.report = evolve(supervisor.report, verdict=self._opposite(run))
        self.world.note(f"{run.id}: its report is rewritten")
        self.world.changed(supervisor.nonce)
        return run.id

    def contradict(self, job: str) -> str | None:
        """Another arming of the job's open run has left a report that says that it succeeded and all is gone. The id
        of that run; None where none is open."""
        run = next(iter(self.store.state(job).open_runs), None)
        like = None if run is None else next(iter(self.world.folders.get(job, {}).get(run.number, ())), None)
        if run is None or like is None:
            return None
        other = SimSupervisor(self.world, None, evolve(like.order, nonce=self.world.nonce()), like.behaviour)
        other.stage, other.was_armed = Stage.EXITED, True
        now = self.world.utc
        other.report = Report(other.nonce, self._verdict(Trigger.SUCCEED, 0), Emptied(now, 0, None))
        other.judged_at_t = other.gone_at_t = self.world.t
        self.world.supervisors[other.nonce] = other
        self.world.folders[job][run.number].append(other)
        self.world.note(f"{run.id}: another arming [{other.nonce[:4]}] has left a report")
        self.world.changed(like.nonce)  # whoever watches the run looks
        return run.id

    def _started(self, job: str) -> list[Run]:
        """The job's runs that a supervisor executed, oldest first, as far as its last one that holds the slot."""
        stories = self.witness.stream(job).stories
        runs = (self.store.run(job, number) for number in list(stories)[-_LOOK_BACK:])
        return [run for run in runs if run is not None and run.arming is not None]

    def _supervisor_of(self, run: Run) -> SupervisorProcess | None:
        return None if run.arming is None else self.world.supervisors.get(run.arming.nonce)

    def _opposite(self, run: Run) -> Ended:
        return self._verdict(Trigger.FAIL, 1) if run.state is State.SUCCEEDED else self._verdict(Trigger.SUCCEED, 0)

    def _verdict(self, trigger: Trigger, code: int) -> Ended:
        reason = Reason.COMPLETED if trigger is Trigger.SUCCEED else Reason.EXIT_CODE
        return Ended(trigger, reason, self.world.utc, code)


_LOOK_BACK = 20
"""Runs among which one is looked for whose report can be rewritten."""
