"""``cronfsm check``: one line and an exit code for a monitor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fsm.cli.again import again
from fsm.cli.context import JOURNAL_FILE, Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job
from fsm.cli.runjson import Json, instant
from fsm.cli.tables import plain
from fsm.client.check import (
    FEW_FILES,
    FULL_BYTES,
    FULL_SHARE,
    LOW_BYTES,
    LOW_SHARE,
    Asked,
    Disk,
    Level,
    Success,
    Trouble,
    of_delivery,
    of_disk,
    of_job,
    of_scheduler,
    success,
    worst,
)
from fsm.errors import JournalBusy, StoreError
from fsm.instants import SECOND, Instant, parse_duration
from fsm.ports import JobSummary, Journal

if TYPE_CHECKING:
    from fsm.notify.lanes import Lane

TOLD = 3
"""Troubles that are told in the one line; the others are counted, and ``--json`` has them all."""


@click.command(
    "check",
    cls=Command,
    examples=[
        "cronfsm check",
        "cronfsm check --max-age 26h",
        "cronfsm check --job backup --max-age 26h",
        "cronfsm check --json | jq -r '.troubles[].text'",
    ],
)
@click.option("--job", metavar="JOB", help="This job only, with scheduler, disk and journal.")
@click.option(
    "--max-age",
    metavar="LENGTH",
    help="A job that states no expect_success_within has to have succeeded within it; with --job, instead of it.",
)
@click.pass_obj
def check_command(session: Session, job: str | None, max_age: str | None) -> int:
    """One line that says whether all is well, and the exit code that monitoring plugins have.

    0: well. 1: warning: the last run of a job did not succeed, the disk is nearly full, the journal is locked.
    A receiver of notifications cannot be told for ten minutes: 1, too.
    2: critical: no scheduler is up (or it is mute), a run or a tick is overdue, a job has not succeeded for longer
    than its expect_success_within, a slot is held that nothing frees, a breaker is open, the disk is full, the journal
    is damaged or cannot be read. 3: there is no such job. Figures stand behind the bar (performance data).
    """
    length = None if max_age is None else parse_duration(max_age)
    found = _Found(session, job, Asked(session.clock.now(), job, length))
    if session.as_json:
        session.output.document(found.as_json())
    else:
        session.output.text(found.line())
    return int(found.level)


class _Found:
    """What was found, the worst first."""

    def __init__(self, session: Session, job: str | None, asked: Asked) -> None:
        self.troubles: list[Trouble] = []
        self.jobs = self.open_runs = 0
        self.success: Success | None = None
        self.up = session.served() is not None
        self.disk = disk_of(session.folder_path)
        if self.disk is not None:
            self.troubles += of_disk(self.disk)
        for (name, _), lane in undelivered(session):
            if job in (None, name) and lane.since is not None:
                key, error = lane.waiting[0].key, lane.error or ""
                self.troubles += of_delivery(name, key, lane.since, error, asked.now)
        try:
            self._look(session, job, asked)
        except JournalBusy as error:
            self.troubles.append(Trouble(Level.WARNING, "journal", str(error)))
        except StoreError as error:
            self.troubles.append(Trouble(Level.CRITICAL, "journal", str(error)))
        self.troubles.sort(key=lambda trouble: -trouble.level)
        self.level = worst(self.troubles)

    def _look(self, session: Session, job: str | None, asked: Asked) -> None:
        journal = session.journal
        served = session.served()
        since = served.since if served is not None else None
        if job is not None:
            known_job(journal, job)
        self.troubles += _damage(journal, os.path.join(session.folder_path, JOURNAL_FILE))
        self.troubles += of_scheduler(journal, asked.now, since, up=self.up)
        counted_from = since if since is not None or not self.up else Instant(0)
        for summary in _summaries(journal, job):
            self.troubles += of_job(journal, summary, asked, up_since=counted_from)
            self.jobs += 1
            self.open_runs += len(summary.state.open_runs)
            if job is not None:
                self.success = success(journal, summary, asked)

    def line(self) -> str:
        """``CRONFSM OK: 4 jobs, 1 run open, scheduler up | open=1;;;0 ...``: never more than one line."""
        if self.troubles:
            told = [trouble.text for trouble in self.troubles[:TOLD]]
            more = len(self.troubles) - TOLD
            text = "; ".join(told) + (f"; and {more} more" if more > 0 else "")
        else:
            runs = "run" if self.open_runs == 1 else "runs"
            jobs = "job" if self.jobs == 1 else "jobs"
            text = f"{self.jobs} {jobs}, {self.open_runs} {runs} open, scheduler up"
        shown = plain(text).replace("|", "/")  # what follows a bar is figures
        return f"CRONFSM {self.level.name}: {shown} | {' '.join(self._figures())}"

    def _figures(self) -> list[str]:
        figures = [f"jobs={self.jobs};;;0", f"open={self.open_runs};;;0", f"troubles={len(self.troubles)};;;0"]
        if self.disk is not None:
            low = round(min(LOW_BYTES, self.disk.size * LOW_SHARE))
            full = round(min(FULL_BYTES, self.disk.size * FULL_SHARE))
            figures.append(f"disk_free={self.disk.free}B;{low}:;{full}:;0;{self.disk.size}")
        if self.success is not None:
            limit = "" if self.success.limit is None else str(self.success.limit // SECOND)
            figures.append(f"success_age={self.success.age // SECOND}s;;{limit};0")
        return figures

    def as_json(self) -> Json:
        return {
            "level": self.level.name.lower(),
            "code": int(self.level),
            "up": self.up,
            "jobs": self.jobs,
            "open_runs": self.open_runs,
            "troubles": [
                {"level": each.level.name.lower(), "what": each.what, "job": each.job, "text": each.text}
                for each in self.troubles
            ],
            "disk_free_bytes": self.disk.free if self.disk is not None else None,
            "last_success": instant(self.success.at) if self.success is not None else None,
        }


def undelivered(session: Session) -> list[tuple[tuple[str, str], Lane]]:
    """The lanes in which something waits; none where that cannot be read."""
    from fsm.notify import ledger

    try:
        book = ledger.load(session.folder_path)
    except OSError:
        return []
    return [] if book is None else [(key, lane) for key, lane in sorted(book.lanes.items()) if lane.waiting]


def _damage(journal: Journal, path: str) -> list[Trouble]:
    from fsm.journal.sqlite import SqliteJournal

    if not isinstance(journal, SqliteJournal):
        return []
    found = journal.unsound()
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return (
        [Trouble(Level.CRITICAL, "journal", f"{path} is damaged: {found[0]}{more}; see: {again('cronfsm doctor')}")]
        if found
        else []
    )


def _summaries(journal: Journal, job: str | None) -> list[JobSummary]:
    """The jobs that are defined, and those that were removed and still have something open."""
    known = journal.jobs()
    names = {summary.state.job for summary in known}
    removed = [JobSummary(journal.state(name), None, None) for name in journal.busy_jobs() if name not in names]
    return [summary for summary in (*known, *removed) if job is None or summary.state.job == job]


def disk_of(path: str) -> Disk | None:
    """The disk of a folder, or of the nearest folder above that exists; None where nobody tells."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    files = found.f_favail if found.f_files > FEW_FILES else None
    return Disk(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, files)
