"""A JSON object of any size, member by member, with the byte offsets of each: what a rewrite needs to copy the rest.

A library that parses gives values and no offsets, and changes numbers and escapes when they are written again. This
reads bytes: the first two levels are taken apart, everything deeper is passed over (`values`). What it holds is one
chunk of the file and the keys and short values it was asked for, so memory does not grow with the file.

It is strict about what it takes apart (the members of the top level, those of a row that was asked for) and lenient
below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from attrs import define, frozen

from fsm.openclaw.values import CHUNK, CLOSES, END, Broken, Reader, Trouble, shown


@frozen(slots=True)
class Field:
    """A member of a row: where its value begins and ends, and the value's bytes if they are few."""

    at: int
    end: int
    raw: bytes | None


@frozen(slots=True)
class Member:
    """A member of the top level.

    `begin`: where it begins, right behind the comma before it (or the brace); `comma`: where that comma stands, -1
    for the first one. `key_at` to `end` are key and value themselves, `stop` is where the comma or brace behind it
    stands. `key` is as it stands in the file, with its quotes (None: longer than `MAX_KEY`). `fields`: by name, where
    they were asked for and the value is an object.
    """

    comma: int
    begin: int
    key_at: int
    end: int
    stop: int
    key: bytes | None
    fields: dict[bytes, Field] | None


@define(slots=True)
class Shape:
    """What was found around the members, once they are all read: `close` is where the closing brace stands (-1: it is
    missing), `comma` the last comma where no member follows it (-1: none), `trouble` why it ended before its end."""

    open: int = -1
    close: int = -1
    comma: int = -1
    trouble: Trouble | None = None


_NOTHING: frozenset[bytes] = frozenset()


class Scanner(Reader):
    """Reads one file from its beginning to its end."""

    def __init__(self, file: BinaryIO, *, chunk: int = CHUNK) -> None:
        super().__init__(file, chunk=chunk)
        self.shape = Shape()

    def members(self, wanted: Callable[[bytes], frozenset[bytes]]) -> Iterator[Member]:
        """The members of the top level. `wanted` is asked for each key (its bytes, with quotes): the names of the
        fields that are to be looked at in its value, none for most. Afterwards, `shape` says what stood around
        them."""
        shape = self.shape
        try:
            self._open()
            yield from self._members(wanted)
            if self.space() != END:
                raise self.broken(f"{shown(self.peek())} stands behind the end of the object")
        except Broken as broken:
            shape.trouble = broken.trouble

    def _open(self) -> None:
        self.pass_mark()
        first = self.space()
        if first == END:
            raise self.cut("before anything stands in it" if self.offset else "at once: it is empty")
        if first != 0x7B:
            raise self.unexpected("the { of an object")
        self.shape.open = self.offset
        self.step()

    def _members(self, wanted: Callable[[bytes], frozenset[bytes]]) -> Iterator[Member]:
        comma, shape = -1, self.shape
        while True:
            begin = self.offset
            byte = self.space()
            if byte == 0x7D:
                shape.close, shape.comma = self.offset, comma
                self.step()
                return
            if byte == END:
                shape.comma = comma
                raise self.cut("before its closing }")
            key_at, key = self.offset, None
            try:
                if byte != 0x22:
                    raise self.unexpected('a key, which begins with "')
                key = self.string()
                if self.space() != 0x3A:
                    raise self.cut("behind a key") if self.peek() == END else self.unexpected("a colon")
                self.step()
                names = wanted(key) if key is not None else _NOTHING
                fields = None
                if names and self.space() == 0x7B:
                    fields = self._fields(names)
                else:
                    self.pass_value()
                end = self.offset
                after = self.space()
                if after not in (0x2C, 0x7D, END):
                    raise self.unexpected("a comma or the closing }")
            except Broken as broken:
                told = broken.trouble
                raise Broken(Trouble(told.at, told.why, told.cut, comma if comma >= 0 else begin, key)) from None
            yield Member(comma, begin, key_at, end, self.offset, key, fields)
            if after == 0x2C:
                comma = self.offset
                self.step()
            elif after == END:
                raise self.cut("before its closing }")
            else:
                comma = -1

    def _fields(self, names: frozenset[bytes]) -> dict[bytes, Field]:
        """The fields of the object that begins here. Of a name that comes twice the last one counts, as in
        JavaScript."""
        self.step()
        fields: dict[bytes, Field] = {}
        while True:
            byte = self.space()
            if byte == 0x7D:
                self.step()
                return fields
            if byte != 0x22:
                raise self.cut("inside an entry") if byte == END else self.unexpected("a key")
            name = self.string()
            if self.space() != 0x3A:
                raise self.cut("behind a key") if self.peek() == END else self.unexpected("a colon")
            self.step()
            first, at = self.space(), self.offset
            if name not in names:
                self.pass_value()
            else:
                assert name is not None  # None is not among the names
                raw = None
                if first in CLOSES:
                    self.pass_container()
                else:
                    raw = self.string() if first == 0x22 else self.scalar()
                fields[name] = Field(at, self.offset, raw)
            byte = self.space()
            if byte == 0x2C:
                self.step()
            elif byte != 0x7D:
                raise self.cut("inside an entry") if byte == END else self.unexpected("a comma or }")
