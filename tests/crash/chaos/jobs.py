"""The jobs of the chaos: from 0.1 to 5 seconds, every second or so, each with a file of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from attrs import frozen

from chaos.kit import COMMAND_SCRIPT


@frozen
class Kind:
    """A job. `code` is its exit code; `times_out` says that it never gets as far."""

    name: str
    every: str
    lasts_s: float
    code: int = 0
    ways: tuple[str, ...] = ()
    timeout: str = "1h"
    grace: str = "300ms"
    times_out: bool = False


KINDS = (
    Kind("blink", "1s", 0.1),
    Kind("short", "1s", 0.4),
    Kind("failing", "1.1s", 0.2, code=3),
    Kind("second", "1.3s", 1.0),
    Kind("long", "1s", 5.0),
    Kind("parent", "1.5s", 0.3, ways=("child",)),
    Kind("stubborn", "1.7s", 30.0, ways=("ignore-term", "heir"), timeout="500ms", times_out=True),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def command(log: Path, lasts_s: float, code: int = 0, *ways: str) -> tuple[str, ...]:
    """A command line of `chaos.command`."""
    return (sys.executable, "-I", "-S", str(COMMAND_SCRIPT), str(log), str(lasts_s), str(code), *ways)


def log_of(folder: Path, job: str) -> Path:
    """The file that a job writes to."""
    return folder / f"{job}.log"


def write_jobs_file(path: Path, logs: Path) -> None:
    """The jobs file with all of them."""
    lines = ["[scheduler]", "max_running = 16", ""]
    for kind in KINDS:
        line = command(log_of(logs, kind.name), kind.lasts_s, kind.code, *kind.ways)
        lines += [
            f"[jobs.{kind.name}]",
            f'schedule = "every {kind.every}"',
            f"command = {json.dumps(line)}",
            f'timeout = "{kind.timeout}"',
            f'grace = "{kind.grace}"',
            "",
        ]
    path.write_text("\n".join(lines))
