"""Questions to the projection. Each costs what it returns: it has an index, and a test asks SQLite for its plan.

Every statement is read to its end (`get` and `fetchall` do that, `fetchone` does not): one that is left half read keeps
an old state of the file alive, and the log of the file grows for as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fsm.codec.stored_jobs import job_from_text
from fsm.errors import UnknownJob
from fsm.instants import Instant
from fsm.journal.sqlite_rows import Row, fold_from_row, next_due_of, run_from_row
from fsm.journal.sqlite_store import Store
from fsm.journal.statements import statements
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import OPEN, State
from fsm.model.stream import JobState
from fsm.planning.retention import Mark, Span
from fsm.ports import JobSummary, RunQuery

_SQL = statements("read")
_EVER, _NO_LIMIT = -(1 << 63), -1

NO_HASH = "0" * 64  # fsm.codec.entries.GENESIS, which loads more than a reader needs; a test holds them equal

DUE_PAGE = 1_000
"""Due times read at once."""


@contextmanager
def snapshot(store: Store) -> Iterator[None]:
    """Several statements that see one state of the file."""
    store.execute(_SQL["begin"])
    try:
        yield
        store.execute(_SQL["end"])
    except BaseException:
        store.roll_back()
        raise


def state(store: Store, job: str) -> JobState:
    """The fold of a stream."""
    with snapshot(store):
        row: Row | None = store.execute(_SQL["fold"], (job,)).get
        live = store.execute(_SQL["live_of_job"], (job,)).fetchall() if row else []
    return fold_from_row(row, _by_number(live)) if row else JobState(job)


def definition(store: Store, job: str, version: int) -> Job:
    """A job as it was in that version."""
    text = store.execute(_SQL["definition"], (job, version)).get
    if text is None:
        raise UnknownJob(job)
    return job_from_text(text)


def jobs(store: Store) -> list[JobSummary]:
    """Every defined job with its last ended run, in three statements."""
    with snapshot(store):
        folds: list[Row] = store.execute(_SQL["folds"]).fetchall()
        live: list[Row] = store.execute(_SQL["live"]).fetchall()
        last: list[Row] = store.execute(_SQL["last_ended"]).fetchall()
    live_of: dict[str, list[Row]] = {}
    for row in live:
        live_of.setdefault(row[0], []).append(row)
    last_of = {row[0]: run_from_row(row) for row in last}
    return [
        JobSummary(fold_from_row(row, _by_number(live_of.get(row[0], ()))), next_due_of(row), last_of.get(row[0]))
        for row in folds
    ]


def _by_number(rows: Iterable[Row]) -> tuple[Run, ...]:
    return tuple(run_from_row(row) for row in sorted(rows, key=lambda row: int(row[1])))


def names(store: Store, question: str) -> list[str]:
    """The answers to a question for names: job_names, busy_jobs, streams."""
    return [name for (name,) in store.execute(_SQL[question])]


def streams(store: Store, after: str, limit: int | None) -> list[str]:
    """The names of streams, from one on."""
    return [name for (name,) in store.execute(_SQL["streams"], (after, _NO_LIMIT if limit is None else limit))]


def span(store: Store, job: str, keep_runs: int) -> Span:
    """What there is of a stream. What may go is looked for only where it could go somewhere."""
    with snapshot(store):
        seq, pruned = store.execute(_SQL["length"], (job,)).get or (0, 0)
        if seq == 0:
            return Span(job)
        last_at = store.execute(_SQL["at"], (job, seq)).get
        marks = tuple(Mark(*row) for row in store.execute(_SQL["marks"], (job,)))
        spare, live = 0, None
        if marks and marks[-1].seq > pruned + 1:
            spare = store.execute(_SQL["spare"], (job, keep_runs)).get or 0
            live = store.execute(_SQL["oldest_live"], (job,)).get
    return Span(job, seq, pruned, None if last_at is None else Instant(last_at), marks, spare, live)


def last_numbers(store: Store) -> dict[str, int]:
    """The last number given in each stream."""
    return dict(store.execute(_SQL["last_numbers"]))


def due_page(store: Store, after: tuple[Instant, str] | None) -> list[tuple[str, Instant]]:
    """The next due times after one, the soonest first; empty when there are no more."""
    at, job = after or (_EVER, "")
    page: list[Row] = store.execute(_SQL["due_page"], (at, job, DUE_PAGE)).fetchall()
    return [(name, Instant(due)) for name, due in page]


def due_of(store: Store, job: str) -> Instant | None:
    """One job's next due time."""
    due: Instant | None = store.execute(_SQL["due_of_job"], (job,)).get
    return due


def run(store: Store, job: str, number: int) -> Run | None:
    """One run."""
    row: Row | None = store.execute(_SQL["run"], (job, number)).get
    return run_from_row(row) if row else None


def runs(store: Store, query: RunQuery) -> list[Run]:
    """Runs that fit, newest first. Each state is asked for by itself, by its own index, and the answers merged."""
    since = _EVER if query.since is None else query.since
    limit = _NO_LIMIT if query.limit is None else max(0, query.limit)
    asked: list[tuple[str, tuple[str, ...]]]
    if query.states is not None:
        asked = [_of_state(query.job, wanted) for wanted in query.states]
    else:
        of_job = "runs_of_job" if query.since is None else "runs_of_job_since"
        asked = [("runs", ()) if query.job is None else (of_job, (query.job,))]
    with snapshot(store):
        rows: list[Row] = [row for name, key in asked for row in store.execute(_SQL[name], (*key, since, limit))]
    if len(asked) > 1:
        rows.sort(key=_newest if query.job is None else _highest, reverse=True)
        rows = rows if query.limit is None else rows[:limit]
    return [run_from_row(row) for row in rows]


def _of_state(job: str | None, wanted: State) -> tuple[str, tuple[str, ...]]:
    name = "open_runs" if wanted in OPEN else "succeeded_runs" if wanted is State.SUCCEEDED else "unwell_runs"
    return (name, (wanted,)) if job is None else (f"{name}_of_job", (job, wanted))


def _newest(row: Row) -> tuple[int, str, int]:
    return row[6], row[0], row[1]  # queued_at, job, number


def _highest(row: Row) -> int:
    number: int = row[1]
    return number


def number(store: Store, question: str) -> int:
    """The answer to a question for a number: last_id, epoch."""
    answer: int = store.execute(_SQL[question]).get
    return answer


def head(store: Store, job: str) -> tuple[int, str]:
    """Length of a stream and the hash of its last entry."""
    found: tuple[int, str] | None = store.execute(_SQL["tip"], (job,)).get
    return found or (0, NO_HASH)
