"""The benchmarks there are, by name, and the setting they are measured in."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from attrs import frozen

from benchmarks.figures import Figure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Where children are started, so that they find this package and the one it measures."""

T = TypeVar("T")


@frozen(slots=True)
class Setting:
    """How much to measure, and where. `folder` must lie on the disk that is meant, not in memory."""

    folder: str
    rounds: int = 7
    quick: bool = False
    profile: str | None = None
    finished: int = 100_000
    open_runs: int = 1_000

    def size(self, full: int, quick: int) -> int:
        """How many of something: `full`, or `quick` where the figures only have to be there."""
        return quick if self.quick else full

    @contextmanager
    def scratch(self) -> Iterator[str]:
        """A new folder, gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="cronfsm-bench-", dir=self.folder) as path:
            yield path

    def in_turns(self, measures: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
        """Measure each once a round; each round begins with another one, so that none always follows the same."""
        results: dict[str, list[T]] = {name: [] for name in measures}
        names = list(measures)
        for number in range(self.rounds):
            at = number % len(names)
            for name in names[at:] + names[:at]:
                progress(f"round {number + 1} of {self.rounds}: {name}")
                results[name].append(measures[name]())
        progress("")
        return results


def progress(text: str) -> None:
    """What is being measured, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text[:100]}")
        sys.stderr.flush()


@frozen(slots=True)
class Benchmark:
    """A function that measures, and what it is about."""

    name: str
    goals: str
    about: str
    measure: Callable[[Setting], list[Figure]]
    on_demand: bool = False  # only measured when it is named


REGISTRY: dict[str, Benchmark] = {}


def benchmark(
    name: str, *, goals: str, on_demand: bool = False
) -> Callable[[Callable[[Setting], list[Figure]]], Callable[[Setting], list[Figure]]]:
    """Register a function under `name`; the first line of its docstring is what the list says of it."""

    def register(measure: Callable[[Setting], list[Figure]]) -> Callable[[Setting], list[Figure]]:
        about = (measure.__doc__ or "").strip().partition("\n")[0]
        REGISTRY[name] = Benchmark(name, goals, about, measure, on_demand)
        return measure

    return register
