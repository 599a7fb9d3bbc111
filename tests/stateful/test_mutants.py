"""The proof can fail: each known bug, put into the code, breaks the law that stands against it, within one run."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from mutants import MUTANTS
from scheduler_machine import SchedulerMachine
from test_scheduler_machine import proof_settings


@pytest.mark.parametrize("name", MUTANTS)
def test_the_machine_notices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate, laws = MUTANTS[name]
    wanted = settings(
        proof_settings(),
        derandomize=True,  # the same examples each time: this asks whether they suffice, it does not look for new ones
        database=None,
        phases=(Phase.generate,),  # nobody needs the shortest sequence
        report_multiple_bugs=False,
    )
    mutate(monkeypatch)
    with pytest.raises(AssertionError) as broken:
        run_state_machine_as_test(SchedulerMachine, settings=wanted)
    assert any(f"{law}: " in str(broken.value) for law in laws), f"noticed, but not by {laws}: {broken.value}"
