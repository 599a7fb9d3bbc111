"""Goal 6: what a live run costs in memory: its fold in the scheduler, its supervisor beside it."""

from __future__ import annotations

import gc
import os
import secrets
import select
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from benchmarks.engine_cost import NOW, after, defined
from benchmarks.figures import Figure, Sample, at_most
from benchmarks.registry import Setting, benchmark, progress
from fsm.instants import MINUTE, SECOND, Deadline
from fsm.model.commands import Request, Start
from fsm.model.facts import Armed, ArmFailed, Execution, Order
from fsm.model.run import Arming
from fsm.model.states import Reason
from fsm.realtime import SystemClock
from fsm.supervise.folder import DataFolder
from fsm.supervise.launcher import ProcessLauncher


class NotArmed(RuntimeError):
    """A supervisor could not be armed, and why."""


ARMED_AT_ONCE = (8, 32)

_PATIENCE_S = 30.0
_FOLD = "folds of jobs with a running run, less the folds of the same jobs with none; tracemalloc, {runs} of each"
_PSS = "Pss of /proc/PID/smaps_rollup, the median of {armed} that are armed at once; what they share is divided"


@benchmark("memory", goals="6")
def memory(setting: Setting) -> list[Figure]:
    """Bytes of a live run in the scheduler, and PSS of a waiting supervisor."""
    runs = setting.size(10_000, 1_000)
    progress("folds")
    bytes_each = Sample([_fold_bytes(runs) for _ in range(min(setting.rounds, 3))], "bytes")
    figures = [Figure("6", "a live run's fold", bytes_each, at_most(1024), (), _FOLD.format(runs=runs))]
    measured = setting.in_turns({f"{armed} armed": partial(_supervisors, setting, armed) for armed in ARMED_AT_ONCE})
    for armed, found in zip(ARMED_AT_ONCE, measured.values(), strict=True):
        waiting, executing = ([pair[place] / 1024 for pair in found] for place in (0, 1))
        note = _PSS.format(armed=armed)
        figures.append(Figure("6", f"a waiting supervisor, of {armed}", Sample(waiting, "MiB"), at_most(1), (), note))
        what = f"the same while its command runs, of {armed}"
        figures.append(Figure("6", what, Sample(executing, "MiB"), None, (), "without the command itself"))
    return figures


def _fold_bytes(runs: int) -> float:
    folds = {name: defined(name) for name in (f"job-{number}" for number in range(runs))}
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for name, idle in folds.items():
            arming = Arming(secrets.token_hex(8), NOW.boot_id, 1000, 5000)
            queued = after(idle, Request())
            folds[name] = after(queued, Start(queued.last_number, arming))
        gc.collect()
        # the idle folds were made before tracing began: they are not counted when they go, so all of the new is
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    return grown / runs


def _supervisors(setting: Setting, armed: int) -> tuple[float, float]:
    """KiB of one that waits for its go, and of one that executes."""
    clock = SystemClock()
    with setting.scratch() as path:
        folder = DataFolder(path)
        folder.create()
        launcher = ProcessLauncher(folder, clock)
        executions: list[Execution] = []
        try:
            for number in range(armed):
                launcher.arm(_order(f"job-{number}", Deadline.after(clock.now(), MINUTE)))
            _wait(launcher, lambda: len(executions) == armed, executions)
            waiting = _median_pss(executions)
            run_by = Deadline.after(clock.now(), MINUTE)
            for execution in executions:
                launcher.go(execution, run_by)
            _until(lambda: all(_children(execution.arming.pid) for execution in executions))
            executing = _median_pss(executions)
        finally:
            for execution in executions:
                launcher.stop(execution, Reason.CANCELLED)
            _until(lambda: not any(os.path.exists(f"/proc/{execution.arming.pid}") for execution in executions))
            launcher.close()
    return waiting, executing


def _order(job: str, arm_by: Deadline) -> Order:
    nonce = secrets.token_hex(8)
    command = ("/bin/sleep", "60")
    return Order(job, 1, nonce, 1, None, f"cron:{job}:run:1", command, None, (), None, SECOND, 1 << 20, arm_by)


def _wait(launcher: ProcessLauncher, done: Callable[[], bool], executions: list[Execution]) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not done():
        if time.monotonic() > give_up:
            raise RuntimeError(f"{len(executions)} supervisors were armed")
        select.select([launcher.fileno()], [], [], 1)
        for fact in launcher.facts():
            if isinstance(fact, Armed):
                executions.append(fact.execution)
            elif isinstance(fact, ArmFailed):
                raise NotArmed(fact.error)


def _until(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _PATIENCE_S
    while not done():
        if time.monotonic() > give_up:
            raise RuntimeError("the supervisors did not get there")
        time.sleep(0.02)


def _children(pid: int) -> bool:
    """Whether its command has become `sleep`."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    return any(_name(child) == "sleep" for child in children)


def _name(pid: str) -> str:
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def _median_pss(executions: list[Execution]) -> float:
    found = sorted(_pss_kib(execution.arming.pid) for execution in executions)
    return found[len(found) // 2]


def _pss_kib(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1])
    raise RuntimeError(f"the kernel does not tell the PSS of {pid}")
