"""An entry in one line, for the trace of a failure."""

from __future__ import annotations

from fsm.instants import format_duration, format_instant
from fsm.model.entries import (
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    Queued,
    Refused,
    Released,
    Started,
)


def describe(entry: Entry) -> str:
    """Which stream, which place in it, what it says, and who wrote it."""
    who = f"{entry.actor}" + ("" if entry.epoch is None else f" {entry.epoch}")
    run = "" if entry.run is None else f" run {entry.run}"
    return f"{entry.job}#{entry.seq}{run}: {_say(entry.body)}  <{who}>"


def _say(body: object) -> str:
    if isinstance(body, Queued):
        due = "" if body.scheduled_for is None else f", due {format_instant(body.scheduled_for)[:-4]}"
        return f"queued ({body.cause}{due})"
    if isinstance(body, Started):
        return f"running, by arming {body.arming.nonce[:4]}"
    if isinstance(body, Ended):
        return f"{body.trigger} ({body.reason})" + (f": {body.error}" if body.error else "")
    if isinstance(body, Released):
        return f"released ({body.evidence}), arming {body.nonce[:4]}"
    if isinstance(body, Refused):
        by = body.blocked_by
        blocker = "" if by is None else f", run {by.number} is {by.state} for {format_duration(by.age_us)}"
        span = f"{format_instant(body.first)[:-4]}..{format_instant(body.last)[:-4]}"
        return f"refused {body.cause} x{body.count} {span} ({body.reason}{blocker})"
    if isinstance(body, JobPut):
        job = body.job
        off = "" if job.enabled else ", not enabled"
        return f"put, version {body.version}: {job.schedule or 'manual only'} {job.timezone}{off}"
    if isinstance(body, JobPaused | JobResumed | JobRemoved):
        return type(body).__name__.removeprefix("Job").lower()
    return repr(body)
