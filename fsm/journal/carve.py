"""Rows of `entries` from the pages themselves, whatever has become of the pages above them.

SQLite finds a row through the pages over it: one that is damaged takes hundreds of whole ones with it. Here each leaf
page is read by itself. What comes out may be old, doubled, or no entry at all: nothing is believed that does not
prove itself by its hash. The format is that of https://sqlite.org/fileformat2.html, sections 1.6 and 2.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from fsm.journal.pages import Pages

COLUMNS = ("id", "job", "seq", "at", "actor", "node", "epoch", "kind", "run", "body", "prev_hash", "hash")

Row = tuple[Any, ...]
"""The columns of an entry in this order, as `fsm.codec.entries.entry_from_row` takes them."""

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
_FILE_HEADER = 100  # before the first page's own header
_STORED = 16  # columns of `entries`; trigger, source, target and reason (9 to 12) stand in the body, too
_STORED_OF_JOBS = 16  # of `jobs`, whose key comes first
_KEPT = (1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15)  # column 0 is the rowid
_TYPES: tuple[Any, ...] = (str, int, int, str, str, int | None, str, int | None, str, str, str)

MAX_PAYLOAD = 64 << 20
"""Bytes of one row: the longest entry is a hundredth of it. A damaged length is not worth reading that far."""


class _Broken(Exception):
    """Not the form of a row: one cell that cannot be read."""


def carve(pages: Pages) -> Iterator[Row]:
    """Everything that has the form of a row of `entries`, page by page. Memory is bounded by the longest row."""
    for _, page, place in _cells(pages, _TABLE_LEAF):
        try:
            row = _row(pages, page, place)
        except (_Broken, IndexError, struct.error, UnicodeDecodeError):
            continue
        if row is not None:
            yield row


def carve_lengths(pages: Pages) -> dict[str, int]:
    """How long each stream was, as far as rows of the projection's table `jobs` can be found. Nothing proves them."""
    lengths: dict[str, int] = {}
    for kind, page, place in _cells(pages, _INDEX_LEAF, _INDEX_INTERIOR):
        try:
            length, start = _varint(page, place + 4 if kind == _INDEX_INTERIOR else place)
            values = _record(_payload(pages, page, start, length, index=True))
        except (_Broken, IndexError, struct.error, UnicodeDecodeError):
            continue
        if len(values) == _STORED_OF_JOBS:
            job, seq, last_hash = values[:3]
            if isinstance(job, str) and isinstance(seq, int) and isinstance(last_hash, str) and len(last_hash) == 64:
                lengths[job] = max(lengths.get(job, 0), seq)
    return lengths


def _cells(pages: Pages, *kinds: int) -> Iterator[tuple[int, bytes, int]]:
    """Kind of page, page, and where a cell begins in it, for every cell of the pages of these kinds."""
    for number in pages.numbers():
        page = pages.page(number)
        header = _FILE_HEADER if number == 1 else 0
        if page[header] in kinds:
            for place in _places(page, header, pages.usable):
                yield page[header], page, place


def _places(page: bytes, header: int, usable: int) -> Iterator[int]:
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    first = header + (12 if page[header] == _INDEX_INTERIOR else 8)
    for index in range(min(count, (usable - first) // 2)):
        place = int.from_bytes(page[first + 2 * index : first + 2 * index + 2], "big")
        if first + 2 * count <= place < usable - 4:
            yield place


def _row(pages: Pages, page: bytes, place: int) -> Row | None:
    length, place = _varint(page, place)
    rowid, place = _varint(page, place)
    if rowid <= 0:
        return None
    values = _record(_payload(pages, page, place, length))
    if len(values) != _STORED or values[0] is not None:
        return None
    row = tuple(values[column] for column in _KEPT)
    if not all(isinstance(value, kind) for value, kind in zip(row, _TYPES, strict=True)):
        return None
    return (rowid, *row)


def _payload(pages: Pages, page: bytes, place: int, length: int, *, index: bool = False) -> bytes:
    """The bytes of a row: what stands in its page, then its overflow pages."""
    usable = pages.usable
    most = (usable - 12) * 64 // 255 - 23 if index else usable - 35
    least = (usable - 12) * 32 // 255 - 23
    if not 0 < length <= MAX_PAYLOAD:
        raise _Broken
    if length <= most:
        here = length
    else:
        here = least + (length - least) % (usable - 4)
        here = here if here <= most else least
    if place + here + (4 if here < length else 0) > usable:
        raise _Broken
    parts, missing = [page[place : place + here]], length - here
    following = page[place + here : place + here + 4]
    for _ in range(length // (usable - 4) + 1):  # a ring of pages ends here
        if missing <= 0:
            break
        overflow = pages.page(int.from_bytes(following, "big"))
        following = overflow[:4]
        parts.append(overflow[4 : 4 + min(missing, usable - 4)])
        missing -= len(parts[-1])
    return b"".join(parts)


def _record(data: bytes) -> list[object]:
    """The values of a row."""
    end, place = _varint(data, 0)
    kinds = []
    while place < end:
        kind, place = _varint(data, place)
        kinds.append(kind)
        if len(kinds) > _STORED:
            raise _Broken
    if place != end:
        raise _Broken
    values = []
    for kind in kinds:
        value, place = _value(data, place, kind)
        values.append(value)
    return values


_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type -> bytes


def _value(data: bytes, place: int, kind: int) -> tuple[object, int]:
    if kind == 0:
        return None, place
    if kind in (8, 9):
        return kind - 8, place
    if kind in _INTEGERS:
        size = _INTEGERS[kind]
    elif kind >= 13 and kind % 2:
        size = (kind - 13) // 2
    else:
        raise _Broken  # a float or a blob: there is none in an entry
    part = data[place : place + size]
    if len(part) < size:
        raise _Broken
    value = int.from_bytes(part, "big", signed=True) if kind in _INTEGERS else part.decode()
    return value, place + size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of 1 to 9 bytes, seven bits in each but the ninth."""
    value = 0
    for _ in range(8):
        byte = data[place]
        place += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place
    value = value << 8 | data[place]
    return (value - (1 << 64) if value >> 63 else value), place + 1
