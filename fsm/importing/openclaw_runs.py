"""``cron/runs/<jobId>.jsonl``: one line for each run that finished, as runs that are over.

Shape as in ``src/cron/run-log.ts`` of openclaw/openclaw, February to June 2026. A file is trimmed by OpenClaw itself
at 2 MB.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import orjson
from attrs import frozen

from fsm.importing.past import MAX_ERROR, PastRun
from fsm.instants import Instant
from fsm.model.states import Reason, Trigger

SYSTEM = "openclaw"

MAX_LINE = 8 << 20
"""Bytes of one line: a summary is some thousand."""

MAX_RUNS = 100_000
"""Runs of one job that are read: OpenClaw keeps 2,000 lines."""

_MAX_MS = 253_402_300_799_000  # the end of the year 9999


@frozen(slots=True)
class Skipped:
    """A line that made no run. `line` counts from 1; `run`: whether there was a run in it, as far as can be told."""

    line: int
    why: str
    run: bool = True


def past_runs(path: str, job: str) -> Iterator[PastRun | Skipped]:
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


def history_files(folder: str) -> dict[str, str]:
    """The histories there are: job id -> path."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {
        name.removesuffix(".jsonl"): os.path.join(folder, name) for name in sorted(names) if name.endswith(".jsonl")
    }


def _read(line: bytes, number: int, job: str) -> PastRun | Skipped:
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
    return _run(data, line, number, job)


def _run(data: dict[str, Any], line: bytes, number: int, job: str) -> PastRun | Skipped:
    at, began, took = (_ms(data.get(key)) for key in ("ts", "runAtMs", "durationMs"))
    ended = at if at is not None else None if began is None else began + (took or 0)
    if ended is None:
        return Skipped(number, "it has neither ts nor runAtMs, so that nobody knows when it ran")
    if began is None:
        began = ended - (took or 0)
    verdict = _verdict(data)
    if verdict is None:
        return Skipped(number, f"its status is {data.get('status')!r}, which is not known here")
    trigger, reason, executed = verdict
    digest = hashlib.sha256(line.strip()).hexdigest()[:12]
    error = data.get("error") if data.get("error") else None if executed else data.get("summary")
    return PastRun(
        SYSTEM,
        f"{job}:{ended}:{digest}",
        Instant(max(began, 0) * 1000),
        Instant(max(ended, began) * 1000),
        trigger,
        reason,
        str(error)[:MAX_ERROR].encode("utf-8", "replace").decode() if error else None,
        executed,
    )


def _ms(value: object) -> int | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_MS
    return int(value) if good else None  # type: ignore[call-overload]  # a number, as was asked


def _verdict(data: dict[str, Any]) -> tuple[Trigger, Reason, bool] | None:
    """Trigger, reason, whether it was executed. ``skipped`` is OpenClaw declining to run: it never began."""
    status, error = data.get("status"), data.get("error")
    text = error.lower() if isinstance(error, str) else ""
    if status is None:
        status = "error" if error else "unknown"
    if status == "ok":
        return Trigger.SUCCEED, Reason.COMPLETED, True
    if status == "skipped":
        return Trigger.FAIL, Reason.REFUSED, False
    if status in ("timeout", "timed_out") or (status == "error" and "job execution timed out" in text):
        return Trigger.TIME_OUT, Reason.RUN_TIMEOUT, True
    if status in ("killed", "aborted", "cancelled", "canceled"):
        return Trigger.REAP, Reason.CANCELLED, True
    if status in ("error", "failed"):
        return Trigger.FAIL, Reason.ERROR, True
    return (Trigger.FAIL, Reason.NO_RESULT, True) if status == "unknown" else None
