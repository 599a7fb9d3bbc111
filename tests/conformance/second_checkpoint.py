"""The body of a checkpoint: a fold as specs/journal.md writes it down."""

from __future__ import annotations

from second_fold import OPEN, Fold, Json, Past, Run
from second_times import shown


def checkpoint(fold: Fold, count: int, last_hash: str) -> Json:
    """Seals `count` entries, the last of which has `last_hash`."""
    return {"count": count, "last_hash": last_hash, "fold": 1, "state": _state(fold, count)}


def _state(fold: Fold, count: int) -> Json:
    live = [run for run in fold.runs.values() if run.state in OPEN or run.holds]
    state: Json = {
        "job": fold.job, "seq": count, "version": fold.version, "source": fold.source, "paused": fold.paused,
        "last_number": fold.last_number, "runs": [_run(fold.job, run) for run in live],
    }  # fmt: skip
    optional = {
        "definition": fold.definition,
        "anchor": _instant(fold.anchor),
        "accounted_to": _instant(fold.accounted_to),
        "slot": next((run.number for run in live if run.holds), None),
        "refusal": fold.refusal,
        "refused_at": _instant(fold.refused_at),
        "past": None if fold.past is None else _past(fold.past),
    }
    return state | _present(optional)


def _run(job: str, run: Run) -> Json:
    data: Json = {
        "job": job, "number": run.number, "state": run.state, "cause": run.cause, "version": run.version,
        "attempt": run.attempt, "queued_at": shown(run.queued_at), "start_by": run.start_by,
        "slot": "held" if run.holds else "free",
    }  # fmt: skip
    optional = {
        "scheduled_for": _instant(run.scheduled_for),
        "retry_of": run.retry_of,
        "started_at": _instant(run.started_at),
        "ended_at": _instant(run.ended_at),
        "run_by": run.run_by,
        "reap_by": run.reap_by,
        "arming": run.arming,
        "forced": run.forced or None,
    }
    return data | _present(optional) | run.end


def _past(past: Past) -> Json:
    data: Json = {
        "failures": past.failures, "failed": past.failed, "state": past.state, "failed_at": shown(past.failed_at),
        "spent_us": past.spent,
    }  # fmt: skip
    if (retry := past.retry) is not None:
        data["retry"] = {
            "of": retry.of, "state": retry.state, "attempt": retry.attempt, "due": shown(retry.due),
            "planned_at": shown(retry.planned_at), **_present({"scheduled_for": _instant(retry.scheduled_for)}),
        }  # fmt: skip
    return data


def _instant(us: int | None) -> str | None:
    return None if us is None else shown(us)


def _present(optional: Json) -> Json:
    return {key: value for key, value in optional.items() if value is not None}
