"""The laws that every simulated history must keep, each a sentence of the design.

Importing this package registers them all; `fsm.testing.witness` holds them.
"""

from __future__ import annotations

from fsm.testing.invariants import lifecycle, policies, retention, standing, ticks, verdicts
from fsm.testing.invariants.law import ARMING_LAWS, ENTRY_LAWS, EXECUTION_LAWS, PRUNE_LAWS, STANDING_LAWS, sentence

__all__ = [
    "ARMING_LAWS",
    "ENTRY_LAWS",
    "EXECUTION_LAWS",
    "PRUNE_LAWS",
    "STANDING_LAWS",
    "lifecycle",
    "policies",
    "retention",
    "sentence",
    "standing",
    "ticks",
    "verdicts",
]
