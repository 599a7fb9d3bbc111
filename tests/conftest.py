"""Hypothesis profiles: `dev` while writing, `ci` (the default) in `make test`, `fuzz` for hours."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile("dev", deadline=None, max_examples=20, stateful_step_count=30, suppress_health_check=_SLOW)
settings.register_profile("ci", deadline=None, max_examples=150, stateful_step_count=40, suppress_health_check=_SLOW)
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, stateful_step_count=80, suppress_health_check=_SLOW, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
