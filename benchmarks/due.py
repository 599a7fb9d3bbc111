"""Goal 5: many jobs due at one instant, until all of them are durably queued; and many jobs that are not due.

The child processes (`python -m benchmarks.due …`) run the real scheduler on a real store, with a launcher that arms
nothing: what is measured is the turn in which the ticks are answered. Its wall clock is set on to the minute.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from benchmarks.figures import Beside, Figure, Sample, at_most
from benchmarks.own_memory import peak_mib
from benchmarks.registry import ROOT, Setting, benchmark, progress
from fsm.client.engine import Engine
from fsm.instants import MINUTE, Instant, Moment
from fsm.journal.sqlite import SqliteJournal
from fsm.model.commands import Put
from fsm.model.facts import Execution, Fact, Order
from fsm.model.job import Job
from fsm.realtime import SystemClock
from fsm.scheduler.core import Scheduler
from fsm.scheduler.presence import Who
from fsm.supervise.folder import DataFolder

_GROUP = 1_000
_IDLE_S = 20
_ROW = "x" * 600  # about as long as the entry of a queued run


@benchmark("due", goals="5", on_demand=True)
def due(setting: Setting) -> list[Figure]:
    """1,000 and 10,000 jobs due at once; a start with 100,000 jobs, and what they cost while nothing is due."""
    figures = []
    with setting.scratch() as folder:
        for jobs, bound in ((1_000, 20), (10_000, 150)):
            store = os.path.join(folder, str(jobs))
            _fill(store, jobs, "* * * * *")
            found = setting.in_turns(
                {"turn": lambda s=store: _child("turn", s), "limit": lambda f=folder, n=jobs: _commit_ms(f, n)}
            )
            wall = Sample([one["ms"] for one in found["turn"]], "ms")
            cpu = Sample([one["cpu_ms"] for one in found["turn"]], "ms")
            beside = (Beside("one commit of as many rows", Sample(found["limit"], "ms")),)
            figures.append(Figure("5", f"{jobs:,} due at once, all durably queued", wall, at_most(bound), beside))
            figures.append(Figure("5", f"{jobs:,} due at once, processor time of it", cpu))
        jobs = setting.size(100_000, 5_000)
        store = os.path.join(folder, "many")
        progress(f"writing {jobs} jobs")
        _fill(store, jobs, "0 3 1 1 *")
        ready = [_child("ready", store) for _ in range(min(3, setting.rounds))]
        figures += [
            Figure("5", f"ready with {jobs:,} jobs", Sample([one["ms"] for one in ready], "ms"), at_most(2_000)),
            Figure("5", f"peak memory with {jobs:,} jobs", Sample([one["rss"] for one in ready], "MiB"), at_most(150)),
            Figure("5", f"processor while idle, {jobs:,} jobs", Sample([_idle_percent(store)], "%"), at_most(0.1)),
        ]
    return figures


def _fill(path: str, jobs: int, schedule: str) -> None:
    folder = DataFolder(path)
    folder.create()
    journal = SqliteJournal(folder.journal)
    engine = Engine(journal)
    names = [f"job-{number:06}" for number in range(jobs)]
    for at in range(0, jobs, _GROUP):
        some = names[at : at + _GROUP]
        engine.do_all([(name, [Put(Job(name, schedule=schedule, command=("true",)), "benchmark")]) for name in some])
    journal.close()


def _child(what: str, store: str) -> dict[str, float]:
    """On a copy, since a turn changes it."""
    copy = f"{store}-now"
    shutil.copytree(store, copy, ignore=shutil.ignore_patterns("poke"))
    try:
        command = [sys.executable, "-m", "benchmarks.due", what, copy]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    finally:
        shutil.rmtree(copy)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _commit_ms(folder: str, rows: int) -> float:
    """So many rows of the length of an entry, in one durable transaction, without any rule or index."""
    path = os.path.join(folder, "limit.db")
    connection = apsw.Connection(path)
    connection.execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER, text)"
    ).fetchall()
    begin = time.perf_counter()
    with connection:
        connection.executemany("INSERT INTO rows VALUES (?, ?)", ((number, _ROW) for number in range(rows)))
    passed = (time.perf_counter() - begin) * 1e3
    connection.close()
    os.unlink(path)
    return passed


def _idle_percent(store: str) -> float:
    """Processor time of a real `serve` per time, after it has come up."""
    command = [sys.executable, "-m", "fsm.cli", "--data-dir", store, "serve", "--for", f"{_IDLE_S + 30}s"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        time.sleep(15)  # it is up, and its first page of streams is looked at within a minute
        before = _cpu_s(process.pid)
        time.sleep(_IDLE_S)
        return (_cpu_s(process.pid) - before) / _IDLE_S * 100
    finally:
        process.terminate()
        process.wait()


def _cpu_s(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---- in the child


class _Set:
    """The machine's clocks, the wall clock set on."""

    def __init__(self) -> None:
        self._clock, self.by = SystemClock(), 0

    def now(self) -> Moment:
        moment = self._clock.now()
        return Moment(Instant(moment.utc + self.by), moment.boot, moment.boot_id)


class _Nothing:
    """Arms nothing, publishes to nobody."""

    def arm(self, order: Order) -> None: ...

    def disarm(self, nonce: str) -> None: ...

    def forget(self, nonce: str) -> None: ...

    def facts(self) -> Sequence[Fact]:
        return ()

    def numbers(self, above: Mapping[str, int]) -> Mapping[str, Sequence[int]]:
        return {}

    def living(self) -> Sequence[Execution]:
        return ()

    def publish(self, events: Sequence[object]) -> None: ...


def _main(what: str, path: str) -> None:
    clock, nothing = _Set(), _Nothing()
    launcher: Any = nothing  # the rest of a launcher is not asked for where nothing is armed
    begin = time.perf_counter()
    journal = SqliteJournal(DataFolder(path).journal)
    who = Who(os.getpid(), "benchmark")
    scheduler = Scheduler(journal, clock, launcher, nothing, nonce=lambda: secrets.token_hex(8), who=who)
    scheduler.begin()
    scheduler.turn()
    ready = time.perf_counter()
    found = {"ms": (ready - begin) * 1e3, "rss": peak_mib()}
    if what == "turn":
        clock.by = MINUTE - clock.now().utc % MINUTE
        begin, cpu = time.perf_counter(), time.process_time()
        scheduler.turn()
        found = {"ms": (time.perf_counter() - begin) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3}
        if len(journal.busy_jobs()) != len(journal.job_names()):
            raise SystemExit("not all of them were queued")
    journal.close()
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
