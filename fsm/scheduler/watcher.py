"""From running to released: examine executions, take verdicts, search for survivors, end what is overdue.

A slot is looked at as long as it is held, whether or not its run has ended. Whatever is found of a dead supervisor
stays true until it is journaled, because its life lock is kept that long.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from fsm.instants import SECOND, Duration, Moment
from fsm.model.commands import Command, Judge, Release, Stop
from fsm.model.facts import Changed, Execution, Finding, Searched, StopAnswer
from fsm.model.job import REAP_MARGIN
from fsm.model.run import Run
from fsm.model.states import Actor, Evidence, Reason, State, Trigger
from fsm.planning.overlap import to_be_replaced
from fsm.planning.reconciliation import gone, reconcile
from fsm.ports import Examination, Launcher
from fsm.scheduler.book import Book, Intent

SEARCH_AGAIN = Duration(30 * SECOND)
"""How long to wait before searching anew for what could not be ended: it may end by itself, or be ended by hand."""

ASK_AGAIN = Duration(SECOND)
"""How long a mailbox may be busy before its supervisor is taken to hang: who uses it needs microseconds."""

LATE, TURN_WITHIN = Duration(2 * SECOND), Duration(5 * SECOND)
"""When a run has been overdue for `LATE` before it is looked at, its supervisor gets so long to have a turn. A few
milliseconds do; right after a suspension everybody on the machine wants one."""


@frozen(slots=True)
class _Search:
    job: str
    finding: Finding


class Watcher:
    """Keeps an eye on every held slot."""

    def __init__(self, launcher: Launcher, book: Book, clock: Callable[[], Moment]) -> None:
        self.launcher, self.book, self._clock = launcher, book, clock
        self._watched: dict[str, str] = {}  # nonce -> job
        self._nonces: dict[str, str] = {}  # job -> nonce: the same, the other way round
        self._kept: dict[str, Examination] = {}  # job -> life lock, kept until what was found is journaled
        self._searches: dict[str, _Search] = {}  # nonce -> search under way
        self.hindered: dict[str, tuple[str, int]] = {}  # job -> what keeps its slot held, when to search again
        self._kill_by: dict[str, tuple[str, int]] = {}  # job -> nonce, boot time after which a mute one is killed
        self._busy_until: dict[str, int] = {}  # job -> boot time up to which its holder's mailbox may be busy
        self._turn_until: dict[str, int] = {}  # job -> boot time up to which an overdue supervisor has its turn

    @property
    def searching(self) -> bool:
        """Whether a search for survivors is under way."""
        return bool(self._searches)

    def consider(self, job: str) -> None:
        """Watch whoever holds the job's slot, and nobody else."""
        execution = self._holder(job)
        nonce = execution.arming.nonce if execution is not None else None
        if execution is None or not self._mine(job, execution):
            self._let_go(job)
        if execution is not None and nonce is not None and nonce not in self._watched:
            self._watched[nonce], self._nonces[job] = job, nonce
            self.launcher.watch(execution)

    def _mine(self, job: str, execution: Execution) -> bool:
        return self._watched.get(execution.arming.nonce) == job

    def _let_go(self, job: str) -> None:
        kept = self._kept.pop(job, None)
        if kept is not None:
            kept.close()
        self.hindered.pop(job, None)
        self._kill_by.pop(job, None)
        self._busy_until.pop(job, None)
        self._turn_until.pop(job, None)
        nonce = self._nonces.pop(job, None)
        if nonce is not None:
            del self._watched[nonce]
            self._searches.pop(nonce, None)
            self.launcher.forget(nonce)

    def _holder(self, job: str) -> Execution | None:
        run = self.book.state(job).holder
        if run is None or run.arming is None:
            return None
        return Execution(job, run.number, run.arming)

    def changed(self, fact: Changed) -> list[Intent]:
        """Something happened to an execution: look."""
        job = self._watched.get(fact.nonce)
        return [] if job is None else self.examine(job)

    def examine(self, job: str) -> list[Intent]:
        """Hold the run that has the job's slot against its life lock and report."""
        execution, run = self._holder(job), self.book.state(job).holder
        if execution is None or run is None or job in self._kept:
            return []
        examination = self.launcher.examine(execution)
        finding = examination.finding
        found = reconcile(run, execution.arming, finding, self._clock())
        if finding.alive:
            examination.close()
        else:
            self._kept[job] = examination
        if found.search:
            self._searches[execution.arming.nonce] = _Search(job, finding)
            self.launcher.search(execution)
        return [Intent(job, command, _actor(command)) for command in found.commands]

    def searched(self, fact: Searched) -> list[Intent]:
        """The search is over: release, after a verdict if there is none; or say what is in the way and try later."""
        search = self._searches.pop(fact.nonce, None)
        if search is None:
            return []
        job, now = search.job, self._clock()
        run = self.book.state(job).holder
        if run is None or run.arming is None or run.arming.nonce != fact.nonce:
            return []
        if fact.evidence is None:
            self.hindered[job] = (fact.hindrance or "something of it is still alive", now.boot + SEARCH_AGAIN)
            return []
        self.hindered.pop(job, None)
        report = search.finding.report
        known = run.state.terminal or (report is not None and report.verdict is not None)
        commands = gone(run, run.arming, fact.evidence, now, search.finding, known=known)
        return [Intent(job, command, _actor(command)) for command in commands]

    def alarm(self, job: str, now: Moment) -> int | None:
        """The boot time at which the holder of the job's slot is to be looked at again by `ring`."""
        run = self.book.state(job).holder
        if run is None or run.arming is None:
            return None
        if job in self.hindered:
            again = self.hindered[job][1]
        elif run.state is State.RUNNING:
            again = now.boot + (run.reap_by.left(now) if run.reap_by is not None else 0)
            again = max(again, self._turn_until.get(job, again))
            busy = self._busy_until.get(job, again)
            again = min(again, busy) if to_be_replaced(self.book.state(job)) is not None else max(again, busy)
        else:
            again = self._kill_time(run, run.arming.nonce, now)
        return again

    def _kill_time(self, run: Run, nonce: str, now: Moment) -> int:
        known = self._kill_by.get(run.job)
        if known is None or known[0] != nonce:
            job = self.book.definition(self.book.state(run.job), run.version)
            known = self._kill_by[run.job] = (nonce, now.boot + job.grace_us + REAP_MARGIN)
        return known[1]

    def ring(self, job: str, now: Moment) -> list[Intent]:
        """Its alarm has come: the holder is overdue, or mute after its verdict, or to be searched for again."""
        execution, run = self._holder(job), self.book.state(job).holder
        if execution is None or run is None:
            return []
        overdue = run.state is State.RUNNING and run.reap_by is not None and run.reap_by.passed(now)
        if job in self.hindered and self.hindered[job][1] <= now.boot:
            del self.hindered[job]
            self._searches[execution.arming.nonce] = _Search(job, self._kept[job].finding)
            self.launcher.search(execution)
            return [Intent(job, _overdue(run), Actor.REAPER)] if overdue else []
        if overdue and self._looked_late(job, run, now):
            return self.examine(job)
        if overdue:
            return self._end_overdue(job, run, execution)
        if run.state.terminal and self._kill_time(run, execution.arming.nonce, now) <= now.boot:
            del self._kill_by[job]  # and again, after as long, should it survive that
            self.launcher.kill(execution)
            return self.examine(job)
        return self.replace(job) if job in self._busy_until else []

    def replace(self, job: str) -> list[Intent]:
        """End the running run whose slot a newer one is to take (`overlap = "replace"`): stop first, then the verdict.

        It follows from the stream, so if this process stops anywhere here, the next one does it.
        """
        run = to_be_replaced(self.book.state(job))
        execution = self._holder(job)
        if run is None or execution is None or job in self._kept:
            return []  # its supervisor is dead: what is found of it decides
        if self._busy_until.get(job, 0) > self._clock().boot:
            return []
        return self._stop(job, execution, Reason.REPLACED, Stop(run.number, Reason.REPLACED, stopped=True))

    def _end_overdue(self, job: str, run: Run, execution: Execution) -> list[Intent]:
        intents = self.examine(job)
        if intents:
            return intents
        if job in self._kept:  # its supervisor is dead; a search is under way
            return [Intent(job, _overdue(run), Actor.REAPER)]
        if execution.arming.in_process:
            return self.examine(job) or [Intent(job, _overdue(run), Actor.REAPER)]
        return self._stop(job, execution, Reason.OVERDUE, _overdue(run))

    def _stop(self, job: str, execution: Execution, reason: Reason, verdict: Command) -> list[Intent]:
        if self.launcher.stop(execution, reason) is StopAnswer.BUSY:
            return self._busy(job, execution)
        # its own verdict, if it gave one before the stop, comes before ours
        return self.examine(job) or [Intent(job, verdict, Actor.REAPER)]

    def _looked_late(self, job: str, run: Run, now: Moment) -> bool:
        """Whether it has been overdue for longer than a scheduler that is awake lets pass, and so only for a moment.

        The machine was suspended, or no scheduler was up. Perhaps its supervisor had no turn either: then it is not
        mute, and ends the run itself as soon as it has one.
        """
        if run.reap_by is None or -run.reap_by.left(now) <= LATE:
            return False
        return now.boot < self._turn_until.setdefault(job, now.boot + TURN_WITHIN)

    def _busy(self, job: str, execution: Execution) -> list[Intent]:
        """Somebody holds its mailbox. It is asked once more in a moment (that may be a client), then killed."""
        now = self._clock().boot
        if now < self._busy_until.setdefault(job, now + ASK_AGAIN):
            return []
        # It may be some time in dying (a disk that does not answer): look, and kill, again later, not at once.
        self._busy_until[job] = now + SEARCH_AGAIN
        self.launcher.kill(execution)
        return self.examine(job)

    def close(self) -> None:
        """Let every life lock go."""
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()


def _overdue(run: Run) -> Command:
    return Stop(run.number, Reason.OVERDUE, stopped=True)


def _actor(command: Command) -> Actor:
    """On whose word: a supervisor's report, or what recovery found without one."""
    if isinstance(command, Judge):
        return Actor.RECOVERY if command.verdict.trigger is Trigger.LOSE else Actor.SUPERVISOR
    if isinstance(command, Release):
        return Actor.SUPERVISOR if command.evidence is Evidence.REPORT else Actor.RECOVERY
    return Actor.SCHEDULER
