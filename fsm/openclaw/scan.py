"""A JSON object of any size, member by member, with the byte offsets of each: what a rewrite needs to copy the rest.

A library that parses gives values and no offsets, and changes numbers and escapes when they are written again. This
reads bytes: the first two levels are taken apart, everything deeper is passed over by regular expressions, in C. What
it holds is one chunk of the file and the keys and short values it was asked for, so memory does not grow with the
file.

It is strict about what it takes apart (the members of the top level, those of a row that was asked for) and lenient
below: odd words, raw line breaks in strings, bytes that are no UTF-8 do not change where a value ends. A quote or a
slash outside of a string does (it may begin a comment or another kind of string), so there it stops, says where, and
looks no further.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from attrs import define, frozen

CHUNK = 256 << 10
"""Bytes read at once: large enough that the cost of a call does not matter, small beside an interpreter."""

MAX_KEY = 64 << 10
"""Bytes of a key or a short value that are held; a longer one is passed over."""

MAX_DEPTH = 10_000
"""Levels of lists and objects; a writer that made more was not in its senses."""

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN = rb"[^\"{}\[\]'/]++"


def _nested(depth: int) -> bytes:
    """All that can stand inside a container, with up to `depth` levels of whole containers in it."""
    within = rb"(?:" + _PLAIN + rb"|" + _TEXT + rb")*+"
    for _ in range(depth):
        within = rb"(?:" + _PLAIN + rb"|" + _TEXT + rb"|\{" + within + rb"\}|\[" + within + rb"\])*+"
    return within


_WITHIN = re.compile(_nested(3), re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(_TEXT, re.DOTALL)
_STRING_PART = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,:{}\[\]\"'/]*+")
_CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}
_END = -1


@frozen(slots=True)
class Trouble:
    """Why the rest of a file could not be taken apart.

    `at` is the byte where it was noticed, `entry_at` where the member that it is in begins (-1: between members),
    `key` that member's key as it stands in the file, where it was read. `cut`: the file ends too early; else it goes
    on.
    """

    at: int
    why: str
    cut: bool = False
    entry_at: int = -1
    key: bytes | None = None


class Broken(Exception):
    """Raised inside of this module: carries the `Trouble`."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.why)
        self.trouble = trouble


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


