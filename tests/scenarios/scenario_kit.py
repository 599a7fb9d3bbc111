"""What the scenarios share: the stage with real processes, and a scheduler that is killed at every point."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cli_process import SOURCE, Cli, alive, stop, until

from fsm.supervise.poke import send
from fsm.supervise.processes import is_alive, send_signal
from fsm.testing import Simulation

__all__ = ["SOURCE", "Gate", "Stage", "alive", "every_crash_point", "stop", "until"]

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
    """A data folder, the command line on it, and files that commands and test share."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "state")
        self.root = root
        self._gates: list[Gate] = []

    def gate(self, name: str = "gate") -> Gate:
        """A new gate."""
        self._gates.append(Gate(self.root / name))
        return self._gates[-1]

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
        until(lambda: not is_alive(arming["pid"], arming["pid_start"]))

    def until_begun(self, run: str) -> None:
        """Wait until the command of a run has printed its first line."""
        until(lambda: self.run("logs", run).stdout != "")


def every_crash_point(scene: Callable[[], Simulation], act: Callable[[Simulation], None]) -> Iterator[Simulation]:
    """The scene again and again, its scheduler killed at the first point of the act, at the second, and so on.

    Points lie before and after each of its calls to journal, launcher and subscribers. It has not been restarted.
    """
    for point in range(1, MAX_POINTS):
        sim = scene()
        sim.crash(at=point)
        act(sim)
        if sim.up:
            assert point > 10, f"only {point - 1} points were passed: the act does nothing"
            return
        yield sim
    raise AssertionError(f"the act passes more than {MAX_POINTS} points")
