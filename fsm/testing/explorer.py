"""Explore every state that can be reached, breadth first: shortest counterexamples, and liveness under fairness.

For any system that is a value and a function: ``succ(state)`` yields ``(label, next state)`` for all that may happen
next. States and labels are hashable. The graph is kept, so that several questions can be asked of one exploration:

>>> def succ(n):
...     if n < 3:
...         yield "up", n + 1
...     yield "reset", 0
>>> graph = explore(0, succ, {"below three": lambda n: n < 3})
>>> [label for label, _ in graph.violations["below three"]]
[None, 'up', 'up', 'up']
>>> graph.leads_to(lambda n: n == 0, lambda n: n == 3, [weak(lambda label: label == "up")]) is None
False
>>> graph.leads_to(lambda n: n == 2, lambda n: n in (0, 3), [weak(lambda label: label == "up")]) is None
True
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from attrs import define, frozen

S = TypeVar("S", bound=Hashable)
L = TypeVar("L", bound=Hashable)

MOST_STATES = 5_000_000
"""More do not fit into the memory of an ordinary machine; a bound that is too large is said, not suffered."""


@frozen
class Fairness(Generic[L]):
    """What is bound to happen: weak, if it stays possible; strong, if it becomes possible again and again."""

    takes: Callable[[L], bool]
    strong: bool = False


def weak(takes: Callable[[L], bool]) -> Fairness[L]:
    """Weak fairness of the steps whose label `takes` accepts."""
    return Fairness(takes)


def strong(takes: Callable[[L], bool]) -> Fairness[L]:
    """Strong fairness of the steps whose label `takes` accepts."""
    return Fairness(takes, True)


@define
class Graph(Generic[S, L]):
    """What was explored. States are numbered in the order they were found; 0 is the first.

    `violations`: for each invariant that is broken, the shortest way to a state that breaks it.
    """

    states: list[S]
    steps: list[list[tuple[L, int]]]
    parents: list[tuple[int, L] | None]
    violations: dict[str, list[tuple[L | None, S]]]

    def path(self, number: int) -> list[tuple[L | None, S]]:
        """The shortest way to a state: labels and states, the first label None."""
        way: list[tuple[L | None, S]] = []
        at: int | None = number
        while at is not None:
            parent = self.parents[at]
            way.append((None if parent is None else parent[1], self.states[at]))
            at = None if parent is None else parent[0]
        way.reverse()
        return way

    def edges(self) -> int:
        """How many steps there are, those that change nothing included."""
        return sum(len(steps) for steps in self.steps)

    def leads_to(
        self, cause: Callable[[S], bool], effect: Callable[[S], bool], fairness: Sequence[Fairness[L]]
    ) -> list[tuple[L | None, S]] | None:
        """None if every fair behaviour that meets `cause` meets `effect` then or later.

        Otherwise the way to a state from which `effect` can be avoided for ever: its last state lies on a cycle (or
        is a place to stay) that is fair and never meets it.
        """
        open_states = self._reach([n for n, s in enumerate(self.states) if cause(s) and not effect(s)], effect)
        trap = self._fair_component(open_states, fairness)
        return None if trap is None else self.path(min(trap))

    def _reach(self, sources: list[int], effect: Callable[[S], bool]) -> set[int]:
        """All that can be reached from `sources` without meeting `effect`."""
        seen, todo = set(sources), list(sources)
        while todo:
            for _, target in self.steps[todo.pop()]:
                if target not in seen and not effect(self.states[target]):
                    seen.add(target)
                    todo.append(target)
        return seen

    def _fair_component(self, within: set[int], fairness: Sequence[Fairness[L]]) -> set[int] | None:
        """A set of states in which a fair behaviour can stay for ever, if there is one."""
        pending = [within]
        while pending:  # each round takes states away from a component, so it ends
            for component in components(pending.pop(), self._inner):
                smaller = self._prune(component, fairness)
                if smaller is None:
                    return component
                if smaller and len(smaller) < len(component):
                    pending.append(smaller)
        return None

    def _inner(self, number: int) -> Iterable[int]:
        return (target for _, target in self.steps[number])

    def _prune(self, component: set[int], fairness: Sequence[Fairness[L]]) -> set[int] | None:
        """None where staying in `component` is fair; else the states in which it might still be."""
        for fair in fairness:
            inside, enabled = False, set()
            for number in component:
                for label, target in self.steps[number]:
                    if target != number and fair.takes(label):
                        enabled.add(number)
                        inside = inside or target in component
            if inside or not enabled:
                continue
            if fair.strong:
                return component - enabled  # without the states where it is possible, it may never be possible
            if len(enabled) == len(component):
                return set()  # possible everywhere and never taken
        return None


def explore(
    initial: S,
    succ: Callable[[S], Iterable[tuple[L, S]]],
    invariants: Mapping[str, Callable[[S], bool]] | None = None,
    *,
    stop_at_violation: bool = False,
    most: int = MOST_STATES,
) -> Graph[S, L]:
    """Explore all states that `initial` leads to. Raises `OverflowError` where there are more than `most`."""
    laws = dict(invariants or {})
    graph: Graph[S, L] = Graph([initial], [], [None], {})
    numbers: dict[S, int] = {initial: 0}
    _hold(graph, laws, 0)
    at = 0
    while at < len(graph.states) and not (stop_at_violation and graph.violations):
        steps: list[tuple[L, int]] = []
        for label, state in succ(graph.states[at]):
            number = numbers.get(state)
            if number is None:
                number = numbers[state] = len(graph.states)
                if number >= most:
                    raise OverflowError(f"more than {most} states; choose smaller bounds")
                graph.states.append(state)
                graph.parents.append((at, label))
                _hold(graph, laws, number)
            steps.append((label, number))
        graph.steps.append(steps)
        at += 1
    return graph


def _hold(graph: Graph[S, L], laws: dict[str, Callable[[S], bool]], number: int) -> None:
    for name in [name for name, law in laws.items() if not law(graph.states[number])]:
        graph.violations[name] = graph.path(number)
        del laws[name]  # breadth first: the first one found is a shortest


def components(nodes: set[int], targets: Callable[[int], Iterable[int]]) -> Iterable[set[int]]:
    """The strongly connected components of `nodes` (Tarjan's algorithm, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(targets(root)))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target not in nodes:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(targets(target))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: set[int] = set()
                    while node not in component:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.add(member)
                    yield component
