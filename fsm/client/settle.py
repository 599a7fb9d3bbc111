"""Bring the journal in line with what is left of a run where no scheduler is up to do it.

The same steps as a scheduler's, from the same rules: examine (life lock first, then the report), reconcile, append,
and only then let the life lock go. If this process stops anywhere in between, nothing false was written: the next
look, by whomever, finds the same and goes on. A scheduler that comes up meanwhile does no harm either, for every append
is compared with the stream, and what somebody else has written is dropped here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from fsm.client.engine import Engine
from fsm.client.stopfirst import Sleep, append_found, take_verdict
from fsm.errors import IllegalTransition, UnknownRun
from fsm.instants import SECOND, Duration
from fsm.model.commands import Command, QueueTimeout
from fsm.model.facts import Execution, Finding, Searched
from fsm.model.run import Arming, Run
from fsm.model.states import Actor, Reason, State
from fsm.planning.reconciliation import gone, reconcile
from fsm.ports import Clock, Journal, Launcher

LOOK_EVERY_S = 0.05
"""How often a supervisor that is being ended is looked at: there is no event that a client could wait for."""

TURN_WITHIN = Duration(5 * SECOND)
"""How long the supervisor of an overdue run may take until it has a turn."""

SEARCH_WITHIN = Duration(15 * SECOND)
"""How long a search for survivors may take. It ends after two rounds that find nothing, some milliseconds as a rule."""

KILL_AFTER = Duration(5 * SECOND)
"""How long after its grace a supervisor that was told to stop is taken to be mute, and killed."""


@frozen(slots=True)
class Look:
    """What a look at a job's slot came to.

    `free`: no run holds it (any more). `alive`: a supervisor does, and goes on. `hindrance`: what could not be ended.
    """

    free: bool
    alive: bool = False
    hindrance: str | None = None


FREE = Look(free=True)


class Settler:
    """Settles runs of one journal. `poke` is called after each append."""

    def __init__(
        self,
        journal: Journal,
        launcher: Launcher,
        clock: Clock,
        *,
        pause: Sleep,
        poke: Callable[[], object] | None = None,
    ) -> None:
        self._journal, self._launcher, self._clock = journal, launcher, clock
        self._pause, self._poke = pause, poke

    def look(self, job: str) -> Look:
        """Hold the run that has the job's slot against what is left of it, and append what follows.

        Searches for survivors, and ends them, where its supervisor is gone without having said that all is over.
        """
        run = self._journal.state(job).holder
        if run is None or run.arming is None:
            return FREE
        execution = Execution(job, run.number, run.arming)
        examination = self._launcher.examine(execution)
        try:
            finding = examination.finding
            found = reconcile(run, run.arming, finding, self._clock.now())
            self._append(job, found.commands)
            if found.search:
                return self._search(run, run.arming, finding)
        finally:
            examination.close()
        return Look(free=self._journal.state(job).slot != run.number, alive=finding.alive)

    def take_verdict(self, job: str) -> None:
        """Append the verdict that the supervisor of the job's running run has given already, if it has."""
        run = self._journal.state(job).holder
        if run is not None:
            take_verdict(self._journal, self._clock, self._poke, self._launcher, run)

    def _search(self, run: Run, arming: Arming, finding: Finding) -> Look:
        self._launcher.search(Execution(run.job, run.number, arming))
        fact = self._searched(arming.nonce)
        if fact is None or fact.evidence is None:
            what = fact.hindrance if fact is not None else None
            return Look(free=False, hindrance=what or "the search for what is left of it has not come to its end")
        known = run.state.terminal or (finding.report is not None and finding.report.verdict is not None)
        self._append(run.job, gone(run, arming, fact.evidence, self._clock.now(), finding, known=known))
        return FREE

    def _searched(self, nonce: str) -> Searched | None:
        until = self._clock.now().boot + SEARCH_WITHIN
        while self._clock.now().boot < until:
            for fact in self._launcher.facts():
                if isinstance(fact, Searched) and fact.nonce == nonce:
                    return fact
            self._pause(LOOK_EVERY_S)
        return None

    def _append(self, job: str, commands: tuple[Command, ...]) -> None:
        append_found(self._journal, self._clock, self._poke, job, commands)

    def see_off(self, run: Run, grace: Duration, *, served: Callable[[], bool]) -> Look:
        """Wait until nothing of an ended run is alive and its slot is free.

        A scheduler that is up does the work (`served` asks for it); otherwise it is done here. Bounded by the job's
        grace and some seconds: what is not over by then is reported as it is.
        """
        kill_at = self._clock.now().boot + grace + KILL_AFTER
        give_up = kill_at + SEARCH_WITHIN
        found = Look(free=False, alive=True)
        killed = False
        while True:
            if self._journal.state(run.job).slot != run.number:
                return FREE
            now = self._clock.now().boot
            mine = not served()
            if mine:
                found = self.look(run.job)
                if found.free or found.hindrance is not None:
                    return found
                if now >= kill_at and not killed and run.arming is not None:
                    killed = True
                    self._launcher.kill(Execution(run.job, run.number, run.arming))
            if now >= (give_up if mine else kill_at):
                return found
            self._pause(LOOK_EVERY_S)

    def _turns(self, run: Run) -> bool:
        """Whether the supervisor of an overdue run ends it in the next moments: it may have had no turn, for the
        machine was suspended."""
        until = self._clock.now().boot + TURN_WITHIN
        while self._clock.now().boot < until:
            self._pause(LOOK_EVERY_S)
            if not self.look(run.job).alive:
                return True
            held = self._journal.state(run.job).run(run.number)
            if held is None or held.state.terminal:
                return True
        return False

    def tend(self, run: Run) -> None:
        """What a scheduler would do for an open run that nobody tends: end it by its deadline, take its verdict."""
        now = self._clock.now()
        if run.state is State.QUEUED:
            if run.start_by.passed(now):
                self._append(run.job, (QueueTimeout(run.number),))
            return
        look = self.look(run.job)
        if look.alive and run.reap_by is not None and run.reap_by.passed(now) and not self._turns(run):
            reaper = Engine(
                self._journal,
                clock=self._clock,
                stopper=self._launcher,
                poke=self._poke,
                actor=Actor.REAPER,
                pause=self._pause,
            )
            with suppress(IllegalTransition, UnknownRun):  # judged by that look, or by somebody else since
                reaper.cancel(run, reason=Reason.OVERDUE)
