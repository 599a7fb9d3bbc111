"""Goal 7: `cronfsm list` with a thousand jobs, from the start of its process to its end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

from attrs import evolve

from benchmarks.commits import Worker
from benchmarks.figures import Beside, Figure, Sample, at_most
from benchmarks.registry import ROOT, Setting, benchmark
from fsm.client.engine import Engine
from fsm.journal.sqlite import SqliteJournal
from fsm.model.commands import Put
from fsm.model.job import Job
from fsm.supervise.folder import DataFolder

JOBS = 1_000
_MAIN = "from fsm.cli.main import main; main()"  # what the installed command does
_SCHEDULES = ("*/5 * * * *", "0 3 * * *", "30 2 * * 1-5", "@hourly", "every 90s", "0 0 1 * *", None)
_ZONES = ("UTC", "Europe/Berlin", "America/New_York")
_NOTE = f"{JOBS} jobs with {len(_SCHEDULES)} schedules in {len(_ZONES)} zones, each with an ended run; into a pipe"


@benchmark("list", goals="7")
def listing(setting: Setting) -> list[Figure]:
    """`cronfsm list` with 1,000 jobs, the whole process."""
    with setting.scratch() as path:
        _fill(path)
        commands = {
            "pass": ["-c", "pass"],
            "click": ["-c", "import click"],
            "list": ["-c", _MAIN, "--data-dir", path, "list"],
            "list --json": ["-c", _MAIN, "--data-dir", path, "list", "--json"],
        }
        # a process is quickly measured, and noisy: eleven rounds at least
        more = evolve(setting, rounds=max(setting.rounds, setting.size(11, 3)))
        found = more.in_turns({name: partial(_process_ms, command) for name, command in commands.items()})
    sample = {name: Sample(values, "ms") for name, values in found.items()}
    beside = (Beside("`python -c pass`", sample["pass"]), Beside('`python -c "import click"`', sample["click"]))
    return [
        Figure("7", f"`cronfsm list` with {JOBS:,} jobs", sample["list"], at_most(150), beside, _NOTE),
        Figure("7", "the same with `--json`", sample["list --json"], at_most(150), beside),
    ]


def _fill(path: str) -> None:
    folder = DataFolder(path)
    folder.create()
    journal = SqliteJournal(folder.journal)
    jobs = [
        Job(
            f"job-{number:04}",
            schedule=_SCHEDULES[number % len(_SCHEDULES)],
            timezone=_ZONES[number % len(_ZONES)],
            command=("/bin/true", str(number)),
        )
        for number in range(JOBS)
    ]
    Engine(journal).do_all([(job.name, [Put(job, "benchmark")]) for job in jobs])
    Worker(journal, [job.name for job in jobs]).whole_runs()
    journal.close()


def _process_ms(arguments: list[str]) -> float:
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environ, capture_output=True, check=False)
    passed = (time.perf_counter() - begin) * 1e3
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()[:500]}")
    if "list" in arguments and done.stdout.count(b"job-") < JOBS:
        raise RuntimeError(f"it listed {done.stdout.count(b'job-')} jobs of {JOBS}")
    return passed
