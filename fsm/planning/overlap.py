"""What stands in the way of a new run of a job."""

from __future__ import annotations

from fsm.instants import Duration, Moment
from fsm.model.entries import Blocker
from fsm.model.run import Run
from fsm.model.states import RefusalReason, State
from fsm.model.stream import JobState


def blocked(state: JobState) -> tuple[RefusalReason, Run] | None:
    """Why a job with `overlap = "skip"` takes no further run now, and the run that is in the way.

    An ended run whose processes may still live holds the slot: then it is in the way as long as it does.
    """
    holder = state.holder
    if holder is not None:
        running = holder.state is State.RUNNING
        return (RefusalReason.ALREADY_RUNNING if running else RefusalReason.SLOT_HELD), holder
    waiting = state.open_runs
    if waiting:
        return RefusalReason.ALREADY_QUEUED, waiting[0]
    return None


def blocker(run: Run, now: Moment) -> Blocker:
    """`run` as a refusal names it: its state, how long it has been in it, its deadline."""
    since = run.started_at if run.state is not State.QUEUED and run.started_at is not None else run.queued_at
    if run.state.terminal and run.ended_at is not None:
        since = run.ended_at
    deadline = run.deadline or (run.reap_by if run.state.terminal else None)
    return Blocker(
        run.number,
        run.state,
        Duration(max(0, now.utc - since)),
        None if deadline is None else deadline.utc,
    )
