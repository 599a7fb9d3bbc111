"""When schedulers were up, from their own stream: so that downtime can be told from neglect."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from fsm.instants import Instant
from fsm.model.entries import (
    Entry,
    SchedulerAlive,
    SchedulerDown,
    SchedulerDraining,
    SchedulerSettings,
    SchedulerUp,
)
from fsm.model.job import SCHEDULER_STREAM
from fsm.ports import Journal

MOST = 20_000
"""Entries of the schedulers' stream that are read back: a scheduler writes about a hundred a day, so this is half a
year of them."""


@frozen(slots=True)
class Reign:
    """One scheduler's time. `last` is its last sign of life; `ended` what it gave as its reason, None without one."""

    epoch: int
    pid: int
    up: Instant
    up_entry: int
    last: Instant
    last_entry: int
    ended: str | None = None


@frozen(slots=True)
class Outage:
    """A time without a scheduler: after `before` (None: there never was one), until `after` (None: still)."""

    before: Reign | None
    after: Reign | None


def last_sign(journal: Journal) -> Instant | None:
    """When a scheduler last wrote that it came, was there, or went; None where there never was one."""
    for entry in journal.entries(job=SCHEDULER_STREAM, newest_first=True, limit=MOST):
        if isinstance(entry.body, SchedulerUp | SchedulerAlive | SchedulerDown):
            return entry.at
    return None


def reigns(journal: Journal, since: Instant) -> list[Reign]:
    """The schedulers that were up at or after `since`, and the one before them, oldest first."""
    entries: list[Entry] = []
    for entry in journal.entries(job=SCHEDULER_STREAM, newest_first=True, limit=MOST):
        entries.append(entry)
        if isinstance(entry.body, SchedulerUp) and entry.at < since:
            break
    return fold(reversed(entries))


def fold(entries: Iterable[Entry]) -> list[Reign]:
    """Reigns from the entries of the schedulers' stream, in commit order."""
    found: list[Reign] = []
    for entry in entries:
        body = entry.body
        if isinstance(body, SchedulerUp):
            found.append(Reign(body.epoch, body.pid, entry.at, entry.id, entry.at, entry.id))
        elif isinstance(body, SchedulerAlive | SchedulerDown | SchedulerDraining | SchedulerSettings) and found:
            known = found[-1]
            if entry.epoch != known.epoch:
                continue  # a client's setting, or a scheduler that was taken over: no sign of this one
            ended = body.reason if isinstance(body, SchedulerDown) else known.ended
            found[-1] = Reign(known.epoch, known.pid, known.up, known.up_entry, entry.at, entry.id, ended)
    return found


def outage_at(found: list[Reign], tick: Instant, *, served: bool) -> Outage | None:
    """The time without a scheduler that `tick` fell into, None where one was up, as far as is known.

    `served`: the newest one is up now. One that fell silent without a word counts as up until the next one came if
    nothing tells otherwise, but for what lies after its last sign.
    """
    before = max((reign for reign in found if reign.up <= tick), key=lambda reign: reign.epoch, default=None)
    after = min((reign for reign in found if reign.up > tick), key=lambda reign: reign.epoch, default=None)
    if before is None:
        return Outage(None, after)
    if tick <= before.last or (after is None and served and before.ended is None):
        return None
    return Outage(before, after)
