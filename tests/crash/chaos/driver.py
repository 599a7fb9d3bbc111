"""Whoever kills: schedulers, fork servers, supervisors and commands, at random moments and in every marked window."""

from __future__ import annotations

import random
import select
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from attrs import define, field, frozen

from chaos.jobs import write_jobs_file
from chaos.kit import Said, Served, Stand
from chaos.processes import WITHIN_S, Process, process
from chaos.tickets import KILL, STOP
from chaos.windows import BY_NAME, WINDOWS, Victim, Window
from fsm.model.states import OPEN
from fsm.ports import RunQuery
from fsm.supervise.processes import all_pids, stat_of

RANDOM = "random"


@frozen
class Kill:
    """One of them. `window` is where it was, or `RANDOM`."""

    victim: Victim
    window: str
    process: Process
    utc: int  # µs
    run: str | None = None


@frozen
class Quota:
    """How many kills there have to be: of each victim, in each window, in all; and how long one may try."""

    each_victim: int
    each_window: int
    all: int
    within_s: float
    """The bound of the whole; what is missing then is missing."""

    @property
    def least(self) -> Quota:
        """What there has to be on any machine, however busy it is; no bound of time keeps from it."""
        return Quota(1, 0, 8, within_s=0.0)


@define
class Halted:
    """A process that stands still in a window, and is to be killed in a while."""

    kill: Kill
    at: float


