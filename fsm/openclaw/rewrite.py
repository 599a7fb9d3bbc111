"""Write a store anew without the rows that go, copying all else byte for byte; then hold the copy against the original.

A row that is dropped takes one comma and the white space in front of it along. A row that is mended has the value of
its status replaced, and gets an ``endedAt`` where it has none. Nothing else is written that was not read.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from attrs import define, frozen

from fsm.errors import StoreError
from fsm.openclaw.rows import wanted
from fsm.openclaw.scan import Member, Scanner
from fsm.openclaw.survey import Fate, Plan, members

_BLOCK = 1 << 20
"""Bytes copied or compared at once."""


class NotTheSame(StoreError):
    """A copy that differs from its original where it must not: nothing was swapped. Fields: `path`, `why`."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}; nothing was changed")


@frozen(slots=True)
class Insert:
    """Bytes of ours in the place of bytes `at` to `end` of a row."""

    at: int
    end: int
    data: bytes


def inserts(plan: Plan, member: Member) -> list[Insert]:
    """What is changed in a row that is mended."""
    fields = member.fields or {}
    status = fields[b'"status"']
    row = plan.row(member)
    assert row is not None  # only runs' rows are mended
    ending = plan.ending(row.key, row.sign_ms)
    found = [Insert(status.at, status.end, b'"%s"' % ending.status.encode())]
    if b'"endedAt"' not in fields:
        found.append(Insert(status.end, status.end, b', "endedAt": %d' % ending.ended_ms))
    return found


@define(slots=True)
class _Writer:
    """Copies ranges of one file into another; ranges that touch are copied as one."""

    source: int
    target: int
    begin: int = 0
    end: int = 0

    def copy(self, begin: int, end: int) -> None:
        """Bytes `begin` to `end` of the source come next."""
        if begin != self.end:
            self.flush()
            self.begin = begin
        self.end = end

    def put(self, data: bytes) -> None:
        """These bytes come next."""
        self.flush()
        view = memoryview(data)
        while view:
            view = view[os.write(self.target, view) :]

    def flush(self) -> None:
        """Write what was asked for."""
        while self.begin < self.end:
            data = os.pread(self.source, min(_BLOCK, self.end - self.begin), self.begin)
            if not data:
                raise NotTheSame("the store", "it became shorter while it was copied")
            view = memoryview(data)
            while view:
                view = view[os.write(self.target, view) :]
            self.begin += len(data)


def rewrite(plan: Plan, source: int, target: int) -> None:
    """Write the store that `plan` is about, open as `source`, into `target`, and sync it. Raises `OSError`."""
    writer = _Writer(source, target)
    with _reader(source) as file:
        scanner = Scanner(file)
        trail: tuple[int, int] | None = None  # what stands behind the last row that was copied, up to its comma
        last_end = 0
        for member, fate in members(plan, scanner):
            if not last_end:
                writer.copy(0, scanner.shape.open + 1)
            last_end = member.end
            if fate is Fate.DROPPED:
                continue
            if trail is not None:
                writer.copy(*trail)
                writer.copy(member.comma, member.begin)
            writer.copy(member.begin, member.key_at)
            _copy_row(writer, plan, member, fate)
            trail = member.end, member.stop
        if not last_end:
            writer.copy(0, scanner.shape.open + 1)
        if trail is not None and trail[0] != last_end:
            writer.copy(*trail)
        for begin, end, own in end_of(plan, scanner, last_end, kept=trail is not None):
            writer.copy(begin, end)
            if own:
                writer.put(own)
    writer.flush()
    os.fsync(target)


