"""``cronfsm status``: is a scheduler up, and what is there to do?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fsm.cli.again import again
from fsm.cli.commands.check import undelivered
from fsm.cli.context import Session
from fsm.cli.due import upcoming
from fsm.cli.group import Command
from fsm.cli.runjson import Json, instant
from fsm.cli.tables import plain
from fsm.cli.times import relative, span, stamp
from fsm.cli.words import about_size
from fsm.client.admission import groups_of_holders
from fsm.client.draining import draining
from fsm.client.settings import settings
from fsm.instants import Instant
from fsm.journal.sqlite import SqliteJournal
from fsm.model.run import Run
from fsm.model.states import OPEN, State
from fsm.plural import many
from fsm.ports import JobSummary, RunQuery

if TYPE_CHECKING:
    from fsm.scheduler.lock import Served


@click.command("status", cls=Command, examples=["cronfsm status", "cronfsm status --json | jq .pid"])
@click.pass_obj
def status_command(session: Session) -> None:
    """Whether a scheduler is up, since when, and what it has to do."""
    found = _Found(session)
    if session.as_json:
        session.output.document(found.as_json())
    else:
        session.output.text(found.as_text(found.now))


class _Found:
    """What was found, read once."""

    def __init__(self, session: Session) -> None:
        journal = session.journal
        self.now = session.now()
        self.folder = session.folder_path
        self.served: Served | None = session.served()
        self.jobs: list[JobSummary] = journal.jobs()
        self.open_runs: list[Run] = journal.runs(RunQuery(states=OPEN))
        self.busy_jobs = len(journal.busy_jobs())
        self.settings = settings(journal)
        self.in_group = groups_of_holders(journal)
        until = draining(journal, session.clock.now()) if self.served is not None else None
        self.draining_until = until.utc if until is not None else None
        self.last_entry, self.epoch = journal.last_id(), journal.epoch()
        self.journal_bytes = _size(session.folder_path)
        self.untold = sum(1 for _, lane in undelivered(session) if lane.attempts)
        self.damage = journal.unsound() if isinstance(journal, SqliteJournal) else []

    def next(self) -> tuple[Instant, str] | None:
        """The next due time of a job that is not paused."""
        times = ((upcoming(s, self.now), s.state.job) for s in self.jobs if not s.state.paused)
        return min(((at, job) for at, job in times if at is not None), default=None)

    def count(self, state: State) -> int:
        return sum(1 for run in self.open_runs if run.state is state)

    @property
    def paused(self) -> int:
        return sum(1 for s in self.jobs if s.state.paused)

    @property
    def disabled(self) -> int:
        return sum(1 for s in self.jobs if s.state.definition is not None and not s.state.definition.enabled)

    def as_json(self) -> Json:
        due = self.next()
        return {
            "pid": self.served.pid if self.served is not None else None,
            "up": self.served is not None,
            "draining_until": instant(self.draining_until),
            "since": instant(self.served.since) if self.served is not None else None,
            "data_dir": self.folder,
            "jobs": len(self.jobs),
            "paused": self.paused,
            "disabled": self.disabled,
            "open_runs": len(self.open_runs),
            "running": self.count(State.RUNNING),
            "queued": self.count(State.QUEUED),
            "busy_jobs": self.busy_jobs,
            "max_running": self.settings.max_running,
            "groups": [
                {
                    "name": group.name,
                    "max_running": group.max_running,
                    "running": list(self.in_group.get(group.name, ())),
                }
                for group in self.settings.groups
            ],
            "next_due": instant(due[0]) if due is not None else None,
            "next_job": due[1] if due is not None else None,
            "journal_bytes": self.journal_bytes,
            "last_entry": self.last_entry,
            "epoch": self.epoch,
            "undelivered": self.untold,
            "damage": self.damage,
        }

    def as_text(self, now: Instant) -> str:
        apart = [
            f"{number} {word}" for number, word in ((self.paused, "paused"), (self.disabled, "disabled")) if number
        ]
        running, queued = self.count(State.RUNNING), self.count(State.QUEUED)
        due = self.next()
        lines = {
            "Scheduler": self._scheduler(now),
            "Jobs": f"{len(self.jobs)}" + (f", of them {' and '.join(apart)}" if apart else ""),
            "Open runs": f"{running} running (at most {self.settings.max_running}), {queued} queued",
            **({"Groups": self._groups()} if self.settings.groups else {}),
            "Next due": f"{due[1]} at {stamp(due[0])} ({relative(due[0], now)})" if due is not None else "nothing",
            "Journal": f"{many(self.last_entry, 'entry', 'entries')}, {about_size(self.journal_bytes)}",
            "Data folder": self.folder + ("" if os.path.isdir(self.folder) else " (it does not exist yet)"),
        }
        if self.untold:
            lines["Notify"] = f"{self.untold} waiting that cannot be delivered; see: {again('cronfsm notify')}"
        if self.damage:
            lines["Damage"] = f"{plain(self.damage[0])}; see: {again('cronfsm doctor')}"
        return "\n".join(f"{name:<12} {text}" for name, text in lines.items())

    def _groups(self) -> str:
        some = self.settings.groups
        return ", ".join(f"{g.name} {len(self.in_group.get(g.name, ()))} of {g.max_running}" for g in some)

    def _scheduler(self, now: Instant) -> str:
        if self.served is None:
            return f"not up; nothing is started until one is: {again('cronfsm serve')}"
        pid = f"pid {self.served.pid}" if self.served.pid is not None else "its pid is not known"
        since = self.served.since
        end = self.draining_until
        ends = "" if end is None else f"; draining until {stamp(end)} at the latest: nothing more is started"
        return f"up, {pid}" + (f", since {stamp(since)} ({span(now - since)})" if since is not None else "") + ends


def _size(folder: str) -> int:
    """Bytes of the journal and its write-ahead log."""
    total = 0
    for name in ("journal.db", "journal.db-wal"):
        try:
            total += os.path.getsize(os.path.join(folder, name))
        except OSError:
            continue  # there is none
    return total
