"""Hold TLC's graph of the specification against the explorer's over the shipped code."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bounds
import tlc
from attrs import frozen
from kernel_state import Bounds, Kernel, first, value
from kernel_world import steps
from tlavalues import State, read_dump

from fsm.testing.explorer import Graph, explore

KernelGraph = Graph[Kernel, tuple[str, str]]


@frozen
class Compared:
    """States and edges of both, and what only one of them has (examples, with counts)."""

    states: int
    edges: int
    only_spec: tuple[str, ...]
    only_code: tuple[str, ...]
    differences: int

    @property
    def equal(self) -> bool:
        """Whether they are the same graph."""
        return not self.differences


def code_graph(limits: Bounds, **keys: object) -> KernelGraph:
    """Every state that the shipped code can come to within these bounds. Retries are the specification's alone."""
    if limits.Retries:
        raise ValueError("the kernel has no retries")

    def succ(state: Kernel):
        for action, who, after in steps(state, limits):
            yield (action, who), after

    return explore(first(limits), succ, **keys)


def spec_graph(name: str) -> tuple[set[State], set[tuple[State, str, State]]]:
    """Every state of the specification within the bounds of a configuration, and every edge, by value; its safety
    properties are checked on the way."""
    with tempfile.TemporaryDirectory(prefix="graph-") as place:
        dump = Path(place) / "graph.dot"
        verdict = tlc.run("RunProperties", bounds.text(name), dump=dump)
        if not verdict.holds:
            raise AssertionError(f"{name}: {verdict.prop} is violated: {verdict.trace}")
        states, edges = read_dump(dump)
    found = {(states[source], action, states[target]) for source, action, target in edges}
    if len(states) != verdict.distinct:
        raise tlc.TlcError(f"the dump has {len(states)} states, TLC found {verdict.distinct}")
    return set(states.values()), found


def compare(name: str, graph: KernelGraph | None = None) -> Compared:
    """Both graphs, states by value and edges by action."""
    graph = code_graph(bounds.of(name)) if graph is None else graph
    numbers: dict[State, int] = {}
    values: list[State] = []
    for state in graph.states:
        one = tuple(sorted(value(state).items()))
        values.append(one)
        numbers[one] = len(values) - 1
    if len(numbers) != len(values):
        raise AssertionError("two states of the code have one value: the abstraction loses something")
    code_edges = {(number, action, target) for number, out in enumerate(graph.steps) for (action, _), target in out}
    spec_states, spec_edges = spec_graph(name)
    only_spec = [f"state {_short(one)}" for one in spec_states if one not in numbers]
    only_code = [f"state {_short(one)}" for one in values if one not in spec_states]
    known = {
        (numbers[source], action, numbers[target])
        for source, action, target in spec_edges
        if source in numbers and target in numbers
    }
    lost = len(spec_edges) - len(known)
    only_spec += [f"{action} from {_short(values[source])}" for source, action, _ in known - code_edges]
    only_code += [f"{action} from {_short(values[source])}" for source, action, _ in code_edges - known]
    return Compared(
        len(values),
        len(code_edges),
        tuple(only_spec[:5]),
        tuple(only_code[:5]),
        len(only_spec) + len(only_code) + lost,
    )


def _short(state: State) -> str:
    """What is worth reading of a state."""
    kept = {name: one for name, one in state if name in {"log", "view", "m", "st", "tree", "ver", "pipe", "sched"}}
    return ", ".join(f"{name}={one}" for name, one in kept.items())
