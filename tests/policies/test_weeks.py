"""A week of each policy is as it was written down. To write it anew: ``python tests/policies/weeks.py``."""

from __future__ import annotations

import pytest
from weeks import GOLDEN, WEEKS, week


@pytest.mark.requirement("R-36")
@pytest.mark.parametrize("name", WEEKS)
def test_a_week(name: str) -> None:
    assert week(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_transcript_is_held() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(WEEKS)
