"""A data folder, its schedulers, and what a test has to do with them. Every wait is for an event, and has a bound that
only a broken program reaches."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from attrs import define

import fsm
from chaos.plan import Plan
from chaos.processes import WITHIN_S, Process, carrying, end_all, process
from chaos.tickets import KILL
from fsm.client.cancel import Canceller
from fsm.client.engine import Engine
from fsm.journal.sqlite import SqliteJournal
from fsm.model.entries import Entry, Refused, Released, Started
from fsm.model.facts import Execution
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.realtime import SystemClock
from fsm.supervise.armingfile import COMMAND, SIZE, Unreadable
from fsm.supervise.folder import DataFolder
from fsm.supervise.launcher import ProcessLauncher
from fsm.supervise.leftbehind import armings_of
from fsm.supervise.poke import send

TESTS = Path(__file__).parents[1]
SOURCE = Path(fsm.__file__).parents[1]
COMMAND_SCRIPT = TESTS / "chaos" / "command.py"

CLOCK = SystemClock()
_POLL_S = 0.02  # where another process tells nobody

T = TypeVar("T")
Said = dict[str, Any]


def until(what: Callable[[], T | None], why: str, within_s: float = WITHIN_S) -> T:
    """Ask until there is an answer that says something: not None, not False, not empty."""
    give_up = time.monotonic() + within_s
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < give_up, f"it never came: {why}"
        time.sleep(_POLL_S)


class Fifo:
    """Lines that other processes write. Both ends are kept open, so that none of them ever waits for the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""

    def fileno(self) -> int:
        return self._fd

    def lines(self) -> list[str]:
        """Those that are there."""
        with contextlib.suppress(BlockingIOError):
            self._rest += os.read(self._fd, 1 << 20)
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode() for line in lines]

    def write(self, line: str) -> None:
        """For somebody else who reads it."""
        os.write(self._fd, line.encode() + b"\n")

    def close(self) -> None:
        os.close(self._fd)


@define(eq=False)
class Served:
    """A scheduler that was started."""

    popen: subprocess.Popen[bytes]
    process: Process
    pidfd: int
    log: Path
    epoch: int | None = None

    @property
    def up(self) -> bool:
        """Whether it has said that it begins."""
        return self.epoch is not None

    def ended(self) -> int | None:
        """Its exit code, None while it is there."""
        return self.popen.poll()

    def wait(self, within_s: float = WITHIN_S) -> int:
        """Wait for its end; its exit code."""
        return self.popen.wait(within_s)

    def kill(self) -> None:
        """kill -9, and wait for it."""
        self.popen.kill()
        self.wait()

    def said(self) -> str:
        """What it said to people."""
        return self.log.read_text(errors="replace")


