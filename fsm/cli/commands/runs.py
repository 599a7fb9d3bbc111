"""``cronfsm runs``: the history, newest first."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, stream_of
from fsm.cli.output import colour_of
from fsm.cli.runjson import run_json
from fsm.cli.tables import Cell, Column, Painted
from fsm.cli.times import local, read_time, span, zone_name
from fsm.cli.words import how, took
from fsm.instants import DAY, Instant
from fsm.model.run import Run
from fsm.model.states import Reason, State
from fsm.ports import RunQuery

MOST = 1_000_000
"""Runs of one answer: the bound of what a process should hold at once."""


@click.command(
    "runs",
    cls=Command,
    examples=[
        "cronfsm runs",
        "cronfsm runs --job backup --state failed --state timed_out --since 7d",
        "cronfsm runs --since '2026-12-01 00:00' --limit 100 --json",
    ],
)
@click.option("--job", metavar="JOB", help="Of this job only.")
@click.option(
    "--state",
    "states",
    type=click.Choice([str(s) for s in State]),
    multiple=True,
    help="In this state; may be repeated.",
)
@click.option("--since", metavar="TIME", help="Queued since then: an instant, a local time, or a length (2h).")
@click.option("--limit", type=click.IntRange(1, MOST), default=20, show_default=True, help="How many at most.")
@click.pass_obj
def runs_command(session: Session, job: str | None, states: tuple[str, ...], since: str | None, limit: int) -> None:
    """The history of runs, newest first. A run is in it from the moment it is queued."""
    journal = session.journal
    if job is not None and stream_of(journal, job) is None:
        known_job(journal, job)
    now = session.now()
    query = RunQuery(
        job,
        frozenset(State(state) for state in states) or None,
        None if since is None else read_time(since, now),
        limit,
    )
    runs = journal.runs(query)
    if session.as_json:
        session.output.document([run_json(run) for run in runs])
    elif not runs:
        narrowed = job is not None or states or since is not None
        session.output.text("No run fits." if narrowed else f"There are no runs in {session.folder_path}.")
    else:
        session.output.table(run_columns(now), [run_row(run, now) for run in runs])
        if len(runs) == limit:
            session.output.text(f"\nThe newest {limit}; for more: --limit {limit * 5}")


def run_columns(now: Instant) -> list[Column]:
    """The columns of a table of runs."""
    return [
        Column("RUN", floor=14),
        Column("STATE"),
        Column("WHY", floor=8),
        Column("CAUSE"),
        Column(f"QUEUED ({zone_name(now)})"),
        Column("TOOK", right=True),
        Column("ERROR", floor=8),
    ]


def run_row(run: Run, now: Instant) -> list[Cell]:
    """One line of a table of runs."""
    colour = colour_of(run.state)
    queued = (
        f"{local(run.queued_at):%H:%M:%S}" if now - run.queued_at < DAY else f"{local(run.queued_at):%Y-%m-%d %H:%M}"
    )
    why = how(run) + (" slot held" if run.state.terminal and run.slot == "held" else "")
    length = took(run) or span(now - (run.started_at if run.started_at is not None else run.queued_at))
    return [run.id, Painted(run.state, colour), why.strip(), str(run.cause), queued, length, _error(run)]


def _error(run: Run) -> str:
    """The first line of its error, where the reason does not say it all."""
    if run.reason in (Reason.RUN_TIMEOUT, Reason.QUEUE_TIMEOUT):
        return ""
    return (run.error or "").split("\n", 1)[0]
