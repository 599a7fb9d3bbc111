"""Scenarios with real processes use the command line as `tests/e2e` does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "e2e"))

from scenario_kit import Stage  # the import has to follow the line above


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A data folder without any job, and the command line on it. What a test leaves running is ended."""
    stage = Stage(tmp_path)
    yield stage
    stage.close()
