"""JSON5 with the place of every value: OpenClaw's small files, which people edit by hand.

Comments, trailing commas, single quotes, bare keys, hexadecimal numbers, as https://spec.json5.org has them. A
library gives values alone; a repair that leaves every other byte as it was needs to know where each of them stands,
and an import that meets a cut file wants what is whole in it. What can be read of a broken document is kept in the
tree.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from attrs import define, field, frozen

MAX_SIZE = 64 << 20
"""Bytes of a file that is read whole; a thousand jobs are one."""

MAX_DEPTH = 100
"""Levels of lists and objects: far more than the format has, and within Python's own bound on recursion."""

_GAP = re.compile(r"(?:[\s\ufeff]+|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*", re.DOTALL)
_BARE = re.compile(r"[\w$\u200c\u200d]+")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+|Infinity|NaN|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$.])", re.ASCII
)
_OPEN_ENDED = re.compile(r"[\w$.+-]+")
_PART = {'"': re.compile(r'[^"\\\n\r]*'), "'": re.compile(r"[^'\\\n\r]*")}
_WORDS = {"true": True, "false": False, "null": None}
_ESCAPES = {
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "0": "\0",
    "\n": "",
    "\u2028": "",
    "\u2029": "",
}


@frozen(slots=True)
class Mistake:
    """Where a document stops being JSON5: `at` counts characters, `line` and `column` from 1."""

    at: int
    line: int
    column: int
    why: str
    cut: bool

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.why}"


