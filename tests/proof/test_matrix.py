"""Each known bug, in the specification and in the code, is noticed by the property that stands against it.

Rows whose bug takes TLC minutes (liveness with faults) are left to ``make proof FULL=1``; bugs of the code that
tests/stateful/test_mutants.py puts in are held there.
"""

from __future__ import annotations

import pytest
from matrix import ROWS, SLOW, Row, in_code, in_spec

SLOW_CODE = frozenset({"go_beats_stop"})  # a race that the Hypothesis machine meets late
HERE = [row for row in ROWS if row.code.__module__ == "code_bugs" and row.bug not in SLOW_CODE]


def _name(row: Row) -> str:
    return row.bug


@pytest.mark.parametrize("row", [row for row in ROWS if row.bug not in SLOW], ids=_name)
def test_the_specification_notices(row: Row, checker) -> None:
    verdict = in_spec(row)
    assert not verdict.holds, "nothing noticed it"
    assert verdict.prop in row.named


@pytest.mark.parametrize("row", HERE, ids=_name)
def test_the_code_notices(row: Row) -> None:
    named, _ = in_code(row)
    assert named in row.by, f"noticed by {named}"


def test_there_are_enough_bugs() -> None:
    assert len({row.bug for row in ROWS}) == len(ROWS) >= 15
