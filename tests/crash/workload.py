"""What is done to a journal while its disk is recorded: whole lives of runs, in several jobs and by two processes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, field
from recording_vfs import Op, Recorder, recording

from fsm.errors import StoreError
from fsm.instants import HOUR, Instant
from fsm.journal.export import export_lines
from fsm.journal.sqlite import SqliteJournal
from fsm.model.states import RefusalReason, State
from fsm.ports import Append, Appended
from fsm.testing.scribe import START, Scribe

JOBS = ("backup", "Zürich", "c")
ENDS = (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.LOST, State.REAPED)
CHECKPOINT_PAGES = 12
"""Pages in the log at which SQLite checkpoints: a few transactions, so that the log begins anew many times."""


@define
class History:
    """A log of operations, and what was acknowledged when."""

    ops: list[Op]
    acknowledged: list[tuple[int, int]] = field(factory=list)
    """(operations done, entries there are) at the moment an append came back."""
    attempts: list[tuple[int, tuple[Append, ...]]] = field(factory=list)
    """(operations done, the batch) at the moment an append was begun."""
    lines: list[bytes] = field(factory=list)
    """All entries, in the end, as they are exported."""
    failures: list[StoreError] = field(factory=list)
    shm: bytes = b""

    def surely(self, at: int) -> int:
        """How many entries a crash before operation `at` must leave."""
        return max((entries for done, entries in self.acknowledged if done <= at), default=0)

    def ends(self) -> set[int]:
        """How many entries there can be: no batch is ever there in part."""
        return {0, *(entries for _, entries in self.acknowledged)}

    def under_way(self, at: int) -> Iterator[tuple[Append, ...]]:
        """The batches that were begun before `at` and not acknowledged by then: each may be there, or not."""
        last = max((done for done, _ in self.acknowledged if done <= at), default=0)
        return (batch for done, batch in self.attempts if last <= done <= at)


class _Watched(SqliteJournal):
    """The journal as it is; when an append was begun and when it came back is noted."""

    history: History

    def append(self, batch: Sequence[Append], *, epoch: int | None = None) -> list[Appended]:
        history = self.history
        history.attempts.append((len(history.ops), tuple(batch)))
        results = super().append(batch, epoch=epoch)
        last = max((entry.id for result in results for entry in result.entries), default=0)
        if last:
            history.acknowledged.append((len(history.ops), last))
        return results


class Author:
    """Writes through its own connection to the journal, as a process of its own would."""

    def __init__(self, path: Path, history: History, synchronous: str | None) -> None:
        self.journal = _Watched(path, node="here")
        self.journal.history = history
        execute = self.journal._store.execute
        execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}").fetchall()
        if synchronous is not None:
            execute(f"PRAGMA synchronous = {synchronous}").fetchall()


def batch(scribe: Scribe, rng: random.Random) -> None:
    """Several jobs in one transaction, as one turn of a scheduler's loop writes them."""
    appends = []
    for job in JOBS:
        state = scribe.journal.state(job)
        if state.definition is None:
            return
        number = state.last_number + 1
        drafts = [scribe.draft(job, scribe.queued(job), number)]
        if state.slot is None and rng.random() < 0.7:
            drafts.append(scribe.draft(job, scribe.started(number), number))
        appends.append(Append(state, tuple(drafts)))
    scribe.journal.append(appends)


def step(author: Author, rng: random.Random, number: int) -> None:
    """One thing that happens to some job, `number` hours later."""
    scribe, job = Scribe(author.journal, start=Instant(START + number * HOUR)), rng.choice(JOBS)
    state = author.journal.state(job)
    if state.definition is None:
        scribe.define(job, schedule="*/5 * * * *", env={"LONG": "x" * rng.choice([1, 300, 6_000])})
    elif state.holder is not None:
        run = state.holder
        if run.state is State.RUNNING:
            scribe.end(job, run.number, rng.choice(ENDS), error=rng.choice([None, "y" * 5_000]))
        else:
            scribe.release(job, run.number)
    elif state.runs:
        scribe.start(job, state.runs[0].number)
    elif rng.random() < 0.3:
        scribe.refuse(job, RefusalReason.MISSED)
    elif rng.random() < 0.3:
        batch(scribe, rng)
    elif rng.random() < 0.1:
        scribe.define(job, schedule="*/7 * * * *")
    else:
        scribe.run_through(job, rng.choice(ENDS))


Trouble = Callable[[Recorder, random.Random], None]


@contextmanager
def worked(
    folder: Path,
    *,
    steps: int,
    seed: int = 1,
    synchronous: str | None = None,
    trouble: Trouble | None = None,
) -> Iterator[History]:
    """A journal made and worked on in `folder`; its files are there as long as the context lasts.

    `trouble` is called before each step, to have the disk fail; an append that fails is left at that.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal.db"
    with recording() as recorder:
        history = History(recorder.ops)
        authors = [Author(path, history, synchronous)]
        try:
            Scribe(authors[0].journal).up()
            for number in range(steps):
                if trouble is not None:
                    trouble(recorder, rng)
                if number == steps // 4:
                    authors.append(Author(path, history, synchronous))
                if number == steps // 2:  # the last one out closes the log; the next one makes it anew
                    for author in authors:
                        author.journal.close()
                    authors[:] = [Author(path, history, synchronous)]
                try:
                    step(rng.choice(authors), rng, number)
                except StoreError as error:
                    history.failures.append(error)
            recorder.before = None
            history.lines = list(export_lines(authors[0].journal))
            with suppress(FileNotFoundError):
                history.shm = Path(f"{path}-shm").read_bytes()
            yield history
        finally:
            for author in authors:
                author.journal.close()
