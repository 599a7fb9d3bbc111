"""Each tick's one answer: R-27 to R-32, R-36 to R-43 and R-57, from the fold and the time alone."""

from __future__ import annotations

from dataclasses import dataclass

from second_jobs import limit
from second_state import OPEN, Fold, Json, Run, restrained
from second_times import HOUR, MINUTE, due, length, shown

Made = tuple[str, int | None, Json]
Way = tuple[str, Json | None, int | None]  # reason, blocked_by, the number in it


@dataclass
class Deferred:
    """Refusals that were given and are not written yet: for every tick up to `until`."""

    way: Way
    until: int


def refusal(way: Way, cause: str, count: int, first: int, last: int) -> Json:
    """The body of a refusal."""
    body: Json = {"reason": way[0], "cause": cause, "count": count, "first": shown(first), "last": shown(last)}
    if way[1] is not None:
        body["blocked_by"] = way[1]
    return body


def _by_run(reason: str, run: Run, now: int) -> Way:
    since = run.queued_at
    if run.state == "queued":
        deadline: str | None = run.start_by["utc"]
    elif run.state == "running":
        since, deadline = run.started_at or since, run.run_by["utc"] if run.run_by else None
    else:
        since, deadline = run.ended_at or since, run.reap_by["utc"] if run.reap_by else None
    blocker: Json = {"number": run.number, "state": run.state, "age_us": now - since}
    if deadline is not None:
        blocker["deadline"] = deadline
    return reason, blocker, run.number


def _by_past(reason: str, number: int, state: str, since: int, over: int, now: int) -> Way:
    blocker = {"number": number, "state": state, "age_us": now - since, "deadline": shown(over)}
    return reason, blocker, number


def in_the_way(fold: Fold, now: int, *, forced: bool, tick: bool) -> Way | None:
    """What stands in the way, by the order of R-36."""
    job, past, holder = fold.definition, fold.past, fold.holder
    assert job is not None
    if tick and fold.paused:
        return "paused", None, None
    if job["overlap"] == "skip":
        if fold.running is not None:
            return _by_run("already_running", fold.running, now)
        if fold.queued:
            return _by_run("already_queued", fold.queued[0], now)
        if holder is not None:
            return _by_run("slot_held", holder, now)
    if not forced and past is not None and (held := restrained(fold, now)) is not None:
        return _by_past(held[0], past.failed, past.state, past.failed_at, held[1], now)
    if tick and past is not None and (plan := past.retry) is not None and not plan.planned_at > now:
        return _by_past("backing_off", plan.of, plan.state, plan.planned_at, plan.due, now)
    waiting = [run for run in fold.queued if run.cause != "catch_up"]
    if job["overlap"] == "replace" and waiting:
        return _by_run("already_queued", waiting[0], now)
    if job["overlap"] == "queue" and len(waiting) >= limit(job, "queue_limit"):
        return _by_run("queue_full", waiting[0], now)
    return None


def _pending(fold: Fold, now: int) -> list[int]:
    job = fold.definition
    if job is None or fold.accounted_to is None or fold.anchor is None or not job["enabled"]:
        return []
    return due(job.get("schedule"), job["timezone"], fold.anchor, fold.accounted_to, now)


def alike(fold: Fold, way: Way, now: int, cause: str) -> bool:
    """Whether the last refusal says the same, and was written less than an hour ago (R-29)."""
    last = fold.refusal
    if cause != "manual" and last is not None and last["cause"] == "manual":
        return False  # the answer to a request answers no tick
    if last is None or fold.refused_at is None or not 0 <= now - fold.refused_at < HOUR:
        return False
    return (last["reason"], last.get("blocked_by", {}).get("number")) == (way[0], way[2])


def answer_ticks(
    fold: Fold,
    now: int,
    deferred: Deferred | None,
    *,
    start: Json,
    flush: bool = False,
    settle: bool = False,
    draining: bool = False,
) -> tuple[list[Made], Deferred | None, Json | None]:
    """The entries that answer what is due up to `now`, what stays deferred, and the refusal that was the answer."""
    times, made = _pending(fold, now), list[Made]()
    if fold.definition is None:
        return made, None, None
    way = in_the_way(fold, now, forced=False, tick=True)
    if deferred is not None:
        covered = [at for at in times if at <= deferred.until]
        changed = way is None or (way[0], way[2]) != (deferred.way[0], deferred.way[2])
        if covered and (flush or changed):
            made.append(_refused(_again(fold, deferred.way, now), covered))
            times = [at for at in times if at > deferred.until]
    if flush or not times:
        return made, None, None
    if way is None and settle:
        way = ("missed", None, None)
    if way is None and draining:
        way = ("draining", None, None)
    if way is not None:
        if not settle and not made and alike(fold, way, now, "schedule"):
            return made, Deferred(way, times[-1]), _refused(way, times)[2]
        return [*made, _refused(way, times)], None, _refused(way, times)[2]
    return made + _runs(fold, times, now, start), None, None


def _again(fold: Fold, way: Way, now: int) -> Way:
    """The run in the way as it is by the time that a deferred refusal is written; as it was then, once it is over."""
    run = fold.runs.get(way[2] or 0)
    live = run is not None and (run.state in OPEN or run.holds)
    if run is None or not live or way[0] not in ("already_running", "already_queued", "slot_held"):
        return way
    return _by_run(way[0], run, now)


def _refused(way: Way, times: list[int]) -> Made:
    return ("refused", None, refusal(way, "schedule", len(times), times[0], times[-1]))


def _runs(fold: Fold, times: list[int], now: int, start: Json) -> list[Made]:
    job = fold.definition
    assert job is not None
    within = length(job["catch_up_within"])
    most = max(0, limit(job, "catch_up_limit") - sum(run.cause == "catch_up" for run in fold.queued))
    chosen: list[tuple[int, str]] = []
    if now - times[-1] <= MINUTE:
        chosen = [(times[-1], "schedule")]
    elif job["catch_up"] != "skip" and now - times[-1] <= within and most:
        chosen = [(times[-1], "catch_up")]
    if job["catch_up"] == "all" and (chosen or most):
        room = most - sum(cause == "catch_up" for _, cause in chosen)
        late = [at for at in times[:-1] if now - at <= within]
        chosen = [(at, "catch_up") for at in late[max(len(late) - room, 0) :]] + chosen
    missed = [at for at in times if not chosen or at < chosen[0][0]]
    made: list[Made] = [_refused(("missed", None, None), missed)] if missed else []
    for offset, (at, cause) in enumerate(chosen, 1):
        made.append(("transition", fold.last_number + offset, {**start, "cause": cause, "scheduled_for": shown(at)}))
    return made
