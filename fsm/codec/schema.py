"""The JSON Schema of an exported entry, made from the same classes as the readers and writers.

``python -m fsm.codec.schema > specs/journal.schema.json``; a test holds the file to it. A schema judges one entry by
itself: hashes, chains and what may follow what is for `cronfsm verify`.
"""

from __future__ import annotations

import json
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin

import attrs

from fsm.codec.bodies import EVENTS
from fsm.codec.entries import FORMAT
from fsm.codec.scalars import MAX_INT
from fsm.codec.shapes import json_name, json_type, may_be_left_out, shape
from fsm.instants import Duration, Instant
from fsm.lifecycle.table import TABLE
from fsm.model.entries import KIND_OF, Checkpoint, Ended, Queued, Refused, Released, Started
from fsm.model.job import Job
from fsm.model.states import Actor, Kind, Trigger

Json = dict[str, Any]

_HASH: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_INT: Json = {"type": "integer", "minimum": -MAX_INT, "maximum": MAX_INT}
_COUNT: Json = _INT | {"minimum": 1}
_INSTANT = "^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z$"


def schema() -> Json:
    """The whole of it."""
    kinds = [{"if": {"properties": {"kind": {"const": str(kind)}}}, "then": _of_kind(kind)} for kind in Kind]
    definitions: Json = {}
    envelope: Json = {
        "id": _COUNT,
        "job": {"type": "string", "minLength": 1},
        "seq": _COUNT,
        "at": {"$ref": "#/$defs/Instant"},
        "actor": {"enum": [str(word) for word in Actor]},
        "node": {"type": "string"},
        "epoch": {"anyOf": [_COUNT, {"type": "null"}]},
        "kind": {"enum": [str(kind) for kind in Kind]},
        "run": {"anyOf": [{"type": "string", "pattern": "^.+/[1-9][0-9]*$"}, {"type": "null"}]},
        "body": {"type": "object"},
        "prev_hash": _HASH,
        "hash": _HASH,
    }
    for cls in KIND_OF:
        _define(cls, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://cronfsm.example/journal-{FORMAT}.schema.json",
        "title": f"An entry of an exported cronfsm journal, format {FORMAT}",
        "description": "One line of JSON Lines. specs/journal.md says what it means. A later format has a field v.",
        "type": "object",
        "properties": envelope,
        "required": list(envelope),
        "additionalProperties": False,
        "allOf": kinds,
        "$defs": {"Instant": {"type": "string", "pattern": _INSTANT}, **dict(sorted(definitions.items()))},
    }


def _of_kind(kind: Kind) -> Json:
    """What an entry of a kind has besides: whether it names a run, and its body."""
    about_a_run = kind in (Kind.TRANSITION, Kind.RELEASED)
    properties: Json = {"run": {"type": "string" if about_a_run else "null"}}
    if kind is Kind.TRANSITION:
        properties["body"] = {"oneOf": [_edge(edge.trigger, edge.source, edge.target, edge.reasons) for edge in TABLE]}
    elif kind in (Kind.JOB, Kind.SCHEDULER):
        events = {cls: event for cls, event in EVENTS.items() if KIND_OF[cls] is kind}
        properties["body"] = {"oneOf": [_with(cls, {"event": {"const": event}}) for cls, event in events.items()]}
        if kind is Kind.SCHEDULER:
            properties["job"] = {"const": "@scheduler"}
    else:
        cls = {Kind.RELEASED: Released, Kind.REFUSED: Refused, Kind.CHECKPOINT: Checkpoint}[kind]
        properties["body"] = {"$ref": f"#/$defs/{cls.__name__}"}
    return {"properties": properties}


def _edge(trigger: Trigger, source: str | None, target: str, reasons: frozenset[Any]) -> Json:
    cls = {Trigger.QUEUE: Queued, Trigger.START: Started}.get(trigger, Ended)
    words: Json = {
        "trigger": {"const": str(trigger)},
        "from": {"const": None if source is None else str(source)},
        "to": {"const": str(target)},
        "reason": {"enum": sorted(str(reason) for reason in reasons)} if reasons else {"const": None},
    }
    return _with(cls, words)


def _with(cls: type[Any], more: Json) -> Json:
    """The object of a class with further members."""
    found = _object(cls, {})
    found["properties"] = {**found["properties"], **more}
    found["required"] = sorted({*found["required"], *more})
    return found


def _define(cls: type[Any], definitions: Json) -> None:
    if cls.__name__ not in definitions:
        definitions[cls.__name__] = {}  # a class may hold itself
        definitions[cls.__name__] = _object(cls, definitions)


def _object(cls: type[Any], definitions: Json) -> Json:
    shape(cls)  # resolves its types
    properties: Json = {}
    required = []
    for field in attrs.fields(cast("Any", cls)):
        key = json_name(cls, field.name)
        optional, kind = _optional(json_type(cls, field.name, field.type))
        properties[key] = _type(kind, definitions)
        if not optional and not may_be_left_out(cls, field.name) and field.default is attrs.NOTHING:
            required.append(key)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _optional(kind: Any) -> tuple[bool, Any]:
    if get_origin(kind) not in (Union, UnionType):
        return False, kind
    parts = [part for part in get_args(kind) if part is not NoneType]
    return True, parts[0]


_SCALARS: dict[Any, Json] = {
    int: _INT,
    Duration: _INT,
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Instant: {"$ref": "#/$defs/Instant"},
    Job: {"type": "object", "required": ["name"]},  # the keys of a jobs file, of whichever version
}


def _type(kind: Any, definitions: Json) -> Json:
    if kind in _SCALARS:
        return _SCALARS[kind]
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0], definitions)}
    if issubclass(kind, StrEnum):
        return {"enum": [str(word) for word in kind]}
    _define(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def text() -> str:
    """As it lies in `specs/`."""
    return json.dumps(schema(), indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
