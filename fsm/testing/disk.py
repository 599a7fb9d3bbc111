"""The disk under a simulated journal: without room for a while, or failing in the middle of an append.

An append is one transaction: whatever goes wrong, all of it is there or nothing (`tests/crash` holds the store to it).
But whoever appended is told of an error either way, and cannot know which. That is a torn append, and there are three:
nothing of it is there; all of it is; or nobody sees it until the store is opened anew and finds it behind its last
acknowledged commit (the log was written, and its sync failed).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from enum import StrEnum

from attrs import frozen

from fsm.errors import ConflictError, JournalFull, JournalUnusable, StoreError
from fsm.ports import Append, Appended, Journal
from fsm.testing.world import Step, World

DISK = "the simulated disk"


class Torn(StrEnum):
    """What is there of an append of which its process was told that it failed."""

    NOTHING = "nothing"
    ALL = "all"
    LATER = "later"  # only for who opens the store after this process, if nobody appends before


@frozen(slots=True)
class _Ghost:
    """An append that the store finds when it is opened anew, if nothing came after entry `last_id`."""

    batch: tuple[Append, ...]
    epoch: int | None
    last_id: int


class Disk:
    """Takes the appends of one journal, or does not. `committed` is told of what really came to be there."""

    def __init__(self, world: World, journal: Journal, committed: Callable[[Sequence[Appended]], None]) -> None:
        self.world, self._journal, self._committed = world, journal, committed
        self.failing = 0  # so many appends of schedulers find no room
        self.full_until = 0  # t
        self.trouble_t = 0  # when it last failed
        self.torn: Counter[Torn] = Counter()  # how many appends of schedulers were torn, and how
        self.client_torn: Counter[Torn] = Counter()
        self._tears: deque[Torn] = deque()
        self._client_tears: deque[Torn] = deque()
        self._ghost: _Ghost | None = None

    def tear(self, how: Torn, *, of_client: bool = False) -> None:
        """One more of the coming appends is torn: a scheduler's, or a client's."""
        (self._client_tears if of_client else self._tears).append(how)

    def calm(self) -> None:
        """It has room, and fails no more."""
        self.failing = self.full_until = 0
        self._tears.clear()
        self._client_tears.clear()

    @property
    def tears_left(self) -> int:
        """How many appends are still to be torn."""
        return len(self._tears) + len(self._client_tears)

    def scheduler_appends(
        self, batch: Sequence[Append], epoch: int | None, point: Callable[[str], None]
    ) -> list[Appended]:
        """An append of a scheduler, which takes its time. Raises `StoreError` where the disk fails."""
        self.world.spend(Step.APPEND)
        if self.failing > 0 or self.world.t < self.full_until:
            self.failing = max(self.failing - 1, 0)
            self.trouble_t = self.world.t
            raise JournalFull(DISK)
        return self._append(batch, epoch, self._tears, point)

    def client_appends(
        self, batch: Sequence[Append], epoch: int | None, point: Callable[[str], None]
    ) -> list[Appended]:
        """An append of a client. Raises `StoreError` where it is torn."""
        return self._append(batch, epoch, self._client_tears, point)

    def _append(
        self, batch: Sequence[Append], epoch: int | None, tears: deque[Torn], point: Callable[[str], None]
    ) -> list[Appended]:
        if not tears:
            results = self._journal.append(batch, epoch=epoch)
            self._committed(results)
            return results
        how = tears[0]
        if how is Torn.ALL:
            self._committed(self._journal.append(batch, epoch=epoch))  # a conflict is no tear: it raises here
        tears.popleft()
        if how is Torn.LATER:
            self._ghost = _Ghost(tuple(batch), epoch, self._journal.last_id())
        (self.client_torn if tears is self._client_tears else self.torn)[how] += 1
        self.trouble_t = self.world.t
        self.world.note(f"an append is torn ({how}): " + ", ".join(str(one.state.job) for one in batch))
        point(f"torn append ({how})")
        raise JournalUnusable(DISK, "the disk fails to write it", "check the disk")

    def opened_anew(self) -> None:
        """Every process that had the store open is gone; the next one finds what the log holds."""
        ghost, self._ghost = self._ghost, None
        if ghost is None or ghost.last_id != self._journal.last_id():
            return
        try:
            results = self._journal.append(ghost.batch, epoch=ghost.epoch)
        except (ConflictError, StoreError):
            return  # it was decided on what has been overtaken: then it was never written, either
        self.world.note("an append that was torn is found after all")
        self._committed(results)
