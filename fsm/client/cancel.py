"""End a run from outside, its processes with it, with or without a scheduler.

The care that this takes is `Engine.cancel`'s: stop before the verdict, and the supervisor's own verdict before ours.
If this process stops after the verdict, before the slot is free: the processes are being ended all the same, and
whoever looks next releases.
"""

from __future__ import annotations

from collections.abc import Callable

from fsm.client.engine import Engine
from fsm.client.stopfirst import Sleep
from fsm.errors import IllegalTransition
from fsm.model.run import Run
from fsm.model.states import Actor, Reason
from fsm.ports import Clock, Journal, Launcher


class Canceller:
    """Cancels runs of one journal through one launcher."""

    def __init__(
        self,
        journal: Journal,
        launcher: Launcher,
        clock: Clock,
        *,
        pause: Sleep,
        poke: Callable[[], object] | None = None,
        actor: Actor = Actor.CLI,
    ) -> None:
        self._engine = Engine(journal, clock=clock, stopper=launcher, poke=poke, actor=actor, pause=pause)

    def cancel(self, run: Run, reason: Reason = Reason.CANCELLED) -> Run:
        """The run as it is afterwards: ``reaped``, or ended by itself if that came first.

        Raises `SupervisorMute` where its processes cannot be reached, `UnknownRun`.
        """
        try:
            return self._engine.cancel(run, reason=reason)
        except IllegalTransition:
            return self._engine.find(run.id)  # it had ended; its own verdict stands
