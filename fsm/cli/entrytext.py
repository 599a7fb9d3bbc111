"""An entry of the journal in one line for a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsm.cli.tables import padded, plain
from fsm.cli.times import local, span, stamp
from fsm.cli.words import signal_name
from fsm.model.entries import (
    IMPORTED_BOOT,
    Checkpoint,
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    NumbersTaken,
    Queued,
    Refused,
    Released,
    SchedulerAlive,
    SchedulerDown,
    SchedulerDraining,
    SchedulerSettings,
    SchedulerUp,
    Started,
)
from fsm.model.run import run_id
from fsm.plural import many


def entry_line(entry: Entry) -> str:
    """``#812  2026-11-20 03:00:00.004  backup/42  queued by its schedule  (scheduler)``."""
    at = local(entry.at)
    about = entry.job if entry.run is None else run_id(entry.job, entry.run)
    what = _SAY[type(entry.body)](entry.body, entry.job)
    when = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} {at:%Z}"
    return plain(f"#{entry.id:<6} {when}  {padded(about, 16)}  {what}  [{entry.actor}]")


def _put(body: JobPut, _: str) -> str:
    return f"defined as version {body.version}, from {body.source}"


def _numbers(body: NumbersTaken, _: str) -> str:
    return f"numbers up to {body.up_to} belong to runs that this journal does not know"


def _queued(body: Queued, _: str) -> str:
    for_ = f" for {stamp(body.scheduled_for)}" if body.scheduled_for is not None else ""
    if body.origin is not None:
        origin = body.origin
        return f"imported from {origin.system}, where it began {stamp(origin.at)} (its id there: {origin.id})"
    again = f", attempt {body.attempt}" if body.attempt > 1 else ""
    return f"queued ({body.cause}){for_}{again}, to start by {stamp(body.start_by.utc)}"


def _started(body: Started, _: str) -> str:
    if body.arming.boot_id == IMPORTED_BOOT:
        return f"started there; over {stamp(body.run_by.utc)}"
    return f"started by arming {body.arming.nonce} (pid {body.arming.pid}), to run until {stamp(body.run_by.utc)}"


def _ended(body: Ended, _: str) -> str:
    more = f": {body.error_class}" if body.error_class is not None else ""
    parts = [f"{body.trigger} ({body.reason}{more})"]
    if body.exit_code is not None:
        parts.append(f"exit {body.exit_code}")
    if body.signal is not None:
        parts.append(signal_name(body.signal))
    if body.error:
        parts.append(body.error)
    return ", ".join(parts)


def _released(body: Released, _: str) -> str:
    late = f", {body.note}" if body.note else ""
    return f"slot free, by {body.evidence}{late}"


def _refused(body: Refused, job: str) -> str:
    times = f"{body.count:,} times from {stamp(body.first)} to {stamp(body.last)}"
    which = f"{stamp(body.first)}" if body.count == 1 else times
    by = body.blocked_by
    if by is None:
        return f"refused ({body.reason}) {which}"
    blocker, length = run_id(job, by.number), span(by.age_us)
    life = f"was over ({by.state}) {length} before" if by.state.terminal else f"had been {by.state} for {length}"
    return f"refused ({body.reason}) {which}: {blocker} {life}"


def _up(body: SchedulerUp, _: str) -> str:
    return f"up, epoch {body.epoch}, pid {body.pid}, version {body.version}, {_bounds(body)}"


def _always(text: str) -> Callable[[Any, str], str]:
    return lambda *_: text


def _checkpoint(body: Checkpoint, _: str) -> str:
    return f"checkpoint: {many(body.count, 'entry', 'entries')} before it may be pruned"


def _down(body: SchedulerDown, _: str) -> str:
    return f"down: {body.reason}"


def _draining(body: SchedulerDraining, _: str) -> str:
    return f"draining, until {stamp(body.until.utc)} at the latest"


def _settings(body: SchedulerSettings, _: str) -> str:
    return _bounds(body)


def _bounds(body: SchedulerSettings | SchedulerUp) -> str:
    groups = [f"group {group.name} {group.max_running}" for group in body.groups or ()]
    return ", ".join([f"max_running {body.max_running}", *groups])


_SAY: dict[type[object], Callable[[Any, str], str]] = {
    JobPut: _put,
    JobPaused: _always("paused"),
    JobResumed: _always("resumed"),
    JobRemoved: _always("removed"),
    NumbersTaken: _numbers,
    Queued: _queued,
    Started: _started,
    Ended: _ended,
    Released: _released,
    Refused: _refused,
    Checkpoint: _checkpoint,
    SchedulerUp: _up,
    SchedulerAlive: _always("alive"),
    SchedulerDown: _down,
    SchedulerSettings: _settings,
    SchedulerDraining: _draining,
}
