"""When each job wants to be looked at again: a heap in which a job stands at most once."""

from __future__ import annotations

import heapq


class Alarms:
    """At most one alarm for each job. Setting it anew is cheap; what it replaces is dropped when it comes up.

    Times are microseconds of whichever clock the caller uses throughout: UTC for due times, boot time for deadlines.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._at: dict[str, int] = {}

    def set(self, job: str, at: int | None) -> None:
        """Alarm for `job` at `at`, instead of the one it had; None for none."""
        if at is None:
            self._at.pop(job, None)
        elif self._at.get(job) != at:
            self._at[job] = at
            heapq.heappush(self._heap, (at, job))

    def fill(self, alarms: dict[str, int]) -> None:
        """Begin with these; faster than setting each."""
        self._at = alarms
        self._heap = [(at, job) for job, at in alarms.items()]
        heapq.heapify(self._heap)

    def _tidy(self) -> None:
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)

    def pop(self, now: int) -> list[str]:
        """The jobs whose alarm has come, earliest first; they have none afterwards."""
        due: list[str] = []
        self._tidy()
        while self._heap and self._heap[0][0] <= now:
            job = heapq.heappop(self._heap)[1]
            del self._at[job]
            due.append(job)
            self._tidy()
        return due

    def next(self) -> int | None:
        """When the earliest alarm comes."""
        self._tidy()
        return self._heap[0][0] if self._heap else None

    def __len__(self) -> int:
        return len(self._at)
