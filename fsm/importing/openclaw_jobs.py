"""One OpenClaw job as the keys of a jobs file, and what of it those keys cannot say.

Shapes as in ``src/cron/types.ts``, ``src/cron/normalize.ts`` and ``docs/automation/cron-jobs.md`` of openclaw/openclaw,
February to September 2026, the older ones included (``jobId``, ``schedule.cron``, ``atMs``, ``payload.deliver``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from fsm.codec.jobkeys import make_job
from fsm.errors import BadJobs, BadValue
from fsm.importing.names import job_name
from fsm.instants import Instant, format_duration, format_instant, parse_instant
from fsm.model.receivers import Way, read_receiver, shown, way
from fsm.planning.schedule import timetable

Json = dict[str, Any]
"""A JSON object as it was read: what is in it, each function asks for itself."""

_READ = frozenset(
    {"id", "jobId", "name", "enabled", "createdAtMs", "updatedAtMs", "schedule", "sessionTarget", "wakeMode", "payload"}
    | {"delivery", "state", "agentId", "deleteAfterRun", "notify", "sessionKey", "runningAtMs", "description"}
)
_READ_PAYLOAD = frozenset(
    {"kind", "message", "text", "argv", "command", "cwd", "env", "timeoutSeconds", "model", "thinking"}
    | {"deliver", "channel", "to", "bestEffortDeliver"}
)
_MAX_MS = 253_402_300_799_000  # the end of the year 9999
_MIN_EVERY_MS = 1_000


class NotCarried(Exception):
    """Why a job cannot be made of this one."""


@define(slots=True)
class Translated:
    """A job: its id there, a name for it here, its keys, and what a person should know. `anchor`: of an ``every``."""

    id: str
    name: str
    keys: Json = field(factory=dict)
    anchor: Instant | None = None
    notes: list[str] = field(factory=list)


@frozen(slots=True)
class Setting:
    """What jobs are read in: the zone that a schedule without one means, and the time it is."""

    zone: str
    now: Instant


def identity(job: Json) -> str:
    """The id of a job, "" where it has none."""
    for key in ("id", "jobId"):
        value = job.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def label(job: Json, ident: str) -> str:
    """What a person calls it."""
    name = job.get("name")
    return name if isinstance(name, str) and name.strip() else ident or "a job without a name"


def translate(job: Json, setting: Setting) -> Translated:
    """Raises `NotCarried`, which says why."""
    ident = identity(job)
    if not ident:
        raise NotCarried("it has neither id nor jobId, so that a second import could not know it again")
    made = Translated(ident, job_name(label(job, ident), f"openclaw {ident}"))
    _schedule(job, setting, made)
    _payload(job, setting, made)
    if job.get("enabled") is False:
        made.keys["enabled"] = False
    _delivery(job, made)
    _left(job, made)
    try:
        make_job(made.name, need_command=True, **made.keys)
    except BadJobs as bad:
        raise NotCarried("; ".join(bad.mistakes)) from None
    return made


# ---- when


def _schedule(job: Json, setting: Setting, made: Translated) -> None:
    schedule = job.get("schedule")
    if isinstance(schedule, str):
        schedule = {"kind": "cron", "expr": schedule}
    if not isinstance(schedule, dict):
        raise NotCarried("it has no schedule")
    kind = str(schedule.get("kind") or _kind(schedule)).lower()
    if kind == "cron":
        _cron(schedule, setting, made)
    elif kind == "every":
        _every(schedule, made)
    elif kind == "at":
        _at(schedule, setting, made)
    else:
        raise NotCarried(f'a schedule of kind "{kind}" has no counterpart here')


def _kind(schedule: Json) -> str:
    if "everyMs" in schedule:
        return "every"
    return "at" if "at" in schedule or "atMs" in schedule else "cron"


def _cron(schedule: Json, setting: Setting, made: Translated) -> None:
    text = schedule.get("expr") or schedule.get("cron") or schedule.get("expression")
    if not isinstance(text, str) or not text.strip():
        raise NotCarried("its schedule has no cron expression")
    zone = schedule.get("tz") or schedule.get("timezone")
    if not isinstance(zone, str) or not zone.strip():
        zone = setting.zone
        made.notes.append(f"its schedule has no time zone; it is read in {zone}, that of this machine")
    try:
        timetable(text.strip(), zone.strip())
    except BadValue as bad:
        raise NotCarried(str(bad)) from None
    made.keys |= {"schedule": text.strip(), "timezone": zone.strip()}
    stagger = _ms(schedule.get("staggerMs"))
    if stagger:
        made.notes.append(f"it was staggered by up to {format_duration(stagger * 1000)}; here it runs on time")


def _every(schedule: Json, made: Translated) -> None:
    every = _ms(schedule.get("everyMs"))
    if every is None or every < _MIN_EVERY_MS:
        raise NotCarried(f"every {schedule.get('everyMs')!r} ms is no interval that can be kept; the shortest is 1000")
    made.keys["schedule"] = f"every {format_duration(every * 1000)}"
    anchor = _ms(schedule.get("anchorMs"))
    made.anchor = None if anchor is None else Instant(anchor * 1000)


def _at(schedule: Json, setting: Setting, made: Translated) -> None:
    at = _instant(schedule.get("at", schedule.get("atMs")))
    if at is None:
        raise NotCarried(f"{schedule.get('at', schedule.get('atMs'))!r} is no time")
    made.keys["schedule"] = f"at {format_instant(at)}"
    if at <= setting.now:
        made.notes.append("its one time is past; it will not run")


def _ms(value: object) -> int | None:
    """Milliseconds, or None for what is none."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_MS
    return int(value) if good else None  # type: ignore[call-overload]  # a number, as was asked