@define(eq=False)
class Driver:
    """Keeps a scheduler up on a stand, and kills."""

    stand: Stand
    rng: random.Random
    quota: Quota
    without: tuple[str, ...] = ()
    kills: list[Kill] = field(factory=list)
    cancelled: set[str] = field(factory=set)
    served: Served | None = None
    _restart_at: float = 0.0
    _tickets: dict[str, float] = field(factory=dict)  # window -> when it is taken back
    _halted: list[Halted] = field(factory=list)
    _next_random: float = 0.0

    # ---- counts

    @property
    def by_victim(self) -> Counter[Victim]:
        return Counter(kill.victim for kill in self.kills)

    @property
    def by_window(self) -> Counter[str]:
        return Counter(kill.window for kill in self.kills)

    def missing(self, quota: Quota | None = None) -> list[str]:
        """What the quota (or another one) asks for and there was not."""
        quota, found = quota or self.quota, []
        for victim in Victim:
            if self.by_victim[victim] < quota.each_victim:
                found.append(f"{self.by_victim[victim]} of {quota.each_victim} kills of the {victim}")
        for window in WINDOWS:
            if self.by_window[window.name] < quota.each_window:
                found.append(f"{self.by_window[window.name]} of {quota.each_window} kills in window {window.name}")
        if len(self.kills) < quota.all:
            found.append(f"{len(self.kills)} of {quota.all} kills")
        return found

    # ---- the work

    def run(self) -> None:
        """Until the quota is met, or its time is over. Ends with no ticket out and no process halted."""
        jobs = self.stand.root / "jobs.toml"
        write_jobs_file(jobs, self.stand.root)
        until = time.monotonic() + self.quota.within_s
        self.served = self.stand.serve(jobs=str(jobs), without=self.without)
        self._next_random = time.monotonic() + 1.0
        while self.missing() and (time.monotonic() < until or self.missing(self.quota.least)):
            assert time.monotonic() < until + WITHIN_S, self.missing()
            self._serve(jobs)
            self._hand_out()
            self._wait()
            self._hear()
            self._bury()
            self._end_halted()
            if time.monotonic() >= self._next_random:
                self._next_random = time.monotonic() + self.rng.uniform(0.05, 0.6)
                self._strike()
        for window in list(self._tickets):
            self.stand.tear_up(window)
        self._tickets.clear()
        self._hear()
        for halted in self._halted:
            halted.at = 0.0
        self._end_halted()

    def _serve(self, jobs: Path) -> None:
        if self.served is None and time.monotonic() >= self._restart_at:
            self.served = self.stand.launch(jobs=str(jobs), without=self.without)

    def _wait(self) -> None:
        """For something that is said, for the scheduler's end, or until something is due."""
        due = [self._next_random, *(halted.at for halted in self._halted)]
        if self.served is None:
            due.append(self._restart_at)
        watched: list[int] = [self.stand.said.fileno()]
        if self.served is not None:
            watched.append(self.served.pidfd)
        select.select(watched, [], [], max(0.0, min(due) - time.monotonic()))

    def _hear(self) -> None:
        self.stand.hear()
        heard, self.stand.heard = self.stand.heard, []
        for said in heard:
            if "up" in said:
                if self.served is not None and said["pid"] == self.served.process.pid:
                    self.served.epoch = said["up"]
            else:
                self._in_window(said)

    def _in_window(self, said: Said) -> None:
        window, one = BY_NAME[said["window"]], Process(said["pid"], said["start"])
        self._tickets.pop(window.name, None)
        kill = Kill(window.victim, window.name, one, time.time_ns() // 1000)
        if said["what"] == KILL.decode():
            self.kills.append(kill)
        else:
            self._halted.append(Halted(kill, time.monotonic() + self.rng.uniform(0.0, 0.5)))

    def _end_halted(self) -> None:
        now = time.monotonic()
        for halted in [halted for halted in self._halted if halted.at <= now]:
            self._halted.remove(halted)
            if halted.kill.process.kill():
                self.kills.append(halted.kill)
            # else somebody was faster: the scheduler has killed a mute supervisor, or its parent's end the command

    def _bury(self) -> None:
        """See whether the scheduler is gone, and when the next one is to come."""
        if self.served is None or self.served.ended() is None:
            return
        code = self.served.wait()
        assert code == -signal.SIGKILL, f"nobody killed it, and it ended with {code}:\n{self.served.said()}"
        self.served = None
        pause = self.rng.uniform(0.1, 1.5) if self.rng.random() < 0.25 else 0.0
        self._restart_at = time.monotonic() + pause

    # ---- windows

    def _hand_out(self) -> None:
        """Keep some tickets out, for windows that lack kills: at most one for the scheduler, two for others."""
        now = time.monotonic()
        for name in [name for name, at in self._tickets.items() if at <= now]:
            self.stand.tear_up(name)  # or somebody has taken it, and says so, or ended before it could
            del self._tickets[name]
        for victims, most in (({Victim.SCHEDULER}, 1), (set(Victim) - {Victim.SCHEDULER}, 2)):
            lacking = [window for window in self._lacking() if window.victim in victims]
            rare = [window for window in lacking if window.rare]
            out = [BY_NAME[name] for name in self._tickets if BY_NAME[name].victim in victims]
            room = most - sum(not window.rare for window in out)
            common = [window for window in lacking if not window.rare]
            # the one that lacks most comes first, so that all are through at about the same time
            self.rng.shuffle(common)
            common.sort(key=lambda window: self.by_window[window.name])
            for window in [*common[: max(0, room)], *rare]:
                self._tickets[window.name] = now + self.rng.uniform(4.0, 8.0)
                halt = self.rng.random() < 0.3 and window.name != "uncommitted"  # a lock that a cancel would wait for
                self.stand.ticket(window.name, STOP if halt else KILL)

    def _lacking(self) -> list[Window]:
        halted = Counter(halted.kill.window for halted in self._halted)
        quota = self.quota.each_window
        return [
            window
            for window in WINDOWS
            if window.name not in self._tickets and self.by_window[window.name] + halted[window.name] < quota
        ]

    # ---- random moments

    def _strike(self) -> None:
        """Kill somebody, whoever has been killed least at random moments; now and then cancel a run instead."""
        if self.rng.random() < 0.1:
            self._cancel_something()
            return
        struck = Counter(kill.victim for kill in self.kills if kill.window == RANDOM)
        victims = sorted(Victim, key=lambda victim: (struck[victim], self.rng.random()))
        for victim in victims[: self.rng.randint(1, len(victims))]:
            if self._kill_one(victim):
                return

    def _kill_one(self, victim: Victim) -> bool:
        find: dict[Victim, Callable[[], tuple[Process, str | None] | None]] = {
            Victim.SCHEDULER: self._scheduler,
            Victim.FORK_SERVER: self._fork_server,
            Victim.SUPERVISOR: self._supervisor,
            Victim.COMMAND: self._command,
        }
        found = find[victim]()
        if found is None or any(halted.kill.process == found[0] for halted in self._halted):
            return False
        if not found[0].kill():
            return False
        self.kills.append(Kill(victim, RANDOM, found[0], time.time_ns() // 1000, found[1]))
        return True

    def _scheduler(self) -> tuple[Process, str | None] | None:
        """The one that is there, once it is up; now and then before that."""
        if self.served is None or (not self.served.up and self.rng.random() < 0.8):
            return None
        return self.served.process, None

    def _fork_server(self) -> tuple[Process, str | None] | None:
        if self.served is None:
            return None
        for pid in all_pids():
            stat = stat_of(pid)
            if stat is not None and stat.ppid == self.served.process.pid and not stat.dead:
                return Process(stat.pid, stat.start), None
        return None

    def _supervisor(self) -> tuple[Process, str | None] | None:
        running = self._running()
        for run in running:
            one = Process(*running[run])
            if one.alive:
                return one, run
        return None

    def _command(self) -> tuple[Process, str | None] | None:
        """A child of a supervisor."""
        running = self._running()
        by_supervisor = {pid: run for run, (pid, _) in running.items()}
        for pid in all_pids():
            stat = stat_of(pid)
            if stat is not None and not stat.dead and stat.ppid in by_supervisor:
                found = process(pid)
                return None if found is None else (found, by_supervisor[stat.ppid])
        return None

    def _running(self) -> dict[str, tuple[int, int]]:
        """Runs that are running, in any order: pid and start of their supervisors."""
        with self.stand.journal() as journal:
            runs = journal.runs(RunQuery(states=OPEN))
        self.rng.shuffle(runs)
        return {run.id: (run.arming.pid, run.arming.pid_start) for run in runs if run.arming is not None}

    def _cancel_something(self) -> None:
        running = list(self._running())
        if running:
            self.cancelled.add(running[0])
            self.stand.cancel(running[0])
