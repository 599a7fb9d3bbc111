"""Executions that the journal does not know, as after an older copy of it was restored.

Their folders lie beside those of the runs that are known. Their numbers are taken for good, and while something of them
may be alive nothing of their job is started: they hold its slot as if the journal said so. Nothing is journaled about
them but that their numbers are taken, for nobody knows what they were.
"""

from __future__ import annotations

from fsm.instants import SECOND, Duration, Moment
from fsm.model.facts import Changed, Execution, Searched
from fsm.model.states import State
from fsm.ports import Examination, Journal, Launcher, RunQuery

SEARCH_AGAIN = Duration(30 * SECOND)
"""As for a run that is known: what could not be ended may end by itself, or be ended by hand."""


class Strangers:
    """Found once, when the scheduler begins; watched until nothing of them is alive."""

    def __init__(self, launcher: Launcher, journal: Journal) -> None:
        self.launcher, self.journal = launcher, journal
        self._alive: dict[str, Execution] = {}  # nonce -> execution
        self._kept: dict[str, Examination] = {}  # nonce -> life lock of a dead one, until its search is over
        self._again: dict[str, int] = {}  # nonce -> boot time of its next search
        self.hindered: dict[str, str] = {}  # job -> what of a stranger is in the way

    def find(self) -> dict[str, int]:
        """Look for them. Returns the numbers that are taken by runs the journal does not know: the highest, by job."""
        taken: dict[str, int] = {}
        for job, numbers in self.launcher.numbers(self.journal.last_numbers()).items():
            taken[job] = max(numbers)
            for number in numbers:
                self._remember(job, number)
        for run in self.journal.runs(RunQuery(states=frozenset({State.QUEUED}))):
            self._remember(run.job, run.number)  # an arming of it may have been started in a journal that is gone
        for execution in self.launcher.living():
            # its number may be taken already: by a scheduler that ended since, or by a client that asked for a run
            if not self._known(execution):
                self._add(execution)
        return taken

    def _known(self, execution: Execution) -> bool:
        """Whether the journal has this very arming; then recovery looks at it."""
        run = self.journal.run(execution.job, execution.number)
        return run is not None and run.arming is not None and run.arming.nonce == execution.arming.nonce

    def _remember(self, job: str, number: int) -> None:
        for execution in self.launcher.armings(job, number):
            self._add(execution)

    def _add(self, execution: Execution) -> None:
        self._alive[execution.arming.nonce] = execution
        self.launcher.watch(execution)

    def examine_all(self, now: Moment) -> set[str]:
        """Look at every one of them; returns the jobs that are free of them now."""
        freed: set[str] = set()
        for nonce in list(self._alive):
            freed |= self.examine(nonce, now)
        return freed

    def block(self, job: str) -> bool:
        """Whether something of a stranger may be alive in this job."""
        return any(execution.job == job for execution in self._alive.values())

    @property
    def searching(self) -> bool:
        """Whether a search for what a stranger left is under way."""
        return any(nonce not in self._again for nonce in self._kept)

    def changed(self, fact: Changed, now: Moment) -> set[str]:
        """Something happened to an execution; if it is a stranger, look at it."""
        return self.examine(fact.nonce, now) if fact.nonce in self._alive else set()

    def examine(self, nonce: str, now: Moment) -> set[str]:
        """The stranger's job, if nothing of it is alive any more."""
        execution = self._alive[nonce]
        if nonce in self._kept:
            return set()
        examination = self.launcher.examine(execution)
        finding = examination.finding
        if finding.alive:
            examination.close()
            return set()
        over = finding.report is not None and finding.report.emptied is not None
        if over or execution.arming.boot_id != now.boot_id:
            examination.close()
            return self._gone(nonce)
        self._kept[nonce] = examination
        self.launcher.search(execution)
        return set()

    def searched(self, fact: Searched, now: Moment) -> set[str]:
        """The search for what a stranger left is over."""
        if fact.nonce not in self._kept:
            return set()
        execution = self._alive[fact.nonce]
        if fact.evidence is None:
            self._again[fact.nonce] = now.boot + SEARCH_AGAIN
            self.hindered[execution.job] = (
                fact.hindrance or "something of a run that the journal does not know is alive"
            )
            return set()
        return self._gone(fact.nonce)

    def _gone(self, nonce: str) -> set[str]:
        job = self._alive.pop(nonce).job
        kept = self._kept.pop(nonce, None)
        if kept is not None:
            kept.close()
        self._again.pop(nonce, None)
        self.hindered.pop(job, None)
        self.launcher.forget(nonce)
        return {job}

    def alarm(self) -> int | None:
        """The boot time at which `ring` wants to be called."""
        return min(self._again.values(), default=None)

    def ring(self, now: Moment) -> None:
        """Search again for what could not be ended."""
        for nonce in [nonce for nonce, at in self._again.items() if at <= now.boot]:
            del self._again[nonce]
            self.launcher.search(self._alive[nonce])

    def close(self) -> None:
        """Let every life lock go."""
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()
