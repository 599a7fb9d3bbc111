"""Settings over all jobs. They live in the schedulers' stream, so that they are journaled like everything else."""

from __future__ import annotations

from fsm.client.decider import MAX_TRIES
from fsm.client.engine import Engine
from fsm.errors import Conflict, ConflictError
from fsm.model.entries import Draft, SchedulerSettings, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Actor
from fsm.ports import Append, Journal

DEFAULT_MAX_RUNNING = 8


def max_running(journal: Journal) -> int:
    """How many runs may hold a slot at once, as set last; 8 where nobody ever set it.

    Every scheduler repeats the setting as it comes up, so this reads no further back than that.
    """
    for entry in journal.entries(job=SCHEDULER_STREAM, newest_first=True):
        if isinstance(entry.body, SchedulerUp | SchedulerSettings):
            return entry.body.max_running
    return DEFAULT_MAX_RUNNING


def change_max_running(engine: Engine, wanted: int) -> bool:
    """Set it. False where it was that already."""
    for _ in range(MAX_TRIES):
        if max_running(engine.journal) == wanted:
            return False
        state = engine.journal.state(SCHEDULER_STREAM)
        body = SchedulerSettings(wanted)
        draft = Draft(SCHEDULER_STREAM, engine.clock.now().utc, Actor.CLI, None, body)
        try:
            engine.journal.append([Append(state, (draft,))])
        except Conflict:
            continue
        engine.poke()
        return True
    raise ConflictError(f"lost {MAX_TRIES} races in a row for the stream of the schedulers")
