"""What a command makes of a fold: the entries that specs/lifecycle.md and specs/vectors/README.md demand.

A list of (kind, run's number, body). Nothing here knows how the product decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from second_fold import OPEN, Broken, Fold, Json, Run, restrained
from second_jobs import limit, written
from second_ticks import Deferred, alike, answer_ticks, in_the_way, refusal
from second_times import MINUTE, instant, length, shown

TIMEOUT_TEXT = "cron: job execution timed out"

Made = tuple[str, int | None, Json]


@dataclass
class Clock:
    """A reading: wall clock and CLOCK_BOOTTIME, both in microseconds, and the boot's name."""

    utc: int
    boot_us: int
    boot_id: str

    def after(self, delay: int) -> Json:
        """A deadline."""
        return {"utc": shown(self.utc + delay), "boot_us": self.boot_us + delay, "boot_id": self.boot_id}

    def left(self, deadline: Json) -> int:
        """R-8: the boot's clock counts while the boot lasts, the wall clock afterwards. In microseconds."""
        if deadline["boot_id"] == self.boot_id:
            return int(deadline["boot_us"]) - self.boot_us
        return instant(deadline["utc"]) - self.utc


@dataclass
class Answer:
    """What is appended, what is asked of the world, and the refusal or the deferral, where that is the answer."""

    made: list[Made]
    effects: list[str]
    refusal: Json | None = None
    deferred: Deferred | None = None


def answer(fold: Fold, command: Json, clock: Clock, deferred: Deferred | None) -> Answer:
    """The answer to one command. Raises `Broken` for one that cannot be."""
    match command["command"]:
        case "put":
            return Answer(_put(fold, command, clock), [])
        case "pause" | "resume" as word:
            return Answer(_pause(fold, word, clock), [])
        case "remove":
            return Answer(_remove(fold, clock), [])
        case "take_numbers":
            taken = command["up_to"] <= fold.last_number
            return Answer([] if taken else [("job", None, {"event": "numbers_taken", "up_to": command["up_to"]})], [])
        case "ticks":
            return _ticks(fold, command, clock, deferred)
        case "request":
            return _request(fold, command, clock)
        case "try_again":
            return Answer(_try_again(fold, clock), [])
        case "start":
            return _start(fold, command, clock)
        case "fail_start" | "judge" | "stop" | "queue_timeout":
            return _end(fold, command, clock)
        case "release":
            return Answer(_release(fold, command), [])
        case other:
            raise AssertionError(f"no command {other}")


def _defined(fold: Fold) -> Json:
    if fold.definition is None:
        raise Broken("unknown_job", f"{fold.job} is not defined")
    return fold.definition


def _run(fold: Fold, number: int) -> Run:
    if number not in fold.runs:
        raise Broken("unknown_run", f"there is no {fold.job}/{number}")
    return fold.runs[number]


def _settled(fold: Fold, clock: Clock) -> list[Made]:
    """Ticks that came and have no answer, before something ends them: refused, with what was in the way, or missed."""
    return answer_ticks(fold, clock.utc, None, settle=True, draining=False, start=_queued(fold, clock))[0]


def _put(fold: Fold, command: Json, clock: Clock) -> list[Made]:
    new, old = written(command["job"]), fold.definition
    if new == old and command["source"] == fold.source:
        return []
    changed = old is not None and any(old.get(key) != new.get(key) for key in ("schedule", "timezone", "enabled"))
    made = _settled(fold, clock) if changed else []
    anchor = shown(clock.utc if fold.anchor is None else fold.anchor)
    body = {"event": "put", "job": new, "version": fold.version + 1, "source": command["source"], "anchor": anchor}
    made.append(("job", None, body))
    waiting = [run for run in fold.queued if run.cause != "catch_up"]
    room = limit(new, "queue_limit") if new["overlap"] == "queue" else 1
    late = [run for run in fold.queued if run.cause == "catch_up"]
    over = sorted(waiting[room:] + late[limit(new, "catch_up_limit") :], key=lambda run: -run.number)
    return made + [_ended(run, "reap", "queue_overflow", clock.utc) for run in over]


def _pause(fold: Fold, word: str, clock: Clock) -> list[Made]:
    _defined(fold)
    if fold.paused is (word == "pause"):
        return []
    return [*_settled(fold, clock), ("job", None, {"event": f"{word}d"})]


def _remove(fold: Fold, clock: Clock) -> list[Made]:
    _defined(fold)
    reaped = [_ended(run, "reap", "job_removed", clock.utc) for run in fold.queued]
    return [*_settled(fold, clock), *reaped, ("job", None, {"event": "removed"})]


