"""Goal 4: what a scheduler's start costs: open runs, whatever the history holds.

The child process (`python -m benchmarks.starting FOLDER`) imports everything, then takes the time from opening the
journal until every open run is settled. The open runs are those of a machine that was started anew since, so that each
gets its verdict and frees its slot.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.commits import GROUP, Worker
from benchmarks.figures import Figure, Sample, at_most
from benchmarks.own_memory import peak_mib
from benchmarks.registry import ROOT, Setting, benchmark, progress
from fsm.client.engine import Engine
from fsm.journal import sqlite_writes  # loaded with the first append otherwise, which is measured without imports
from fsm.journal.sqlite import SqliteJournal
from fsm.model.commands import Put, Request, Start
from fsm.model.events import LifecycleEvent
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import State
from fsm.ports import RunQuery
from fsm.realtime import SystemClock
from fsm.scheduler.core import Scheduler
from fsm.scheduler.presence import Who
from fsm.supervise.folder import DataFolder
from fsm.supervise.launcher import ProcessLauncher

assert sqlite_writes
_LAST = 20
_TURNS = 100_000


@benchmark("start", goals="4", on_demand=True)
def start(setting: Setting) -> list[Figure]:
    """Settled after a start with --finished and --open runs; the last 20 failed of a job."""
    found: dict[str, list[dict[str, float]]] = {"empty": [], "full": []}
    with setting.scratch() as folder:
        stores = {name: os.path.join(folder, name) for name in found}
        _fill(stores["empty"], 0, 0)
        progress(f"writing {setting.finished} finished and {setting.open_runs} open runs")
        _fill(stores["full"], setting.finished, setting.open_runs)
        for number in range(setting.rounds):
            progress(f"round {number + 1} of {setting.rounds}: start")
            for name, store in stores.items():
                found[name].append(_measured(store))
    progress("")
    size = f"{setting.finished:,} finished + {setting.open_runs:,} open"
    more = [full["rss"] - empty["rss"] for full, empty in zip(found["full"], found["empty"], strict=True)]
    return [
        Figure(
            "4", f"settled after a start with {size}", _of(found["full"], "ms", "ms"), at_most(100), (), "no imports"
        ),
        Figure("4", "the same with an empty store", _of(found["empty"], "ms", "ms")),
        Figure("4", f"peak memory with {size}", _of(found["full"], "rss", "MiB"), at_most(45)),
        Figure("4", "of which more than with an empty store", Sample(more, "MiB"), at_most(2)),
        Figure("4", f"the last {_LAST} failed runs of a job", _of(found["full"], "failed_ms", "ms"), at_most(0.5)),
    ]


def _of(found: list[dict[str, float]], key: str, unit: str) -> Sample:
    return Sample([one[key] for one in found], unit)


def _fill(path: str, finished: int, open_runs: int) -> None:
    folder = DataFolder(path)
    folder.create()
    journal = SqliteJournal(folder.journal)
    names = [f"job-{number}" for number in range(GROUP)]
    waiting = [f"open-{number}" for number in range(open_runs)]
    engine = Engine(journal)
    engine.do_all([(name, [Put(Job(name), "benchmark")]) for name in names + waiting])
    worker = Worker(journal, names, failing=10)
    for _ in range(finished // GROUP):
        worker.whole_runs()
    if waiting:
        engine.do_all([(name, [Request(), Start(1, _of_an_earlier_boot())]) for name in waiting])
    journal.close()


def _of_an_earlier_boot() -> Arming:
    return Arming(secrets.token_hex(8), "an earlier boot", 1000, 5000)


def _measured(store: str) -> dict[str, float]:
    """On a copy, since a start changes it."""
    copy = f"{store}-now"
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns("poke"))
    try:
        DataFolder(copy).create()
        command = [sys.executable, "-m", "benchmarks.starting", copy]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    finally:
        shutil.rmtree(copy)
    found: dict[str, float] = json.loads(done.stdout)
    return found


class _Nobody:
    """`fsm.ports.Publisher` without a subscriber."""

    def publish(self, events: Sequence[LifecycleEvent]) -> None:
        """To nobody."""


def _main(path: str) -> None:
    clock, folder = SystemClock(), DataFolder(path)
    begin = time.perf_counter()
    journal = SqliteJournal(folder.journal)
    launcher = ProcessLauncher(folder, clock)
    scheduler = Scheduler(
        journal, clock, launcher, _Nobody(), nonce=lambda: secrets.token_hex(8), who=Who(os.getpid(), "benchmark")
    )
    scheduler.begin()
    for _ in range(_TURNS):
        scheduler.turn()
        if not journal.busy_jobs():
            break
    else:
        raise SystemExit(f"{len(journal.busy_jobs())} jobs are still busy")
    settled = time.perf_counter()
    peak = peak_mib()
    query = RunQuery("job-0", frozenset({State.FAILED}), None, _LAST)
    journal.runs(query)
    asked = time.perf_counter()
    journal.runs(query)
    answered = time.perf_counter()
    found = {"ms": (settled - begin) * 1e3, "rss": peak, "failed_ms": (answered - asked) * 1e3}
    scheduler.end("measured")
    launcher.close()
    journal.close()
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1])
