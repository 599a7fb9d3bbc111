"""The journal in one SQLite file: `SqliteJournal`. What it holds and refuses stands in sql/schema.sql."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import apsw

from fsm.errors import BadValue, JournalUnusable
from fsm.instants import Instant
from fsm.journal import sqlite_reads as reads
from fsm.journal.sqlite_store import BUSY_TIMEOUT, Store
from fsm.journal.sqlite_trouble import DAMAGED, trouble
from fsm.journal.statements import statements
from fsm.model.entries import Entry
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.stream import JobState
from fsm.planning.retention import Mark, Span
from fsm.ports import Append, Appended, JobSummary, Pruned, RunQuery

if TYPE_CHECKING:
    from fsm.journal.sqlite_writes import Writer
    from fsm.journal.transplant import Kept

_T = TypeVar("_T")
_SQL = statements("append")

_NO_ROW = (ValueError, TypeError, KeyError, AttributeError)
"""What a row of the projection leads to that no version ever wrote."""


class SqliteJournal:
    """`fsm.ports.Journal` in the file `path`, which is made if it is missing, unless `read_only`.

    `node` is the name of this machine that entries carry (its host name if left out). An append waits at most
    `busy_timeout_us` microseconds for another process's, then raises `JournalBusy`. For one thread at a time; a
    second thread opens a journal of its own. Raises `JournalUnusable` for a file that cannot be used, and says why.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        node: str | None = None,
        read_only: bool = False,
        busy_timeout_us: int = BUSY_TIMEOUT,
    ) -> None:
        self._node = os.uname().nodename if node is None else node
        self._store = Store(path, read_only=read_only, busy_timeout_us=busy_timeout_us)

    @property
    def path(self) -> str:
        """The file's absolute path."""
        return self._store.path

    @cached_property
    def _writer(self) -> Writer:
        # Loads the machine, the codec and the calendar, which whoever only reads does without.
        from fsm.journal.sqlite_writes import Writer

        return Writer(self._store.execute, self._node)

    def append(self, batch: Sequence[Append], *, epoch: int | None = None) -> list[Appended]:
        """See `fsm.ports.Journal.append`."""
        writer = self._writer
        return self._change(lambda: writer.append(batch, epoch)) if batch else []

    def rebuild(self) -> None:
        """See the port. Raises `IllegalEntry` where an entry cannot follow; the projection is what it was then."""
        self._change(self._writer.rebuild)

    def transplant(self, entries: Iterable[Kept], *, epoch: int = 0) -> None:
        """Put in entries of another journal as they are: `fsm.journal.transplant`."""
        from fsm.journal.transplant import transplant  # only `doctor` needs it

        self._change(lambda: transplant(self._store.execute, entries, epoch))

    def _change(self, work: Callable[[], _T]) -> _T:
        """`work` in a transaction of its own, which is undone, all of it, if anything goes wrong."""
        store = self._store
        if store.read_only:
            raise JournalUnusable(store.path, "it was opened for reading only")
        try:
            store.execute(_SQL["begin"])
            done = work()
            store.in_place()
            store.execute(_SQL["commit"])
        except BaseException as error:
            told = store.last_errno()
            store.roll_back()
            self._writer.forget()
            if isinstance(error, apsw.Error):
                raise trouble(error, store.path, told) from error
            raise
        return done

    def _ask(self, question: Callable[..., _T], *key: object) -> _T:
        """The answer to a question. One that a writer has overtaken (`Store.overtaken`) is asked again, so that no
        half-written file passes for a damaged one; the last answer stands, for a file is not overtaken so often."""
        store = self._store
        for last in (False, False, True):
            try:
                store.fresh()
                answer = question(store, *key)
            except (apsw.Error, *_NO_ROW) as error:
                if last or not store.overtaken():
                    raise self._told(error) from error
            else:
                if last or not store.overtaken():
                    return answer
        raise AssertionError("the last one answers or raises")

    def _told(self, error: Exception) -> Exception:
        store = self._store
        if isinstance(error, apsw.Error):
            return trouble(error, store.path, store.last_errno())
        return JournalUnusable(store.path, f"a row in it cannot be read ({error!r})", DAMAGED)

    def state(self, job: str) -> JobState:
        """See the port."""
        return self._ask(reads.state, job)

    def definition(self, job: str, version: int) -> Job:
        """See the port."""
        return self._ask(reads.definition, job, version)

    def jobs(self) -> list[JobSummary]:
        """See the port."""
        return self._ask(reads.jobs)

    def job_names(self) -> list[str]:
        """See the port."""
        return self._ask(reads.names, "job_names")

    def due_times(self, jobs: Iterable[str] | None = None) -> Iterator[tuple[str, Instant]]:
        """See the port. The soonest first, or in the order asked for."""
        if jobs is not None:
            for job in jobs:
                due = self._ask(reads.due_of, job)
                if due is not None:
                    yield job, due
            return
        after: tuple[Instant, str] | None = None
        while page := self._ask(reads.due_page, after):
            yield from page
            after = page[-1][1], page[-1][0]

    def busy_jobs(self) -> list[str]:
        """See the port. By name."""
        return self._ask(reads.names, "busy_jobs")

    def last_numbers(self) -> Mapping[str, int]:
        """See the port."""
        return self._ask(reads.last_numbers)

    def runs(self, query: RunQuery) -> list[Run]:
        """See the port. Runs of several jobs queued at the same time come in the reverse order of their ids."""
        return self._ask(reads.runs, query)

    def run(self, job: str, number: int) -> Run | None:
        """See the port."""
        return self._ask(reads.run, job, number)

    def entries(
        self,
        *,
        job: str | None = None,
        run: int | None = None,
        after_id: int = 0,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Entry]:
        """See the port. Memory is bounded; what is appended while one iterates comes along, unless newest first."""
        if run is not None and job is None:
            raise BadValue("the entries of a run need its job, too")
        # Loads cattrs, which whoever reads only the projection does without.
        from fsm.journal import sqlite_entries as pages

        if job is None:
            found = pages.all_entries(self._ask, after_id, back=newest_first)
        elif run is None:
            found = pages.entries_of_job(self._ask, job, after_id, back=newest_first)
        else:
            found = pages.entries_of_run(self._ask, job, run, after_id, back=newest_first)
        return found if limit is None else islice(found, max(0, limit))

    def rows(self, after_id: int = 0) -> Iterator[tuple[object, ...]]:
        """All entries in commit order, as `fsm.codec.entries.entry_from_row` takes them: unread, as they are stored."""
        from fsm.journal import sqlite_entries as pages

        return pages.rows(self._ask, after_id)

    def head(self, job: str) -> tuple[int, str]:
        """See the port."""
        return self._ask(reads.head, job)

    def streams(self, *, after: str = "", limit: int | None = None) -> list[str]:
        """See the port."""
        return self._ask(reads.streams, after, limit)

    def span(self, job: str, keep_runs: int) -> Span:
        """See the port."""
        return self._ask(reads.span, job, keep_runs)

    def prune(self, job: str, mark: Mark) -> Pruned:
        """See the port."""
        from fsm.journal.sqlite_prune import prune

        return self._change(lambda: prune(self._store.execute, job, mark))

    def last_id(self) -> int:
        """See the port."""
        return self._ask(reads.number, "last_id")

    def epoch(self) -> int:
        """See the port."""
        return self._ask(reads.number, "epoch")

    def damage(self) -> list[str]:
        """What SQLite's own check and a comparison with the schema find, as sentences; none when all is well."""
        from fsm.journal.sqlite_check import damage  # only `verify` needs it

        return self._ask(damage)

    def file_damage(self) -> list[str]:
        """The same, apart from what `rebuild` mends."""
        from fsm.journal.sqlite_check import damage

        return self._ask(partial(damage, projection=False))

    def unsound(self) -> list[str]:
        """What is wrong with what a scheduler is about to read, as sentences: a look whose cost no history changes."""
        from fsm.journal.health import unsound

        return self._ask(unsound)

    def close(self) -> None:
        """See the port."""
        self._store.close()
