"""cronfsm: scheduled runs as explicit finite-state machines. Every run ends and no job overlaps, whatever crashes.

What is exported here is imported when it is first used, so that a command line that needs little loads little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsm.client.answers import RunRefused, SupervisorMute
    from fsm.client.engine import Engine
    from fsm.errors import CronfsmError
    from fsm.journal.open import open_journal
    from fsm.model.entries import Entry, Refused
    from fsm.model.job import Job
    from fsm.model.run import Run
    from fsm.model.states import Cause, Evidence, Kind, Reason, RefusalReason, State, Trigger

__version__ = "0.1.0"

_HOME = {
    "Cause": "fsm.model.states",
    "CronfsmError": "fsm.errors",
    "Engine": "fsm.client.engine",
    "Entry": "fsm.model.entries",
    "Evidence": "fsm.model.states",
    "Job": "fsm.model.job",
    "Kind": "fsm.model.states",
    "Reason": "fsm.model.states",
    "RefusalReason": "fsm.model.states",
    "Refused": "fsm.model.entries",
    "Run": "fsm.model.run",
    "RunRefused": "fsm.client.answers",
    "State": "fsm.model.states",
    "SupervisorMute": "fsm.client.answers",
    "Trigger": "fsm.model.states",
    "open_journal": "fsm.journal.open",
}

__all__ = [
    "Cause",
    "CronfsmError",
    "Engine",
    "Entry",
    "Evidence",
    "Job",
    "Kind",
    "Reason",
    "RefusalReason",
    "Refused",
    "Run",
    "RunRefused",
    "State",
    "SupervisorMute",
    "Trigger",
    "__version__",
    "open_journal",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