def _instant(value: object) -> Instant | None:
    if isinstance(value, str):
        text = value.strip()
        if text.isdigit():
            return _instant(int(text))
        try:
            moment = datetime.fromisoformat(text)
            return parse_instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        except ValueError:
            return None
    ms = _ms(value)
    return None if not ms else Instant(ms * 1000)


# ---- what


def _payload(job: Json, setting: Setting, made: Translated) -> None:
    payload = job.get("payload")
    if not isinstance(payload, dict):
        raise NotCarried("it has no payload, which says what to run")
    kind = str(payload.get("kind") or "").lower()
    if kind == "agentturn":
        _agent(job, payload, made)
    elif kind == "systemevent":
        text = _text(payload.get("text") or payload.get("message"), "its event has no text")
        mode = "next-heartbeat" if job.get("wakeMode") == "next-heartbeat" else "now"
        made.keys["command"] = ["openclaw", "system", "event", "--text", text, "--mode", mode]
        made.notes.append("it posts an event into the main session: a run of it ends once the event is posted")
    elif kind == "command":
        _command(payload, made)
    else:
        raise NotCarried(f'a payload of kind "{payload.get("kind")}" has no counterpart here')
    seconds = payload.get("timeoutSeconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 1_000_000_000:
        made.keys["timeout"] = format_duration(round(seconds * 1_000_000))
    elif seconds is not None:
        made.notes.append(
            f"its timeoutSeconds, {seconds!r}, is no bound; here every run has one: 24h unless you say less"
        )
    unknown = sorted(set(payload) - _READ_PAYLOAD)
    if unknown:
        made.notes.append(f"not carried over from its payload: {', '.join(unknown)}")


def _text(value: object, otherwise: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise NotCarried(otherwise)
    if "\0" in value:
        raise NotCarried("its text holds a NUL character")
    return value.encode("utf-8", "replace").decode()


def _agent(job: Json, payload: Json, made: Translated) -> None:
    message = _text(payload.get("message") or payload.get("text"), "its agent turn has no message")
    model, more = payload.get("model"), []
    for value, flag in ((job.get("agentId"), "--agent"), (payload.get("thinking"), "--thinking")):
        if isinstance(value, str) and value.strip():
            more += [flag, value.strip()]
    made.keys["agent"] = {"kind": "openclaw", "message": message}
    if isinstance(model, str) and model.strip():
        made.keys["agent"]["model"] = model.strip()
    if more:
        made.keys["agent"]["args"] = more
    target = job.get("sessionTarget")
    if isinstance(target, str) and target not in ("isolated", "new"):
        made.notes.append(f"it ran in the session {target}; here each run has a session of its own")


def _command(payload: Json, made: Translated) -> None:
    argv = payload.get("argv") or payload.get("command")
    if isinstance(argv, str):
        made.keys["shell"] = argv
    elif isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv):
        made.keys["command"] = argv
    else:
        raise NotCarried("its command has no list of words")
    cwd, env = payload.get("cwd"), payload.get("env")
    if isinstance(cwd, str) and cwd.strip():
        made.keys["cwd"] = cwd
    if isinstance(env, dict) and env:
        made.keys["env"] = {str(name): value if isinstance(value, str) else str(value) for name, value in env.items()}


# ---- what is left


def _delivery(job: Json, made: Translated) -> None:
    """Every delivery has its line, so that nothing falls silent unnoticed."""
    delivery, raw = job.get("delivery"), job.get("payload")
    payload: Json = raw if isinstance(raw, dict) else {}
    if not isinstance(delivery, dict):
        if payload.get("deliver") is False:
            return
        delivery = {"mode": "announce", "channel": payload.get("channel"), "to": payload.get("to")}
        agent = (
            str(payload.get("kind", "")).lower() == "agentturn" and job.get("sessionTarget", "isolated") == "isolated"
        )
        if not agent and not any(payload.get(key) for key in ("deliver", "channel", "to")):
            delivery = {"mode": "none"}
    mode = str(delivery.get("mode") or "announce")
    where = " ".join(str(delivery[key]) for key in ("channel", "to") if delivery.get(key))
    if mode == "webhook":
        _webhook(delivery.get("to"), made)
    elif mode != "none":
        made.notes.append(
            f"its result was announced to {where or 'the last channel'}; here nobody is told, but see on_end"
        )
    if delivery.get("failureDestination") or job.get("failureAlert"):
        made.notes.append("its failures were announced; here nobody is told of them, but see on_failure")
    if job.get("notify") is True:
        made.notes.append("its result was posted to cron.webhook (notify); here nothing is posted, but see on_end")


def _webhook(to: object, made: Translated) -> None:
    """What it posted were results; what is posted here are ends. An address with a token in it is not carried over."""
    if not isinstance(to, str) or way(to.strip()) is not Way.WEBHOOK:
        made.notes.append("its result was posted to a webhook that is no web address; here nothing is posted")
        return
    try:
        made.keys["on_end"] = read_receiver(to.strip())
    except BadValue as bad:
        made.notes.append(f"its result was posted to {shown(to.strip())}; here nothing is, for on_end: {bad}")
    else:
        made.notes.append(
            f"its result was posted to {shown(to.strip())}; here on_end posts each end, without the answer"
        )


def _left(job: Json, made: Translated) -> None:
    names = sorted(set(job) - _READ - {"failureAlert"})
    if isinstance(job.get("description"), str) and job["description"].strip():
        names.append("description")
    if names:
        made.notes.append(f"not carried over: {', '.join(names)}")
    state = job.get("state")
    if isinstance(state, dict) and _ms(state.get("runningAtMs")):
        made.notes.append("a run of it was under way, or stuck: it has no end, and is not imported")
