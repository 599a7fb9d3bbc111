"""`verify` of an exported journal, beside one trigger of `transitions`: processor time, in a process of its own."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time

from benchmarks.figures import Beside, Figure, Sample, at_least
from benchmarks.registry import ROOT, Setting, benchmark, progress
from fsm.journal.export import export_lines
from fsm.journal.memory import MemoryJournal
from fsm.journal.verify import Checker, verify_lines
from fsm.lifecycle.machine import machine
from fsm.testing.scribe import Scribe

_JOBS = 20
_TRIGGERS = 30_000


@benchmark("verify", goals="")
def verify(setting: Setting) -> list[Figure]:
    """Entries a second that `verify` checks, beside triggers a second of `transitions`."""
    with setting.scratch() as folder:
        path = os.path.join(folder, "journal.jsonl")
        progress("writing a journal")
        _fill(path, setting.size(1250, 25))
        found = setting.in_turns({"verify": lambda: _child(path)})["verify"]
    triggers = Sample([one["triggers"] for one in found], "/s")
    beside = (Beside("`transitions`, triggers on a light model", triggers, at_least(100 / 140)),)
    note = f"{int(found[0]['entries']):,} entries of whole runs of {_JOBS} jobs; processor time"
    return [
        Figure("", "`verify` of an exported journal", Sample([one["rate"] for one in found], "/s"), None, beside, note)
    ]


def _fill(path: str, runs: int) -> None:
    scribe = Scribe(MemoryJournal())
    names = [f"job-{number}" for number in range(_JOBS)]
    for name in names:
        scribe.define(name, schedule="*/5 * * * *")
    for _ in range(runs):
        for name in names:
            scribe.run_through(name)
    with open(path, "wb") as file:
        file.writelines(line + b"\n" for line in export_lines(scribe.journal))


def _child(path: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.verifying", path]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


class _Light:
    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = "unborn"


def _main(path: str) -> None:
    model, event = _Light(), machine().events["queue"]
    list(verify_lines([]))
    gc.freeze()  # as the command does
    begin = time.process_time()
    for _ in range(_TRIGGERS):
        model.state = "unborn"
        event.trigger(model)
    triggers = _TRIGGERS / (time.process_time() - begin)
    checker = Checker()
    begin = time.process_time()
    with open(path, "rb") as file:
        wrong = list(verify_lines(file, checker))
    took = time.process_time() - begin
    if wrong:
        raise SystemExit("the journal is not right")
    print(json.dumps({"rate": checker.entries / took, "entries": checker.entries, "triggers": triggers}))


if __name__ == "__main__":
    _main(sys.argv[1])