class Stand:
    """One data folder and everything that was started on it. `close` ends all of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = DataFolder(root / "data")
        self.folder.create()
        self.said = Fifo(root / "said")
        self.tickets = root / "tickets"
        self.tickets.mkdir()
        self.events = root / "events"
        self.heard: list[Said] = []
        self.servers: list[Served] = []
        self._closing: list[Callable[[], None]] = [self.said.close]

    # ---- schedulers

    def launch(self, **plan: Any) -> Served:
        """Start a scheduler; it says when it is up. The arguments are fields of `Plan`."""
        told = Plan(
            data=self.folder.path,
            tickets=str(self.tickets),
            said=str(self.said.path),
            events=str(self.events),
            **plan,
        )
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        log = self.root / f"serve.{len(self.servers)}.log"
        with open(log, "wb") as out:
            popen = subprocess.Popen(
                [sys.executable, "-m", "chaos.serve", told.dumped()],
                cwd=self.root,
                env={**kept, "PYTHONPATH": f"{TESTS}:{SOURCE}", "LC_ALL": "C.UTF-8", "CRONFSM_CGROUP": "off"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        found = process(popen.pid)
        assert found is not None
        served = Served(popen, found, os.pidfd_open(popen.pid), log)
        self.at_end(lambda: os.close(served.pidfd))
        self.servers.append(served)
        return served

    def serve(self, **plan: Any) -> Served:
        """Start a scheduler and wait until it has looked at what was open."""
        served = self.launch(**plan)
        self.wait_up(served)
        return served

    def wait_up(self, served: Served) -> None:
        """Wait until it is up. What it says of itself is taken out of `heard`."""

        def is_up() -> bool:
            said = self.take(lambda said: "up" in said and said["pid"] == served.process.pid)
            if said is not None:
                served.epoch = said["up"]
            elif served.ended() is not None:
                raise AssertionError(f"it ended with {served.ended()} before it was up:\n{served.said()}")
            return served.up

        until(is_up, "a scheduler that is up")

    # ---- what processes say

    def hear(self, within_s: float = 0.0) -> None:
        """Take in what was said; waits for something for so long."""
        if select.select([self.said], [], [], within_s)[0]:
            self.heard += [json.loads(line) for line in self.said.lines()]

    def take(self, fits: Callable[[Said], object], within_s: float = 0.0) -> Said | None:
        """The first that was said and fits, out of `heard`."""
        give_up = time.monotonic() + within_s
        while True:
            self.hear()
            for said in self.heard:
                if fits(said):
                    self.heard.remove(said)
                    return said
            left = give_up - time.monotonic()
            if left <= 0:
                return None
            self.hear(left)

    def ticket(self, window: str, what: bytes = KILL) -> None:
        """The next process that comes into this window is killed there (or stopped, or only says so)."""
        draft = self.tickets / f".{window}"
        draft.write_bytes(what)
        draft.rename(self.tickets / window)

    def set_wall(self, seconds: float) -> None:
        """By how much the wall clock of its schedulers is wrong from now on."""
        draft = self.tickets / ".wall"
        draft.write_text(str(round(seconds * 1_000_000)))
        draft.rename(self.tickets / "wall")
        self.poke()

    def tear_up(self, window: str) -> bool:
        """Take a ticket back; False if somebody has taken it."""
        try:
            (self.tickets / window).unlink()
        except FileNotFoundError:
            return False
        return True

    def in_window(self, window: str) -> Process:
        """Wait until a process has taken the ticket of this window: that process."""
        said = self.take(lambda said: said.get("window") == window, WITHIN_S)
        assert said is not None, f"nobody came into the window {window}; {self._logs()}"
        return Process(said["pid"], said["start"])

    def _logs(self) -> str:
        return "; ".join(f"{served.log.name}: {served.said()[-2000:]}" for served in self.servers)

    # ---- the journal

    @contextmanager
    def journal(self, *, read_only: bool = True) -> Iterator[SqliteJournal]:
        """The journal, for a moment."""
        journal = SqliteJournal(self.folder.journal, read_only=read_only)
        try:
            yield journal
        finally:
            journal.close()

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """A client, as the command line is one."""
        with self.journal(read_only=False) as journal:
            yield Engine(
                journal,
                clock=CLOCK,
                poke=self.poke,
                numbers=lambda job: max(self.folder.run_numbers(job), default=0),
            )

    def poke(self) -> None:
        send(self.folder.poke, {"about": "journal"})

    def define(self, *jobs: Job) -> None:
        with self.engine() as engine:
            for job in jobs:
                engine.define(job)

    def request(self, job: str) -> Run | Refused:
        with self.engine() as engine:
            return engine.request(job)

    def requested(self, job: str) -> Run:
        """A manual run that was not refused."""
        run = self.request(job)
        assert isinstance(run, Run), run
        return run

    def cancel(self, run: str) -> Run:
        """As `cronfsm cancel` does it, up to the verdict."""
        with self.journal(read_only=False) as journal:
            launcher = ProcessLauncher(self.folder, CLOCK)
            try:
                canceller = Canceller(journal, launcher, CLOCK, pause=time.sleep, poke=self.poke)
                return canceller.cancel(Engine(journal, clock=CLOCK).find(run))
            finally:
                launcher.close()

    def run(self, run: str) -> Run:
        with self.journal() as journal:
            return Engine(journal).find(run)

    def last_number(self, job: str) -> int:
        """The last number that was given or taken."""
        with self.journal() as journal:
            return journal.state(job).last_number

    def entries(self, job: str | None = None) -> list[Entry]:
        with self.journal() as journal:
            return list(journal.entries(job=job))

    def until_run(self, run: str, fits: Callable[[Run], object], why: str) -> Run:
        """Wait until the journal says this of a run."""

        def look() -> Run | None:
            found = self.run(run)
            return found if fits(found) else None

        try:
            return until(look, f"{run} {why}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.run(run)}; {self._logs()}") from None

    def until_ended(self, run: str) -> Run:
        return self.until_run(run, lambda run: run.state.terminal, "has ended")

    def until_running(self, run: str) -> Run:
        return self.until_run(run, lambda run: run.arming is not None, "is started")

    def until_released(self, run: str) -> Released:
        """Wait until its slot is released: the entry."""
        job, _, number = run.rpartition("/")

        def look() -> Released | None:
            for entry in self.entries(job):
                if entry.run == int(number) and isinstance(entry.body, Released):
                    return entry.body
            return None

        return until(look, f"{run} is released")

    def a_run_passes(self, job: str = "marker") -> Run:
        """Wait until a run of another job has gone through: the scheduler has had its turn with everything else."""
        run = self.requested(job)
        self.until_released(run.id)
        return self.run(run.id)

    # ---- processes of a run

    def supervisor(self, run: str) -> Process:
        """The supervisor that its start names."""
        arming = self.until_running(run).arming
        assert arming is not None
        return Process(arming.pid, arming.pid_start)

    def execution(self, run: str) -> Execution:
        found = self.run(run)
        assert found.arming is not None
        return Execution(found.job, found.number, found.arming)

    def command(self, run: str) -> Process:
        """The command itself, once the supervisor has noted it."""
        execution = self.execution(run)
        path = self.folder.arming_file(execution.job, execution.number, execution.arming.nonce)

        def look() -> Process | None:
            with contextlib.suppress(Unreadable, OSError):
                noted = COMMAND.unpack(Path(path).read_bytes()[:SIZE])
                if noted is not None and isinstance(pid := noted["pid"], int):
                    return process(pid)
            return None

        return until(look, f"the command of {run}")

    def armings(self, job: str, number: int) -> list[Execution]:
        return armings_of(self.folder, job, number)

    @property
    def token(self) -> bytes:
        """The beginning of the cookie that every process of every run of this folder carries."""
        return f"CRONFSM_RUN_TOKEN={self.folder.id}-".encode()

    @property
    def _below(self) -> bytes:
        return f"{self.root}/".encode()

    def ours(self) -> list[Process]:
        """Every process of ours that lives: schedulers, fork servers, supervisors, and all of the runs."""
        return carrying(self._below, self.token)

    # ---- the end

    def at_end(self, close: Callable[[], None]) -> None:
        self._closing.append(close)

    def close(self) -> None:
        """End everything that was started here."""
        for served in self.servers:
            if served.ended() is None:
                served.popen.kill()
        for served in self.servers:
            served.wait()
        end_all(self._below, self.token)
        for close in reversed(self._closing):
            close()


def starts(entries: Sequence[Entry]) -> dict[int, list[Started]]:
    """By run: every start that was journaled."""
    found: dict[int, list[Started]] = {}
    for entry in entries:
        if isinstance(entry.body, Started) and entry.run is not None:
            found.setdefault(entry.run, []).append(entry.body)
    return found


def stop_and_wait(one: Process) -> None:
    """SIGSTOP, and wait until it stands still."""
    assert one.signal(signal.SIGSTOP)
    one.wait_stopped()
