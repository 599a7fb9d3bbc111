"""A simulation of the whole scheduler, for contributors and for those who embed it.

`Simulation` runs the scheduler's own code on a simulated machine; behaviours say what the runs do; every law of the
design is held against each step.

What is beside it, each in a module of its own, since it needs pytest or hypothesis:

- `fsm.testing.journal_contract.JournalContract` and `fsm.testing.launcher_contract.LauncherContract`: subclass them to
  test an adapter of one's own.
- `fsm.testing.strategies`: Hypothesis strategies for simulations: keys of jobs, what runs do, when things come.
- `fsm.testing.entry_strategies`: for jobs and single entries. `fsm.testing.journal_strategies`: for whole journals.
- `fsm.testing.edits`: edits of exported journals that no verifier may let pass.

docs/adapters.md shows them.
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
