"""Entries as they are hashed, exported and read back. The format is `specs/journal.md`; this is its version 1.

An entry's hash is SHA-256 over its canonical bytes: the exported object without `id` and `hash`, keys sorted by code
point, no blanks, UTF-8. The hash covers the one of the entry before it, so a changed or missing entry is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from fsm.codec.bodies import body_from_dict, body_to_dict
from fsm.codec.scalars import Unreadable, read_instant, read_int, read_text, word_reader, write_instant
from fsm.errors import BadValue, IllegalEntry
from fsm.instants import Instant
from fsm.model.entries import KIND_OF, Body, Draft, Entry
from fsm.model.run import run_id
from fsm.model.states import Actor, Kind, State

FORMAT = 1
"""The version of the format. Entries of a later one carry it as a field `v`; those of version 1 have none."""

GENESIS = "0" * 64
"""What stands for the hash before a stream's first entry."""

FIELDS = ("id", "job", "seq", "at", "actor", "node", "epoch", "kind", "run", "body", "prev_hash", "hash")

_read_kind = word_reader(Kind)
_read_actor = word_reader(Actor)
_HEX = frozenset("0123456789abcdef")


@lru_cache(maxsize=4096)  # a name is in every entry of its stream
def quoted(text: str) -> str:
    """As a JSON text."""
    return orjson.dumps(text).decode()


def seal(draft: Draft, source: State | None, seq: int, node: str, epoch: int | None, prev_hash: str) -> tuple[str, str]:
    """The body's JSON text and the hash of `draft` at its place in its stream.

    `source` is the run's state before, for a transition. Raises `BadValue` for a value that JSON cannot hold (a text
    that is not Unicode, an integer of more than 64 bits).
    """
    try:
        body = orjson.dumps(body_to_dict(draft.body, source), option=orjson.OPT_SORT_KEYS).decode()
        job = quoted(draft.job)
        head = "".join(
            (
                '{"actor":"',
                draft.actor,
                '","at":"',
                write_instant(draft.at),
                '","body":',
                body,
                ',"epoch":',
                "null" if epoch is None else str(epoch),
                ',"job":',
                job,
                ',"kind":"',
                KIND_OF[type(draft.body)],
                '","node":',
                quoted(node),
                ',"prev_hash":"',
                prev_hash,
                '","run":',
                "null" if draft.run is None else f'{job[:-1]}/{draft.run}"',
                ',"seq":',
                str(seq),
                "}",
            )
        )
    except (TypeError, UnicodeError) as error:  # orjson's EncodeError is a TypeError
        raise BadValue(f"an entry of {draft.job!r} cannot be written as JSON: {error}") from None
    return body, sha256(head.encode()).hexdigest()


def canonical(data: Mapping[str, object]) -> bytes:
    """The bytes that are hashed, of an exported object. Any object will do: nothing in it is judged."""
    return orjson.dumps(
        {key: value for key, value in data.items() if key not in ("id", "hash")}, option=orjson.OPT_SORT_KEYS
    )


def hash_of(data: Mapping[str, object]) -> str:
    """The hash that an exported object ought to carry."""
    return sha256(canonical(data)).hexdigest()


def entry_to_line(entry: Entry) -> bytes:
    """`entry` as it is exported: one line of JSON, without the newline, its fields in the order of `FIELDS`."""
    body = body_to_dict(entry.body, entry.source)
    return orjson.dumps(
        {
            "id": entry.id,
            "job": entry.job,
            "seq": entry.seq,
            "at": write_instant(entry.at),
            "actor": entry.actor,
            "node": entry.node,
            "epoch": entry.epoch,
            "kind": entry.kind,
            "run": None if entry.run is None else run_id(entry.job, entry.run),
            "body": orjson.Fragment(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)),
            "prev_hash": entry.prev_hash,
            "hash": entry.hash,
        }
    )


def row_to_line(row: tuple[Any, ...]) -> bytes:
    """The same from a store's columns, as `entry_from_row` takes them. The body is the text that was hashed, whatever
    this version would write in its place."""
    ident, job, seq, at, actor, node, epoch, kind, run, text, prev_hash, digest = row
    return orjson.dumps(
        {
            "id": ident,
            "job": job,
            "seq": seq,
            "at": write_instant(at),
            "actor": actor,
            "node": node,
            "epoch": epoch,
            "kind": kind,
            "run": None if run is None else run_id(job, run),
            "body": orjson.Fragment(text),
            "prev_hash": prev_hash,
            "hash": digest,
        }
    )


