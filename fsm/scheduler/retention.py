"""The scheduler prunes by itself: one small piece of work in a quiet moment, so that no tick waits for it.

Streams are looked at in two ways. One that has grown by as much as lies between two checkpoints is looked at soon; and
all of them are gone through by name, a page a minute and the whole no more than once an hour, for what has grown old
where nothing happens any more.
"""

from __future__ import annotations

from collections import deque

from fsm.client.prune import Pruner
from fsm.instants import HOUR, MINUTE, SECOND, Duration, Moment
from fsm.model.states import Actor
from fsm.planning.retention import LEAST_BETWEEN
from fsm.ports import Clock, Journal, Outputs

LOOK_EVERY = Duration(MINUTE)
"""How often a page of streams is looked at."""

PASS_EVERY = Duration(HOUR)
"""How often all of them are gone through, where there are few: what is old is counted in days."""

PAGE = 100
"""Streams of a page: some 10 ms a minute. A hundred thousand are gone through within a day."""

PAUSE = Duration(SECOND // 20)
"""Between two pieces of work, so that what happened meanwhile comes first."""

PATIENCE = Duration(10 * SECOND)
"""After so long without a quiet moment one piece is done all the same: a journal under steady load is pruned, too."""

MOST_WAITING = 10_000
"""Streams that wait to be looked at. Those beyond are met on the way through all of them."""

LOOKS_AT_ONCE = 20
"""Streams in which there is nothing to do that are passed over in one piece of work: some milliseconds."""

FOLDERS_AT_ONCE = 16
"""Runs whose folders are deleted in one piece of work: some milliseconds."""


class Retention:
    """Looks at streams, sets checkpoints, cuts. `work` raises `StoreError` where the store takes nothing."""

    def __init__(self, journal: Journal, clock: Clock, outputs: Outputs | None, now: Moment) -> None:
        self.journal = journal
        self.pruner = Pruner(journal, clock, outputs, Actor.SCHEDULER)
        self._seen: dict[str, int] = {}  # stream -> its length when it was looked at last
        self._waiting: deque[str] = deque()
        self._folders: deque[str] = deque()  # jobs whose pruned runs may have left something
        self._first_pass = True
        self._page_after = ""
        self._put_off_since: int | None = None
        self._look_at = self._work_at = now.boot + LOOK_EVERY
        self._pass_at = self._look_at  # the next pass begins no sooner

    def note(self, job: str, seq: int) -> None:
        """The stream has this length now."""
        seen = self._seen.get(job)
        if seen is None:
            if len(self._seen) >= MOST_WAITING:
                self._seen.clear()
            self._seen[job] = seq
        elif seq - seen >= LEAST_BETWEEN and len(self._waiting) < MOST_WAITING:
            self._seen[job] = seq
            self._waiting.append(job)

    @property
    def busy(self) -> bool:
        """Whether there is something to do."""
        return bool(self._waiting or self._folders)

    def alarm(self) -> int:
        """The boot time of its next work."""
        return self._work_at if self.busy else self._look_at

    def work(self, now: Moment, *, quiet: bool) -> None:
        """One piece of work, if its time has come and it is `quiet` or was not for long."""
        if now.boot >= self._look_at:
            if not self._page_after:
                self._pass_at = now.boot + PASS_EVERY
            self._next_page()
            next_at = now.boot + LOOK_EVERY
            self._look_at = next_at if self._page_after else max(next_at, self._pass_at)
        if not self.busy:
            self._work_at = now.boot
            return
        if now.boot < self._work_at:
            return
        if not quiet and (self._put_off_since is None or now.boot - self._put_off_since < PATIENCE):
            self._put_off_since = now.boot if self._put_off_since is None else self._put_off_since
            self._work_at = now.boot + PAUSE
            return
        self._work_at, self._put_off_since = now.boot + PAUSE, None
        for _ in range(min(LOOKS_AT_ONCE, len(self._waiting))):
            if self._work_on(self._waiting.popleft()):
                return
        if self._folders and not self._waiting:
            self._delete_folders(self._folders[0])

    def _next_page(self) -> None:
        page = self.journal.streams(after=self._page_after, limit=PAGE)
        self._page_after = page[-1] if len(page) == PAGE else ""
        known = set(self._waiting)
        self._waiting.extend(job for job in page if job not in known)
        if self._first_pass:  # what an earlier scheduler may have left undone
            self._folders.extend(page)
            self._first_pass = bool(self._page_after)

    def _work_on(self, job: str) -> bool:
        """Whether anything was written."""
        if self.pruner.cut(job) is None:
            return self.pruner.mark(job)
        self._waiting.append(job)  # there may be more to cut
        self._folders.append(job)
        return True

    def _delete_folders(self, job: str) -> None:
        begin = self.journal.span(job, 0).begin
        numbers = [] if begin is None else self.pruner.left_behind(job, begin)
        outputs = self.pruner.outputs
        for number in numbers[:FOLDERS_AT_ONCE]:
            assert outputs is not None  # or there would be no numbers
            try:
                outputs.discard(job, number)
            except OSError:
                numbers = []  # tried again when the stream is cut next
                break
        if len(numbers) <= FOLDERS_AT_ONCE:
            self._folders.popleft()
