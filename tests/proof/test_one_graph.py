"""Specification and shipped code are the same graph; and where the code has a bug, they are not."""

from __future__ import annotations

import bounds
import code_bugs
import pytest
import tlc
from graphs import code_graph, compare
from kernel_liveness import fairness, promises
from kernel_properties import LAWS
from matrix import fresh_folds

LEAST = 10_000
"""States that the bound of the proof has at least."""


@pytest.mark.requirement("R-1")
@pytest.mark.requirement("R-14")
@pytest.mark.requirement("R-33")
def test_the_specification_and_the_code_are_one_graph(checker, record_property) -> None:
    limits = bounds.of("MCCrash")
    graph = code_graph(limits, invariants=LAWS)
    assert not graph.violations
    found = compare("MCCrash", graph)
    assert found.equal, (found.only_spec, found.only_code)
    assert found.states >= LEAST
    fair = fairness(limits.MaxSup)
    for name, pairs in promises(limits.MaxRuns, limits.MaxTicks).items():
        for cause, effect in pairs:
            assert graph.leads_to(cause, effect, fair) is None, name
    record_property("proof", f"one graph of {found.states} states and {found.edges} edges, in TLC and over the code")


def test_a_bug_in_the_code_makes_another_graph(checker, monkeypatch) -> None:
    code_bugs.timeout_not_journaled(monkeypatch)
    with fresh_folds():
        found = compare("MCQuiet")
    assert not found.equal
    assert any("run_timeout" in one for one in found.only_spec), "the verdict that only the specification journals"


def test_liveness_by_tlc(checker) -> None:
    assert tlc.run("RunProperties", bounds.text("MCLive")).holds


def test_every_safety_property_is_in_every_configuration() -> None:
    for name in bounds.names(big=True) + bounds.names(big=True, retries=True):
        named = {line.split()[1] for line in bounds.text(name).splitlines() if line.startswith("INVARIANT")}
        assert named == {*LAWS, "TypeOK"}, name
