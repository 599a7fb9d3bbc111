"""The exit codes of every command, and which error ends in which."""

from __future__ import annotations

from enum import IntEnum

from fsm.errors import (
    BadJobs,
    BadValue,
    CallerError,
    ConflictError,
    CronfsmError,
    JournalBusy,
    JournalFull,
    UnknownJob,
    UnknownRun,
)
from fsm.model.states import State


class Exit(IntEnum):
    """What a shell sees. The words are those of ``cronfsm --help``."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    BUG = 70
    REFUSED = 75
    TIMED_OUT = 124
    INTERRUPTED = 130


MEANING: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "the run did not succeed (with --wait), or verify, doctor or rescue found something",
    Exit.USAGE: "wrong usage, a bad file, or a data folder that cannot be used",
    Exit.NOT_FOUND: "there is no such job or run",
    Exit.BUG: "a mistake in cronfsm itself",
    Exit.REFUSED: "refused: something is in the way now, later it may work",
    Exit.TIMED_OUT: "the run timed out (with --wait)",
    Exit.INTERRUPTED: "interrupted (Ctrl-C); what runs goes on",
}


def exit_of(error: CronfsmError) -> Exit:
    """The exit code of a command that ended with `error`."""
    if isinstance(error, UnknownJob | UnknownRun):
        return Exit.NOT_FOUND
    if isinstance(error, BadJobs | BadValue):
        return Exit.USAGE
    if isinstance(error, CallerError | ConflictError | JournalBusy | JournalFull):
        return Exit.REFUSED  # what was asked for cannot be done as things stand now
    return Exit.USAGE  # a folder or a journal that cannot be used is one that was wrongly given


def exit_of_state(state: State) -> Exit:
    """The exit code of a command that waited for a run which ended like this."""
    if state is State.SUCCEEDED:
        return Exit.DONE
    return Exit.TIMED_OUT if state is State.TIMED_OUT else Exit.FAILED
