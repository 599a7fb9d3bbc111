"""The `job` of a `put` as journal.md has it: the keys of the jobs file, their defaults written out."""

from __future__ import annotations

from typing import Any

from second_times import shortest

DEFAULTS: dict[str, Any] = {
    "timezone": "UTC", "timeout": "24h", "start_within": "1h", "grace": "10s", "output_limit": "10MB", "enabled": True,
    "overlap": "skip", "queue_limit": 1, "catch_up": "once", "catch_up_within": "1h", "catch_up_limit": 10, "env": {},
}  # fmt: skip
RETRY: dict[str, Any] = {
    "attempts": 3, "backoff": "30s", "factor": "2", "max_backoff": "1h", "jitter": "0s",
    "on": ["failed", "timed_out", "lost"],
}  # fmt: skip
BREAKER: dict[str, Any] = {"failures": 5, "cooldown": "15m"}
LENGTHS = {
    "timeout", "start_within", "grace", "catch_up_within", "idle_timeout", "backoff", "max_backoff", "jitter",
    "cooldown",
}  # fmt: skip
OMITTED = {"leftovers": "end", "priority": 0, "queue_limit": 1, "catch_up_limit": 10}


def limit(job: dict[str, Any], key: str) -> int:
    """`queue_limit` or `catch_up_limit` of a definition as it is written."""
    value: int = job.get(key, OMITTED[key])
    return value


def written(job: dict[str, Any]) -> dict[str, Any]:
    """The whole definition that a job of a vector stands for."""
    whole = {**DEFAULTS, **job}
    if "retry" in whole:
        whole["retry"] = _lengths({**RETRY, **whole["retry"]})
        whole["retry"]["factor"] = str(whole["retry"]["factor"])
    if "breaker" in whole:
        whole["breaker"] = _lengths({**BREAKER, **whole["breaker"]})
    return {key: value for key, value in _lengths(whole).items() if OMITTED.get(key) != value}


def _lengths(table: dict[str, Any]) -> dict[str, Any]:
    return {key: shortest(value) if key in LENGTHS else value for key, value in table.items()}
