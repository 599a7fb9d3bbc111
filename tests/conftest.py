"""Hypothesis profiles: `dev` while writing, `ci` (the default) in `make test`, `fuzz` for hours.

Chosen by the environment variable HYPOTHESIS_PROFILE. `ci` takes the same examples every time, so that a change that
has nothing to do with them cannot be stopped by a new find; `dev` and `fuzz` look for new ones.
"""

from __future__ import annotations

import os
import signal

from edges import pytest_addoption, pytest_configure  # noqa: F401  (hooks of this file, from where they are explained)
from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("dev", deadline=None, max_examples=20, suppress_health_check=_SLOW)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, suppress_health_check=_SLOW)
settings.register_profile("fuzz", deadline=None, max_examples=5_000, print_blob=True, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without a terminal starts what it puts into the background with SIGINT ignored, and everything started
    # from here would inherit that: the tests of ctrl-C need the default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
