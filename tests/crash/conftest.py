"""What the crash tests share: `--full` (or CRONFSM_FULL=1) for the whole of what they can try, and their figures.

Without it each test tries a bounded part, so that the whole suite stays quick. A test says with `figure` what it has
tried, and with `count` how often. All of it is printed at the end, also when the tests ran in parallel; a full run
in which less was tried than `promises` says has failed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from promises import Table

FIGURE, COUNT = "crash-figure", "crash-count"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/crash --full`; where the folder was not named on the command line, the variable has to do."""
    parser.addoption("--full", action="store_true", default=False, help="try all that the crash tests can try")


def is_full(config: pytest.Config) -> bool:
    return bool(config.getoption("--full", default=False)) or os.environ.get("CRONFSM_FULL", "") not in ("", "0")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether to try everything."""
    return is_full(request.config)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say in a line what was tried and what came out."""
    return lambda line: record_property(FIGURE, line)


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Count what was tried: what, how often, and how often at the least where the test itself knows that."""
    return lambda what, number, wanted=None: record_property(COUNT, [what, number, wanted])


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of images are opened, and none of them tests the disk."""
    if not os.access("/dev/shm", os.W_OK | os.X_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="cronfsm-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


# ---- at the end


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where too little was tried. What belongs to tests that nobody asked for is not missed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not is_full(session.config) or session.config.option.collectonly:
        return
    narrowed = session.config.option.keyword or any(".py" in argument for argument in session.config.args)
    session.config.stash[_SHORT] = short = _table(reporter).short(complete=not narrowed)
    if short and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures, then the counts."""
    lines = sorted(str(line) for line in _said(terminalreporter, FIGURE))
    if lines:
        terminalreporter.section("crash tests: what was tried")
        for line in lines:
            terminalreporter.write_line(line)
    for line in _table(terminalreporter).lines(full=is_full(terminalreporter.config)):
        terminalreporter.write_line(line)
    for sentence in terminalreporter.config.stash.get(_SHORT, []):
        terminalreporter.write_line(f"TOO FEW: {sentence}", red=True)


_SHORT: pytest.StashKey[list[str]] = pytest.StashKey()


def _table(reporter: Any) -> Table:
    return Table((str(what), int(number), wanted) for what, number, wanted in _said(reporter, COUNT))


def _said(reporter: Any, word: str) -> Iterator[Any]:
    for key in ("passed", "failed"):
        for report in reporter.stats.get(key, []):
            if getattr(report, "when", None) == "call":
                yield from (value for name, value in report.user_properties if name == word)
