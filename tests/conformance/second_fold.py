"""The fold of a stream, and whether an entry can follow it: lifecycle.md, "What a reader checks" of journal.md.

Written from the specification alone. A rule that is broken is raised as `Broken`, with its word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from second_jobs import limit
from second_times import HOUR, MINUTE, SECOND, instant, length

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


def apply(fold: Fold, entry: Json) -> None:
    """Fold one entry, whose envelope was checked. Raises `Broken`."""
    at, body = instant(entry["at"]), entry["body"]
    if (entry["run"] is not None) is not (entry["kind"] in ("transition", "released")):
        raise Broken("run", f"an entry of kind {entry['kind']} and run {entry['run']}")
    match entry["kind"]:
        case "job":
            _job(fold, body, at)
        case "transition":
            number = _number(fold, entry["run"])
            _transition(fold, number, body, at)
        case "released":
            _released(fold, _number(fold, entry["run"]), body)
        case "refused":
            _refused(fold, body, at)
        case "checkpoint":
            pass  # changes nothing; `second_runner` compares it with the fold
        case other:
            raise Broken("format", f"{other} is no kind that a vector has")


def _number(fold: Fold, run: str) -> int:
    job, _, number = run.rpartition("/")
    if job != fold.job or str(int(number)) != number:
        raise Broken("run", f"{run} is no run of {fold.job}")
    return int(number)


def _job(fold: Fold, body: Json, at: int) -> None:
    event = body["event"]
    if event != "numbers_taken":
        fold.refusal = None
    if event == "put":
        if body["job"]["name"] != fold.job:
            raise Broken("stream", f"it defines {body['job']['name']}")
        if body["version"] != fold.version + 1:
            raise Broken("version", f"{body['version']} does not follow {fold.version}")
        _define(fold, body, at)
        return
    if event == "numbers_taken":
        if body["up_to"] <= fold.last_number:
            raise Broken("number", "these are taken already")
        fold.last_number = body["up_to"]
        return
    if fold.definition is None:
        raise Broken("defined", f"{event} of a job that is not defined")
    if event in ("paused", "resumed"):
        if fold.paused is (event == "paused"):
            raise Broken("pause", f"{event} twice")
        fold.paused = event == "paused"
    elif event == "removed":
        fold.definition, fold.anchor, fold.paused, fold.past = None, None, False, None
    else:
        raise Broken("format", f"{event} is no event of a job")


def _define(fold: Fold, body: Json, at: int) -> None:
    old, new = fold.definition, body["job"]
    if old is None or any(old.get(key) != new.get(key) for key in ("schedule", "timezone", "enabled")):
        fold.accounted_to = max(fold.accounted_to or 0, at)  # what was answered stays answered
    retry = None if fold.past is None else fold.past.retry
    attempts = new.get("retry", {}).get("attempts", 1)
    if old is not None and retry is not None and new["enabled"] and attempts >= retry.attempt:
        assert fold.past is not None
        fold.past = Past(0, fold.past.failed, fold.past.state, fold.past.failed_at, 0, retry)
    else:
        fold.past = None
    fold.definition, fold.version, fold.source = new, body["version"], body["source"]
    fold.definitions[fold.version] = new
    fold.anchor = instant(body["anchor"])


def _transition(fold: Fold, number: int, body: Json, at: int) -> None:
    trigger, source = body["trigger"], body["from"]
    row = TABLE.get((trigger, source))
    if row is None or body["to"] != row[0] or body["reason"] not in row[1]:
        raise Broken("format", f"{trigger} from {source} to {body['to']} ({body['reason']}) is no row of the table")
    if trigger == "queue":
        _queue(fold, number, body, at)
        return
    run = fold.runs.get(number)
    if run is None or run.state != source:
        raise Broken("lifecycle", f"{number} is not {source}")
    if trigger == "start":
        _start(fold, run, body, at)
        return
    run.state, run.ended_at = body["to"], instant(body["ended_at"])
    run.started_at = instant(body["started_at"]) if "started_at" in body else run.started_at
    run.end = {key: body[key] for key in ("reason", "exit_code", "signal", "error", "agent") if key in body}
    if run.cause != "imported":
        _remember(fold, run, body, at)


def _queue(fold: Fold, number: int, body: Json, at: int) -> None:
    cause = body["cause"]
    when = instant(body["scheduled_for"]) if "scheduled_for" in body else None
    if fold.definition is None:
        raise Broken("defined", "a run of a job that is not defined")
    if number in fold.runs:
        raise Broken("lifecycle", f"{number} was queued before")
    if number <= fold.last_number:
        raise Broken("number", f"{number} was given before")
    if body["version"] != fold.version:
        raise Broken("version", f"the definition has version {fold.version}")
    if (cause == "imported") != ("origin" in body):
        raise Broken("origin", "an origin goes with the cause imported, and with no other")
    if cause in ("schedule", "catch_up"):
        if when is None or when <= (fold.accounted_to or 0):
            raise Broken("tick", "this scheduled time has its answer")
        fold.accounted_to, fold.refusal = when, None
    if cause != "imported":
        _room(fold, body, at, when)
        if fold.past is not None:
            fold.past.retry = None  # any run that is queued takes its place
    fold.last_number = number
    queued_at = instant(body["origin"]["at"]) if cause == "imported" else at
    fold.runs[number] = Run(
        number, cause, body.get("attempt", 1), queued_at, body["start_by"], body["version"], body.get("forced", False),
        when, body.get("retry_of"),
    )  # fmt: skip


def _room(fold: Fold, body: Json, at: int, when: int | None) -> None:
    job, cause = fold.definition, body["cause"]
    assert job is not None
    if not body.get("forced", False) and (word := restrained(fold, at)) is not None:
        raise Broken(word[0].split("_")[0] if word[0] == "breaker_open" else "budget", "the job is held back")
    if cause == "retry":
        plan = fold.past.retry if fold.past is not None else None
        asked = (body.get("retry_of"), body.get("attempt"), when)
        if plan is None or asked != (plan.of, plan.attempt, plan.scheduled_for):
            raise Broken("retry", "no such retry is planned")
        if plan.planned_at <= at < plan.due or fold.paused or fold.holder or fold.open_runs:
            raise Broken("retry", "it is not its time")
    if cause == "catch_up":
        if sum(run.cause == "catch_up" for run in fold.queued) >= limit(job, "catch_up_limit"):
            raise Broken("queue", "no more may catch up")
    elif fold.open_runs or fold.holder:
        _queue_room(fold, job)


def _queue_room(fold: Fold, job: Json) -> None:
    waiting = sum(run.cause != "catch_up" for run in fold.queued)
    if job["overlap"] == "skip":
        raise Broken("queue", "a job that skips has no queue")
    if waiting >= (limit(job, "queue_limit") if job["overlap"] == "queue" else 1):
        raise Broken("queue", "no room in the queue")


def _start(fold: Fold, run: Run, body: Json, at: int) -> None:
    arming = body["arming"]
    if fold.holder is not None:
        raise Broken("overlap" if fold.holder.state == "running" else "slot", "the slot is held")
    if (run.cause == "imported") != (arming["boot_id"] == "imported"):
        raise Broken("origin", "only an imported run is armed in the boot imported")
    if run.cause != "imported" and not run.forced and (word := restrained(fold, at)) is not None:
        raise Broken("breaker" if word[0] == "breaker_open" else "budget", "the job is held back")
    run.state, run.holds, run.arming, run.started_at = "running", True, arming, at
    run.run_by, run.reap_by = body["run_by"], body["reap_by"]


def _remember(fold: Fold, run: Run, body: Json, at: int) -> None:
    """What the end of a run says of its job (R-40, R-42, R-43)."""
    if body["trigger"] == "succeed":
        fold.past = None
        return
    failed = body["reason"] not in SAYS_NOTHING
    ended = instant(body["ended_at"])
    past = fold.past
    if failed:
        quick = run.started_at is None or ended - run.started_at <= QUICK
        spent = 0 if past is None else max(past.spent - max(at - past.failed_at, 0), 0)
        spent = min(spent + SPENDS, BUDGET) if quick and not run.forced else spent
        failures = (0 if past is None else past.failures) + 1
        past = Past(failures, run.number, body["to"], at, spent, None if past is None else past.retry)
        fold.past = past
    plan = fold.definition and _plan(fold.definition, run, body, at)
    if plan and (past is None or past.retry is None):
        if past is None:
            past = fold.past = Past(0, run.number, body["to"], at, 0, None)
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
    return Retry(run.number, body["to"], run.attempt + 1, at + wait, at, run.scheduled_for)


def _released(fold: Fold, number: int, body: Json) -> None:
    run = fold.runs.get(number)
    if run is None or not (run.holds or run.state in OPEN):
        raise Broken("open", f"{number} is over, or never was")
    if not run.holds:
        raise Broken("slot", f"{number} does not hold the slot")
    if run.state in OPEN:
        raise Broken("verdict", f"{number} is open")
    if run.arming is None or body["nonce"] != run.arming["nonce"]:
        raise Broken("arming", "another arming started it")
    run.holds = False


def _refused(fold: Fold, body: Json, at: int) -> None:
    if body["cause"] != "manual":
        if instant(body["first"]) <= (fold.accounted_to or 0):
            raise Broken("tick", "these scheduled times have their answer")
        fold.accounted_to = instant(body["last"])
    fold.refusal, fold.refused_at = body, at
