"""End a run from outside, its processes with it, with or without a scheduler.

Stop comes before the verdict, and the supervisor's own verdict before ours: what has ended by itself is not called
cancelled. Crash windows, if this process stops
- after the stop was put, before the verdict: the supervisor ends the run and reports ``reaped``; whoever looks next
  (a scheduler, or a cancel that is asked for again) takes that verdict;
- after the verdict, before the slot is free: the processes are being ended all the same; whoever looks next releases.
"""

from __future__ import annotations

from collections.abc import Callable

from fsm.client.engine import Engine
from fsm.client.settle import Settler
from fsm.errors import IllegalTransition
from fsm.model.facts import Execution, StopAnswer
from fsm.model.run import Run
from fsm.model.states import Actor, Reason
from fsm.ports import Clock, Journal, Launcher


class CarefulStopper:
    """`fsm.client.engine.Stopper`: puts the stop, then looks once more, and takes the verdict that is there already."""

    def __init__(self, launcher: Launcher, settler: Settler) -> None:
        self._launcher, self._settler = launcher, settler

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        """See `fsm.ports.Launcher.stop`."""
        answer = self._launcher.stop(execution, reason)
        if answer is not StopAnswer.BUSY:
            self._settler.take_verdict(execution.job)
        return answer

    def kill(self, execution: Execution) -> None:
        """See `fsm.ports.Launcher.kill`."""
        self._launcher.kill(execution)


class Canceller:
    """Cancels runs of one journal through one launcher."""

    def __init__(
        self,
        journal: Journal,
        launcher: Launcher,
        clock: Clock,
        settler: Settler,
        *,
        poke: Callable[[], object] | None = None,
        actor: Actor = Actor.CLI,
    ) -> None:
        self._engine = Engine(journal, clock=clock, stopper=CarefulStopper(launcher, settler), poke=poke, actor=actor)

    def cancel(self, run: Run, reason: Reason = Reason.CANCELLED) -> Run:
        """The run as it is afterwards: ``reaped``, or ended by itself if that came first.

        Raises `SupervisorMute` where its processes cannot be reached, `UnknownRun`.
        """
        try:
            return self._engine.cancel(run, reason=reason)
        except IllegalTransition:
            return self._engine.find(run.id)  # it had ended; its own verdict stands
