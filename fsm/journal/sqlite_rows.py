"""Rows of the projection as values, and values as rows. The order of columns is that of the views in schema.sql."""

from __future__ import annotations

from typing import Any

import orjson

from fsm.codec.stored_jobs import evidence_from_text, evidence_to_text, job_from_text
from fsm.instants import Deadline, Instant
from fsm.model.entries import Refused
from fsm.model.past import Past
from fsm.model.run import Arming, Run
from fsm.model.states import Cause, Reason, SlotState, State
from fsm.model.stream import JobState

Row = tuple[Any, ...]

_STATES: dict[str, State] = {str(word): word for word in State}
_CAUSES: dict[str, Cause] = {str(word): word for word in Cause}
_REASONS: dict[str | None, Reason | None] = {None: None, **{str(word): word for word in Reason}}


def run_from_row(row: Row) -> Run:
    """A row of `run_rows`."""
    run_by = reap_by = arming = None
    if row[15] is not None:
        run_by = Deadline(row[15], row[16], row[17])
    if row[18] is not None:
        reap_by = Deadline(row[18], row[19], row[20])
    if row[21] is not None:
        arming = Arming(row[21], row[22], row[23], row[24], bool(row[25]), row[26])
    return Run(
        row[0],
        row[1],
        _STATES[row[2]],
        _CAUSES[row[3]],
        row[4],
        row[5],
        row[6],
        Deadline(row[7], row[8], row[9]),
        row[10],
        row[11],
        _REASONS[row[12]],
        row[13],
        row[14],
        run_by,
        reap_by,
        arming,
        row[27],
        row[28],
        row[29],
        SlotState.HELD if row[30] else SlotState.FREE,
        bool(row[31]),
        evidence_from_text(row[32]),
    )


def fold_from_row(row: Row, runs: tuple[Run, ...]) -> JobState:
    """A row of `fold_rows`, with the runs that the fold holds, by number."""
    definition = None if row[2] is None else job_from_text(row[2])
    refusal = None if row[10] is None else _refusal(row[10])
    return JobState(
        row[0],
        row[1],
        definition,
        row[3],
        row[4],
        row[5],
        bool(row[6]),
        row[7],
        row[8],
        runs,
        row[9],
        refusal,
        row[11],
        None if row[12] is None else _past(row[12]),
    )


def next_due_of(row: Row) -> Instant | None:
    """The due time in a row of `fold_rows`."""
    due: Instant | None = row[13]
    return due


def _refusal(text: str) -> Refused:
    from fsm.codec.shapes import shape  # loads cattrs, which a list of jobs mostly does without

    refusal: Refused = shape(Refused).read(orjson.loads(text))
    return refusal


def _past(text: str) -> Past:
    from fsm.codec.shapes import shape

    past: Past = shape(Past).read(orjson.loads(text))
    return past


def past_text(past: Past | None) -> str | None:
    """What `fold_from_row` reads."""
    if past is None:
        return None
    from fsm.codec.shapes import shape

    return orjson.dumps(shape(Past).write(past), option=orjson.OPT_SORT_KEYS).decode()


def refusal_text(refusal: Refused | None) -> str | None:
    """What `fold_from_row` reads."""
    if refusal is None:
        return None
    from fsm.codec.shapes import shape

    return orjson.dumps(shape(Refused).write(refusal), option=orjson.OPT_SORT_KEYS).decode()


def refold_row(state: JobState, last_hash: str) -> Row:
    """What the statement `refold` binds."""
    return (
        state.seq,
        last_hash,
        state.last_number,
        state.slot,
        state.definition is not None,
        state.version,
        state.source,
        state.anchor,
        state.paused,
        state.accounted_to,
        refusal_text(state.refusal),
        state.refused_at,
        past_text(state.past),
        state.job,
    )


def queued_row(run: Run, seq: int) -> Row:
    """What the statement `queued` binds; `seq` is that of the run's first entry."""
    start_by = run.start_by
    return (
        run.job,
        run.number,
        run.state,
        run.cause,
        run.version,
        run.attempt,
        run.queued_at,
        start_by.utc,
        start_by.boot,
        start_by.boot_id,
        run.scheduled_for,
        run.retry_of,
        run.forced,
        seq,
    )


def started_row(run: Run) -> Row:
    """What the statement `started` binds."""
    run_by, reap_by, arming = run.run_by, run.reap_by, run.arming
    assert run_by is not None
    assert reap_by is not None
    assert arming is not None  # a `Started` sets all three
    return (
        run.state,
        run.started_at,
        run_by.utc,
        run_by.boot,
        run_by.boot_id,
        reap_by.utc,
        reap_by.boot,
        reap_by.boot_id,
        arming.nonce,
        arming.boot_id,
        arming.pid,
        arming.pid_start,
        arming.in_process,
        arming.cgroup,
        run.job,
        run.number,
    )


def ended_row(run: Run) -> Row:
    """What the statement `ended` binds."""
    return (
        run.state,
        run.reason,
        run.started_at,
        run.ended_at,
        run.exit_code,
        run.signal,
        run.error,
        evidence_to_text(run.agent),
        run.job,
        run.number,
    )
