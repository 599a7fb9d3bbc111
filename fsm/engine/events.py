"""The lifecycle event that a transition is published as."""

from __future__ import annotations

from fsm.instants import Instant
from fsm.model.entries import Ended, Entry, Queued, Started
from fsm.model.events import LifecycleEvent
from fsm.model.run import Run
from fsm.model.states import State, Trigger

_WORDS = {
    State.FAILED: ("error", "error"),
    State.TIMED_OUT: ("timeout", "timeout"),
    State.LOST: ("lost", "lost"),
    State.REAPED: ("aborted", "aborted"),
}
"""`errorKind` and `stopReason` of every end that is no success; the timeout's are those that gateways wait for."""


def event_of(entry: Entry, run: Run) -> LifecycleEvent | None:
    """The event for `entry`, where it is a transition of `run`; None for every other entry."""
    body = entry.body
    if isinstance(body, Queued):
        phase, state, kind, stop = "queued", State.QUEUED, None, None
    elif isinstance(body, Started):
        phase, state, kind, stop = "start", State.RUNNING, None, None
    elif isinstance(body, Ended):
        state = _TARGET[body.trigger]
        phase = "end" if state is State.SUCCEEDED else "error"
        kind, stop = _WORDS.get(state, (None, None))
    else:
        return None
    ended = isinstance(body, Ended)
    return LifecycleEvent(
        entry.id,
        run.id,
        entry.seq,
        entry.at,
        run.session_key,
        phase,
        state,
        body.reason if isinstance(body, Ended) else None,
        _started_at(entry, run),
        body.ended_at if isinstance(body, Ended) else None,
        (body.error or str(body.reason)) if isinstance(body, Ended) and phase == "error" else None,
        kind if ended else None,
        stop if ended else None,
    )


def _started_at(entry: Entry, run: Run) -> Instant | None:
    """As it was known then: a later report may say when the command was really executed."""
    if isinstance(entry.body, Queued):
        return None
    return entry.at if isinstance(entry.body, Started) else run.started_at


_TARGET = {
    Trigger.SUCCEED: State.SUCCEEDED,
    Trigger.FAIL: State.FAILED,
    Trigger.TIME_OUT: State.TIMED_OUT,
    Trigger.LOSE: State.LOST,
    Trigger.REAP: State.REAPED,
}