def _reader(descriptor: int) -> BinaryIO:
    """The file from its beginning, through a descriptor that stays open."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return open(descriptor, "rb", buffering=0, closefd=False)


def _copy_row(writer: _Writer, plan: Plan, member: Member, fate: Fate) -> None:
    at = member.key_at
    for insert in inserts(plan, member) if fate is Fate.MENDED else ():
        writer.copy(at, insert.at)
        writer.put(insert.data)
        at = insert.end
    writer.copy(at, member.end)


def end_of(plan: Plan, scanner: Scanner, last_end: int, *, kept: bool) -> list[tuple[int, int, bytes]]:
    """What follows the last member that was read: ranges of the original, each with what we write behind it.

    `kept`: a row stands before it, so that a comma may. A file that was cut right behind a row, or in a run's row,
    gets the brace that it lacks; what was cut in somebody else's row is kept as it is, and stays cut.
    """
    shape, size = scanner.shape, plan.file.size
    begin = last_end or max(shape.open + 1, 0)
    trouble = shape.trouble
    if trouble is not None and shape.close < 0:
        if plan.closable and trouble.entry_at >= 0:
            return [(begin, max(trouble.entry_at, begin), b"\n}\n")]
        if plan.closable:
            return _without_comma(begin, shape.comma, size, b"}\n")
        # what could not be taken apart: all of it, but for a comma that nothing stands before any more
        return [(begin, size, b"")] if kept else _without_comma(begin, trouble.entry_at if last_end else -1, size, b"")
    return [(begin, size, b"")] if kept else _without_comma(begin, shape.comma, size, b"")


def _without_comma(begin: int, comma: int, end: int, own: bytes) -> list[tuple[int, int, bytes]]:
    return [(begin, end, own)] if comma < begin else [(begin, comma, b""), (comma + 1, end, own)]


def compare(plan: Plan, source: int, target: int) -> int:
    """Read the copy by itself and hold each of its rows against the original; returns how many there are.

    Raises `NotTheSame` unless every row that was to stay is there, in order, byte for byte, those that are mended but
    for what was inserted, and nothing else, and unless the copy is as whole as the original, or more.
    """
    with _reader(source) as old_file, _reader(target) as new_file:
        old, new = Scanner(old_file), Scanner(new_file)
        copies = new.members(wanted)
        count = last_old = 0
        at = 0  # how far the copy was compared
        trail: tuple[int, int] | None = None
        for member, fate in members(plan, old):
            last_old = member.end
            if fate is Fate.DROPPED:
                continue
            copy = next(copies, None)
            if copy is None:
                raise NotTheSame(plan.path, f"row {count + 1:,} is missing in the copy")
            _same_row(plan, member, fate, copy, source, target)
            if trail is not None:
                _same(plan, source, trail[0], target, at, trail[1] - trail[0])
            count, at, trail = count + 1, copy.end, (member.end, member.stop)
        if next(copies, None) is not None:
            raise NotTheSame(plan.path, "the copy has more rows than the original")
        if new.shape.trouble is not None and (old.shape.trouble is None or plan.closable):
            raise NotTheSame(plan.path, f"the copy is broken at byte {new.shape.trouble.at:,}: {new.shape.trouble.why}")
        pieces = end_of(plan, old, last_old, kept=count > 0)
        if trail is not None and trail[0] != last_old:
            pieces.insert(0, (*trail, b""))
        _same_end(plan, pieces, source, target, at or new.shape.open + 1)
    return count


def _same_row(plan: Plan, member: Member, fate: Fate, copy: Member, source: int, target: int) -> None:
    _same(plan, source, member.begin, target, copy.begin, member.key_at - member.begin)
    at, new_at = member.key_at, copy.key_at
    for insert in inserts(plan, member) if fate is Fate.MENDED else ():
        _same(plan, source, at, target, new_at, insert.at - at)
        new_at += insert.at - at
        if os.pread(target, len(insert.data), new_at) != insert.data:
            raise NotTheSame(plan.path, f"the copy lacks at byte {new_at:,} what was to be changed there")
        at, new_at = insert.end, new_at + len(insert.data)
    _same(plan, source, at, target, new_at, member.end - at)
    if new_at + member.end - at != copy.end:
        raise NotTheSame(plan.path, f"a row of the copy ends at byte {copy.end:,}, not where it should")


def _same_end(plan: Plan, pieces: list[tuple[int, int, bytes]], source: int, target: int, at: int) -> None:
    for begin, end, own in pieces:
        _same(plan, source, begin, target, at, end - begin)
        at += end - begin
        if os.pread(target, len(own), at) != own:
            raise NotTheSame(plan.path, f"the copy does not end as it should, at byte {at:,}")
        at += len(own)
    if os.fstat(target).st_size != at:
        raise NotTheSame(plan.path, f"the copy goes on behind byte {at:,}")


def _same(plan: Plan, source: int, begin: int, target: int, new_begin: int, length: int) -> None:
    """Raise `NotTheSame` unless so many bytes are equal."""
    done = 0
    while done < length:
        size = min(_BLOCK, length - done)
        old, new = os.pread(source, size, begin + done), os.pread(target, size, new_begin + done)
        if old != new or not old:
            raise NotTheSame(plan.path, f"the copy differs between bytes {begin + done:,} and {begin + done + size:,}")
        done += len(old)
