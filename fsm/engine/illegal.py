"""The refusal of an entry that cannot come next in its stream."""

from __future__ import annotations

from fsm.errors import IllegalEntry
from fsm.model.stream import JobState


def illegal(state: JobState, why: str, requirement: str) -> IllegalEntry:
    """For the entry after `state`; `requirement` is a word of specs/journal.md, "What a reader checks"."""
    return IllegalEntry(state.job, state.seq + 1, why, requirement)


def need_job(state: JobState) -> None:
    """Raise `IllegalEntry` where the stream has no job now."""
    if state.definition is None:
        raise illegal(state, "there is no such job", "defined")
