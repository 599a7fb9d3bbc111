"""A rescue of a store of openclaw/openclaw#61633's shape, beside one streaming pass over it and beside loading it.

Each is a process of its own (`python -m benchmarks.rescue WHAT FOLDER`), which says how long its work took, imports
apart, and the most memory it ever had.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.figures import Beside, Figure, Sample, at_most
from benchmarks.own_memory import peak_mib
from benchmarks.registry import ROOT, Setting, benchmark, progress
from fsm.testing.openclaw_store import StoreShape, write_store

_SESSIONS = "agents/main/sessions/sessions.json"
_PASSES = 5
"""Streaming passes of ijson that a look may take."""

_MOST_MB = 60


@benchmark("rescue", goals="rescue")
def rescue(setting: Setting) -> list[Figure]:
    """Dry run and repair of 6,539 entries in 185 MB, beside one pass of ijson and json.load."""
    shape = StoreShape()
    if setting.quick:
        shape = StoreShape(running=(200, 200), ended=(100, 50), own=5, size=15_000_000)
    with setting.scratch() as folder:
        progress("writing the store")
        size = write_store(Path(folder) / "store", shape).stat().st_size
        measures = {what: partial(_measured, what, folder) for what in _WORK}
        found = setting.in_turns(measures)
    seconds = {what: Sample([each[0] for each in values], "s") for what, values in found.items()}
    peaks = {what: Sample([each[1] for each in values], "MB") for what, values in found.items()}
    note = (
        f"{shape.rows:,} entries, {size / 1e6:.0f} MB, {sum(shape.running):,} running; the whole command, imports apart"
    )
    one_pass = Beside("one pass of ijson", seconds["ijson"], at_most(_PASSES))
    return [
        Figure("rescue", "rescue, dry run", seconds["look"], None, (one_pass,), note),
        Figure("rescue", "rescue, dry run: memory", peaks["look"], at_most(_MOST_MB), (), "VmHWM of the process"),
        Figure("rescue", "rescue --apply", seconds["apply"], None, (Beside("one pass of ijson", seconds["ijson"]),)),
        Figure("rescue", "rescue --apply: memory", peaks["apply"], at_most(_MOST_MB)),
        Figure("rescue", "json.load of it", seconds["load"]),
        Figure("rescue", "json.load of it: memory", peaks["load"]),
        Figure("rescue", "one pass of ijson: memory", peaks["ijson"]),
    ]


def _measured(what: str, folder: str) -> tuple[float, float]:
    """Seconds and MB of one of them."""
    source = os.path.join(folder, "store")
    if what == "apply":  # on a copy, for it changes it
        source = os.path.join(folder, "copy")
        shutil.copytree(os.path.join(folder, "store"), source)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rescue", what, source], cwd=ROOT, capture_output=True, text=True, check=True
    )
    if what == "apply":
        shutil.rmtree(source)
    seconds, peak = json.loads(done.stdout)
    return float(seconds), float(peak)


def _look(folder: str, *more: str) -> None:
    from fsm.cli.main import run

    with contextlib.redirect_stdout(io.StringIO()):
        run(["rescue", "openclaw", folder, *more])


def _ijson(folder: str) -> None:
    import ijson

    with open(os.path.join(folder, _SESSIONS), "rb") as file:
        for _ in ijson.basic_parse(file):
            pass


def _load(folder: str) -> None:
    with open(os.path.join(folder, _SESSIONS), encoding="utf-8") as file:
        json.load(file)


_WORK = {"look": _look, "apply": lambda folder: _look(folder, "--apply"), "ijson": _ijson, "load": _load}


def _child(what: str, folder: str) -> None:
    import fsm.cli.commands.rescue
    import fsm.openclaw.rescue  # noqa: F401  # its time is not the work's

    if what == "ijson":
        import ijson  # noqa: F401
    begin = time.perf_counter()
    _WORK[what](folder)
    seconds = time.perf_counter() - begin
    print(json.dumps([seconds, peak_mib() * 1.048576]))


if __name__ == "__main__":
    _child(sys.argv[1], sys.argv[2])