def row_to_dict(row: tuple[Any, ...]) -> dict[str, Any]:
    """The same as an object of plain JSON values. Raises `BadValue` where the body is no JSON."""
    try:
        data: dict[str, Any] = orjson.loads(row_to_line(row))
    except (orjson.JSONDecodeError, TypeError, ValueError, OverflowError) as error:
        raise BadValue(f"it cannot be written out: {error}") from None
    return data


def entry_to_dict(entry: Entry) -> dict[str, Any]:
    """The same as an object of plain JSON values."""
    data: dict[str, Any] = orjson.loads(entry_to_line(entry))
    return data


def entry_from_dict(data: Mapping[str, object]) -> Entry:
    """The entry that `entry_to_dict` wrote. Its hash is not recomputed; that is `hash_of`'s part.

    Raises `IllegalEntry` (requirement ``format``) for anything of another form: a field too many or too few, a word
    or a kind of a later version, a transition that the lifecycle does not have.
    """
    job, seq = data.get("job"), data.get("seq")
    where = (job if isinstance(job, str) else "?", seq if type(seq) is int else 0)
    try:
        return _entry(data)
    except Unreadable as error:
        raise IllegalEntry(*where, str(error), "format") from None


def _entry(data: Mapping[str, object]) -> Entry:
    version = data.get("v", FORMAT)
    if version != FORMAT:
        raise Unreadable(f"it is of format {version!r}, and this program knows format {FORMAT}")
    if len(data) != len(FIELDS) or not data.keys() >= set(FIELDS):
        raise Unreadable(_wrong_fields(data))
    job = read_text(data["job"])
    kind = _read_kind(data["kind"], None)
    body, source = read_body(kind, data["body"])
    return Entry(
        _positive(data["id"], "id"),
        job,
        _positive(data["seq"], "seq"),
        read_instant(data["at"]),
        _read_actor(data["actor"], None),
        read_text(data["node"]),
        None if data["epoch"] is None else _positive(data["epoch"], "epoch"),
        _run_number(job, data["run"]),
        body,
        _read_hash(data["prev_hash"]),
        _read_hash(data["hash"]),
        source,
    )


def read_body(kind: Kind, data: object) -> tuple[Body, State | None]:
    """The body in `data`, an object or its JSON text, and the state that a transition comes from.

    Raises `Unreadable`.
    """
    if isinstance(data, str):
        try:
            data = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Unreadable(f"its body is no JSON: {error}") from None
        if type(data) is dict:
            return body_from_dict(kind, data)
    if type(data) is not dict:
        raise Unreadable(f"its body is {data!r}, and no object")
    return body_from_dict(kind, dict(data))


def entry_from_row(row: tuple[Any, ...]) -> Entry:
    """An entry from a store's columns: id, job, seq, at, actor, node, epoch, kind, run, body, prev_hash, hash.

    Raises `IllegalEntry` (requirement ``format``).
    """
    ident, job, seq, at, actor, node, epoch, kind, run, text, prev_hash, digest = row
    try:
        body, source = read_body(_read_kind(kind, None), text)
        by = _read_actor(actor, None)
    except Unreadable as error:
        raise IllegalEntry(job, seq, str(error), "format") from None
    return Entry(ident, job, seq, Instant(at), by, node, epoch, run, body, prev_hash, digest, source)


def _wrong_fields(data: Mapping[str, object]) -> str:
    missing = [name for name in FIELDS if name not in data]
    unknown = sorted(set(data) - set(FIELDS))
    words = [f"it lacks {', '.join(missing)}"] if missing else []
    words += [f"it has unknown fields: {', '.join(unknown)}"] if unknown else []
    return "; ".join(words)


def _positive(value: object, name: str) -> int:
    number = read_int(value)
    if number < 1:
        raise Unreadable(f"{name} is {number}, and counts from 1")
    return number


def _run_number(job: str, value: object) -> int | None:
    if value is None:
        return None
    text = read_text(value)
    digits = text[len(job) + 1 :]
    if not text.startswith(f"{job}/") or not digits.isascii() or not digits.isdigit() or digits[0] == "0":
        raise Unreadable(f"{text!r} is no run of {job!r}")
    return int(digits)


def _read_hash(value: object) -> str:
    text = read_text(value)
    if len(text) != 64 or not _HEX.issuperset(text):
        raise Unreadable(f"{text!r} is not a SHA-256 in hexadecimal")
    return text
