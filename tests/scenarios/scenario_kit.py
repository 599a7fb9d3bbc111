"""What the scenarios share: the stage with real processes, and a scheduler that is killed at every point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cli_process import SOURCE, Cli, alive, stop, until

from fsm.client.engine import Engine
from fsm.instants import SECOND, Instant, format_instant
from fsm.journal.sqlite import SqliteJournal
from fsm.model.job import Job
from fsm.scheduler.lock import who_serves
from fsm.supervise.poke import send
from fsm.supervise.processes import is_alive, send_signal
from fsm.testing import Simulation

__all__ = [
    "SOURCE",
    "Gate",
    "Stage",
    "alive",
    "dies_as_it_comes_up",
    "events_of",
    "every_crash_point",
    "stop",
    "until",
]

MAX_POINTS = 200
"""Points between calls to the world that any act here passes: a few dozen. More means that it does not end."""


class Gate:
    """What a command waits at, with ``read line < GATE``, until the test opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # both ends: neither side waits to open it

    def open(self) -> None:
        """Let one command pass."""
        os.write(self._fd, b"go\n")

    def __str__(self) -> str:
        return str(self.path)


class Stage(Cli):
    """A data folder, the command line on it, its schedulers one after the other, and files that all share."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "state")
        self.root = root
        self._schedulers: list[subprocess.Popen[str]] = []

    # ---- schedulers

    def up(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``cronfsm serve --json``; it is up when this returns."""
        scheduler = self.start("serve", "--json", *arguments)
        self._schedulers.append(scheduler)
        until(lambda: scheduler.poll() is not None or self.pid == scheduler.pid)
        assert scheduler.poll() is None, scheduler.communicate()
        return scheduler

    @property
    def pid(self) -> int | None:
        """Of the scheduler that is up."""
        served = who_serves(self.folder)
        return None if served is None else served.pid

    def crash(self, scheduler: subprocess.Popen[str]) -> list[dict[str, Any]]:
        """KILL it; the events that it published."""
        return events_of(stop(scheduler, signal.SIGKILL)[0])

    def down(self, scheduler: subprocess.Popen[str]) -> list[dict[str, Any]]:
        """Let it end in good order; the events that it published."""
        out, err = stop(scheduler)
        assert (scheduler.returncode, err) == (0, "")
        return events_of(out)

    def close(self) -> None:
        """End all that a test has left."""
        for scheduler in self._schedulers:
            if scheduler.poll() is None:
                stop(scheduler, signal.SIGKILL)
        for run in self.json("runs", "--limit", "1000"):
            if run["state"] in ("queued", "running") or run["slot"] == "held":
                self.run("cancel", run["id"])
        if self.path.exists():
            for pid in alive(f"CRONFSM_RUN_TOKEN={self.folder.id}-"):  # nothing is, unless the test has failed
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # ---- what people do and see

    def add_due_in(self, seconds: int, job: str, shell: str) -> Instant:
        """A job that is due once, so soon that the command line might not be there in time. When it is due."""
        self.folder.create()
        journal = SqliteJournal(self.folder.journal)
        due = Instant((int(time.time()) + seconds) * SECOND)
        Engine(journal).define(Job(job, schedule=f"at {format_instant(due)}", shell=shell))
        journal.close()
        assert time.time() * SECOND < due, "a time that is past when its job is made is not due"
        return due

    def gate(self, name: str = "gate") -> Gate:
        """A new gate."""
        return Gate(self.root / name)

    def asked(self, job: str) -> tuple[int, Any]:
        """Ask for a run: exit code and answer of ``cronfsm run JOB --json``."""
        done = self.run("run", job, "--json")
        return done.returncode, json.loads(done.stdout)

    def show(self, run: str) -> dict[str, Any]:
        """A run, as ``cronfsm show`` has it."""
        shown: dict[str, Any] = self.json("show", run)
        return shown

    def runs(self, job: str) -> list[dict[str, Any]]:
        """The runs of a job, oldest first."""
        return list(reversed(self.json("runs", "--job", job, "--limit", "1000")))

    def entries(self, job: str) -> list[dict[str, Any]]:
        """The entries of a job's stream, oldest first."""
        return [json.loads(line) for line in self.ok("journal", "--job", job, "--json").splitlines()]

    def triggers(self, job: str) -> list[str]:
        """Its transitions, oldest first, each by its trigger."""
        return [entry["body"]["trigger"] for entry in self.entries(job) if entry["kind"] == "transition"]

    def until_shown(self, run: str, **wanted: object) -> dict[str, Any]:
        """Wait until a run is shown with these values; what else is shown of it then."""
        until(lambda: wanted.items() <= self.show(run).items())
        return self.show(run)

    def poke(self) -> None:
        """Tell a scheduler that is up to look at the journal."""
        send(self.folder.poke, {"about": "journal"})

    def kill_supervisor(self, arming: dict[str, Any]) -> None:
        """KILL the supervisor of an arming, as the history names it, and wait for its end."""
        send_signal(arming["pid"], arming["pid_start"], signal.SIGKILL)
        self.until_gone(arming)

    def until_gone(self, arming: dict[str, Any]) -> None:
        """Wait for the end of an arming's supervisor."""
        until(lambda: not is_alive(arming["pid"], arming["pid_start"]))

    def until_shown_at_all(self, run: str) -> None:
        """Wait until the history has this run."""
        until(lambda: self.run("show", run).returncode == 0)

    def until_begun(self, run: str) -> None:
        """Wait until the command of a run has printed something."""
        job, _, number = run.rpartition("/")
        output = Path(self.folder.run_folder(job, int(number)), "out.0")
        until(lambda: output.exists() and output.stat().st_size)


def events_of(out: str) -> list[dict[str, Any]]:
    """What ``serve --json`` has printed; a line that its death cut short is none."""
    return [json.loads(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]


def every_crash_point(
    scene: Callable[[], Simulation],
    act: Callable[[Simulation], None],
    *,
    strike: Callable[[Simulation, int], None] = Simulation.crash,
    fewest: int = 10,
) -> Iterator[Simulation]:
    """The scene again and again, its scheduler killed at the first point of the act, at the second, and so on.

    Points lie before and after each of its calls to journal, launcher and subscribers. No scheduler is up in what is
    given. `strike` plans the death, by default of the scheduler that the scene has. An act with fewer than `fewest`
    points is none.
    """
    for point in range(1, MAX_POINTS):
        sim = scene()
        strike(sim, point)
        act(sim)
        if sim.up:
            assert point > fewest, f"only {point - 1} points were passed: the act does nothing"
            return
        yield sim
    raise AssertionError(f"the act passes more than {MAX_POINTS} points")


def dies_as_it_comes_up(sim: Simulation, point: int) -> None:
    """For `every_crash_point`: a scheduler begins, and is killed at that point."""
    sim.restart(dies_at=point)
