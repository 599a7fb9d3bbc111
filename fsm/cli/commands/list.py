"""``cronfsm list``: all jobs, one line each. On the way to it nothing is imported that it does not need."""

from __future__ import annotations

from collections.abc import Sequence

import click

from fsm.cli.context import Session
from fsm.cli.due import finished, upcoming
from fsm.cli.duetimes import clock_note
from fsm.cli.group import Command
from fsm.cli.output import colour_of
from fsm.cli.runjson import job_line_json
from fsm.cli.tables import Cell, Column, Painted
from fsm.cli.times import local, span, zone_name
from fsm.cli.words import last_phrase, open_phrase
from fsm.instants import DAY, Instant
from fsm.ports import JobSummary


@click.command(
    "list", cls=Command, short_help="All jobs.", examples=["cronfsm list", "cronfsm list --json | jq '.[].name'"]
)
@click.pass_obj
def list_command(session: Session) -> None:
    """All jobs: schedule, next due time, what they do now, and how they last ended."""
    jobs = session.journal.jobs()
    now = session.now()
    if session.as_json:
        session.output.document([job_line_json(summary, now) for summary in jobs])
    elif jobs:
        _print(session, jobs, now)
    else:
        session.output.text(f"There are no jobs in {session.folder_path}; see: cronfsm add --help")


def _print(session: Session, jobs: Sequence[JobSummary], now: Instant) -> None:
    zones = {summary.state.definition.timezone for summary in jobs if summary.state.definition is not None}
    show_zone = len(zones) > 1
    columns = [Column("JOB", floor=12), Column("SCHEDULE", floor=10)]
    columns += [Column("TIMEZONE", floor=8)] if show_zone else []
    columns += [Column(f"NEXT DUE ({zone_name(now)})"), Column("OPEN RUN", floor=12), Column("LAST")]
    notes: list[str] = []
    session.output.table(columns, [_row(summary, now, notes, show_zone=show_zone) for summary in jobs])
    if not show_zone and zones != {"UTC"}:
        session.output.text(f"\nSchedules are in {zones.pop()}.")
    if notes:
        session.output.text("\n* " + "\n* ".join(notes))


def _row(summary: JobSummary, now: Instant, notes: list[str], *, show_zone: bool) -> list[Cell]:
    state = summary.state
    job = state.definition
    assert job is not None  # a list holds jobs that are defined
    row: list[Cell] = [state.job, job.schedule or "(manual)"]
    row += [job.timezone] if show_zone else []
    if not job.enabled or state.paused:
        row.append(Painted("paused" if state.paused else "disabled", "yellow"))
    else:
        due = upcoming(summary, now)
        note = clock_note(state, due)
        if note is not None:
            notes.append(f"{state.job}: {note}")
        text = "finished" if finished(state, known=True, due=due) else _due(due, now)
        row.append(text + (" *" if note is not None else ""))
    open_runs, last = state.open_runs, summary.last_run
    if open_runs:
        row.append(Painted(open_phrase(open_runs[0], now), colour_of(open_runs[0].state)))
    else:
        row.append("slot held" if state.slot is not None else "-")
    row.append(Painted(last_phrase(last, now), colour_of(last.state)) if last is not None else "-")
    return row


def _due(at: Instant | None, now: Instant) -> str:
    """The local time and how far off it is; the date only where it is not within a day."""
    if at is None:
        return "-"
    if at <= now:
        return f"{local(at):%H:%M:%S} overdue" if now - at < DAY else f"{local(at):%Y-%m-%d %H:%M} overdue"
    shown = f"{local(at):%H:%M:%S}" if at - now < DAY else f"{local(at):%Y-%m-%d %H:%M}"
    return f"{shown} in {span(at - now)}"