class Scanner:
    """Reads one file from its beginning to its end."""

    def __init__(self, file: BinaryIO, *, chunk: int = CHUNK) -> None:
        self._file, self._chunk = file, chunk
        self._buffer, self._at, self._base = b"", 0, 0
        self.shape = Shape()

    @property
    def offset(self) -> int:
        """Where it is in the file."""
        return self._base + self._at

    # ---- bytes

    def _more(self) -> bool:
        """Read on; what lies before the present place is forgotten."""
        data = self._file.read(self._chunk)
        if not data:
            return False
        self._buffer, self._base, self._at = self._buffer[self._at :] + data, self._base + self._at, 0
        return True

    def _peek(self) -> int:
        """The next byte, or `_END`."""
        if self._at == len(self._buffer) and not self._more():
            return _END
        return self._buffer[self._at]

    def _space(self) -> int:
        """Pass over white space; the byte behind it, or `_END`."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return _END

    def _broken(self, why: str, *, cut: bool = False) -> Broken:
        return Broken(Trouble(self.offset, why, cut))

    def _cut(self, where: str) -> Broken:
        return self._broken(f"the file ends {where}", cut=True)

    # ---- values

    def _string(self) -> bytes | None:
        """A string, quotes and all; None for one longer than `MAX_KEY`, which is passed over."""
        while True:
            found = _STRING.match(self._buffer, self._at)
            if found is not None:
                self._at = found.end()
                text = found[0]
                return text if len(text) <= MAX_KEY else None
            if len(self._buffer) - self._at > MAX_KEY:
                self._pass_string()
                return None
            if not self._more():
                self._at = len(self._buffer)
                raise self._cut("inside a string")

    def _pass_string(self) -> None:
        self._at += 1
        while True:
            found = _STRING_PART.match(self._buffer, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            if self._at < len(self._buffer) and self._buffer[self._at] == 0x22:
                self._at += 1
                return
            # the end of the chunk, or one backslash before it, which then stands before what is read next
            if not self._more():
                self._at = len(self._buffer)
                raise self._cut("inside a string")

    def _pass_value(self) -> None:
        first = self._space()
        if first == 0x22:
            self._pass_string()
        elif first in _CLOSES:
            self._pass_container()
        else:
            self._scalar()

    def _scalar(self) -> bytes | None:
        """A number or a word, whatever it says. One that the file ends with may go on: it is cut."""
        begin, length = self.offset, 0
        kept = b""
        while True:
            found = _SCALAR.match(self._buffer, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            length += len(found[0])
            kept = kept + found[0] if length <= MAX_KEY else b""
            if self._at < len(self._buffer):
                break
            if not self._more():
                raise self._cut("before a value" if self.offset == begin else "with a value, which may be cut")
        if self.offset == begin:
            raise self._unexpected("a value")
        return kept if length <= MAX_KEY else None

    def _unexpected(self, wanted: str) -> Broken:
        return self._broken(f"{shown(self._peek())} stands where {wanted} should")

    def _pass_container(self) -> None:
        open_ = [_CLOSES[self._buffer[self._at]]]
        self._at += 1
        while open_:
            found = _WITHIN.match(self._buffer, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            byte = self._peek()
            if byte == open_[-1]:
                self._at += 1
                open_.pop()
            elif byte in _CLOSES:
                if len(open_) >= MAX_DEPTH:
                    raise self._broken(f"more than {MAX_DEPTH:,} levels of lists and objects")
                open_.append(_CLOSES[byte])
                self._at += 1
            elif byte == 0x22:
                self._pass_string()
            elif byte == _END:
                raise self._cut(f"before the {shown(open_[-1])} of an entry")
            elif byte in (0x27, 0x2F):
                raise self._broken(f"{shown(byte)} outside of a string is no JSON")
            elif byte in (0x7D, 0x5D):
                raise self._unexpected(shown(open_[-1]))

    # ---- members

    def members(self, wanted: Callable[[bytes], frozenset[bytes]]) -> Iterator[Member]:
        """The members of the top level. `wanted` is asked for each key (its bytes, with quotes): the names of the
        fields that are to be looked at in its value, none for most. Afterwards, `shape` says what stood around
        them."""
        shape = self.shape
        try:
            self._open()
            yield from self._members(wanted)
            if self._space() != _END:
                raise self._broken(f"{shown(self._peek())} stands behind the end of the object")
        except Broken as broken:
            shape.trouble = broken.trouble

    def _open(self) -> None:
        if self._peek() == 0xEF:  # a byte order mark
            while len(self._buffer) < 3 and self._more():
                pass
            if self._buffer.startswith(b"\xef\xbb\xbf"):
                self._at = 3
        first = self._space()
        if first == _END:
            raise self._cut("before anything stands in it" if self.offset else "at once: it is empty")
        if first != 0x7B:
            raise self._unexpected("the { of an object")
        self.shape.open = self.offset
        self._at += 1

    def _members(self, wanted: Callable[[bytes], frozenset[bytes]]) -> Iterator[Member]:
        comma, shape = -1, self.shape
        while True:
            begin = self.offset
            byte = self._space()
            if byte == 0x7D:
                shape.close, shape.comma = self.offset, comma
                self._at += 1
                return
            if byte == _END:
                shape.comma = comma
                raise self._cut("before its closing }")
            key_at, key = self.offset, None
            try:
                if byte != 0x22:
                    raise self._unexpected('a key, which begins with "')
                key = self._string()
                if self._space() != 0x3A:
                    raise self._cut("behind a key") if self._peek() == _END else self._unexpected("a colon")
                self._at += 1
                names = wanted(key) if key is not None else _NOTHING
                fields = None
                if names and self._space() == 0x7B:
                    fields = self._fields(names)
                else:
                    self._pass_value()
                end = self.offset
                after = self._space()
                if after not in (0x2C, 0x7D, _END):
                    raise self._unexpected("a comma or the closing }")
            except Broken as broken:
                told = broken.trouble
                raise Broken(Trouble(told.at, told.why, told.cut, comma if comma >= 0 else begin, key)) from None
            yield Member(comma, begin, key_at, end, self.offset, key, fields)
            if after == 0x2C:
                comma = self.offset
                self._at += 1
            elif after == _END:
                raise self._cut("before its closing }")
            else:
                comma = -1

    def _fields(self, names: frozenset[bytes]) -> dict[bytes, Field]:
        """The fields of the object that begins here. Of a name that comes twice the last one counts, as in
        JavaScript."""
        self._at += 1
        fields: dict[bytes, Field] = {}
        while True:
            byte = self._space()
            if byte == 0x7D:
                self._at += 1
                return fields
            if byte != 0x22:
                raise self._cut("inside an entry") if byte == _END else self._unexpected("a key")
            name = self._string()
            if self._space() != 0x3A:
                raise self._cut("behind a key") if self._peek() == _END else self._unexpected("a colon")
            self._at += 1
            first, at = self._space(), self.offset
            if name not in names:
                self._pass_value()
            else:
                assert name is not None  # None is not among the names
                raw = None
                if first in _CLOSES:
                    self._pass_container()
                else:
                    raw = self._string() if first == 0x22 else self._scalar()
                fields[name] = Field(at, self.offset, raw)
            byte = self._space()
            if byte == 0x2C:
                self._at += 1
            elif byte != 0x7D:
                raise self._cut("inside an entry") if byte == _END else self._unexpected("a comma or }")


_NOTHING: frozenset[bytes] = frozenset()


def shown(byte: int) -> str:
    """A byte as one would name it in a sentence."""
    if byte == _END:
        return "the end of the file"
    return chr(byte) if 0x21 <= byte < 0x7F else f"byte 0x{byte:02x}"
