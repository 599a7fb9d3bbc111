"""What differs between two definitions of a job, key by key, for people and as JSON."""

from __future__ import annotations

from fsm.cli.tables import plain
from fsm.model.job import Job


def change_lines(old: Job, new: Job) -> list[str]:
    """A line for each key that differs."""
    from fsm.codec.jobs import job_diff

    return [changed_key(*change) for change in job_diff(old, new)]


def changed_key(key: str, before: str, after: str) -> str:
    """One key with its two values."""
    return f"    {key}: {plain(before)} -> {plain(after)}"


def change_json(old: Job | None, new: Job) -> list[dict[str, str]]:
    """The same as JSON; empty for a job that is new."""
    from fsm.codec.jobs import job_diff

    if old is None:
        return []
    return [{"key": key, "old": before, "new": after} for key, before, after in job_diff(old, new)]
