"""What the end of a run says of its job: retries, breaker, budget (R-40 to R-45, R-65)."""

from __future__ import annotations

from hashlib import sha256

from second_state import BUDGET, QUICK, SAYS_NOTHING, SPENDS, Fold, Json, Past, Retry, Run
from second_times import HOUR, MINUTE, instant, length


def remember(fold: Fold, run: Run, body: Json, at: int) -> None:
    """What the end of a run says of its job (R-40, R-42, R-43)."""
    ended = min(instant(body["ended_at"]), at)  # waits count from the end, not from when it was written down
    past = fold.past
    if body["trigger"] == "succeed":
        kept = None if past is None else past.retry
        fold.past = None if kept is None else Past(0, run.number, body["to"], ended, 0, kept)
        return
    failed = body["reason"] not in SAYS_NOTHING
    if failed:
        quick = run.started_at is None or ended - run.started_at < QUICK
        spent = 0 if past is None else max(past.spent - max(ended - past.failed_at, 0), 0)
        spent = min(spent + SPENDS, BUDGET) if quick and not run.forced else spent
        failures = (0 if past is None else past.failures) + 1
        past = Past(failures, run.number, body["to"], ended, spent, None if past is None else past.retry)
        fold.past = past
    plan = fold.definition and _plan(fold.definition, run, body, ended)
    if plan and (past is None or past.retry is None):
        if past is None:
            past = fold.past = Past(0, run.number, body["to"], ended, 0, None)
        past.retry = plan


def _plan(job: Json, run: Run, body: Json, at: int) -> Retry | None:
    retry = job.get("retry")
    if retry is None or run.attempt >= retry["attempts"] or not job["enabled"]:
        return None
    words = set(retry["on"])
    named = body["reason"] in words or (body.get("agent", {}).get("error_class") in words)
    by_state = body["to"] in words and body["reason"] not in ("refused", "host_stop")
    if not named and not by_state:
        return None
    wait = length(retry["backoff"])
    for _ in range(run.attempt - 1):
        wait = int(wait * float(retry["factor"]))
    wait = min(wait, length(retry["max_backoff"]))
    if body["reason"] == "refused" and "agent" in job:
        return None  # it would be asked in the same words
    if body.get("agent", {}).get("error_class") in ("rate_limited", "overloaded"):
        wait = max(wait, min(MINUTE << min(run.attempt - 1, 6), HOUR))
    if room := length(retry["jitter"]):
        digest = sha256(f"{job['name']}/{run.number}".encode()).digest()
        wait += int.from_bytes(digest[:8], "big") % (room + 1)
    return Retry(run.number, body["to"], run.attempt + 1, at + wait, at, run.scheduled_for)
