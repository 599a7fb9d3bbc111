"""The table, the machine that is built from it, and what is drawn from it, are one and the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import IllegalTransition
from fsm.lifecycle import diagrams
from fsm.lifecycle.machine import compiled, fire, machine
from fsm.lifecycle.table import TABLE, by_input, triples
from fsm.model.states import OPEN, TERMINAL, Reason, State, Trigger

DIAGRAMS = Path(__file__).parents[2] / "diagrams"

states = st.sampled_from([None, *State])
reasons = st.sampled_from([None, *Reason])


def test_no_input_has_two_answers() -> None:
    assert len(by_input()) == len(TABLE)


def test_terminal_is_final_and_every_open_state_has_a_way_out() -> None:
    assert not [edge for edge in TABLE if edge.source in TERMINAL]
    for state in OPEN:
        assert any(edge.source is state and edge.target in TERMINAL for edge in TABLE)


def test_every_reason_is_used_and_every_terminal_edge_has_one() -> None:
    used = {reason for edge in TABLE for reason in edge.reasons}
    assert used == set(Reason)
    assert all(edge.reasons for edge in TABLE if edge.target in TERMINAL)
    assert not any(edge.reasons for edge in TABLE if edge.target in OPEN)


def test_the_machine_has_the_edges_of_the_table_and_no_others() -> None:
    found = {
        (transition.source, name, transition.dest)
        for name, event in machine().events.items()
        for transitions in event.transitions.values()
        for transition in transitions
    }
    assert found == {(str(edge.source or "unborn"), str(edge.trigger), str(edge.target)) for edge in TABLE}
    assert not machine().models


@pytest.mark.requirement("R-2")
@pytest.mark.requirement("R-1")
@given(states, st.sampled_from(list(Trigger)), reasons)
def test_the_machine_takes_what_the_table_has_and_nothing_else(
    state: State | None, trigger: Trigger, reason: Reason | None
) -> None:
    if (state, trigger, reason) in triples():
        assert fire(state, trigger, reason) is by_input()[state, trigger].target
    else:
        with pytest.raises(IllegalTransition) as caught:
            fire(state, trigger, reason)
        assert (caught.value.state, caught.value.trigger, caught.value.reason) == (state, trigger, reason)
        assert str(trigger) in str(caught.value)


@pytest.mark.requirement("R-2")
def test_the_compiled_table_answers_like_the_machine_on_every_input() -> None:
    for state in (None, *State):
        for trigger in Trigger:
            for reason in (None, *Reason):
                try:
                    answer = fire(state, trigger, reason)
                except IllegalTransition:
                    assert (state, trigger, reason) not in compiled()
                else:
                    assert compiled().get((state, trigger, reason)) is answer
    assert set(compiled()) == set(triples())


@pytest.mark.parametrize(
    ("name", "draw"),
    [("lifecycle.mmd", diagrams.mermaid), ("lifecycle.svg", diagrams.svg), ("lifecycle.md", diagrams.markdown)],
)
def test_the_diagrams_are_current(name: str, draw: object) -> None:
    assert callable(draw)
    assert (DIAGRAMS / name).read_text(encoding="utf-8") == draw(), "run `make diagrams`"


def test_an_edge_that_was_not_taken_is_red() -> None:
    all_but_one = [edge for edge in TABLE if edge.trigger is not Trigger.LOSE]
    assert "#dc2626" in diagrams.svg(all_but_one)
    assert "#dc2626" not in diagrams.svg(TABLE)
