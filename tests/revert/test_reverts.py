"""Every stored revert still applies to the code as it is, so that `make revert-check` has something to take out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import safety
from marked import requirements_of
from reverts import EVIDENCE, ROOT, Revert, load

SCENARIO = "tests/scenarios/test_{report}_"


@pytest.mark.parametrize("revert", load(), ids=lambda revert: revert.name)
def test_it_applies(revert: Revert) -> None:
    assert list(revert.problems()) == []
    assert any(edit.old != edit.new for edit in revert.edits)
    assert revert.requirement, "it stands for a requirement"
    assert revert.report is None or revert.test.startswith(SCENARIO.format(report=revert.report))


@pytest.mark.parametrize("revert", load(), ids=lambda revert: revert.name)
def test_its_test_is_marked_with_what_it_violates(revert: Revert) -> None:
    assert set(revert.requirement) - requirements_of(ROOT, revert.test) == set(), revert.test


def test_every_safety_requirement_is_stated_once_and_has_a_mutant() -> None:
    stated = re.findall(r"^- \*\*(R-\d+)\*\* ", safety.SPECIFICATION.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(safety.every()) == len(set(safety.every())) >= 30
    assert set(safety.every()) <= set(stated)
    assert [name for name in safety.every() if not safety.mutants(name)] == []


def test_what_the_specification_states_as_safety_is_among_the_safety_requirements() -> None:
    """By the comments of RunProperties.tla, its section on liveness aside."""
    text = safety.PROPERTIES.read_text(encoding="utf-8").partition("(* LIVENESS")[0]
    named = {number for line in text.splitlines() if line.startswith("\\*") for number in re.findall(r"R-\d+", line)}
    assert len(named) >= 12
    assert named <= set(safety.every())


def test_the_table_of_safety_is_current() -> None:
    assert safety.written() == [safety.table()], "run `python tests/revert/safety.py`"


def test_marks_are_those_of_the_test_its_class_and_its_module(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "pytestmark = [pytest.mark.slow, pytest.mark.requirement('R-1')]\nother = x.requirement('R-9')\n"
        "@pytest.mark.requirement('R-2')\nclass TestA(Base):\n"
        "    @pytest.mark.requirement('R-3')\n    def test_b(self): ...\n"
        "def test_c(): x.requirement('R-9')\n"
    )
    named = {name: requirements_of(tmp_path, f"test_a.py::{name}") for name in ("TestA::test_b[x]", "test_c", "test_d")}
    assert named == {"TestA::test_b[x]": {"R-1", "R-2", "R-3"}, "test_c": {"R-1"}, "test_d": set()}
    assert requirements_of(tmp_path, "test_a.py::TestA::test_inherited") == {"R-1", "R-2"}
    assert requirements_of(tmp_path, "absent.py::test_c") == set()


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
