"""The projection's rows, kept in step entry by entry, so that the triggers see the state before each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from fsm.codec.entries import GENESIS, entry_from_row
from fsm.codec.stored_jobs import job_to_text
from fsm.engine.due import wanted_at
from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.journal.sqlite_rows import ended_row, queued_row, refold_row, started_row
from fsm.journal.statements import statements
from fsm.model.entries import Checkpoint, Draft, Ended, Entry, JobPut, Queued, Released, Started
from fsm.model.run import Run
from fsm.model.states import State
from fsm.model.stream import JobState

Execute = Callable[..., Any]

_SQL = statements("append")
_ADVANCE, _REFOLD, _REFOLD_DUE, _DUE = _SQL["advance"], _SQL["refold"], _SQL["refold_due"], _SQL["due"]
_QUEUED, _STARTED, _ENDED, _CAME_OUT = _SQL["queued"], _SQL["started"], _SQL["ended"], _SQL["came_out"]

REBUILD_PAGE = 1_000
"""Entries that are in memory at once while the projection is rebuilt: some megabytes at most."""


def project(
    execute: Execute,
    record: Draft | Entry,
    before: JobState,
    after: JobState,
    run: Run | None,
    last_hash: str,
    *,
    due: bool,
) -> None:
    """Write what `record` changed. Without `due`, the next due time is left to be reckoned later."""
    if run is not None:
        _project_run(execute, record, before, run, after.seq)
    elif before.seq == 0 and after.seq > 1:
        _begin(execute, after, last_hash)
        return
    if (
        after.definition is before.definition
        and after.accounted_to == before.accounted_to
        and after.refusal is before.refusal
        and after.paused is before.paused
        and after.past is before.past
    ):
        execute(_ADVANCE, (after.seq, last_hash, after.last_number, after.slot, after.job))
        return
    if isinstance(record.body, JobPut):
        execute(_SQL["definition"], (after.job, after.version, job_to_text(record.body.job)))
    if due and (
        after.definition is not before.definition
        or after.accounted_to != before.accounted_to
        or after.past is not before.past
    ):
        *fold, job = refold_row(after, last_hash)
        execute(_REFOLD_DUE, (*fold, wanted_at(after), job))
    else:
        execute(_REFOLD, refold_row(after, last_hash))


def _project_run(execute: Execute, record: Draft | Entry, before: JobState, run: Run, seq: int) -> None:
    body = type(record.body)
    if body is Queued:
        execute(_QUEUED, queued_row(run, seq))
    elif body is Started:
        execute(_STARTED, started_row(run))
    elif body is Ended:
        execute(_ENDED, ended_row(run))
    elif body is Released:
        was = before.run(run.number)
        if was is not None and (was.exit_code, was.signal) != (run.exit_code, run.signal):
            execute(_CAME_OUT, (run.exit_code, run.signal, run.job, run.number))


def _begin(execute: Execute, state: JobState, last_hash: str) -> None:
    """The rows of a stream that was pruned, after the checkpoint that it begins with."""
    execute(_REFOLD, refold_row(state, last_hash))
    if state.definition is not None:
        execute(_SQL["definition"], (state.job, state.version, job_to_text(state.definition)))
    for run in state.runs:
        execute(_QUEUED, queued_row(attrs.evolve(run, state=State.QUEUED), state.seq))
        if run.arming is not None:
            execute(_STARTED, started_row(attrs.evolve(run, state=State.RUNNING)))
        if run.state.terminal:
            execute(_ENDED, ended_row(run))


def open_stream(execute: Execute, job: str, first: Entry | None = None) -> None:
    """The row of a stream of which nothing is there; of one that was pruned, where its `first` entry is known."""
    pruned = first.body.count if first is not None and isinstance(first.body, Checkpoint) else 0
    execute(_SQL["open_stream"], (job, pruned, GENESIS if first is None or not pruned else first.prev_hash))


def rebuild(execute: Execute) -> None:
    """Drop every row of the projection and fold all entries anew, within the caller's transaction.

    Raises `IllegalEntry` at the first entry that cannot follow the ones before it. Memory: the folds of all streams,
    and a page of entries.
    """
    for name in ("drop_jobs", "drop_runs", "drop_definitions"):
        execute(_SQL[name])
    page = statements("read")["entries"]
    states: dict[str, JobState] = {}
    last_id = epoch = 0
    while rows := execute(page, (last_id, _NO_ID, REBUILD_PAGE)).fetchall():
        for row in rows:
            entry = entry_from_row(row)
            before = states.get(entry.job)
            if before is None:
                before = JobState(entry.job)
                open_stream(execute, entry.job, entry)
            after = evolve(before, entry)
            project(execute, entry, before, after, run_after(before, entry, after), entry.hash, due=False)
            states[entry.job] = after
            epoch = max(epoch, entry.epoch or 0)
        last_id = rows[-1][0]
    for state in states.values():
        if state.definition is not None:
            execute(_DUE, (wanted_at(state), state.job))
    execute(_SQL["set_epoch"], (epoch,))


_NO_ID = (1 << 63) - 1  # above every id
