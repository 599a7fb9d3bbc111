"""The explorer itself: shortest ways, cycles, weak and strong fairness."""

from __future__ import annotations

import doctest

import pytest

from fsm.testing import explorer
from fsm.testing.explorer import components, explore, strong, weak


def _walk(edges: dict[str, list[tuple[str, str]]]):
    return lambda state: edges.get(state, [])


def test_the_way_to_a_violation_is_a_shortest() -> None:
    edges = {"a": [("long", "b"), ("short", "z")], "b": [("on", "z")]}
    graph = explore("a", _walk(edges), {"not z": lambda s: s != "z"})
    assert graph.violations["not z"] == [(None, "a"), ("short", "z")]
    assert graph.states == ["a", "b", "z"]
    assert graph.edges() == 3


def test_it_can_stop_at_the_first_violation() -> None:
    graph = explore(0, lambda n: [("up", n + 1)], {"small": lambda n: n < 5}, stop_at_violation=True)
    assert len(graph.violations["small"]) == 6


def test_more_states_than_fit_are_an_error() -> None:
    with pytest.raises(OverflowError, match="more than 10 states"):
        explore(0, lambda n: [("up", n + 1)], most=10)


def test_without_fairness_anything_may_stay_where_it_is() -> None:
    graph = explore("a", _walk({"a": [("go", "b")]}))
    assert graph.leads_to(lambda s: s == "a", lambda s: s == "b", []) == [(None, "a")]
    assert graph.leads_to(lambda s: s == "a", lambda s: s == "b", [weak(lambda label: label == "go")]) is None


def test_weak_fairness_is_not_enough_where_a_step_is_possible_only_now_and_then() -> None:
    edges = {"on": [("off", "off"), ("go", "end")], "off": [("on", "on")]}
    graph = explore("on", _walk(edges))
    go, turn = (lambda label: label == "go"), weak(lambda label: label in {"on", "off"})
    ends = lambda s: s == "end"  # noqa: E731
    assert graph.leads_to(lambda s: s == "on", ends, [turn, weak(go)]) is not None
    assert graph.leads_to(lambda s: s == "on", ends, [turn, strong(go)]) is None


def test_a_part_of_a_cycle_that_avoids_a_strong_step_is_found() -> None:
    edges = {"a": [("x", "b"), ("go", "end")], "b": [("y", "a"), ("z", "c")], "c": [("w", "b")]}
    graph = explore("a", _walk(edges))
    fair = [weak(lambda label: label in {"x", "y", "z", "w"}), strong(lambda label: label == "go")]
    trap = graph.leads_to(lambda s: s == "a", lambda s: s == "end", fair)
    assert trap is not None
    assert trap[-1][1] in {"b", "c"}


def test_components_of_a_long_chain_need_no_recursion() -> None:
    length = 20_000
    found = list(components(set(range(length)), lambda n: [n + 1] if n + 1 < length else [0]))
    assert [len(one) for one in found] == [length]


def test_its_examples_are_true() -> None:
    assert doctest.testmod(explorer).failed == 0
