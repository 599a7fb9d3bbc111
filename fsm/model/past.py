"""What a stream remembers of runs that failed: a retry that is to come, failures in a row, the budget they used up.

All of it together is a handful of numbers, however many runs have failed; a job that is well has none of it.
"""

from __future__ import annotations

from fsm.instants import Duration, Instant
from fsm.model.states import State
from fsm.model.values import value


@value(slots=True)
class Pending:
    """A retry that is to come: of run `of`, which ended in `state`, as that `attempt`, not before `due`.

    `planned_at` is when the wait began: where the wall clock says less than that, it was set back, and the wait is
    over.
    """

    of: int
    state: State
    attempt: int
    due: Instant
    planned_at: Instant
    scheduled_for: Instant | None = None


@value(slots=True)
class Past:
    """Of the runs since the last one that succeeded, or since the job's definition changed.

    `failures` of them failed, the last one was number `failed`, in `state`, at `failed_at`. `spent_us` is what quick
    failures have used up of the budget, as it stood at `failed_at`; it grows back with time
    (`fsm.planning.restraint`).
    """

    failures: int
    failed: int
    state: State
    failed_at: Instant
    spent_us: Duration = Duration(0)
    retry: Pending | None = None
