"""The table, the machine that is built from it, and what is drawn from it, are one and the same."""

from __future__ import annotations

import json
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace

import edges
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.errors import IllegalEntry, IllegalTransition
from fsm.journal.memory import MemoryJournal
from fsm.lifecycle import diagrams, meanings
from fsm.lifecycle.machine import compiled, fire, machine
from fsm.lifecycle.table import TABLE, by_input, triples
from fsm.model.entries import Ended
from fsm.model.states import OPEN, TERMINAL, Cause, Evidence, Reason, RefusalReason, State, Trigger
from fsm.testing.scribe import Scribe

DIAGRAMS = Path(__file__).parents[2] / "diagrams"
sys.path.insert(0, str(DIAGRAMS))
import draw  # noqa: E402

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


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (meanings.REASONS, Reason),
        (meanings.REFUSALS, RefusalReason),
        (meanings.EVIDENCE, Evidence),
        (meanings.CAUSES, Cause),
    ],
)
def test_every_word_has_a_meaning(words: dict[StrEnum, str], kind: type[StrEnum]) -> None:
    assert list(words) == list(kind)
    assert len(set(words.values())) == len(words)


def test_the_words_of_the_specification_are_the_codes() -> None:
    assert draw.words() == [meanings.markdown()], "run `make diagrams`"


RED_ARROW, RED_LINK = 'fill="none" stroke="#dc2626"', "stroke:#dc2626"


@pytest.mark.parametrize("left_out", triples(), ids=str)
def test_an_edge_of_which_a_reason_was_not_taken_is_red(
    left_out: tuple[State | None, Trigger, Reason | None],
) -> None:
    all_but_one = {triple: 1 for triple in triples() if triple != left_out}
    assert diagrams.svg(all_but_one).count(RED_ARROW) == 1
    red = [at for at, edge in enumerate(TABLE) if (edge.source, edge.trigger) == left_out[:2]]
    assert f"linkStyle {red[0]} {RED_LINK}" in diagrams.mermaid_taken(all_but_one)
    assert diagrams.mermaid_taken(all_but_one).count(RED_LINK) == 1


def test_what_was_taken_more_often_is_darker_and_says_how_often() -> None:
    for times, colour in ((1, "#93c5a5"), (99, "#93c5a5"), (100, "#2f9e5f"), (123_456, "#14532d")):
        taken = dict.fromkeys(triples(), 7) | {(None, Trigger.QUEUE, None): times}
        picture, chart = diagrams.svg(taken), diagrams.mermaid_taken(taken)
        assert f'stroke="{colour}"' in picture
        assert f">{times:,}<" in picture
        assert f"linkStyle 0 stroke:{colour}," in chart
        assert f'unborn -->|"queue<br>{times:,}"| queued' in chart
        assert "start_failed 7" in picture


def test_the_coloured_diagrams_are_current_and_every_edge_with_every_reason_was_taken() -> None:
    """Their counts differ from one run of the tests to the next; that each edge of the table has one does not."""
    taken = draw.taken()
    assert list(taken) == triples(), "run `make edges`"
    assert [triple for triple, times in taken.items() if times < 1] == []
    assert (DIAGRAMS / "taken.svg").read_text(encoding="utf-8") == diagrams.svg(taken), "run `make diagrams`"
    assert (DIAGRAMS / "taken.mmd").read_text(encoding="utf-8") == diagrams.mermaid_taken(taken), "run `make diagrams`"


def test_edges_are_counted_where_they_are_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whichever journal; a draft that is refused is none."""
    monkeypatch.setattr(edges, "TAKEN", Counter())
    scribe = Scribe(MemoryJournal())
    scribe.define("a")
    scribe.run_through("a", State.FAILED)
    with pytest.raises(IllegalEntry):
        scribe.write("a", Ended(Trigger.LOSE, Reason.VANISHED, scribe.now().utc), 1)
    once = {(None, "queue", None), ("queued", "start", None), ("running", "fail", "exit_code")}
    assert Counter(once) == edges.TAKEN
    assert set(edges.untaken(edges.TAKEN)) == set(edges.known()) - once
    lines = json.loads(edges.written(edges.TAKEN))
    assert [(one["from"], one["trigger"], one["reason"]) for one in lines] == edges.known()
    assert sum(one["taken"] for one in lines) == 3


@pytest.mark.parametrize(
    ("missing", "keyword", "fails"), [(None, "", False), ("start", "", True), ("start", "only some", False)]
)
def test_a_run_of_all_tests_fails_where_an_edge_was_taken_by_none(
    missing: str | None, keyword: str, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By none of its processes: what workers took is added up first."""
    monkeypatch.setattr(edges, "TAKEN", Counter({triple: 1 for triple in edges.known() if triple[1] != "start"}))
    plugin = object.__new__(edges.Edges)  # without counting everything twice from here on
    plugin.worker = False
    option = SimpleNamespace(keyword=keyword, markexpr="", collectonly=False)
    source = pytest.Config.ArgsSource.TESTPATHS
    plugin.config = SimpleNamespace(option=option, args_source=source, getoption=lambda name: None)  # type: ignore[assignment]
    if missing is None:
        plugin.pytest_testnodedown(SimpleNamespace(workeroutput={"edges": [["queued", "start", None, 3]]}), None)
    session = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    plugin.pytest_sessionfinish(session, pytest.ExitCode.OK)  # type: ignore[arg-type]
    assert (session.exitstatus == pytest.ExitCode.TESTS_FAILED) is fails
