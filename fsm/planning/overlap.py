"""What stands in the way of a new run of a job, and how many of its runs may wait.

Nothing here ever lets two run at once: what is let through waits for the slot.
"""

from __future__ import annotations

from fsm.instants import Duration, Moment
from fsm.model.entries import Blocker
from fsm.model.job import Job, Overlap
from fsm.model.run import Run
from fsm.model.states import Cause, RefusalReason, State
from fsm.model.stream import JobState

_SKIP, _QUEUE = Overlap.SKIP, Overlap.QUEUE  # see `fsm.model.states`


def blocked(state: JobState) -> tuple[RefusalReason, Run] | None:
    """What is in the way of a run that would have to start now, as every run of a job with `overlap = "skip"` has.

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


def waiting(state: JobState) -> list[Run]:
    """The runs that stand in the queue, oldest first, but for those that catch up missed ticks."""
    return [run for run in state.runs if run.state is State.QUEUED and run.cause is not Cause.CATCH_UP]


def catching_up(state: JobState) -> int:
    """How many runs stand in the queue that catch up missed ticks."""
    return sum(run.state is State.QUEUED and run.cause is Cause.CATCH_UP for run in state.runs)


def in_the_way(state: JobState, job: Job) -> tuple[RefusalReason, Run] | None:
    """Why a job takes no further run into its queue now, by its `overlap`, and the run that is in the way.

    `replace` ends a run that is running, not one that only waits: that would bring nothing forward, and a slot that
    nothing frees would fill the journal.
    """
    if job.overlap is _SKIP:
        return blocked(state)
    queued = waiting(state)
    if job.overlap is _QUEUE:
        return (RefusalReason.QUEUE_FULL, queued[0]) if len(queued) >= job.queue_limit else None
    return (RefusalReason.ALREADY_QUEUED, queued[0]) if queued else None


def places(job: Job) -> int:
    """How many runs may stand in the queue, but for those that catch up missed ticks."""
    return job.queue_limit if job.overlap is _QUEUE else 1


def overflow(state: JobState, job: Job) -> list[Run]:
    """Those for which there is no place any more, the newest first, when the job becomes `job`."""
    return list(reversed(waiting(state)[places(job) :]))


def to_be_replaced(state: JobState) -> Run | None:
    """The running run that a newer one is to take the slot of: it was let into the queue after that one had started.

    Not one whose work is done inside some process: nothing ends that but its process, and what waits goes on waiting.
    """
    job, holder = state.definition, state.holder
    if job is None or job.overlap is not Overlap.REPLACE or holder is None or holder.state is not State.RUNNING:
        return None
    if holder.arming is None or holder.arming.in_process or holder.started_at is None:
        return None
    since = holder.started_at
    newer = [run for run in waiting(state) if run.number > holder.number and run.queued_at >= since]
    return holder if newer else None


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
