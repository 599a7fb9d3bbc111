"""Each row of the decision table in the simulation, and the table of the document beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from decision_table import BY_NAME, ROWS, Row, Scene, markdown

SPECIFICATION = Path(__file__).parent.parent.parent / "specs" / "lifecycle.md"
TABLE = re.compile(r"<!-- decisions: [^>]*-->\n(.*?)<!-- end of decisions -->", re.DOTALL)


@pytest.mark.requirement("R-36")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    scene = Scene(row)
    assert scene.answer == row.answer
    scene.sim.check()


def test_the_document_has_these_rows() -> None:
    assert TABLE.findall(SPECIFICATION.read_text(encoding="utf-8")) == [markdown()]


def test_a_row_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(ROWS)
