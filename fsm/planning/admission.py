"""Which of the waiting runs may start: who stands in line, who has a place, and whose turn it is.

The rule, for a user: *a place goes to whoever has waited longest, of those whose group has room.* A point of priority
counts as a minute of waiting, and a job that has just had a turn counts as if it had come after it.

So nothing starves. Every run in line has a key, the time it came, which never changes; later ones come behind it but
for those with a higher priority, and these, too, once they come `(their priority - its own)` minutes after it. Between
two keys lies a finite number of runs, and a job takes at most one turn before one that waits. A full group holds up
its own runs only: each group has a line of its own, and the heads of those that have room are compared.

Times are CLOCK_BOOTTIME: a wall clock that is set gives nobody a better place.
"""

from __future__ import annotations

import heapq
from collections import Counter

from fsm.instants import MINUTE
from fsm.model.settings import MAX_RUNNING, Settings

POINT = MINUTE
"""What a point of priority is worth, in time of waiting: among runs that came in the same minute priority decides, and
the lowest of all (-100) waits for no run of the highest (100) that comes more than 200 minutes after it."""


_SLACK = 64  # those who have left and are still in a heap, before it is worth a look


class Places:
    """Which jobs have a place: a slot that is held, or an arming under way. A job has one at most."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[int, str | None]] = {}
        self._in: Counter[str | None] = Counter()

    def take(self, job: str, number: int, group: str | None) -> None:
        """The job's run of that number has a place, instead of whatever run of it had one."""
        self.free(job)
        self._of[job] = number, group
        self._in[group] += 1

    def free(self, job: str) -> None:
        """It has none; harmless where that is so already."""
        known = self._of.pop(job, None)
        if known is not None:
            group = known[1]
            self._in[group] -= 1
            if not self._in[group]:
                del self._in[group]

    def taken_by(self, job: str) -> int | None:
        """The number of the job's run that has a place."""
        known = self._of.get(job)
        return None if known is None else known[0]

    def in_group(self, group: str) -> int:
        """How many of this group there are."""
        return self._in[group]

    def __len__(self) -> int:
        return len(self._of)


_Waiting = tuple[int, str, int]  # key, job, number


class Line:
    """The line of waiting runs, at most one of each job. Joining, leaving and being called cost a logarithm of its
    length, and a call a look at each group that waits; who has left is passed over when his turn comes."""

    def __init__(self) -> None:
        self._heaps: dict[str | None, list[_Waiting]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._served: dict[str, int] = {}  # job -> its last turn; forgotten once nobody waits, so no longer than a rush

    def join(self, job: str, number: int, came: int, *, priority: int = 0, group: str | None = None) -> None:
        """Stand in line since `came` (µs of boot time), or go on standing."""
        if self.waits(job, number):
            return
        waiting = max(came, self._served.get(job, came)) - priority * POINT, job, number
        self._waiting[job] = waiting
        heap = self._heaps.setdefault(group, [])
        heapq.heappush(heap, waiting)
        if len(heap) > 2 * len(self._waiting) + _SLACK:  # most have left: a full group may stay full for days
            heap[:] = [one for one in heap if self._waiting.get(one[1]) == one]
            heapq.heapify(heap)

    def waits(self, job: str, number: int) -> bool:
        """Whether that run stands in line."""
        known = self._waiting.get(job)
        return known is not None and known[2] == number

    def leave(self, job: str) -> None:
        """Out of the line; harmless for a job that is not in it."""
        self._waiting.pop(job, None)

    def __len__(self) -> int:
        return len(self._waiting)

    def call(self, places: Places, settings: Settings, now: int, *, most: int = MAX_RUNNING) -> list[tuple[str, int]]:
        """Job and number of those that may start now, in order, `most` of them at most. They have their places when
        this returns."""
        called: list[tuple[str, int]] = []
        heads = self._heads(places, settings) if len(places) < settings.max_running else []
        while heads and len(places) < settings.max_running and len(called) < most:
            (_, job, number), group = heapq.heappop(heads)
            heapq.heappop(self._heaps[group])
            del self._waiting[job]
            self._served[job] = now
            places.take(job, number, group)
            called.append((job, number))
            head = self._head(group)
            if head is not None and _has_room(group, places, settings):
                heapq.heappush(heads, (head, group))
        if not self._waiting:
            self._served.clear()
        return called

    def has_turn(self, places: Places, settings: Settings) -> bool:
        """Whether somebody in line finds room."""
        return len(places) < settings.max_running and bool(self._heads(places, settings))

    def _heads(self, places: Places, settings: Settings) -> list[tuple[_Waiting, str | None]]:
        """The first of each group that has room, as a heap. No two are alike up to their groups: a job stands once."""
        heads = []
        for group in list(self._heaps):
            head = self._head(group)
            if head is not None and _has_room(group, places, settings):
                heads.append((head, group))
        heapq.heapify(heads)
        return heads

    def _head(self, group: str | None) -> _Waiting | None:
        """The first who still waits in a group; a line without anybody is dropped."""
        heap = self._heaps.get(group, [])
        while heap:
            if self._waiting.get(heap[0][1]) == heap[0]:
                return heap[0]
            heapq.heappop(heap)
        self._heaps.pop(group, None)
        return None

    def clear(self) -> None:
        """Nobody waits any more."""
        self._heaps.clear()
        self._waiting.clear()
        self._served.clear()


def _has_room(group: str | None, places: Places, settings: Settings) -> bool:
    """A group that no setting knows has no bound of its own."""
    most = None if group is None else settings.group(group)
    return group is None or most is None or places.in_group(group) < most
