"""How runs ended that a session store calls running: their job's history may know (openclaw/openclaw#56121)."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from fsm.openclaw.rows import RowKey, run_of
from fsm.openclaw.runlog import Finished, finished

_STATUS = {
    "ok": "done",
    "timeout": "timeout",
    "timed_out": "timeout",
    "killed": "killed",
    "aborted": "killed",
    "cancelled": "killed",
    "canceled": "killed",
}
"""A session's status for that of its run (``src/config/sessions/types.ts`` of openclaw/openclaw); `failed` for all
others."""

TIMED_OUT = "cron: job execution timed out"
"""The error of a run that was ``error`` for its timeout."""


@frozen(slots=True)
class Ending:
    """The status that a run's row should have, and when the run ended, epoch ms."""

    status: str
    ended_ms: int


def endings(histories: Mapping[str, str], wanted: frozenset[RowKey]) -> tuple[dict[RowKey, Ending], list[str]]:
    """What is known of those runs, and the histories that cannot be read. `histories`: paths by job id.

    A line tells its run by ``sessionKey`` or by ``sessionId``; many have neither, and tell of none. Where two lines
    tell of one run the last one counts, as it was written last.
    """
    by_job: dict[str, dict[str, list[RowKey]]] = {}
    for key in wanted:
        by_job.setdefault(key.job.casefold(), {}).setdefault(key.run or "", []).append(key)
    known: dict[RowKey, Ending] = {}
    unread = []
    for job, path in histories.items():
        runs = by_job.get(job.casefold())
        if runs is None:
            continue
        try:
            for each in finished(path, job):
                if isinstance(each, Finished):
                    for key in runs.get(_run(each), ()):
                        known[key] = Ending(_status(each), each.ended_ms)
        except OSError:
            unread.append(path)
    return known, unread


def _run(each: Finished) -> str:
    """The run that a line tells of; an empty text where it does not say."""
    session, ident = each.data.get("sessionKey"), each.data.get("sessionId")
    named = run_of(session) if isinstance(session, str) else None
    if named is not None:
        return named
    return ident if isinstance(ident, str) else ""


def _status(each: Finished) -> str:
    status, error = each.data.get("status"), each.data.get("error")
    if status == "error" and isinstance(error, str) and TIMED_OUT in error.lower():
        return "timeout"
    return _STATUS.get(status, "failed") if isinstance(status, str) else "failed"
