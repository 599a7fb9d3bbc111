"""What the crash tests share: `--full` (or CRONFSM_FULL=1) for the whole of what they can try, and their figures.

Without it each test tries a bounded part, so that the whole suite stays quick. A test says with `figure` what it has
tried; all of it is printed at the end, also when the tests ran in parallel.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

FIGURE = "crash-figure"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/crash --full`; where the folder was not named on the command line, the variable has to do."""
    parser.addoption("--full", action="store_true", default=False, help="try all that the crash tests can try")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether to try everything."""
    return bool(request.config.getoption("--full", default=False)) or os.environ.get("CRONFSM_FULL", "") not in (
        "",
        "0",
    )


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say in a line what was tried and what came out."""
    return lambda line: record_property(FIGURE, line)


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of images are opened, and none of them tests the disk."""
    if not os.access("/dev/shm", os.W_OK | os.X_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="cronfsm-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures."""
    reports = [report for key in ("passed", "failed") for report in terminalreporter.stats.get(key, [])]
    lines = sorted(
        str(line)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, line in report.user_properties
        if name == FIGURE
    )
    if lines:
        terminalreporter.section("crash tests: what was tried")
        for line in lines:
            terminalreporter.write_line(line)
