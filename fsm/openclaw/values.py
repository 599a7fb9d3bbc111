"""Where the values of a JSON file of any size begin and end, a chunk at a time; `scan` makes members of them.

Values are passed over by regular expressions, in C, and held only where they are short and somebody asks for them.
Odd words, raw line breaks in strings, bytes that are no UTF-8 do not change where a value ends. A quote or a slash
outside of a string does (it may begin a comment or another kind of string), so there it stops, says where, and looks
no further.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from attrs import frozen

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
CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}
"""What closes a container that this byte opens."""

END = -1
"""In the place of a byte where the file has none left."""


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
    """Raised inside of this package: carries the `Trouble`."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.why)
        self.trouble = trouble


class Reader:
    """Reads the values of one file, one after the other."""

    def __init__(self, file: BinaryIO, *, chunk: int = CHUNK) -> None:
        self._file, self._chunk = file, chunk
        self._buffer, self._at, self._base = b"", 0, 0

    @property
    def offset(self) -> int:
        """Where it is in the file."""
        return self._base + self._at

    # ---- bytes

    def more(self) -> bool:
        """Read on; what lies before the present place is forgotten."""
        data = self._file.read(self._chunk)
        if not data:
            return False
        self._buffer, self._base, self._at = self._buffer[self._at :] + data, self._base + self._at, 0
        return True

    def peek(self) -> int:
        """The next byte, or `END`."""
        if self._at == len(self._buffer) and not self.more():
            return END
        return self._buffer[self._at]

    def step(self) -> None:
        """Pass over the byte that `peek` or `space` has shown."""
        self._at += 1

    def pass_mark(self) -> None:
        """Pass over a byte order mark, where the file begins with one."""
        if self.peek() == 0xEF:
            while len(self._buffer) < 3 and self.more():
                pass
            if self._buffer.startswith(b"\xef\xbb\xbf"):
                self._at = 3

    def space(self) -> int:
        """Pass over white space; the byte behind it, or `END`."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self.more():
                return END

    def broken(self, why: str, *, cut: bool = False) -> Broken:
        """To be raised here."""
        return Broken(Trouble(self.offset, why, cut))

    def cut(self, where: str) -> Broken:
        """To be raised where the file ends too early."""
        return self.broken(f"the file ends {where}", cut=True)

    # ---- values

    def string(self) -> bytes | None:
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
            if not self.more():
                self._at = len(self._buffer)
                raise self.cut("inside a string")

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
            if not self.more():
                self._at = len(self._buffer)
                raise self.cut("inside a string")

    def pass_value(self) -> None:
        """Pass over whatever value begins behind the white space."""
        first = self.space()
        if first == 0x22:
            self._pass_string()
        elif first in CLOSES:
            self.pass_container()
        else:
            self.scalar()

    def scalar(self) -> bytes | None:
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
            if not self.more():
                raise self.cut("before a value" if self.offset == begin else "with a value, which may be cut")
        if self.offset == begin:
            raise self.unexpected("a value")
        return kept if length <= MAX_KEY else None

    def unexpected(self, wanted: str) -> Broken:
        """To be raised where the next byte is none that may stand there."""
        return self.broken(f"{shown(self.peek())} stands where {wanted} should")

    def pass_container(self) -> None:
        """Pass over the list or the object that begins here."""
        open_ = [CLOSES[self._buffer[self._at]]]
        self._at += 1
        while open_:
            found = _WITHIN.match(self._buffer, self._at)
            assert found is not None  # it matches nothing, too
            self._at = found.end()
            byte = self.peek()
            if byte == open_[-1]:
                self._at += 1
                open_.pop()
            elif byte in CLOSES:
                if len(open_) >= MAX_DEPTH:
                    raise self.broken(f"more than {MAX_DEPTH:,} levels of lists and objects")
                open_.append(CLOSES[byte])
                self._at += 1
            elif byte == 0x22:
                self._pass_string()
            elif byte == END:
                raise self.cut(f"before the {shown(open_[-1])} of an entry")
            elif byte in (0x27, 0x2F):
                raise self.broken(f"{shown(byte)} outside of a string is no JSON")
            elif byte in (0x7D, 0x5D):
                raise self.unexpected(shown(open_[-1]))


def shown(byte: int) -> str:
    """A byte as one would name it in a sentence."""
    if byte == END:
        return "the end of the file"
    return chr(byte) if 0x21 <= byte < 0x7F else f"byte 0x{byte:02x}"
