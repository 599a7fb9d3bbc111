"""A contract that nothing breaks proves nothing: each broken adapter fails the tests that are named for its fault."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from broken_adapters import SUITES

from fsm.testing.launcher_contract import LauncherContract

HERE = Path(__file__).parent
WITHIN_S = 240.0


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What became of each of those tests: by fault and name, how it ended."""
    folder = tmp_path_factory.mktemp("broken")
    file = HERE / "broken_adapters.py"
    nodes = [f"{file}::Test{fault}::{test}" for fault, suite in SUITES.items() for test in suite.kept_by]
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0"]
    subprocess.run(
        [*command, f"--basetemp={folder / 'tmp'}", f"--junitxml={report}", *nodes],
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )
    found = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        fault = str(case.get("classname")).rpartition(".Test")[2]
        found[fault, str(case.get("name"))] = next((part.tag for part in case if part.tag != "system-out"), "passed")
    return found


@pytest.mark.parametrize("fault", SUITES)
def test_a_broken_adapter_fails_its_contract(fault: str, outcomes: dict[tuple[str, str], str]) -> None:
    named = SUITES[fault].kept_by
    assert named
    assert {name: outcomes.get((fault, name)) for name in named} == dict.fromkeys(named, "failure")


def test_every_test_of_the_launchers_contract_is_failed_by_somebody() -> None:
    broken = {name.partition("[")[0] for suite in SUITES.values() for name in suite.kept_by}
    tests = {name for name in vars(LauncherContract) if name.startswith("test_")}
    assert len(tests) >= 12
    assert tests - broken == set()
