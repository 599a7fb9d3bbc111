"""Read TLA+ values as TLC prints them, and the graph that it dumps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TOKEN = re.compile(r'\s*(?:(<<|>>|\|->|:>|@@|[\[\]{}(),])|"([^"]*)"|(-?\d+)|([A-Za-z_]\w*))')
_NODE = re.compile(r'^(-?\d+) \[label="(.*?)"(?:,style = filled)?\]')
_EDGE = re.compile(r'^(-?\d+) -> (-?\d+) \[label="(\w*)"')


@cache
def parse(text: str) -> object:
    """A value: records and functions as sorted pairs, sequences as tuples, sets as frozensets.

    Raises ValueError for what TLC would not print.
    """
    tokens = list(_tokens(text))
    found, rest = _value(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"more than one value: {text}")
    return found


def _tokens(text: str) -> Iterator[tuple[str, object]]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no value of TLA+: {text[at:][:40]}")
        at = match.end()
        mark, string, number, word = match.groups()
        if mark is not None:
            yield "mark", mark
        elif string is not None:
            yield "value", string
        elif number is not None:
            yield "value", int(number)
        else:
            yield ("value", word == "TRUE") if word in {"TRUE", "FALSE"} else ("word", word)


def _value(tokens: list[tuple[str, object]], at: int) -> tuple[object, int]:
    kind, token = tokens[at]
    if kind == "value":
        return token, at + 1
    if token == "<<":
        items, at = _items(tokens, at + 1, ">>")
        return tuple(items), at
    if token == "{":
        items, at = _items(tokens, at + 1, "}")
        return frozenset(items), at
    if token == "[":
        return _record(tokens, at + 1)
    if token == "(":
        return _function(tokens, at + 1)
    raise ValueError(f"no value begins with {token}")


def _items(tokens: list[tuple[str, object]], at: int, end: str) -> tuple[list[object], int]:
    items: list[object] = []
    while tokens[at][1] != end or tokens[at][0] != "mark":
        item, at = _value(tokens, at)
        items.append(item)
        if tokens[at] == ("mark", ","):
            at += 1
    return items, at + 1


def _record(tokens: list[tuple[str, object]], at: int) -> tuple[object, int]:
    fields: list[tuple[str, object]] = []
    while tokens[at] != ("mark", "]"):
        name = str(tokens[at][1])
        item, at = _value(tokens, at + 2)
        fields.append((name, item))
        if tokens[at] == ("mark", ","):
            at += 1
    return tuple(sorted(fields)), at + 1


def _function(tokens: list[tuple[str, object]], at: int) -> tuple[object, int]:
    pairs: list[tuple[object, object]] = []
    while tokens[at] != ("mark", ")"):
        key, at = _value(tokens, at)
        item, at = _value(tokens, at + 1)
        pairs.append((key, item))
        if tokens[at] == ("mark", "@@"):
            at += 1
    return tuple(sorted(pairs, key=repr)), at + 1


State = tuple[tuple[str, object], ...]
"""A state by value: its variables by name, sorted."""


def read_state(label: str) -> State:
    """A state as TLC prints it: a conjunction of ``variable = value``."""
    parts = re.split(r"(?:^|\n)/\\ ", label)
    return tuple(sorted((name, parse(text)) for name, _, text in (part.partition(" = ") for part in parts if part)))


def read_dump(path: Path) -> tuple[dict[str, State], set[tuple[str, str, str]]]:
    """A graph as ``-dump dot,actionlabels`` writes it: states by TLC's own number, edges as (from, action, to)."""
    states: dict[str, State] = {}
    edges: set[tuple[str, str, str]] = set()
    with path.open() as lines:
        for line in lines:
            edge = _EDGE.match(line)
            if edge is not None:
                edges.add((edge[1], edge[3], edge[2]))
                continue
            node = _NODE.match(line.replace('\\"', "\0"))
            if node is not None and node[1] not in states:
                label = node[2].replace("\0", '"').replace("\\n", "\n").replace("\\\\", "\\")
                states[node[1]] = read_state(label)
    return states, edges
