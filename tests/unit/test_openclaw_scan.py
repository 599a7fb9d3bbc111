"""The scanner against a parser that holds everything in memory, at every chunk size; and what it says of broken
files."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsm.openclaw.scan import Member, Scanner

NAMES = frozenset({b'"status"', b'"updatedAt"'})

texts = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", "{", "}", "[", "]", '\\"', "é\\", "a'b", "//", "/*", "🗞", "\x00"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
stores = st.lists(st.tuples(texts, values), max_size=8)


def scan(data: bytes, chunk: int) -> tuple[list[Member], Scanner]:
    scanner = Scanner(io.BytesIO(data), chunk=chunk)
    return list(scanner.members(lambda _: NAMES)), scanner


def written(store: list[tuple[str, Any]], chance: random.Random, ascii_: bool) -> tuple[bytes, list[tuple[int, int]]]:
    """The object as text, in some style, and where each member begins and ends."""
    gap = lambda: chance.choice(["", " ", "\n  ", "\t", "\r\n"])  # noqa: E731
    data, places = b"{", []
    for number, (key, value) in enumerate(store):
        data += (b"" if number == 0 else b",") + gap().encode()
        begin = len(data)
        indent = chance.choice([None, None, 1, 2])
        text = (
            json.dumps(key, ensure_ascii=ascii_)
            + gap()
            + ":"
            + gap()
            + json.dumps(value, indent=indent, ensure_ascii=ascii_)
        )
        data += text.encode("utf-8", "surrogatepass")
        places.append((begin, len(data)))
        data += gap().encode()
    return data + b"}" + gap().encode(), places


@given(stores, st.integers(), st.booleans(), st.integers(1, 40))
@example([("a", {"status": "x" * 50})], 0, True, 1)
def test_members_lie_where_they_were_written(store: list[tuple[str, Any]], seed: int, ascii_: bool, chunk: int) -> None:
    data, places = written(store, random.Random(seed), ascii_)
    found, scanner = scan(data, chunk)
    assert scanner.shape.trouble is None
    assert [(member.key_at, member.end) for member in found] == places
    assert data[scanner.shape.close : scanner.shape.close + 1] == b"}"
    for member, (key, value) in zip(found, store, strict=True):
        assert member.key is not None
        assert json.loads(member.key) == json.loads(json.dumps(key))
        assert data[member.stop : member.stop + 1] in (b",", b"}")
        if isinstance(value, dict):
            assert member.fields is not None
            for name in ("status", "updatedAt"):
                field = member.fields.get(json.dumps(name).encode())
                assert (field is None) is (name not in value)
                if field is not None:
                    assert json.loads(data[field.at : field.end]) == json.loads(json.dumps(value[name]))
        else:
            assert member.fields is None


@given(stores.filter(bool), st.integers(), st.integers(1, 40), st.data())
def test_a_file_cut_anywhere_is_called_cut(
    store: list[tuple[str, Any]], seed: int, chunk: int, draw: st.DataObject
) -> None:
    data, places = written(store, random.Random(seed), True)
    length = draw.draw(st.integers(0, data.rindex(b"}")))
    found, scanner = scan(data[:length], chunk)
    trouble = scanner.shape.trouble
    assert trouble is not None
    assert trouble.cut
    assert trouble.at == length
    # a number or word that ends where the file does may be whole or not
    open_ended = [data[end - 1 : end] not in b'"]}' for _, end in places]
    whole = [place for place, may_go_on in zip(places, open_ended, strict=True) if place[1] <= length - may_go_on]
    assert [(m.key_at, m.end) for m in found] == whole
    if trouble.entry_at >= 0:
        assert trouble.entry_at <= length


@pytest.mark.parametrize(
    ("data", "at", "why"),
    [
        (b"", 0, "the file ends at once: it is empty"),
        (b"  \n", 3, "the file ends before anything stands in it"),
        (b"[1]", 0, "[ stands where the { of an object should"),
        (b'{"a": 1} x', 9, "x stands behind the end of the object"),
        (b'{"a": 1}\x00\x00', 8, "byte 0x00 stands behind the end of the object"),
        (b'{"a": {"b": [1}]}', 14, "} stands where ] should"),
        (b'{"a": {/* "}" */}}', 7, "/ outside of a string is no JSON"),
        (b"{\"a\": {'b': 1}}", 7, "' outside of a string is no JSON"),
        (b'{"a": 1, b: 2}', 9, 'b stands where a key, which begins with " should'),
        (b'{"a" 1}', 5, "1 stands where a colon should"),
        (b'{"a": 1 "b": 2}', 8, '" stands where a comma or the closing } should'),
        (b'{"a": , "b": 2}', 6, ", stands where a value should"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_what_is_broken_is_said_with_its_byte(data: bytes, at: int, why: str, chunk: int) -> None:
    scanner = Scanner(io.BytesIO(data), chunk=chunk)
    list(scanner.members(lambda _: frozenset()))
    trouble = scanner.shape.trouble
    assert trouble is not None
    assert (trouble.at, trouble.why) == (at, why)


def test_lenient_where_it_does_not_matter() -> None:
    data = b'\xef\xbb\xbf{"a": {x: NaN, "s": "line\nbreak", "t": undefined}, "b": "\xff",}'
    scanner = Scanner(io.BytesIO(data), chunk=5)
    found = list(scanner.members(lambda _: frozenset()))
    assert scanner.shape.trouble is None
    assert [data[m.key_at : m.end] for m in found] == [
        b'"a": {x: NaN, "s": "line\nbreak", "t": undefined}',
        b'"b": "\xff"',
    ]
    assert data[scanner.shape.comma : scanner.shape.comma + 1] == b","


def test_what_is_long_is_passed_over_and_not_held() -> None:
    key = b'"' + b"k" * 200_000 + b'"'
    data = b"{" + key + b': "' + b"\\\\" * 300_000 + b'", "b": {"status": ' + b'"' + b"x" * 100_000 + b'"}}'
    found, scanner = scan(data, 1000)
    assert scanner.shape.trouble is None
    assert found[0].key is None
    assert found[1].fields is not None
    assert found[1].fields[b'"status"'].raw is None
    assert len(scanner._buffer) < 70_000


def test_levels_have_a_bound() -> None:
    scanner = Scanner(io.BytesIO(b'{"a": ' + b"[" * 50_000))
    list(scanner.members(lambda _: frozenset()))
    assert scanner.shape.trouble is not None
    assert "levels" in scanner.shape.trouble.why
