"""A simulation of the whole scheduler, for contributors and for those who embed it.

`Simulation` runs the scheduler's own code on a simulated machine; behaviours say what the runs do; every law of the
design is held against each step. `fsm.testing.strategies` has Hypothesis strategies (it needs hypothesis).
"""

from __future__ import annotations

from fsm.testing.behaviours import (
    Behaviour,
    Child,
    cannot_start,
    child,
    err,
    fail,
    hang,
    ignore_term,
    refuse,
    say_nothing,
    succeed,
    vanish,
)
from fsm.testing.disk import Torn
from fsm.testing.simulation import Simulation
from fsm.testing.views import Answer, BlockedBy, Refusal, RunView, Time
from fsm.testing.world import Step

__all__ = [
    "Answer",
    "Behaviour",
    "BlockedBy",
    "Child",
    "Refusal",
    "RunView",
    "Simulation",
    "Step",
    "Time",
    "Torn",
    "cannot_start",
    "child",
    "err",
    "fail",
    "hang",
    "ignore_term",
    "refuse",
    "say_nothing",
    "succeed",
    "vanish",
]
