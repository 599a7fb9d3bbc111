"""Huey on SQLite: tasks that run /bin/true and store its exit code. Nothing supervises them; no start is recorded.

In a process of its own: one consumer, its workers as threads, its settings as they come (WAL, synchronous FULL). All
tasks wait in the queue before the clock starts, which is the best case for it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from importlib.util import find_spec

from benchmarks.limits import TRUE
from benchmarks.registry import ROOT

AVAILABLE = find_spec("huey") is not None
_PATIENCE_S = 120


def huey_per_s(folder: str, workers: int, tasks: int) -> float:
    """Tasks a second with that many workers."""
    command = [sys.executable, "-m", "benchmarks.huey_peer", folder, str(workers), str(tasks)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=_PATIENCE_S)
    return float(done.stdout)


def _consume(folder: str, workers: int, tasks: int) -> float:
    from huey import SqliteHuey, signals

    huey = SqliteHuey(filename=os.path.join(folder, "huey.db"))

    @huey.task()  # type: ignore[untyped-decorator]  # huey has no types
    def true() -> int:
        return subprocess.run([TRUE], check=True).returncode

    for _ in range(tasks):
        true()
    warm = 2 * workers
    ended: list[float] = []
    over = threading.Event()

    @huey.signal(signals.SIGNAL_COMPLETE)  # type: ignore[untyped-decorator]
    def count(signal: str, task: object) -> None:
        ended.append(time.perf_counter())
        if len(ended) == tasks:
            over.set()

    consumer = huey.create_consumer(workers=workers, worker_type="thread", periodic=False)
    consumer.start()
    if not over.wait(_PATIENCE_S):
        raise SystemExit(f"huey did {len(ended)} of {tasks} tasks")
    consumer.stop()
    return (tasks - warm) / (ended[-1] - ended[warm - 1])


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("workers", type=int)
    parser.add_argument("tasks", type=int)
    options = parser.parse_args()
    print(_consume(options.folder, options.workers, options.tasks), flush=True)
    os._exit(0)  # its threads sleep for seconds; nothing is left to do


if __name__ == "__main__":
    _main()
