"""One pass over a session store: what its rows are, and which of them a rescue would change or drop.

What is held is a count for each job and its newest rows, so memory grows neither with the file nor with its rows. The
second pass, which writes the new store, asks the same `Plan` about each row again.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from enum import StrEnum

from attrs import define, field, frozen

from fsm.openclaw.endings import Ending
from fsm.openclaw.rows import Kind, Row, RowKey, judge, row_key, wanted
from fsm.openclaw.scan import Member, Scanner, Shape
from fsm.openclaw.values import Trouble

KEEP = 50
"""Rows of a job that have ended (or are stuck) and stay: OpenClaw's own retention, a day, is 24 rows of an hourly
job."""

MAX_GROUPS = 10_000
"""Jobs whose rows are counted one by one. Rows of more jobs than this are left alone, and that is said."""


class Fate(StrEnum):
    """What becomes of a row."""

    STAYS = "stays"
    MENDED = "mended"  # its status is set to what its job's history says of the run, else to failed
    DROPPED = "dropped"


@frozen(slots=True)
class FileId:
    """Which file was read, so that a later step can tell that it is still that one. Times in ns."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileId:
        """From what the system says of it."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@define(slots=True)
class Group:
    """The run rows of one job of one agent. `newest` is a heap of (sign, offset, bytes, running, run) of those that
    may go."""

    rows: int = 0
    running: int = 0
    size: int = 0
    oldest_ms: int = 0
    counts: dict[Kind, int] = field(factory=dict)
    sizes: dict[Kind, int] = field(factory=dict)
    newest: list[tuple[int, int, int, bool, str]] = field(factory=list)

    def add(self, row: Row, member: Member, keep: int) -> None:
        """Count one row."""
        length = member.end - member.key_at
        self.rows += 1
        self.size += length
        self.running += row.running
        if self.rows == 1 or row.sign_ms < self.oldest_ms:
            self.oldest_ms = row.sign_ms
        self.counts[row.kind] = self.counts.get(row.kind, 0) + 1
        self.sizes[row.kind] = self.sizes.get(row.kind, 0) + length
        if row.kind in (Kind.STUCK, Kind.OLD) and keep > 0:
            assert row.key.run is not None  # only rows of runs are counted
            heapq.heappush(self.newest, (row.sign_ms, member.key_at, length, row.running, row.key.run))
            if len(self.newest) > keep:
                heapq.heappop(self.newest)

    def fate(self, row: Row, member: Member, keep: int) -> Fate:
        """What becomes of a row that was counted here."""
        if row.kind is Kind.ORPHANED:
            return Fate.DROPPED
        if row.kind not in (Kind.STUCK, Kind.OLD):
            return Fate.STAYS
        if len(self.newest) >= keep and (not self.newest or (row.sign_ms, member.key_at) < self.newest[0][:2]):
            return Fate.DROPPED
        return Fate.MENDED if row.kind is Kind.STUCK else Fate.STAYS

    def kept(self, kind: Kind) -> tuple[int, int]:
        """Rows of that kind among the newest, which stay, and their bytes."""
        those = [each for each in self.newest if each[3] is (kind is Kind.STUCK)]
        return len(those), sum(each[2] for each in those)

    def stuck(self) -> list[str]:
        """The runs whose rows are to be mended."""
        return [run for *_, running, run in self.newest if running]


@define(slots=True)
class Plan:
    """What was found in one store, and what becomes of each of its rows. Times in epoch ms, sizes in bytes."""

    path: str
    file: FileId
    limit_ms: int
    keep: int
    jobs: frozenset[str] | None
    groups: dict[tuple[str, str], Group] = field(factory=dict)
    entries: int = 0
    base_rows: int = 0
    uncounted: int = 0
    shape: Shape = field(factory=Shape)
    endings: dict[RowKey, Ending] = field(factory=dict)

    @property
    def file_ms(self) -> int:
        """When the store was written last."""
        return self.file.mtime_ns // 1_000_000

    @property
    def trouble(self) -> Trouble | None:
        """Why it could not be read to its end."""
        return self.shape.trouble

    def row(self, member: Member) -> Row | None:
        """The run's row that this member is; None for everything that is not ours."""
        key = None if member.key is None else row_key(member.key)
        if key is None or key.run is None:
            return None
        return judge(key, member, file_ms=self.file_ms, limit_ms=self.limit_ms, jobs=self.jobs)

    def fate(self, member: Member) -> Fate:
        """What becomes of a member of the store."""
        row = self.row(member)
        group = None if row is None else self.groups.get((row.key.agent, row.key.job))
        return Fate.STAYS if row is None or group is None else group.fate(row, member, self.keep)

    @property
    def cut_row(self) -> RowKey | None:
        """The run's row that the file was cut in, where that is what ends it and it is old enough to go."""
        trouble = self.trouble
        if trouble is None or not trouble.cut or trouble.key is None or self.file_ms > self.limit_ms:
            return None
        key = row_key(trouble.key)
        return key if key is not None and key.run is not None else None

    @property
    def closable(self) -> bool:
        """Whether the file lacks nothing but its closing brace, once rows of ours are gone from its end."""
        trouble = self.trouble
        if trouble is None or not trouble.cut or self.shape.open < 0:
            return False
        return trouble.entry_at < 0 or self.cut_row is not None

    @property
    def mended(self) -> int:
        """Rows whose status is changed."""
        return sum(group.kept(Kind.STUCK)[0] for group in self.groups.values())

    def stuck(self) -> frozenset[RowKey]:
        """The runs of those rows."""
        return frozenset(
            RowKey(agent, job, run) for (agent, job), group in self.groups.items() for run in group.stuck()
        )

    def ending(self, key: RowKey, sign_ms: int) -> Ending:
        """What a row that is mended will say: as the job's history has it, else that it failed, at its last sign of
        life."""
        return self.endings.get(key) or Ending("failed", sign_ms)

    @property
    def dropped(self) -> tuple[int, int]:
        """Rows that are dropped, and their bytes."""
        rows = size = 0
        for group in self.groups.values():
            for kind in (Kind.STUCK, Kind.OLD, Kind.ORPHANED):
                kept, kept_size = (0, 0) if kind is Kind.ORPHANED else group.kept(kind)
                rows += group.counts.get(kind, 0) - kept
                size += group.sizes.get(kind, 0) - kept_size
        return rows, size

    @property
    def anything(self) -> bool:
        """Whether there is something to do."""
        return bool(self.mended or self.dropped[0] or self.closable)


def survey(path: str, *, limit_ms: int, jobs: frozenset[str] | None, keep: int = KEEP) -> Plan:
    """Read the store at `path` once. Raises `OSError` where it cannot be opened."""
    with open(path, "rb", buffering=0) as file:
        plan = Plan(path, FileId.of(os.fstat(file.fileno())), limit_ms, keep, jobs)
        scanner = Scanner(file)
        for member in scanner.members(wanted):
            _count(plan, member)
        plan.shape = scanner.shape
    return plan


def _count(plan: Plan, member: Member) -> None:
    plan.entries += 1
    key = None if member.key is None else row_key(member.key)
    if key is None:
        return
    if key.run is None:
        plan.base_rows += 1
        return
    row = plan.row(member)
    assert row is not None  # its key is a run's
    group = plan.groups.get((key.agent, key.job))
    if group is None:
        if len(plan.groups) >= MAX_GROUPS:
            plan.uncounted += 1
            return
        group = plan.groups[key.agent, key.job] = Group()
    group.add(row, member, plan.keep)


def members(plan: Plan, scanner: Scanner) -> Iterator[tuple[Member, Fate]]:
    """The members of the store, read again, each with what becomes of it."""
    for member in scanner.members(wanted):
        yield member, plan.fate(member)
