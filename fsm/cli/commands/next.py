"""``cronfsm next``: the due times of a job after some time."""

from __future__ import annotations

import click

from fsm.cli.again import again
from fsm.cli.context import Session
from fsm.cli.duetimes import Coming, due_times
from fsm.cli.group import Command
from fsm.cli.lookup import known_job
from fsm.cli.runjson import Json, instant
from fsm.cli.tables import Cell, Column
from fsm.cli.times import read_time, relative
from fsm.cli.words import quoted
from fsm.instants import Instant, as_datetime, format_duration
from fsm.model.job import Job
from fsm.model.stream import JobState

MOST = 10_000
"""Due times that one call lists; more than anyone reads, and still a second's work."""


@click.command(
    "next",
    cls=Command,
    examples=[
        "cronfsm next backup",
        "cronfsm next backup -n 3 --from '2027-03-28 00:00'",
        "cronfsm next backup --json",
    ],
)
@click.argument("job", metavar="JOB")
@click.option("-n", "count", type=click.IntRange(1, MOST), default=5, show_default=True, help="How many.")
@click.option("--from", "from_", metavar="TIME", help="After this time [default: now].")
@click.pass_obj
def next_command(session: Session, job: str, count: int, from_: str | None) -> None:
    """When JOB is due next, in its own time zone and in UTC.

    A TIME is an instant (2026-12-01T09:00:00Z), a local time ("2026-12-01 09:00" or 09:00), or a length from now (2h).
    """
    state = known_job(session.journal, job)
    definition = state.definition
    assert definition is not None  # known_job finds jobs that are defined
    now = session.now()
    after = now if from_ is None else read_time(from_, now, ahead=True)
    times = due_times(state, definition, after, count)
    if session.as_json:
        session.output.document([_json(at, definition) for at in times])
    else:
        _print(session, state, definition, times, now)


def _json(coming: Coming, job: Job) -> Json:
    return {
        "utc": instant(coming.at),
        "local": local_text(coming.at, job),
        "scheduled_for": instant(coming.tick),
        "shift": coming.shift,
        "note": coming.note,
    }


def _print(session: Session, state: JobState, job: Job, times: list[Coming], now: Instant) -> None:
    if not times:
        session.output.text(_never(job))
        return
    from fsm.planning.zones import to_local

    noted, jittered = any(one.note for one in times), job.jitter_us is not None
    columns = [Column(f"LOCAL ({job.timezone})"), Column("UTC"), Column("FROM NOW")]
    columns += [Column("SCHEDULED")] if jittered else []
    columns += [Column("CHANGE OF THE CLOCK")] if noted else []
    rows: list[list[Cell]] = []
    for one in times:
        row: list[Cell] = [
            f"{to_local(one.at, job.timezone):%a %Y-%m-%d %H:%M:%S %Z}",
            f"{as_datetime(one.at):%Y-%m-%d %H:%M:%S}",
            relative(one.at, now),
        ]
        row += [f"{to_local(one.tick, job.timezone):%H:%M:%S}"] if jittered else []
        row += [one.note or ""] if noted else []
        rows.append(row)
    session.output.table(columns, rows)
    if job.jitter_us is not None:
        most = format_duration(job.jitter_us)
        session.output.text(f"\nJitter of up to {most} is included; it is always the same for the same scheduled time.")
    if not job.enabled:
        session.output.text(f"\n{job.name} is disabled: at none of these times it will run.")
    elif state.paused:
        mend = again(f"cronfsm resume {quoted(job.name)}")
        session.output.text(f"\n{job.name} is paused: these times are refused until it is resumed ({mend}).")


def _never(job: Job) -> str:
    if job.schedule is None:
        return f"{job.name} has no schedule; it runs by hand only ({again(f'cronfsm run {quoted(job.name)}')})."
    return f"{job.name} ({job.schedule}) is never due after that time."


def local_text(at: Instant, job: Job) -> str:
    """RFC 3339 with the offset of the job's zone, and microseconds."""
    from fsm.planning.zones import to_local

    return to_local(at, job.timezone).isoformat(timespec="microseconds")
