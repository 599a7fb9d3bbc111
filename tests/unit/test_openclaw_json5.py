"""Our own reader of JSON5 beside two others: the standard library's for JSON, the package json5 for the rest."""

from __future__ import annotations

import json
from typing import Any

import json5 as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.openclaw.json5 import Item, Node, read, without

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(values, st.booleans(), st.sampled_from([None, 0, 3]))
def test_json_is_read_as_the_standard_library_reads_it(value: Any, ascii_: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_, indent=indent)
    document = read(text.encode("utf-8", "surrogatepass"))
    assert document.mistake is None
    assert document.root is not None
    if text.isascii() or text.encode("utf-8", "ignore").decode() == text:
        assert document.root.plain() == json.loads(text)
    _check_places(document.text, document.root)


def _check_places(text: str, node: Node) -> None:
    """Each value stands where it says: read by itself, it is the same."""
    again = read(text[node.at : node.end].encode("utf-8", "surrogateescape"))
    assert again.mistake is None
    assert again.root is not None
    assert repr(again.root.plain()) == repr(node.plain())
    for child in node.value.values() if isinstance(node.value, dict) else ():
        _check_places(text, child)


@pytest.mark.parametrize(
    "text",
    [
        "{unquoted: 'and you can quote me on that', singleQuotes: 'I can use \"double quotes\" here'}",
        "{lineBreaks: 'Look, Mom! \\\nNo \\\\n\\'s!', hexadecimal: 0xdecaf, leadingDecimalPoint: .8675309}",
        "{andTrailing: 8675309., positiveSign: +1, trailingComma: 'in objects', andIn: ['arrays',],}",
        "// c\n{ /* a */ $a_1: -0x10, 'b\\x41\\u0042': -Infinity, c: 1e3, d: [,] }".replace("[,]", "[]"),
        "[null, true, false, \"\\u00e9\\v\\0\", '\\q']",
        "\ufeff[1]\n// end",
    ],
)
def test_the_rest_is_read_as_the_package_json5_reads_it(text: str) -> None:
    document = read(text.encode())
    assert document.mistake is None, str(document.mistake)
    assert document.root is not None
    assert document.root.plain() == oracle.loads(text.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("text", "said", "cut"),
    [
        ("", "line 1, column 1: the file ends where a value should stand", True),
        ('{\n "a": 1,\n b c: 2}', "line 3, column 4: 'c' stands where a colon should", False),
        ("{a: 1} x", "line 1, column 8: 'x' stands behind the end", False),
        ("[1, 2", "line 1, column 6: the file ends where a comma or ] should stand", True),
        ("{a: 'x", "line 1, column 7: the file ends where the closing ' of a text should stand", True),
        ("{a: 'x\n'}", "line 1, column 7: '\\n' stands where the closing ' of a text should", False),
        ("[/* for ever", "line 1, column 13: the file ends inside a comment", True),
        ('"\\u12"', "line 1, column 2: '\\\\' stands where \\u with its digits should", False),
        ("[" * 200, "line 1, column 101: more than 100 levels of lists and objects", False),
        ("{a: tru", "line 1, column 8: the file ends inside a value", True),
        ("{a: 01x}", "line 1, column 5: '0' stands where a value should", False),
    ],
)
def test_a_mistake_is_said_with_its_place(text: str, said: str, cut: bool) -> None:
    mistake = read(text.encode()).mistake
    assert str(mistake) == said
    assert mistake is not None
    assert mistake.cut is cut


@given(st.binary(max_size=60))
def test_nothing_it_is_given_makes_it_fail(data: bytes) -> None:
    document = read(data)
    assert document.text.encode("utf-8", "surrogateescape") == data
    assert document.mistake is not None or document.root is not None


@given(st.lists(st.dictionaries(st.text("abc", max_size=2), st.integers(), min_size=1), min_size=1), st.data())
def test_what_is_whole_of_a_cut_list_is_kept(items: list[dict[str, int]], draw: st.DataObject) -> None:
    text = json.dumps({"jobs": items})
    at = draw.draw(st.integers(len('{"jobs": ['), len(text) - 1))
    document = read(text[:at].encode())
    assert document.mistake is not None
    assert document.mistake.cut
    jobs = document.root.get("jobs") if document.root is not None else None
    assert jobs is not None
    whole = [node.plain() for node in jobs.value if node.end >= 0]
    assert whole == items[: len(whole)]
    assert len(jobs.value) - len(whole) <= 1
    assert len(json.dumps({"jobs": items[: len(whole) + 1]})) - 2 > at - 1 or len(whole) == len(items)


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=2), st.integers(), min_size=1, max_size=4),
    st.sampled_from([None, 1, 4]),
    st.data(),
)
def test_a_member_is_taken_out_alone(value: dict[str, int], indent: int | None, draw: st.DataObject) -> None:
    document = read(json.dumps(value, indent=indent).encode())
    assert document.root is not None
    item: Item = draw.draw(st.sampled_from(document.root.members))
    assert json.loads(without(document.text, [item])) == {k: v for k, v in value.items() if k != item.name}
