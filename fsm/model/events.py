"""Lifecycle events: what subscribers hear of a run. The spelling of `errorKind` and `stopReason` is the gateways'."""

from __future__ import annotations

from attrs import frozen

from fsm.instants import Instant
from fsm.model.states import Reason, State


@frozen(slots=True)
class LifecycleEvent:
    """One transition of one run, as published. `id` is the entry's store-wide id, `seq` its place in the stream.

    `phase` is ``queued``, ``start``, ``end`` (succeeded) or ``error`` (every other end).
    """

    id: int
    run_id: str
    seq: int
    ts: Instant
    session_key: str
    phase: str
    state: State
    reason: Reason | None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    error: str | None = None
    error_kind: str | None = None
    stop_reason: str | None = None
