"""``cron/runs/<jobId>.jsonl``: one line for each run that finished.

Shape as in ``src/cron/run-log.ts`` of openclaw/openclaw, February to June 2026. A file is trimmed by OpenClaw itself
at 2 MB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import orjson
from attrs import frozen

MAX_LINE = 8 << 20
"""Bytes of one line: a summary is some thousand."""

MAX_RUNS = 100_000
"""Runs of one job that are read: OpenClaw keeps 2,000 lines."""

_MAX_MS = 253_402_300_799_000  # the end of the year 9999


@frozen(slots=True)
class Finished:
    """A run's line: when it began and ended (epoch ms), what the line says, and the line itself."""

    began_ms: int
    ended_ms: int
    data: dict[str, Any]
    line: bytes
    number: int


@frozen(slots=True)
class Skipped:
    """A line that tells of no run. `line` counts from 1; `run`: whether there was a run in it, as far as can be
    told."""

    line: int
    why: str
    run: bool = True


def finished(path: str, job: str) -> Iterator[Finished | Skipped]:
    """Every line of the file at `path` but the empty ones. Raises `OSError`."""
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if number > MAX_RUNS:
                yield Skipped(number, f"there are more than {MAX_RUNS:,} lines; what follows is not read")
                return
            if len(line) > MAX_LINE:
                yield Skipped(number, f"it is longer than {MAX_LINE >> 20} MiB; what follows is not read")
                return
            if line.strip():
                yield _read(line, number, job)


def logs(folder: str) -> dict[str, str]:
    """The files there are: job id -> path."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {
        name.removesuffix(".jsonl"): os.path.join(folder, name) for name in sorted(names) if name.endswith(".jsonl")
    }


def _read(line: bytes, number: int, job: str) -> Finished | Skipped:
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        cut = "" if line.endswith(b"\n") else ": it was cut"
        return Skipped(number, f"it is no JSON{cut}")
    if not isinstance(data, dict):
        return Skipped(number, "it is no JSON object")
    if data.get("action", "finished") != "finished":
        return Skipped(number, f"it says {data['action']!r}, and only a finished run has an end", run=False)
    if data.get("jobId", job) != job:
        return Skipped(number, f"it is of the job {data['jobId']!r}")
    at, began, took = (_ms(data.get(key)) for key in ("ts", "runAtMs", "durationMs"))
    ended = at if at is not None else None if began is None else began + (took or 0)
    if ended is None:
        return Skipped(number, "it has neither ts nor runAtMs, so that nobody knows when it ran")
    return Finished(began if began is not None else ended - (took or 0), ended, data, line, number)


def _ms(value: object) -> int | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_MS
    return int(value) if good else None  # type: ignore[call-overload]  # a number, as was asked
