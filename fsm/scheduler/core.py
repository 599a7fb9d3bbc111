"""The scheduler itself: `begin`, then `turn` whenever something happened or a time has come, then `end`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from fsm.errors import Fenced, StoreError
from fsm.instants import MINUTE, SECOND, Deadline, Duration, Instant, Moment
from fsm.model.commands import Go, QueueTimeout, Start, Ticks, TryAgain
from fsm.model.facts import Armed, ArmFailed, Changed, Fact
from fsm.model.settings import Settings
from fsm.model.states import Actor, State
from fsm.planning.restraint import retry_due
from fsm.ports import Clock, Journal, Launcher, Outputs, Publisher
from fsm.scheduler.agenda import Agenda
from fsm.scheduler.book import Book, Foreign, Intent
from fsm.scheduler.drain import Drain
from fsm.scheduler.presence import Presence, Who
from fsm.scheduler.retention import Retention
from fsm.scheduler.starter import Starter
from fsm.scheduler.strangers import Strangers
from fsm.scheduler.watcher import Watcher

ALIVE_EVERY = Duration(15 * MINUTE)
"""How often it says that it is there, so that a checker can tell downtime from neglect."""

SWEEP_EVERY = Duration(MINUTE)
"""How often every busy job is read anew from the journal, whatever the alarms and pokes said: what was missed by
them is late by no more than this."""

SETTLE_WITHIN = Duration(10 * SECOND)
"""How long after the start the first ticks wait for searches of what earlier schedulers left."""

BEFORE_DUE = Duration(SECOND // 20)
"""Nothing is pruned so shortly before a tick: several times what one piece of it takes."""

RETRY_STORE = Duration(SECOND)
"""How soon a turn that the store could not take is tried again."""


@frozen(slots=True)
class Wake:
    """When to call `turn` next if nothing happens before: at `utc` or at boot time `boot`, whichever comes first."""

    utc: Instant | None
    boot: int | None


class Scheduler:
    """Drives every run of one journal through its life, under one epoch.

    `trouble` is what the store last said when it could not take a turn, None when all is well; runs go on meanwhile.
    Raises `Fenced` from any method once another scheduler has taken over.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        launcher: Launcher,
        publisher: Publisher,
        *,
        nonce: Callable[[], str],
        who: Who,
        settings: Settings | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        self._outputs = outputs
        self.journal, self.clock, self.launcher, self.publisher = journal, clock, launcher, publisher
        self._nonce, self._settings = nonce, settings or Settings()
        self._presence = Presence(journal, who)
        self.trouble: StoreError | None = None
        self._again: list[Intent] = []
        self._retry_at: int | None = None
        self._alive_at = self._sweep_at = 0
        self._settle_by: int | None = None

    def begin(self) -> None:
        """A new epoch; every open run and every held slot is held against its evidence; due times are read."""
        now = self.clock.now()
        self.strangers = Strangers(self.launcher, self.journal)
        self._presence.up(now, self._settings, self.strangers.find())
        self.book = Book(self.journal, self.publisher, self._presence.epoch, self._settings, self._presence.began)
        self.starter = Starter(self.launcher, self.book, self.strangers, self._nonce, self.clock.now)
        self.watcher = Watcher(self.launcher, self.book, self.clock.now)
        self._drain = Drain(self.journal, self.starter)
        self.agenda = Agenda(self.book)
        self._alive_at, self._sweep_at = now.boot + ALIVE_EVERY, now.boot + SWEEP_EVERY
        self._settle_by = now.boot + SETTLE_WITHIN
        self.retention = Retention(self.journal, self.clock, self._outputs, now)
        self.agenda.fill(dict(self.journal.due_times()))
        self.strangers.examine_all(now)
        for job in self.journal.busy_jobs():
            self._follow(job, now)
            self._again += self.watcher.examine(job)

    def turn(self) -> Wake:
        """Answer everything that has happened or come due, durably; then do what follows from it."""
        now = self.clock.now()
        for job in self.agenda.set_back(now):
            self._follow(job, now)
        self._follow_foreign(self.book.read_foreign(), now)
        intents = [*self._held(now), *self._from_facts(self.launcher.facts()), *self._from_clocks(now)]
        self._again = []
        self._settle(intents)
        self._housekeep(now)
        if self.trouble is None:
            self.starter.admit(now)
            self._prune(now, quiet=not intents and not self._again)
        return self._wake(now)

    def _prune(self, now: Moment, *, quiet: bool) -> None:
        """A piece of it, where nothing else is to be done and nothing comes due in the next moment."""
        due = self.agenda.next_due()
        soon = due is not None and due - now.utc < BEFORE_DUE
        try:
            self.retention.work(now, quiet=quiet and not soon)
        except StoreError as trouble:
            self._in_trouble(trouble)

    def _held(self, now: Moment) -> list[Intent]:
        """What is to be asked again. A queue timeout only if its time has passed still: after a reboot deadlines count
        by the wall clock, which may have been set back while the store took nothing."""
        held: list[Intent] = []
        for intent in self._again:
            run = None
            if isinstance(intent.command, QueueTimeout):
                run = self.book.state(intent.job).run(intent.command.number)
            if run is None or run.start_by.passed(now):
                held.append(intent)
            else:
                self._set_deadline(intent.job, now)
        return held

    def _settle(self, intents: list[Intent]) -> None:
        if not intents:
            now = self.clock.now()
            if self._retry_at is not None and now.boot >= self._retry_at:
                self._say_alive(now)  # only starts were held back: does the store take anything, before they are armed?
            return
        try:
            settled = self.book.settle(intents, self.clock.now)
        except Fenced:
            raise
        except StoreError as trouble:
            self._in_trouble(trouble)
            self._hold_back(intents)
            return
        self.trouble, self._retry_at = None, None
        for go in settled.go:
            self._go(go)
        now = self.clock.now()
        self._follow_foreign(settled.foreign, now)
        for job in settled.touched:
            self.retention.note(job, self.book.state(job).seq)
        for job in {intent.job for intent in intents} | settled.touched:
            self._follow(job, now)

    def _go(self, go: Go) -> None:
        # If this process stops here, after the commit: the pipe closes, the supervisor disarms and says so.
        self.launcher.go(go.execution, go.run_by)

    def _in_trouble(self, trouble: StoreError) -> None:
        self.trouble = trouble
        self._retry_at = self.clock.now().boot + RETRY_STORE

    def _hold_back(self, intents: list[Intent]) -> None:
        """The store cannot take it now. Nothing was written; all of it is asked again, but for starts: an armed
        supervisor does not wait that long, so its run is armed anew."""
        for intent in intents:
            if isinstance(intent.command, Start):
                self.starter.abandon(intent.job)
            elif intent not in self._again:
                self._again.append(intent)

    def _from_facts(self, facts: Iterable[Fact]) -> list[Intent]:
        intents: list[Intent] = []
        for fact in facts:
            if isinstance(fact, Armed):
                intents += self.starter.armed(fact)
            elif isinstance(fact, ArmFailed):
                intents += self.starter.arm_failed(fact)
            elif isinstance(fact, Changed):
                intents += self.watcher.changed(fact)
                self._freed(self.strangers.changed(fact, self.clock.now()))
            else:
                intents += self.watcher.searched(fact)
                self._freed(self.strangers.searched(fact, self.clock.now()))
        return intents

    def _freed(self, jobs: set[str]) -> None:
        """Nothing that the journal does not know is alive in these jobs any more: what waits may start."""
        for job in jobs:
            self.starter.consider(job)

    def _from_clocks(self, now: Moment) -> list[Intent]:
        intents: list[Intent] = []
        for job in self.agenda.pop_deadlines(now):
            for run in self.book.state(job).runs:
                if run.state is State.QUEUED and run.start_by.passed(now):
                    intents.append(Intent(job, QueueTimeout(run.number), Actor.REAPER))
            intents += self.watcher.ring(job, now)
            if not any(intent.job == job for intent in intents):
                self._set_deadline(job, now)
        if self._recovered(now):
            for job in self.agenda.pop_due(now):
                if retry_due(self.book.state(job), now.utc) is not None:
                    intents.append(Intent(job, TryAgain()))  # before the ticks that it holds off
                intents.append(Intent(job, Ticks(draining=self.draining)))
        return intents

    def _recovered(self, now: Moment) -> bool:
        """Whether ticks may fire: what earlier schedulers left is known, or was searched for long enough."""
        searching = self.watcher.searching or self.strangers.searching
        if self._settle_by is not None and (not searching or now.boot >= self._settle_by):
            self._settle_by = None
        return self._settle_by is None

    def _follow_foreign(self, foreign: Foreign, now: Moment) -> None:
        for job in foreign.touched:
            self._follow(job, now)
        for job in foreign.judged:  # whoever did put a stop first, or saw its supervisor dead
            self._again += self.watcher.examine(job)

    def _follow(self, job: str, now: Moment) -> None:
        """Bring alarms, armings and watches in line with a stream that moved."""
        self.starter.consider(job)
        self.watcher.consider(job)
        self._again += [intent for intent in self.watcher.replace(job) if intent not in self._again]
        self.agenda.follow(job, now, self.watcher.alarm(job, now))

    def _set_deadline(self, job: str, now: Moment) -> None:
        self.agenda.set_deadline(job, now, self.watcher.alarm(job, now))

    def _housekeep(self, now: Moment) -> None:
        self.strangers.ring(now)
        if now.boot >= self._sweep_at:
            self._sweep_at = now.boot + SWEEP_EVERY
            for job in self.journal.busy_jobs():
                self._again += self.watcher.examine(job)
                self._follow(job, now)
        if now.boot >= self._alive_at and self.trouble is None:
            self._say_alive(now)

    def _say_alive(self, now: Moment) -> None:
        try:
            if self._drain.until is not None:
                self._presence.draining(now, self._drain.until)
            else:
                self._presence.alive(now)
                if self._presence.renew(now, self.book.settings):
                    self.book.epoch = self._presence.epoch
        except StoreError as trouble:
            self._in_trouble(trouble)
        else:
            self.trouble, self._retry_at = None, None
            self._alive_at = now.boot + ALIVE_EVERY

    def _wake(self, now: Moment) -> Wake:
        boots = [self._sweep_at]
        late = self.starter.alarm() if self.trouble is None else None  # nothing is armed for a store in trouble
        alarms = (self.agenda.next_deadline(), self.strangers.alarm(), late)
        boots += [at for at in alarms if at is not None]
        if self._retry_at is not None:
            boots.append(self._retry_at)
        else:
            boots.append(self.retention.alarm())
            boots.append(now.boot if self._again else self._alive_at)
        if self._settle_by is not None:
            boots.append(self._settle_by)
        if self._drain.until is not None and not self._drain.until.passed(now):
            boots.append(now.boot + self._drain.until.left(now))
        return Wake(self.agenda.next_due() if self._settle_by is None else None, min(boots))

    @property
    def idle(self) -> bool:
        """Whether no run is open, no slot held and no tick due."""
        due = self.agenda.next_due()
        return not self._again and not self.journal.busy_jobs() and (due is None or due > self.clock.now().utc)

    def drain(self, most: Duration | None) -> Deadline:
        """Start nothing more, and refuse ticks and requests, until `drained`: in `most` at the latest, or, with None,
        when the last of the runs is over by its own deadlines. Returns when that is. `turn` has to be called on."""
        now = self.clock.now()
        until = self._drain.begin(now, most)
        self._say_alive(now)
        return until

    @property
    def draining(self) -> bool:
        """Whether `drain` was called."""
        return self._drain.until is not None

    @property
    def drained(self) -> bool:
        """Whether it was, and there is nothing left to wait for, or no time."""
        return self._drain.over(self.clock.now())

    def end(self, reason: str) -> None:
        """Stop firing, in good order. Runs that are running go on; what is being armed is taken back.

        A store that cannot take the last entries is `trouble`: the next scheduler answers what has no answer yet.
        """
        self.starter.abandon_all()
        flush = [Intent(job, Ticks(flush=True)) for job in list(self.book.deferred)]
        try:
            self.book.settle(flush, self.clock.now)
            self._presence.down(self.clock.now(), reason)
        except StoreError as trouble:
            self.trouble = trouble
        finally:
            self.watcher.close()
            self.strangers.close()