def _queued(fold: Fold, clock: Clock) -> Json:
    job = fold.definition or written({})
    return {
        "trigger": "queue", "from": None, "to": "queued", "reason": None, "version": fold.version, "attempt": 1,
        "start_by": clock.after(length(job["start_within"])),
    }  # fmt: skip


def _ticks(fold: Fold, command: Json, clock: Clock, deferred: Deferred | None) -> Answer:
    if fold.definition is None:
        return Answer([], [])
    flush, draining = command.get("flush", False), command.get("draining", False)
    start = _queued(fold, clock)
    made, left, refused = answer_ticks(fold, clock.utc, deferred, flush=flush, draining=draining, start=start)
    return Answer(made, [], refused, left)


def _request(fold: Fold, command: Json, clock: Clock) -> Answer:
    _defined(fold)
    forced = command.get("force", False)
    way = in_the_way(fold, clock.utc, forced=forced, tick=False)
    if way is None and command.get("draining", False):
        way = ("draining", None, None)
    if way is not None:
        body = refusal(way, "manual", 1, clock.utc, clock.utc)
        return Answer([] if alike(fold, way, clock.utc, "manual") else [("refused", None, body)], [], body)
    body = {**_queued(fold, clock), "cause": "manual", "attempt": command.get("attempt", 1)}
    if forced:
        body["forced"] = True
    if "retry_of" in command:
        body["retry_of"] = command["retry_of"]
    if command.get("env"):
        body["env"] = command["env"]
    return Answer([("transition", fold.last_number + 1, body)], [])


def _try_again(fold: Fold, clock: Clock) -> list[Made]:
    plan = None if fold.past is None else fold.past.retry
    if plan is None or fold.definition is None or fold.paused or fold.holder or fold.open_runs:
        return []
    if plan.planned_at <= clock.utc < plan.due or in_the_way(fold, clock.utc, forced=False, tick=False):
        return []
    if clock.utc - plan.due > length(fold.definition["catch_up_within"]):
        return []
    body = {**_queued(fold, clock), "cause": "retry", "attempt": plan.attempt, "retry_of": plan.of}
    if plan.scheduled_for is not None:
        body["scheduled_for"] = shown(plan.scheduled_for)
    return [("transition", fold.last_number + 1, body)]


def _start(fold: Fold, command: Json, clock: Clock) -> Answer:
    run = _run(fold, command["number"])
    if run.state != "queued" or fold.holder is not None or (not run.forced and restrained(fold, clock.utc)):
        raise Broken("transition", "it is not queued, the slot is held, or the job is held back")
    job = fold.definitions[run.version]
    run_by = length(job["timeout"])
    arming = {"in_process": False, **command["arming"]}
    body = {
        "trigger": "start", "from": run.state, "to": "running", "reason": None, "arming": arming,
        "run_by": clock.after(run_by), "reap_by": clock.after(run_by + length(job["grace"]) + MINUTE),
    }  # fmt: skip
    return Answer([("transition", run.number, body)], ["go"])


def _ended(run: Run, trigger: str, reason: str, at: int, **more: object) -> Made:
    to = {"succeed": "succeeded", "fail": "failed", "time_out": "timed_out", "lose": "lost", "reap": "reaped"}[trigger]
    body = {"trigger": trigger, "from": run.state, "to": to, "reason": reason, "ended_at": shown(at), **more}
    return ("transition", run.number, body)


def _end(fold: Fold, command: Json, clock: Clock) -> Answer:
    run = _run(fold, command["number"])
    if run.state not in OPEN:
        raise Broken("transition", f"{run.number} is over")  # what is learnt later changes nothing
    match command["command"]:
        case "fail_start":
            if run.state != "queued":
                raise Broken("transition", "it has been started")
            return Answer([_ended(run, "fail", "start_failed", clock.utc, error=command["error"])], [])
        case "queue_timeout":
            came = clock.utc + min(clock.left(run.start_by), 0)
            return Answer([_ended(run, "time_out", "queue_timeout", came, error=TIMEOUT_TEXT)], [])
        case "judge":
            verdict = dict(command["verdict"])
            trigger, reason = verdict.pop("trigger"), verdict.pop("reason")
            at = instant(verdict.pop("ended_at"))
            return Answer([_ended(run, trigger, reason, at, **verdict)], [])
    if run.state == "running" and not command.get("stopped", False):
        return Answer([], ["stop_first"])
    return Answer([_ended(run, "reap", command["reason"], clock.utc)], [])


def _release(fold: Fold, command: Json) -> list[Made]:
    run = _run(fold, command["number"])
    if not run.holds or run.state in OPEN:
        raise Broken("transition", "it does not hold the slot, or has no verdict yet")
    keys = ("nonce", "evidence", "emptied_at", "exit_code", "signal", "note")
    return [("released", run.number, {key: command[key] for key in keys if key in command})]
