"""A job's stream, folded: all that later decisions need of the past, and nothing that grows with it."""

from __future__ import annotations

from fsm.instants import Instant
from fsm.model.entries import Refused
from fsm.model.job import Job
from fsm.model.past import Past
from fsm.model.run import Run
from fsm.model.values import value

FOLD = 1
"""The version of the fold, which checkpoints carry.

One more where a field is added, or comes to mean something else, so that folding the same entries gives another value
than the versions before had: then what an older checkpoint says is taken over where the stream begins with it, and not
held against the fold elsewhere. A new field needs a default, which is what it had before there was such a thing.
"""


@value(slots=True)
class JobState:
    """The fold of one stream.

    `runs` holds the open runs and, where there is one, the ended run that still holds the slot, by number.
    `slot` is the number of the run that holds it: from its `start` until its `released`.
    `accounted_to` is the last scheduled time that has its answer; ticks after it have none yet.
    `refusal` is the last refusal of a tick, so that the next one like it can be told apart from a new one.
    `past` is what is remembered of runs that failed, None for a job that is well.
    """

    job: str
    seq: int = 0
    definition: Job | None = None
    version: int = 0
    source: str = ""
    anchor: Instant | None = None
    paused: bool = False
    last_number: int = 0
    accounted_to: Instant | None = None
    runs: tuple[Run, ...] = ()
    slot: int | None = None
    refusal: Refused | None = None
    refused_at: Instant | None = None
    past: Past | None = None

    def run(self, number: int) -> Run | None:
        """The run of that number, where the fold still holds it."""
        for run in self.runs:
            if run.number == number:
                return run
        return None

    @property
    def holder(self) -> Run | None:
        """The run that holds the slot."""
        return None if self.slot is None else self.run(self.slot)

    @property
    def open_runs(self) -> tuple[Run, ...]:
        """Those that have not ended, oldest first."""
        return tuple(run for run in self.runs if not run.state.terminal)
