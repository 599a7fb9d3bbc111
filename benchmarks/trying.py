"""`cronfsm try` on a crontab of 200 lines: a week and a year, the whole process; and what a run costs the scheduler."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial

from benchmarks.figures import Beside, Figure, Sample
from benchmarks.registry import ROOT, Setting, benchmark

LINES = 200
_MAIN = "from fsm.cli.main import main; main()"
_NOTE = (
    f"{LINES} lines: 1 every 5 minutes, 4 every quarter of an hour, 15 every hour, 150 a day, 30 a week; "
    "in Europe/Berlin; each run a minute; into a pipe"
)


def crontab() -> str:
    """As a busy server has it."""
    lines = ["CRON_TZ=Europe/Berlin", "*/5 * * * * job-0"]
    lines += [f"*/15 * * * * job-{number}" for number in range(1, 5)]
    lines += [f"{number * 7 % 60} * * * * job-{number}" for number in range(5, 20)]
    lines += [f"{number * 11 % 60} {number * 5 % 24} * * * job-{number}" for number in range(20, 170)]
    lines += [f"{number * 13 % 60} {number * 3 % 24} * * {number % 7} job-{number}" for number in range(170, LINES)]
    return "\n".join([*lines, ""])


@benchmark("try", goals="try")
def trying(setting: Setting) -> list[Figure]:
    """`cronfsm try` on a crontab of 200 lines."""
    with setting.scratch() as path:
        file = os.path.join(path, "crontab")
        with open(file, "w", encoding="utf-8") as out:
            out.write(crontab())
        base = ["--data-dir", os.path.join(path, "none"), "try", file, "--from", "2027-01-01T00:00:00Z"]
        year = str(setting.size(365, 30))
        measures = {
            "pass": partial(_seconds, ["-c", "pass"]),
            "day": partial(_seconds, ["-c", _MAIN, *base, "--days", "1"]),
            "week": partial(_seconds, ["-c", _MAIN, *base, "--days", "7"]),
            "year": partial(_seconds, ["-c", _MAIN, *base, "--days", year]),
        }
        found = setting.in_turns(measures)
    sample = {name: Sample(values, "s") for name, values in found.items()}
    beside = (Beside("`python -c pass`", sample["pass"]),)
    return [
        Figure("try", "`cronfsm try`, a day (the scheduler itself)", sample["day"], None, beside, _NOTE),
        Figure("try", "a week (reckoned)", sample["week"], None, beside),
        Figure("try", f"{year} days (reckoned)", sample["year"], None, beside),
    ]


def _seconds(arguments: list[str]) -> float:
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "TZ": "Europe/Berlin"}
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environ, capture_output=True, check=False)
    passed = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()[:500]}")
    if "try" in arguments and f"{LINES} jobs".encode() not in done.stdout:
        raise RuntimeError(f"it did not take {LINES} jobs: {done.stdout[:200]!r}")
    return passed
