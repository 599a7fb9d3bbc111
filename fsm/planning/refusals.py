"""When a refusal is worth an entry of its own.

The first one is written at once. Those that follow with the same reason and the same run in the way are put together
into one entry an hour, or written when reason or blocker change, so that a job that is refused every second leaves
24 entries a day and not 86,400. A request that is refused as the last tick was needs no entry of its own either; a
tick does after a request, for it has to have its answer in the stream.
"""

from __future__ import annotations

from fsm.instants import HOUR, Instant
from fsm.model.entries import Refused
from fsm.model.states import Cause
from fsm.model.stream import JobState

WRITE_EVERY = HOUR


def same_refusal(state: JobState, refusal: Refused, now: Instant) -> bool:
    """Whether the stream's last refusal says the same and is young enough to stand for this one, too."""
    last = state.refusal
    if last is None or state.refused_at is None:
        return False
    alike = (last.reason, _blocker(last)) == (refusal.reason, _blocker(refusal))
    stands_for_it = refusal.cause is Cause.MANUAL or last.cause is not Cause.MANUAL
    return alike and stands_for_it and 0 <= now - state.refused_at < WRITE_EVERY


def _blocker(refusal: Refused) -> int | None:
    return None if refusal.blocked_by is None else refusal.blocked_by.number
