"""The launcher with real processes keeps the contract; it is the reference."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

from supervise_kit import BOUND_S, Bench, in_us, python

from fsm.instants import Deadline
from fsm.model.facts import Execution, Order
from fsm.ports import Launcher
from fsm.supervise.processes import send_signal
from fsm.testing.launcher_contract import Does, LauncherContract, LauncherWorld

# Whatever it does, it says first that it was executed; TERM is heard from the first moment on.
SAYS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == "ignore_term" else signal.SIG_DFL)
open(sys.argv[1], "x").close()
if sys.argv[2] in ("succeed", "fail"):
    sys.exit(3 if sys.argv[2] == "fail" else 0)
while True: signal.pause()
"""


class Processes:
    """A bench as the contract wants it."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self.orders: list[Order] = []

    @property
    def launcher(self) -> Launcher:
        return self.bench.launcher

    def mark(self, number: int) -> Path:
        return self.bench.root / f"executed-{number}"

    def order(self, does: Does, *, job: str, number: int, arm_within_us: int) -> Order:
        command = python(SAYS, self.mark(number), str(does)) if does is not Does.NO_PROGRAM else ("/no/such/program",)
        return self.bench.order(*command, job=job, number=number, arm_by=in_us(arm_within_us))

    def deadline(self, after_us: int) -> Deadline:
        return in_us(after_us)

    def until(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + BOUND_S
        while not true():
            assert time.monotonic() < until
            select.select([self.bench.launcher], [], [], 0.02)  # a mark on the disk is no event

    def kill_supervisor(self, execution: Execution) -> None:
        self.bench.executions.append(execution)
        send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGKILL)

    def executed(self, execution: Execution) -> bool:
        return self.mark(execution.number).exists()

    def close(self) -> None:
        self.bench.close()


class TestProcesses(LauncherContract):
    def make(self, folder: Path) -> LauncherWorld:
        return Processes(folder)
