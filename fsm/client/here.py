"""A run that is executed from here, by its own supervisor as every run, without a scheduler.

The caller arms, journals and says go, as a scheduler would; what happens then is the supervisor's and the evidence's.
A scheduler that comes up meanwhile does no harm and takes none: both append by compare-and-set, and judge from the same
evidence.

Crash windows. If this process stops
- before `start` is journaled: the supervisor disarms; the run is queued, and a scheduler starts it or its time passes;
- between `start` and go: the supervisor disarms and says so in its report; the run is failed(start_failed);
- after go: the run goes on, and whoever looks next takes its verdict.
"""

from __future__ import annotations

from collections.abc import Callable

from fsm.client.engine import Engine
from fsm.client.orders import order_of
from fsm.client.settle import Settler
from fsm.errors import IllegalTransition, UnknownRun
from fsm.model.commands import FailStart, Go, Start
from fsm.model.facts import Armed, ArmFailed, Order
from fsm.model.run import Run
from fsm.model.states import SlotState, State
from fsm.ports import Clock, Journal, Launcher

AGAIN_S = 0.2
"""How long to wait before an arming whose slot lock was busy is tried again."""


class Here:
    """Executes one queued run. `wait` sleeps until the launcher may have something new, so many seconds at most."""

    def __init__(
        self,
        engine: Engine,
        launcher: Launcher,
        settler: Settler,
        *,
        nonce: Callable[[], str],
        wait: Callable[[float], object],
    ) -> None:
        self._engine, self._launcher, self._settler = engine, launcher, settler
        self._nonce, self._wait = nonce, wait

    @property
    def _journal(self) -> Journal:
        return self._engine.journal

    @property
    def _clock(self) -> Clock:
        return self._engine.clock

    def _start(self, run: Run) -> Run:
        """Arm, journal, go. The run as it is then: running, or ended where it could not be started; or as somebody
        else made it meanwhile. Its own deadline to start bounds this."""
        order = self._arm(run)
        while True:
            now = self._run(run)
            if now.state is not State.QUEUED:
                self._launcher.disarm(order.nonce)  # somebody else was faster
                return now
            if run.start_by.passed(self._clock.now()):
                self._launcher.disarm(order.nonce)
                self._settler.tend(now)
                continue
            self._wait(AGAIN_S)
            for fact in self._launcher.facts():
                if isinstance(fact, Armed) and fact.execution.arming.nonce == order.nonce:
                    self._go(fact)
                elif isinstance(fact, ArmFailed) and fact.nonce == order.nonce:
                    if not fact.busy:
                        self._fail(run, fact.error)
                    else:
                        order = self._arm(run)  # a supervisor of this job is about to go

    def _arm(self, run: Run) -> Order:
        job = self._journal.definition(run.job, run.version)
        order = order_of(self._journal, run, job, self._nonce(), self._clock.now())
        self._launcher.arm(order)
        return order

    def _go(self, fact: Armed) -> None:
        execution = fact.execution
        try:
            decision = self._engine.do_all([(execution.job, [Start(execution.number, execution.arming)])])[0]
        except (IllegalTransition, UnknownRun):
            self._launcher.disarm(execution.arming.nonce)
            return
        for effect in decision.effects:
            if isinstance(effect, Go):
                self._launcher.go(effect.execution, effect.run_by)

    def _fail(self, run: Run, error: str) -> None:
        try:
            self._engine.do_all([(run.job, [FailStart(run.number, error)])])
        except (IllegalTransition, UnknownRun):
            return  # somebody else has started or ended it

    def _run(self, run: Run) -> Run:
        return self._engine.find(run.id)

    def follow(self, run: Run, show: Callable[[], object], *, served: Callable[[], bool]) -> Run:
        """Until the run has ended and nothing of it is alive; `show` is called whenever there may be new output.

        A scheduler that is up starts it and writes down what happened; where none is, or it goes, that is done here.
        The run's own deadlines bound it, and after its verdict its grace.
        """
        while True:
            now = self._run(run)
            if now.state is State.QUEUED and not served():
                now = self._start(now)
            if now.state.terminal and now.slot is SlotState.FREE:
                show()
                return now
            show()
            self._launcher.facts()
            if not served():
                self._settler.tend(now) if not now.state.terminal else self._settler.look(now.job)
            self._wait(AGAIN_S)
