"""The lifecycle table: every transition a run can take, and every reason it can take it for.

A run is queued, then running, then ended; or it ends while it is queued. Terminal is final: no edge leaves a
terminal state, and a retry is a new run, so no edge leads back either. What the state alone does not say, the reason
says; every edge into a terminal state needs exactly one of the reasons that stand with it, and no other edge has any.

This table is the only place where that is written down. The machine, the diagrams, the tables of the documents, the
SQL checks and the actions of the specification are made from it or held to it by a test.
"""

from __future__ import annotations

from attrs import frozen

from fsm.model.states import Reason, State, Trigger


@frozen(slots=True)
class Edge:
    """`source` is None for the edge by which a run comes to be."""

    trigger: Trigger
    source: State | None
    target: State
    reasons: frozenset[Reason] = frozenset()


TABLE: tuple[Edge, ...] = (
    Edge(Trigger.QUEUE, None, State.QUEUED),
    Edge(Trigger.START, State.QUEUED, State.RUNNING),
    Edge(Trigger.SUCCEED, State.RUNNING, State.SUCCEEDED, frozenset({Reason.COMPLETED})),
    Edge(Trigger.FAIL, State.QUEUED, State.FAILED, frozenset({Reason.START_FAILED, Reason.REFUSED})),
    Edge(
        Trigger.FAIL,
        State.RUNNING,
        State.FAILED,
        frozenset(
            {
                Reason.EXIT_CODE,
                Reason.SIGNAL,
                Reason.ERROR,
                Reason.REFUSED,
                Reason.NO_RESULT,
                Reason.START_FAILED,  # armed and journaled, yet never executed
            }
        ),
    ),
    Edge(Trigger.TIME_OUT, State.QUEUED, State.TIMED_OUT, frozenset({Reason.QUEUE_TIMEOUT})),
    Edge(Trigger.TIME_OUT, State.RUNNING, State.TIMED_OUT, frozenset({Reason.RUN_TIMEOUT, Reason.IDLE_TIMEOUT})),
    Edge(
        Trigger.LOSE,
        State.RUNNING,
        State.LOST,
        frozenset({Reason.VANISHED, Reason.REBOOTED, Reason.UNREADABLE_REPORT, Reason.NODE_EXPIRED}),
    ),
    Edge(
        Trigger.REAP,
        State.QUEUED,
        State.REAPED,
        frozenset({Reason.CANCELLED, Reason.REPLACED, Reason.JOB_REMOVED, Reason.QUEUE_OVERFLOW}),
    ),
    Edge(
        Trigger.REAP,
        State.RUNNING,
        State.REAPED,
        frozenset({Reason.CANCELLED, Reason.REPLACED, Reason.JOB_REMOVED, Reason.HOST_STOP, Reason.OVERDUE}),
    ),
)


def by_input() -> dict[tuple[State | None, Trigger], Edge]:
    """The table by (state, trigger). Raises ValueError where two edges would answer the same input."""
    edges: dict[tuple[State | None, Trigger], Edge] = {}
    for edge in TABLE:
        key = (edge.source, edge.trigger)
        if key in edges:
            raise ValueError(f"two edges for {key}")
        edges[key] = edge
    return edges


def triples() -> list[tuple[State | None, Trigger, Reason | None]]:
    """Every legal (state, trigger, reason), in the table's order; the reasons of an edge by name."""
    return [
        (edge.source, edge.trigger, reason)
        for edge in TABLE
        for reason in (sorted(edge.reasons) if edge.reasons else [None])
    ]
