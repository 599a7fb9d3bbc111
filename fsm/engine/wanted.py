"""Whether a command still makes sense on a stream that moved on since it was thought of.

Facts arrive late, twice, or about a run that somebody else has ended meanwhile. A scheduler drops such a command; it
is not an error. (A program that calls the engine itself gets `IllegalTransition` instead.)
"""

from __future__ import annotations

from fsm.instants import Instant
from fsm.model.commands import Command, FailStart, Judge, QueueTimeout, Release, Start, Stop, Ticks, TryAgain
from fsm.model.run import Run
from fsm.model.states import State
from fsm.model.stream import JobState
from fsm.planning.restraint import held_back


def still_wanted(state: JobState, command: Command, now: Instant) -> bool:
    """False for a command that has been overtaken by `now`."""
    if isinstance(command, Ticks | TryAgain):
        return state.definition is not None
    if not isinstance(command, Start | FailStart | Judge | Stop | QueueTimeout | Release):
        return True
    run = state.run(command.number)
    if run is None:
        return False
    if isinstance(command, Start):
        return run.state is State.QUEUED and state.slot is None and held_back(state, run, now) is None
    if isinstance(command, QueueTimeout | FailStart):
        return run.state is State.QUEUED
    if isinstance(command, Release):
        return _holds(state, run, command.nonce) and run.state.terminal
    if isinstance(command, Stop):
        return not run.state.terminal
    return run.state is State.RUNNING


def _holds(state: JobState, run: Run, nonce: str) -> bool:
    return state.slot == run.number and run.arming is not None and run.arming.nonce == nonce
