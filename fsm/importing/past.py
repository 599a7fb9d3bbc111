"""Runs that are over, and were executed by another scheduler, as entries of the journal.

Each is queued, started, judged and released like any other, in one transaction, so that every rule of the lifecycle
holds for it and a checker needs no other. What tells it apart: its cause is ``imported``, its `queue` entry names its
origin, its slot is released on the evidence ``imported``. `at` of the entries is when they were appended, as always;
when things happened stands in the bodies. Source: specs/decisions/0030.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from attrs import frozen

from fsm.instants import Deadline, Instant
from fsm.model.entries import IMPORTED_BOOT as BOOT
from fsm.model.entries import Body, Draft, Ended, NumbersTaken, Origin, Queued, Released, Started
from fsm.model.run import Arming
from fsm.model.states import Actor, Cause, Evidence, Reason, Trigger
from fsm.model.stream import JobState

MAX_ERROR = 2_000
"""Characters of an error text: enough to know it by."""


@frozen(slots=True)
class PastRun:
    """A run that is over. `executed`: something was started for it; without, it was declined before."""

    system: str
    id: str
    began: Instant
    ended: Instant
    trigger: Trigger
    reason: Reason
    error: str | None = None
    executed: bool = True


def drafts(state: JobState, runs: Sequence[PastRun], now: Instant, actor: Actor, above: int = 0) -> list[Draft]:
    """What is appended to the stream `state` for these runs, in their order. Numbers up to `above` are taken."""
    found: list[Draft] = []
    number = state.last_number
    if above > number:
        found.append(Draft(state.job, now, actor, None, NumbersTaken(above)))
        number = above
    for run in runs:
        number += 1
        found += [Draft(state.job, now, actor, number, body) for body in _bodies(state, run)]
    return found


def _bodies(state: JobState, run: PastRun) -> list[Body]:
    origin = Origin(run.system, run.id, run.began)
    began, ended = Deadline(run.began, 0, BOOT), Deadline(run.ended, 0, BOOT)
    queued = Queued(Cause.IMPORTED, state.version, began, origin=origin)
    if not run.executed:
        return [queued, Ended(run.trigger, run.reason, run.ended, error=run.error)]
    nonce = hashlib.sha256(f"{run.system}\0{run.id}".encode()).hexdigest()[:16]
    return [
        queued,
        Started(Arming(nonce, BOOT, 0, 0), ended, ended),
        Ended(run.trigger, run.reason, run.ended, error=run.error, started_at=run.began),
        Released(nonce, Evidence.IMPORTED, run.ended),
    ]
