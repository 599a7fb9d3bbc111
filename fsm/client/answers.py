"""What an engine is given and what it says no with: the way to processes, run ids as text, refusals as errors."""

from __future__ import annotations

import shlex
from typing import Protocol

from fsm.errors import CallerError, ConflictError, CronfsmError, PrunedRun, UnknownRun
from fsm.model.entries import Refused
from fsm.model.facts import Execution, StopAnswer
from fsm.model.run import run_id
from fsm.model.states import Reason, State
from fsm.ports import Examination, Journal


class RunRefused(CronfsmError):
    """`Engine.run` was refused. Fields: `job`, `refusal` (its reason, and the run in the way)."""

    def __init__(self, job: str, refusal: Refused) -> None:
        self.job, self.refusal = job, refusal
        by = refusal.blocked_by
        super().__init__(
            f"{job} takes no run now: {refusal.reason}" + (f" ({job}/{by.number} is {by.state})" if by else "")
        )


class SupervisorMute(ConflictError):
    """A running run cannot be stopped from here. Fields: `run_id`, `why`."""

    def __init__(self, run_id: str, why: str) -> None:
        self.run_id, self.why = run_id, why
        super().__init__(f"{run_id} cannot be stopped: {why}")


class NothingToRetry(CallerError):
    """A run that is not over, or that succeeded. Fields: `run_id`, `state`."""

    def __init__(self, run_id: str, state: State) -> None:
        self.run_id, self.state = run_id, state
        if state.terminal:
            super().__init__(f"{run_id} {state}; for another run: cronfsm run {shlex.quote(run_id.rpartition('/')[0])}")
        else:
            super().__init__(f"{run_id} is {state}; only a run that is over can be tried again")


class Stopper(Protocol):
    """The part of a launcher that a client needs to end a run from outside; each is `fsm.ports.Launcher`'s."""

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        """Put a stop into the mailbox."""
        ...

    def kill(self, execution: Execution) -> None:
        """Kill a mute supervisor."""
        ...

    def examine(self, execution: Execution) -> Examination:
        """Take its life lock if it is free, then read its report."""
        ...


def split_run_id(text: str) -> tuple[str, int]:
    """``backup/42`` as job and number; raises `UnknownRun` for anything else."""
    job, slash, number = text.rpartition("/")
    if not slash or not job or not number.isascii() or not number.isdigit():
        raise UnknownRun(text)
    return job, int(number)


def refuse_pruned(journal: Journal, job: str, number: int) -> None:
    """Raise `PrunedRun` for a number whose run is not there any more, or was left out then: nobody can tell."""
    begin = journal.span(job, 0).begin
    if begin is not None and 0 < number <= begin.last_number and journal.run(job, number) is None:
        raise PrunedRun(run_id(job, number), run_id(job, begin.last_number + 1))
