"""The numbered requirements of specs/lifecycle.md: each is named by a test, and no test names one that is not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from fsm.lifecycle.diagrams import markdown

ROOT = Path(__file__).parent.parent.parent
SPECIFICATION = ROOT / "specs" / "lifecycle.md"
TESTS = ROOT / "tests"

NUMBERED = re.compile(r"^- \*\*(R-\d+)\*\* ", re.MULTILINE)
TABLE = re.compile(r"<!-- table: [^>]*-->\n(.*?)<!-- end of table -->", re.DOTALL)


def stated() -> list[str]:
    """The requirements, in the order of the document."""
    return NUMBERED.findall(SPECIFICATION.read_text(encoding="utf-8"))


def marks(source: str) -> Iterator[tuple[str | None, int]]:
    """Every ``pytest.mark.requirement(...)`` in a source text: what it names (None: not a plain text), and its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            yield (names[0] if len(names) == len(node.args) == 1 and not node.keywords else None), node.lineno


def named() -> dict[str | None, list[str]]:
    """What the tests name, and where."""
    found: dict[str | None, list[str]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        for name, line in marks(path.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(f"{path.relative_to(ROOT)}:{line}")
    return found


def test_every_requirement_is_named_by_a_test() -> None:
    known = named()
    missing = [name for name in stated() if name not in known]
    assert missing == [], "no test has @pytest.mark.requirement for these"


def test_no_test_names_a_requirement_that_is_not_there() -> None:
    numbers = stated()
    strays = {str(name): places for name, places in named().items() if name not in numbers}
    assert strays == {}


def test_a_number_never_changes_its_meaning() -> None:
    """They are given once and in order; what falls away leaves its number as a gap."""
    numbers = [int(name.removeprefix("R-")) for name in stated()]
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 35


def test_the_table_is_the_codes() -> None:
    found = TABLE.findall(SPECIFICATION.read_text(encoding="utf-8"))
    assert found == [markdown()]


def test_marks_are_read_as_they_are_written() -> None:
    source = (
        '@pytest.mark.requirement("R-1")\ndef a(): ...\npytestmark = mark.requirement("R-2")\nx.requirement(name)\n'
    )
    assert list(marks(source)) == [("R-1", 1), ("R-2", 3), (None, 4)]
