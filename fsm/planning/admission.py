"""Which of the waiting runs may start: oldest first, as many as there is room for.

First come, first served over all jobs is fair here because a job has at most one place: a job that asks often does
not get more turns than one that asks seldom.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from fsm.instants import Instant


@frozen(slots=True, order=True)
class Waiting:
    """A queued run that could start if there were room."""

    queued_at: Instant
    job: str
    number: int


def admit(waiting: Iterable[Waiting], busy: int, max_running: int) -> list[Waiting]:
    """Those that may start now, in order, while `busy` slots of `max_running` are taken."""
    room = max_running - busy
    return sorted(waiting)[:room] if room > 0 else []
