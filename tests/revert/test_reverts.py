"""Every stored revert still applies to the code as it is, so that `make revert-check` has something to take out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reverts import EVIDENCE, ROOT, Revert, load

SCENARIO = "tests/scenarios/test_{report}_"


@pytest.mark.parametrize("revert", load(), ids=lambda revert: revert.name)
def test_it_applies(revert: Revert) -> None:
    assert list(revert.problems()) == []
    assert any(edit.old != edit.new for edit in revert.edits)
    assert revert.requirement, "it stands for a requirement"
    assert revert.report is None or revert.test.startswith(SCENARIO.format(report=revert.report))


def test_names_are_given_once() -> None:
    names = [revert.name for revert in load()]
    assert len(names) == len(set(names))


def test_every_scenario_has_a_revert() -> None:
    reports = {path.name.split("_")[1] for path in (ROOT / "tests" / "scenarios").glob("test_*.py")}
    assert reports == {str(revert.report) for revert in load() if revert.report is not None}


def test_every_rule_of_evidence_has_a_revert_and_a_test_with_real_processes() -> None:
    of_rules = [revert for revert in load() if revert.rule is not None]
    assert {revert.rule for revert in of_rules} == set(EVIDENCE)
    assert all(revert.test.startswith("tests/crash/test_evidence.py::") for revert in of_rules)


def test_every_requirement_has_a_revert() -> None:
    stated = re.findall(
        r"^- \*\*(R-\d+)\*\* ", (ROOT / "specs" / "lifecycle.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(stated) == {name for revert in load() for name in revert.requirement}


def test_what_does_not_apply_is_told(tmp_path: Path) -> None:
    revert = load()[0]
    file = tmp_path / revert.edits[0].file
    file.parent.mkdir(parents=True)
    for text in ("nothing of it", 2 * revert.edits[0].old):
        file.write_text(text)
        assert "times in" in next(revert.problems(tmp_path))
        with pytest.raises(ValueError, match="times in"):
            revert.apply(tmp_path)
        assert file.read_text() == text
