"""What is left of a stream when it is folded, and the words and numbers that specs/lifecycle.md has for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from second_times import HOUR, MINUTE, SECOND, length

Json = dict[str, Any]  # values of JSON, as they stand in entries

TABLE: dict[tuple[str, str | None], tuple[str, frozenset[str | None]]] = {
    ("queue", None): ("queued", frozenset({None})),
    ("start", "queued"): ("running", frozenset({None})),
    ("succeed", "running"): ("succeeded", frozenset({"completed"})),
    ("fail", "queued"): ("failed", frozenset({"refused", "start_failed"})),
    ("fail", "running"): (
        "failed",
        frozenset({"error", "exit_code", "no_result", "refused", "signal", "start_failed"}),
    ),
    ("time_out", "queued"): ("timed_out", frozenset({"queue_timeout"})),
    ("time_out", "running"): ("timed_out", frozenset({"idle_timeout", "run_timeout"})),
    ("lose", "running"): ("lost", frozenset({"node_expired", "rebooted", "unreadable_report", "vanished"})),
    ("reap", "queued"): ("reaped", frozenset({"cancelled", "job_removed", "queue_overflow", "replaced"})),
    ("reap", "running"): ("reaped", frozenset({"cancelled", "host_stop", "job_removed", "overdue", "replaced"})),
}
OPEN = ("queued", "running")
SAYS_NOTHING = {"cancelled", "replaced", "job_removed", "queue_overflow", "host_stop", "queue_timeout"}
QUICK, SPENDS, BUDGET = 10 * SECOND, 4 * MINUTE, HOUR


class Broken(Exception):
    """An entry cannot follow. `rule`: the word that journal.md has for it."""

    def __init__(self, rule: str, why: str) -> None:
        self.rule = rule
        super().__init__(f"{rule}: {why}")


@dataclass
class Run:
    """What later entries need of a run."""

    number: int
    cause: str
    attempt: int
    queued_at: int
    start_by: Json
    version: int
    forced: bool
    scheduled_for: int | None
    retry_of: int | None
    state: str = "queued"
    started_at: int | None = None
    ended_at: int | None = None
    run_by: Json | None = None
    reap_by: Json | None = None
    arming: Json | None = None
    holds: bool = False
    end: Json = field(default_factory=dict)  # how it ended: reason, exit_code, signal, error, agent


@dataclass
class Retry:
    """A retry that is to come."""

    of: int
    state: str
    attempt: int
    due: int
    planned_at: int
    scheduled_for: int | None


@dataclass
class Past:
    """Failures in a row, and what is spent of the budget, as it stood at `failed_at`."""

    failures: int
    failed: int
    state: str
    failed_at: int
    spent: int
    retry: Retry | None


@dataclass
class Fold:
    """One stream."""

    job: str
    definition: Json | None = None
    definitions: dict[int, Json] = field(default_factory=dict)
    version: int = 0
    source: str = ""
    anchor: int | None = None
    paused: bool = False
    last_number: int = 0
    accounted_to: int | None = None
    runs: dict[int, Run] = field(default_factory=dict)  # also those that are over: a vector is small
    refusal: Json | None = None
    refused_at: int | None = None
    past: Past | None = None

    @property
    def holder(self) -> Run | None:
        return next((run for run in self.runs.values() if run.holds), None)

    @property
    def open_runs(self) -> list[Run]:
        return [run for run in self.runs.values() if run.state in OPEN]

    @property
    def running(self) -> Run | None:
        return next((run for run in self.runs.values() if run.state == "running"), None)

    @property
    def queued(self) -> list[Run]:
        return [run for run in self.runs.values() if run.state == "queued"]


def restrained(fold: Fold, now: int) -> tuple[str, int] | None:
    """Breaker or budget, whichever holds the job back, with the time when it is over (R-42, R-43, R-45)."""
    past, job = fold.past, fold.definition
    if past is None or job is None or now < past.failed_at:
        return None
    if (breaker := job.get("breaker")) is not None and past.failures >= breaker["failures"]:
        over = past.failed_at + length(breaker["cooldown"])
        if now < over:
            return "breaker_open", over
    if past.spent - (now - past.failed_at) > BUDGET - SPENDS:
        return "over_budget", past.failed_at + past.spent - (BUDGET - SPENDS)
    return None
