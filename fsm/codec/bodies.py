"""Bodies of entries as JSON objects, and back.

A transition's body names its trigger, the state it comes from, the state it leads to and its reason, all four always,
so that the exported journal can be read, and checked, without this program. What stands between them follows from the
lifecycle table, and is held to it whenever a body is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsm.codec.scalars import Unreadable, word_reader
from fsm.codec.shapes import shape
from fsm.lifecycle.table import TABLE
from fsm.model.entries import (
    KIND_OF,
    Body,
    Checkpoint,
    Ended,
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
from fsm.model.states import Kind, Reason, State, Trigger

EVENTS: dict[type[Any], str] = {
    JobPut: "put",
    JobPaused: "paused",
    JobResumed: "resumed",
    JobRemoved: "removed",
    NumbersTaken: "numbers_taken",
    SchedulerUp: "up",
    SchedulerAlive: "alive",
    SchedulerDown: "down",
    SchedulerSettings: "settings",
    SchedulerDraining: "draining",
}
"""The word by which bodies of one kind are told apart."""

_OF_EVENT: dict[Kind, dict[object, type[Any]]] = {
    kind: {event: cls for cls, event in EVENTS.items() if KIND_OF[cls] is kind} for kind in (Kind.JOB, Kind.SCHEDULER)
}
_PLAIN: dict[Kind, type[Any]] = {
    Kind.RELEASED: Released,
    Kind.REFUSED: Refused,
    Kind.CHECKPOINT: Checkpoint,
}

TARGETS: dict[Trigger, State] = {edge.trigger: edge.target for edge in TABLE}
"""Where each trigger leads: the same state, wherever it comes from."""

LEGAL: frozenset[tuple[State | None, Trigger, Reason | None]] = frozenset(
    (edge.source, edge.trigger, reason) for edge in TABLE for reason in (edge.reasons or {None})
)
"""Every (from, trigger, reason) of the table."""

_read_state = word_reader(State)
_read_trigger = word_reader(Trigger)
_read_reason = word_reader(Reason)
_MISSING = object()


def body_to_dict(body: Body, source: State | None) -> dict[str, Any]:
    """`body` as a JSON object; `source` is the run's state before, for a transition."""
    return _WRITERS[type(body)](body, source)


def body_from_dict(kind: Kind, data: dict[str, Any]) -> tuple[Body, State | None]:
    """The body and, for a transition, the state that it comes from. `data` is used up.

    Raises `Unreadable` for anything that `body_to_dict` would not have written.
    """
    if kind is Kind.TRANSITION:
        return _read_transition(data)
    cls = _PLAIN.get(kind)
    if cls is None:
        event = data.pop("event", None)
        cls = _OF_EVENT[kind].get(event) if type(event) is str else None
        if cls is None:
            raise Unreadable(f"{event!r} is no event of kind {kind}")
    body: Body = shape(cls).read(data)
    return body, None


def _read_transition(data: dict[str, Any]) -> tuple[Body, State | None]:
    missing = [key for key in ("trigger", "from", "to", "reason") if key not in data]
    if missing:
        raise Unreadable(f"a transition needs its {' and its '.join(missing)}")
    trigger = _read_trigger(data["trigger"], None)
    source = None if data["from"] is None else _read_state(data.pop("from"), None)
    reason = None if data["reason"] is None else _read_reason(data["reason"], None)
    target = _read_state(data.pop("to"), None)
    data.pop("from", None)
    if (source, trigger, reason) not in LEGAL or target is not TARGETS[trigger]:
        with_reason = f" ({reason})" if reason else ""
        raise Unreadable(f"the lifecycle has no {trigger}{with_reason} from {source or 'nothing'} to {target}")
    if reason is not None:
        return shape(Ended).read(data), source
    del data["trigger"], data["reason"]
    return (shape(Queued) if trigger is Trigger.QUEUE else shape(Started)).read(data), source


def _queued_writer() -> Callable[[Any, State | None], dict[str, Any]]:
    write = shape(Queued).write

    def write_queued(body: Queued, _: State | None) -> dict[str, Any]:
        data = write(body)
        data["trigger"], data["from"], data["to"], data["reason"] = "queue", None, "queued", None
        return data

    return write_queued


def _started_writer() -> Callable[[Any, State | None], dict[str, Any]]:
    write = shape(Started).write

    def write_started(body: Started, source: State | None) -> dict[str, Any]:
        data = write(body)
        data["trigger"], data["from"], data["to"], data["reason"] = "start", source, "running", None
        return data

    return write_started


def _ended_writer() -> Callable[[Any, State | None], dict[str, Any]]:
    write = shape(Ended).write

    def write_ended(body: Ended, source: State | None) -> dict[str, Any]:
        data = write(body)
        data["from"], data["to"] = source, TARGETS[body.trigger]
        return data

    return write_ended


def _event_writer(cls: type[Any]) -> Callable[[Any, State | None], dict[str, Any]]:
    write, event = shape(cls).write, EVENTS[cls]

    def write_event(body: Any, _: State | None) -> dict[str, Any]:
        data: dict[str, Any] = write(body)
        data["event"] = event
        return data

    return write_event


def _plain_writer(cls: type[Any]) -> Callable[[Any, State | None], dict[str, Any]]:
    write: Callable[[Any], dict[str, Any]] = shape(cls).write
    return lambda body, _: write(body)


_WRITERS: dict[type[Any], Callable[[Any, State | None], dict[str, Any]]] = {
    Queued: _queued_writer(),
    Started: _started_writer(),
    Ended: _ended_writer(),
    **{cls: _event_writer(cls) for cls in EVENTS},
    **{cls: _plain_writer(cls) for cls in _PLAIN.values()},
}
