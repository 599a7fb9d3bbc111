"""The first proof: whatever comes in whatever order, no law is broken and everything ends."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from scheduler_machine import SchedulerMachine

from fsm.instants import SECOND, parse_duration
from fsm.model.entries import Ended, Queued, Started

EXAMPLES_FACTOR = 5
"""The machine is the broadest test there is: it gets so many times the examples of a plain property."""

FUZZ_AT_ONCE = 200
"""Examples between two looks at the clock, where it is fuzzed for a time (`make fuzz FOR=10m`): about a minute."""

STEPS = 50
"""Rules in one example: enough for a few faults on top of each other, few enough to be read."""


def proof_settings() -> settings:
    """The profile's, for the machine."""
    profile = settings()
    return settings(profile, max_examples=profile.max_examples * EXAMPLES_FACTOR, stateful_step_count=STEPS)


@pytest.mark.requirement("R-3")
@pytest.mark.requirement("R-12")
@pytest.mark.requirement("R-14")
@pytest.mark.requirement("R-27")
def test_no_law_is_broken_and_everything_ends(record_property: pytest.RecordProperty) -> None:
    done: Counter[str] = Counter()

    class Counted(SchedulerMachine):
        def check_invariants(self, *args, **kwargs):
            done["steps"] += 1
            return super().check_invariants(*args, **kwargs)

        def teardown(self):
            super().teardown()
            done["examples"] += 1
            for entry in self.sim.store.entries() if hasattr(self, "sim") else ():
                done["runs"] += isinstance(entry.body, Queued)
                done["transitions"] += isinstance(entry.body, Queued | Started | Ended)

    wanted = proof_settings()
    length_s = parse_duration(os.environ.get("CRONFSM_FUZZ_FOR") or "0s") / SECOND
    if length_s:
        wanted = settings(wanted, max_examples=FUZZ_AT_ONCE)
    begin_s, rounds = time.monotonic(), 0
    while rounds == 0 or time.monotonic() - begin_s < length_s:
        run_state_machine_as_test(Counted, settings=wanted)
        rounds += 1
        if length_s:
            print(f"{time.monotonic() - begin_s:.0f} s: {dict(done)}", flush=True)
    assert done["examples"] >= rounds * wanted.max_examples, "fewer examples than promised"
    record_property("proof", ", ".join(f"{count} {what}" for what, count in done.items()) + ", no law broken")
