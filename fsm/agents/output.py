"""What a CLI printed, as far as it was kept, and the JSON values in it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator

HEAD_BYTES = 64 * 1024
TAIL_BYTES = 2 * 1024 * 1024
"""What is kept of standard output to be interpreted. A result stands at its end; the largest seen in reports are some
hundred kilobytes. A supervisor holds no more than both, and only as long as it has output."""

ERRORS_BYTES = 256 * 1024
"""What is kept of the end of standard error: why a CLI gave up, or a result in the wrong place."""

_WORDS = 16 * 1024  # characters of it that are searched for that sentence

MASK = b"********"
"""What stands for a secret."""

_MOST_TRIES = 1000  # lines that begin like JSON and are none; each costs a look, and some output is nothing else
_DECODER = json.JSONDecoder()

Object = dict[str, object]


class Tail:
    """The end of a stream, bounded."""

    __slots__ = ("_chunks", "_kept", "_limit", "total")

    def __init__(self, limit: int) -> None:
        self.total = 0
        self._limit, self._kept = limit, 0
        self._chunks: deque[bytes] = deque()

    def keep(self, data: bytes) -> None:
        """Take what came next."""
        self.total += len(data)
        self._chunks.append(data)
        self._kept += len(data)
        while self._kept - len(self._chunks[0]) >= self._limit:
            self._kept -= len(self._chunks.popleft())

    def __bytes__(self) -> bytes:
        return b"".join(self._chunks)[-self._limit :]


class Printed:
    """Collects what a CLI prints: `out` is its standard output, `err` its standard error."""

    __slots__ = ("_err", "_head", "_tail")

    def __init__(self) -> None:
        self._head = b""
        self._tail, self._err = Tail(TAIL_BYTES), Tail(ERRORS_BYTES)

    def out(self, data: bytes) -> None:
        """Take what came next on standard output."""
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + data)[:HEAD_BYTES]
        self._tail.keep(data)

    def err(self, data: bytes) -> None:
        """Take what came next on standard error."""
        self._err.keep(data)

    def output(self) -> Output:
        """All that was kept so far."""
        tail = bytes(self._tail)
        return Output(self._head, tail, self._tail.total, bytes(self._err))


class Output:
    """`total` bytes of standard output, of which the first and the last are here (the same ones, where they are few),
    and the end of standard error."""

    __slots__ = ("errors", "head", "tail", "total")

    def __init__(self, head: bytes, tail: bytes | None = None, total: int | None = None, errors: bytes = b"") -> None:
        self.head, self.errors = head, errors
        self.tail = head if tail is None else tail
        self.total = max(len(self.head), len(self.tail)) if total is None else total

    def without(self, secrets: Iterable[bytes]) -> Output:
        """The same with every secret masked, as it is and as JSON writes it."""
        parts = [self.head, self.tail, self.errors]
        for secret in secrets:
            in_json = json.dumps(secret.decode("utf-8", "replace"), ensure_ascii=False)[1:-1].encode("utf-8", "replace")
            parts = [part.replace(secret, MASK).replace(in_json, MASK) for part in parts]
        return Output(parts[0], parts[1], self.total if self.total > len(self.tail) else len(parts[1]), parts[2])

    @property
    def text(self) -> str:
        """Its standard output: all of it, or whole lines of its head, then whole lines of its tail."""
        if self.total <= len(self.tail):
            return self.tail.decode("utf-8", "replace")
        if self.total <= len(self.head):
            return self.head.decode("utf-8", "replace")
        head = self.head.rpartition(b"\n")[0]
        return (head + b"\n" + self.tail.partition(b"\n")[2]).decode("utf-8", "replace")

    @property
    def last_words(self) -> str:
        """The end of what it said to people: standard error, or standard output where that is empty."""
        said = self.errors.decode("utf-8", "replace").strip()
        return said[-_WORDS:] or self.text[-_WORDS:].strip()

    def objects(self) -> Iterator[Object]:
        """Every JSON object that begins a line, over one line or many, in order; also those in a list."""
        text, at, tries = self.text.lstrip("\ufeff"), 0, 0
        while tries < _MOST_TRIES:
            while at < len(text) and text[at] in " \t\r\n":
                at += 1
            if at >= len(text):
                return
            if text[at] in "{[":
                try:
                    value, at = _DECODER.raw_decode(text, at)
                except (ValueError, RecursionError):
                    tries += 1
                else:
                    yield from [value] if isinstance(value, dict) else _dicts(value)
                    continue
            line_end = text.find("\n", at)
            if line_end < 0:
                return
            at = line_end + 1


def _dicts(values: list[object]) -> Iterator[Object]:
    return (value for value in values if isinstance(value, dict))


def table(value: object) -> Object:
    """`value` where it is an object, else an empty one: what a version left out is as if it had said nothing."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[object]:
    """`value` where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def word(value: object) -> str:
    """`value` where it is a text, else an empty one."""
    return value if isinstance(value, str) else ""
