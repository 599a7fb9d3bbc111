"""Heads: length and last hash of each stream. Kept elsewhere, they show that a journal has lost its tail since.

A chain of hashes tells when something within it was changed; that its end was cut off nothing within it can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson
from attrs import frozen

from fsm.errors import BadValue
from fsm.ports import Journal


@frozen(slots=True)
class Head:
    """A stream was `length` entries long, and the last one had this `hash`."""

    job: str
    length: int
    hash: str

    def to_json(self) -> dict[str, object]:
        """As it is exported."""
        return {"job": self.job, "length": self.length, "hash": self.hash}


def heads_of(journal: Journal) -> Iterator[Head]:
    """The heads of all streams, by name."""
    for job in journal.streams():
        length, last_hash = journal.head(job)
        yield Head(job, length, last_hash)


def read_heads(lines: Iterable[bytes]) -> dict[str, Head]:
    """Exported heads, one JSON object a line. Raises `BadValue` for what is none, and for two of one stream."""
    heads: dict[str, Head] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            head = _head(orjson.loads(line))
        except (orjson.JSONDecodeError, BadValue) as error:
            raise BadValue(f"line {number} is no head ({error}); say cronfsm journal heads --json") from None
        if head.job in heads:
            raise BadValue(f"line {number} is a second head of {head.job}")
        heads[head.job] = head
    return heads


def _head(data: object) -> Head:
    if not isinstance(data, dict) or data.keys() != {"job", "length", "hash"}:
        raise BadValue("it needs job, length and hash, and nothing else")
    job, length, last_hash = data["job"], data["length"], data["hash"]
    if not isinstance(job, str) or type(length) is not int or length < 1:
        raise BadValue("job is a text, and length counts from 1")
    if not isinstance(last_hash, str) or len(last_hash) != 64 or not set(last_hash) <= set("0123456789abcdef"):
        raise BadValue("hash is 64 hexadecimal digits")
    return Head(job, length, last_hash)
