"""Which of the waiting runs may start: oldest first, as many as there is room for.

First come, first served over all jobs is fair here because a job has at most one place: a job that asks often does
not get more turns than one that asks seldom.
"""

from __future__ import annotations

import heapq

from fsm.instants import Instant


class Line:
    """The line of waiting runs, at most one of each job. Joining, leaving and being called cost a logarithm of its
    length; who has left is passed over when his turn comes."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, str, int]] = []
        self._numbers: dict[str, int] = {}

    def join(self, job: str, number: int, queued_at: Instant) -> None:
        """Stand in line, or go on standing."""
        if self._numbers.get(job) != number:
            self._numbers[job] = number
            heapq.heappush(self._heap, (queued_at, job, number))

    def leave(self, job: str) -> None:
        """Out of the line; harmless for a job that is not in it."""
        self._numbers.pop(job, None)

    def call(self, busy: int, max_running: int) -> list[tuple[str, int]]:
        """Job and number of those that may start now, in order, while `busy` places of `max_running` are taken."""
        called: list[tuple[str, int]] = []
        while self._numbers and len(called) < max_running - busy:
            _, job, number = heapq.heappop(self._heap)
            if self._numbers.get(job) == number:
                del self._numbers[job]
                called.append((job, number))
        return called

    def __len__(self) -> int:
        return len(self._numbers)

    def clear(self) -> None:
        """Nobody waits any more."""
        self._heap.clear()
        self._numbers.clear()
