"""A second reader of entries, for long journals: one expression for each form of body, made from the same classes.

It takes an entry only in the very form in which it is exported, canonical to the byte, so that its hash can be taken
from the text as it stands; and of the bodies those that a journal is full of. Whatever it does not take it leaves to
`fsm.codec.entries`, which says what is wrong, if anything is. What both take they read alike: a test holds them to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import sha256
from types import NoneType
from typing import Any, cast, get_args

import attrs

from fsm.codec.bodies import LEGAL, TARGETS
from fsm.codec.entries import quoted
from fsm.codec.scalars import Unreadable, read_instant, write_instant
from fsm.codec.shapes import json_name, may_be_left_out, shape
from fsm.instants import Duration, Instant
from fsm.model.entries import Body, Ended, Entry, Queued, Refused, Released, Started
from fsm.model.states import Actor, State

_TEXT = r'"([^"\\\x00-\x1f]*)"'  # a text with anything escaped in it is left to the other reader
_INT = r"([1-9][0-9]{0,17}|0|-[1-9][0-9]{0,17})"  # the usual one first
_CLOCK = r"([0-9T:-]{16}):([0-5][0-9])\.([0-9]{6})Z"  # minute (`_minute` says if it is one), second, microseconds
_INSTANT = f'"{_CLOCK}"'

_HEAD = re.compile(
    rf'\{{"id":([1-9][0-9]{{0,17}}),"job":{_TEXT},"seq":([1-9][0-9]{{0,17}}),"at":"({_CLOCK})","actor":"([a-z]+)",'
    rf'"node":{_TEXT},"epoch":(null|[1-9][0-9]{{0,17}}),"kind":"(transition|released|refused)",'
    r'"run":(?:null|"\2/([1-9][0-9]{0,17})"),"body":'  # \2: the job
)
_TAIL_LENGTH = len(',"prev_hash":"","hash":""}') + 128
_PREV_HASH = slice(len(',"prev_hash":"'), len(',"prev_hash":"') + 64)  # of the tail
_ACTORS = {str(word): word for word in Actor}
_QUEUED, _RUNNING = State.QUEUED, State.RUNNING  # see `fsm.model.states`


class _NotTaken(Exception):
    """Left to the other reader."""


@lru_cache(maxsize=4096)  # what stands near each other in a journal speaks of the same minutes
def _minute(text: str) -> Any:
    """Microseconds at the beginning of a minute. An int; Any, since each call of `Instant` costs time."""
    try:
        return read_instant(f"{text}:00.000000Z")
    except Unreadable:
        raise _NotTaken from None  # not in the calendar


class _Form:
    """The expression for the fields of a class in canonical order, and the call that builds it from what was found.

    `fixed` are keys that the object has besides, with the expression of what stands there.
    """

    def __init__(self, cls: type[Any], fixed: dict[str, str]) -> None:
        self._names: dict[str, Any] = {"minute": _minute}
        self._groups = 0
        pattern, call = self._object(cls, fixed)
        self._match = re.compile(pattern).fullmatch
        # As attrs and cattrs do it: one call with everything in its place, and no loop over fields for each entry.
        arguments = ", ".join(f"g{number}" for number in range(self._groups))
        self._build: Callable[..., Any] = eval(f"lambda {arguments}: {call}", self._names)

    def read(self, text: str) -> Any:
        """The value. Raises `_NotTaken`."""
        found = self._match(text)
        if found is None:
            raise _NotTaken
        return self._build(*found.groups())

    def _object(self, cls: type[Any], fixed: dict[str, str]) -> tuple[str, str]:
        shape(cls)  # resolves its types
        fields = {json_name(cls, field.name): field for field in attrs.fields(cast("Any", cls))}
        parts: list[tuple[str, bool]] = []  # of the expression, and whether it may be missing
        given: dict[str, str] = {}
        for key in sorted({*fixed, *fields}):
            if key not in fields:
                parts.append((f'"{key}":{fixed[key]}', False))
                continue
            field = fields[key]
            optional, kind = _optional(field.type)
            left_out = optional or may_be_left_out(cls, field.name)
            groups = self._groups
            try:
                value, text = self._value(kind, str(field.default) if left_out else None)
            except _NotTaken:
                if not optional:
                    raise
                self._groups, given[field.name] = groups, "None"  # where it is there, the other reader has it
                continue
            given[field.name] = text
            parts.append((f'"{key}":{value}', left_out))
        self._names[cls.__name__] = cls
        call = ", ".join(given[field.name] for field in fields.values())  # by place: names cost time
        return _joined(parts), f"{cls.__name__}({call})"

    def _value(self, kind: Any, default: str | None) -> tuple[str, str]:
        """The expression of a value, and the source text that makes it of its groups; `default` where it is left out.

        Raises `_NotTaken` for a type that has none: lists.
        """
        group = f"g{self._groups}"
        if kind in _SCALARS or (isinstance(kind, type) and issubclass(kind, StrEnum)):
            pattern, text = _SCALARS.get(kind) or (f'"({"|".join(kind)})"', f"{kind.__name__}_of[{{0}}]")
            groups = [f"g{self._groups + number}" for number in range(re.compile(pattern).groups)]
            self._groups += len(groups)
            self._names[f"{getattr(kind, '__name__', '')}_of"] = (
                {str(word): word for word in kind} if isinstance(kind, type) and issubclass(kind, StrEnum) else None
            )
            text = text.format(*groups)
        else:
            if not attrs.has(kind):
                raise _NotTaken
            pattern, text = self._object(kind, {})  # all of its groups are there, or none
        return pattern, text if default is None else f"{default} if {group} is None else {text}"


_SCALARS: dict[Any, tuple[str, str]] = {
    Instant: (_INSTANT, "minute({0}) + int({1} + {2})"),
    int: (_INT, "int({0})"),
    Duration: (_INT, "int({0})"),
    str: (_TEXT, "{0}"),
    bool: ("(true|false)", "{0} == 'true'"),
}
"""The expression of a value, and how it is made of what was found."""


def _optional(kind: Any) -> tuple[bool, Any]:
    parts = [part for part in get_args(kind) if part is not NoneType]
    return (True, parts[0]) if NoneType in get_args(kind) else (False, kind)


def _joined(parts: list[tuple[str, bool]]) -> str:
    """An object of these members. Raises `_NotTaken` unless one of them is always there: it says where commas stand."""
    required = next((place for place, (_, optional) in enumerate(parts) if not optional), None)
    if required is None:
        raise _NotTaken
    before = [f"(?:{part},)?" for part, _ in parts[:required]]
    after = [f"(?:,{part})?" if optional else f",{part}" for part, optional in parts[required + 1 :]]
    return r"\{" + "".join([*before, parts[required][0], *after]) + r"\}"


_QUEUE = {"from": "null", "reason": "null", "to": '"queued"', "trigger": '"queue"'}
_START = {"from": '"queued"', "reason": "null", "to": '"running"', "trigger": '"start"'}
_END = {"from": '"(?:queued|running)"', "to": '"[a-z_]+"'}


_TO = {(source, trigger, reason): f'"to":"{TARGETS[trigger]}"' for source, trigger, reason in LEGAL}


@cache
def forms() -> dict[str, _Form]:
    """By kind, and those of transitions by the letters that their canonical text has for its first key."""
    ended = _Form(Ended, _END)
    return {
        "att": _Form(Queued, _QUEUE),  # attempt
        "arm": _Form(Started, _START),  # arming
        "end": ended,  # ended_at, error, exit_code: whichever it has first
        "err": ended,
        "exi": ended,
        "released": _Form(Released, {}),
        "refused": _Form(Refused, {}),
    }


def read_body(kind: str, text: str) -> tuple[Body, State | None]:
    """The body in `text` and the state that a transition comes from. Raises `_NotTaken`."""
    form = forms().get(kind if kind != "transition" else text[2:5])
    if form is None:
        raise _NotTaken
    body = form.read(text)
    if type(body) is Ended:  # nothing but a member of the object looks like these: no text has a quote in it
        source = _RUNNING if '"from":"running"' in text else _QUEUED
        target = _TO.get((source, body.trigger, body.reason))
        if target is None or target not in text:
            raise _NotTaken
        return body, source
    return body, _QUEUED if type(body) is Started else None


def read_line(line: bytes) -> Entry | None:
    """An exported entry whose hash is that of its content; None for one that is left to
    `fsm.codec.entries.entry_from_dict`.

    Its `prev_hash` is what stands there, of the right length: whoever takes the entry in holds it against the hash of
    the entry before.
    """
    try:
        text = line.rstrip(b"\n").decode()
    except UnicodeDecodeError:
        return None
    head = _HEAD.match(text)
    if head is None:
        return None
    ident, job, seq, at, minute, second, micros, actor, node, epoch, kind, run = head.groups()
    body_text, tail = text[head.end() : -_TAIL_LENGTH], text[-_TAIL_LENGTH:]
    try:
        body, source = read_body(kind, body_text)
        when = _minute(minute) + int(second + micros)
    except _NotTaken:
        return None
    by = _ACTORS.get(actor)
    if by is None or (run is None) is not (kind == "refused"):
        return None
    prev_hash = tail[_PREV_HASH]
    run_text = "null" if run is None else f'"{job}/{run}"'
    content = (
        f'{{"actor":"{actor}","at":"{at}","body":{body_text},"epoch":{epoch},"job":"{job}","kind":"{kind}",'
        f'"node":"{node}","prev_hash":"{prev_hash}","run":{run_text},"seq":{seq}}}'
    )
    found = sha256(content.encode()).hexdigest()
    if tail != f',"prev_hash":"{prev_hash}","hash":"{found}"}}':  # one comparison for its form and for the hash
        return None
    return Entry(
        int(ident),
        job,
        int(seq),
        when,
        by,
        node,
        None if epoch == "null" else int(epoch),
        None if run is None else int(run),
        body,
        prev_hash,
        found,
        source,
    )


def read_row(row: tuple[Any, ...]) -> Entry | None:
    """The same of a store's columns, as `fsm.codec.entries.entry_from_row` takes them. The hash is that of the text in
    the column, which is canonical if this takes it."""
    ident, job, seq, at, actor, node, epoch, kind, run, text, prev_hash, digest = row
    if (run is None) is not (kind == "refused"):
        return None
    try:
        body, source = read_body(kind, text)
    except _NotTaken:
        return None
    by = _ACTORS.get(actor)
    if by is None:
        return None
    name = quoted(job)
    content = (
        f'{{"actor":"{actor}","at":"{write_instant(at)}","body":{text},"epoch":{"null" if epoch is None else epoch},'
        f'"job":{name},"kind":"{kind}","node":{quoted(node)},"prev_hash":"{prev_hash}",'
        f'"run":{"null" if run is None else f"{name[:-1]}/{run}{chr(34)}"},"seq":{seq}}}'
    )
    if sha256(content.encode()).hexdigest() != digest:
        return None
    return Entry(ident, job, seq, at, by, node, epoch, run, body, prev_hash, digest, source)