@define(slots=True, eq=False)
class Node:
    """A value and where it stands; `end` is -1 for what was cut. `value` is what Python makes of a scalar; for an
    object its last member of each name, for a list its items, both as nodes."""

    at: int
    end: int
    value: Any  # any JSON value: what it is, the reader of a field has to ask
    members: list[Item] = field(factory=list)

    def get(self, name: str) -> Node | None:
        """The member of that name, where this is an object that has one."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


@define(slots=True, eq=False)
class Item:
    """A member of an object: its name, where its key begins, its value, and the commas around it (-1: none)."""

    name: str
    key_at: int
    node: Node
    before: int
    after: int = -1


@frozen(slots=True)
class Document:
    """What was read: the tree (None: nothing of it), and the mistake that ended it."""

    text: str
    root: Node | None
    mistake: Mistake | None


class _Stop(Exception):
    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why
        self.partial: Node | None = None  # what was read of the innermost container, then of the one around it
        self.name = ""  # under which that stands in the object around it


def read(data: bytes) -> Document:
    """Read a document. Never raises for what stands in it; bytes that are no UTF-8 are kept (as surrogates)."""
    text = data.decode("utf-8", "surrogateescape")
    reader = _Reader(text)
    try:
        reader.document()
    except _Stop as stop:
        line = text.count("\n", 0, stop.at) + 1
        column = stop.at - (text.rfind("\n", 0, stop.at) + 1) + 1
        return Document(
            text, reader.root or stop.partial, Mistake(stop.at, line, column, stop.why, stop.at >= len(text))
        )
    return Document(text, reader.root, None)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.root: Node | None = None

    def document(self) -> None:
        node = self._value(0)
        self.root = node
        if self._next():
            raise _Stop(self.at, f"{self.text[self.at]!r} stands behind the end")

    def _next(self) -> str:
        """The next character that is neither white space nor comment; "" at the end."""
        found = _GAP.match(self.text, self.at)
        assert found is not None  # it matches nothing, too
        self.at = found.end()
        return self.text[self.at : self.at + 1]

    def _stop(self, wanted: str) -> NoReturn:
        if self.at >= len(self.text):
            raise _Stop(len(self.text), f"the file ends where {wanted} should stand")
        if self.text.startswith("/*", self.at):
            raise _Stop(len(self.text), "the file ends inside a comment")
        raise _Stop(self.at, f"{self.text[self.at]!r} stands where {wanted} should")

    def _value(self, depth: int) -> Node:
        char, at = self._next(), self.at
        if char and char in "{[":
            if depth >= MAX_DEPTH:
                raise _Stop(at, f"more than {MAX_DEPTH} levels of lists and objects")
            return self._object(depth) if char == "{" else self._list(depth)
        if char and char in "\"'":
            text = self._string(char)
            return Node(at, self.at, text)
        number = _NUMBER.match(self.text, at)
        if number is not None:
            self.at = number.end()
            return Node(at, self.at, _number(number[0]))
        word = _BARE.match(self.text, at)
        if word is not None and word[0] in _WORDS:
            self.at = word.end()
            return Node(at, self.at, _WORDS[word[0]])
        if char and _OPEN_ENDED.fullmatch(self.text, at):
            raise _Stop(len(self.text), "the file ends inside a value")
        return self._stop("a value")

    def _object(self, depth: int) -> Node:
        node = Node(self.at, -1, {})
        self.at += 1
        try:
            self._items(node, depth)
        except _Stop as stop:
            if stop.partial is not None:
                node.value[stop.name] = stop.partial
            stop.partial = node
            raise
        self.at += 1
        node.end = self.at
        return node

    def _member(self, name: str, depth: int) -> Node:
        try:
            return self._value(depth)
        except _Stop as stop:
            stop.name = name
            raise

    def _items(self, node: Node, depth: int) -> None:
        comma = -1
        while True:
            char, key_at = self._next(), self.at
            if char == "}":
                return
            if char and char in "\"'":
                name = self._string(char)
            else:
                bare = _BARE.match(self.text, self.at)
                if bare is None:
                    self._stop("a key or }")
                name, self.at = bare[0], bare.end()
            if self._next() != ":":
                self._stop("a colon")
            self.at += 1
            value = self._member(name, depth + 1)
            item = Item(name, key_at, value, comma)
            node.members.append(item)
            node.value[name] = value
            char = self._next()
            if char == ",":
                comma = item.after = self.at
                self.at += 1
            elif char != "}":
                self._stop("a comma or }")

    def _list(self, depth: int) -> Node:
        node = Node(self.at, -1, [])
        self.at += 1
        try:
            while self._next() != "]":
                node.value.append(self._value(depth + 1))
                char = self._next()
                if char == ",":
                    self.at += 1
                elif char != "]":
                    self._stop("a comma or ]")
        except _Stop as stop:
            if stop.partial is not None:
                node.value.append(stop.partial)
            stop.partial = node
            raise
        self.at += 1
        node.end = self.at
        return node

    def _string(self, quote: str) -> str:
        parts: list[str] = []
        self.at += 1
        while True:
            found = _PART[quote].match(self.text, self.at)
            assert found is not None  # it matches nothing, too
            parts.append(found[0])
            self.at = found.end()
            char = self.text[self.at : self.at + 1]
            if char == quote:
                self.at += 1
                return "".join(parts)
            if char != "\\":
                self._stop(f"the closing {quote} of a text")
            parts.append(self._escape())

    def _escape(self) -> str:
        char = self.text[self.at + 1 : self.at + 2]
        if not char:
            self.at = len(self.text)
            self._stop("the rest of a text")
        if char in "ux":
            digits = self.text[self.at + 2 : self.at + (6 if char == "u" else 4)]
            if not re.fullmatch(r"[0-9a-fA-F]{4}" if char == "u" else r"[0-9a-fA-F]{2}", digits):
                self._stop(f"\\{char} with its digits")
            self.at += 2 + len(digits)
            code = int(digits, 16)
            pair = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match(self.text, self.at)
            if 0xD800 <= code < 0xDC00 and pair is not None:
                self.at = pair.end()
                return chr(0x10000 + ((code - 0xD800) << 10) + int(pair[1], 16) - 0xDC00)
            return chr(code)
        self.at += 2
        if char == "\r":
            self.at += self.text.startswith("\n", self.at)
            return ""
        return _ESCAPES.get(char, char)


def _number(text: str) -> int | float:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if digits[:2] in ("0x", "0X"):
        return sign * int(digits, 16)
    if digits in ("Infinity", "NaN"):
        return sign * float(digits.replace("Infinity", "inf"))
    if digits.isdigit() and len(digits) <= 1_000:  # longer ones take long to convert, and are no number of anything
        return sign * int(digits)
    return sign * float(digits)


def without(text: str, items: list[Item]) -> str:
    """`text` without these members, each of another object: each with one comma and the white space beside it. Comments
    stay."""
    cuts: list[tuple[int, int]] = []
    for item in items:
        if item.before >= 0 and not text[item.before + 1 : item.key_at].strip():
            cuts.append((item.before, item.node.end))
        elif item.before >= 0:
            cuts += [(item.before, item.before + 1), (item.key_at, item.node.end)]
        elif item.after >= 0:
            end = item.after + 1
            while end < len(text) and text[end].isspace():
                end += 1
            cuts += [(item.key_at, item.node.end), (item.after, end)]
        else:
            cuts.append((item.key_at, item.node.end))
    kept, at = [], 0
    for begin, end in sorted(cuts):
        kept.append(text[at:begin])
        at = end
    return "".join([*kept, text[at:]])
