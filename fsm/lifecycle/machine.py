"""The one machine: `transitions`, built from the table, fired on a light model object.

`transitions` would do more than is wanted here: `to_<state>` methods that bypass the table, duplicate edges of which
the first wins, conditions that fail silently, callbacks that leave a state moved when they raise. So it is kept
behind this module: no automatic transitions, no callbacks, no models that stay; an input that the table does not
have is an `IllegalTransition`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from transitions import Machine, MachineError

from fsm.errors import IllegalTransition
from fsm.lifecycle.table import Edge, by_input
from fsm.model.states import Reason, State, Trigger

_UNBORN = "unborn"  # what the machine calls the state of a run that does not exist yet
_NAMES: dict[State | None, str] = {None: _UNBORN, **{state: state.value for state in State}}  # a lookup costs a fifth
_STATES: dict[str, State] = {state.value: state for state in State}  # of what `state.value` and `State(…)` do


class _Model:
    """What the machine's events are fired on: one state, no methods, never registered with the machine."""

    __slots__ = ("state",)

    def __init__(self, state: str) -> None:
        self.state = state


@cache
def machine() -> Any:
    """The machine, built once from the table. Its `events` are what `fire` uses."""
    return Machine(
        model=None,
        states=[_UNBORN, *(str(state) for state in State)],
        initial=_UNBORN,
        auto_transitions=False,
        send_event=False,
        transitions=[
            {"trigger": str(edge.trigger), "source": str(edge.source or _UNBORN), "dest": str(edge.target)}
            for edge in by_input().values()
        ],
    )


@cache
def _events() -> dict[Trigger, Any]:
    return {trigger: machine().events[str(trigger)] for trigger in Trigger}


@cache
def _edges() -> dict[tuple[State | None, Trigger], Edge]:
    return by_input()


def fire(state: State | None, trigger: Trigger, reason: Reason | None = None) -> State:
    """The state after `trigger`, by the machine.

    Raises `IllegalTransition` when the table has no such edge, when the edge needs a reason and none was given, or
    when the reason is not one of the edge's.
    """
    model = _Model(_NAMES[state])
    try:
        _events()[trigger].trigger(model)
    except MachineError:
        raise IllegalTransition(state, trigger, reason) from None
    edge = _edges()[state, trigger]
    _check_reason(edge, reason)
    return _STATES[model.state]


def _check_reason(edge: Edge, reason: Reason | None) -> None:
    if reason is None and edge.reasons:
        raise IllegalTransition(edge.source, edge.trigger, None, f"it needs one of {', '.join(sorted(edge.reasons))}")
    if reason is not None and reason not in edge.reasons:
        allowed = ", ".join(sorted(edge.reasons)) or "none"
        raise IllegalTransition(edge.source, edge.trigger, reason, f"its reasons are {allowed}")


@cache
def compiled() -> dict[tuple[State | None, Trigger, Reason | None], State]:
    """What `fire` answers for every legal input, asked of it once for each.

    For readers of long journals; a test holds it equal to `fire` on every input, legal or not. Only those that the
    table has are asked here: being refused a thousand times takes a tenth of a second, of a scheduler's first turn.
    """
    return {
        (edge.source, edge.trigger, reason): fire(edge.source, edge.trigger, reason)
        for edge in _edges().values()
        for reason in (edge.reasons or {None})
    }
