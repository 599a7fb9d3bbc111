"""Runs that OpenClaw wrote down as finished, as runs that are over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from fsm.importing.past import MAX_ERROR, PastRun
from fsm.instants import Instant
from fsm.model.states import Reason, Trigger
from fsm.openclaw.runlog import Finished, Skipped, finished

SYSTEM = "openclaw"


def past_runs(path: str, job: str) -> Iterator[PastRun | Skipped]:
    """Every line of the file at `path` but the empty ones. Raises `OSError`."""
    for each in finished(path, job):
        yield each if isinstance(each, Skipped) else _run(each, job)


def _run(each: Finished, job: str) -> PastRun | Skipped:
    data = each.data
    verdict = _verdict(data)
    if verdict is None:
        return Skipped(each.number, f"its status is {data.get('status')!r}, which is not known here")
    trigger, reason, executed = verdict
    digest = hashlib.sha256(each.line.strip()).hexdigest()[:12]
    error = data.get("error") if data.get("error") else None if executed else data.get("summary")
    return PastRun(
        SYSTEM,
        f"{job}:{each.ended_ms}:{digest}",
        Instant(max(each.began_ms, 0) * 1000),
        Instant(max(each.ended_ms, each.began_ms) * 1000),
        trigger,
        reason,
        str(error)[:MAX_ERROR].encode("utf-8", "replace").decode() if error else None,
        executed,
    )


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
