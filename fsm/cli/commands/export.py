"""``cronfsm export``: the history for a spreadsheet, a script or a data frame."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, stream_of
from fsm.cli.output import note
from fsm.cli.tables import plain
from fsm.cli.times import read_time
from fsm.instants import Instant


@click.command(
    "export",
    cls=Command,
    examples=[
        "cronfsm export runs --format csv --output runs.csv",
        "cronfsm export runs --format jsonl --job backup --since 30d | jq .state",
        "cronfsm export journal --format parquet --output journal.parquet",
    ],
)
@click.argument("what", metavar="runs|journal", type=click.Choice(["runs", "journal"]))
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]),
    help="parquet needs pyarrow [default: csv; with --json, jsonl].",
)  # fmt: skip
@click.option("--output", "-o", metavar="FILE", help="Write to FILE, which is there only once it is whole.")
@click.option("--job", metavar="JOB", help="Of this job only.")
@click.option("--since", metavar="TIME", help="Queued (or appended) since: an instant, a local time, or a length (2h).")
@click.pass_obj
def export_command(
    session: Session, what: str, form: str | None, output: str | None, job: str | None, since: str | None
) -> None:
    """All runs, or all entries of the journal, the oldest first, as CSV, JSON Lines or Parquet.

    Runs come by job and number, those of removed jobs too. Nothing is held in memory, whatever the history holds. The
    entries as JSON Lines have the form that `verify` reads.
    """
    from fsm.cli.exporting import (
        AT_ONCE,
        ENTRIES,
        FORMATS,
        PARQUET_GROUP,
        RUNS,
        entry_objects,
        entry_rows,
        pour,
        run_rows,
    )

    form = form or ("jsonl" if session.as_json else "csv")
    journal = session.journal
    if job is not None and stream_of(journal, job) is None:
        known_job(journal, job)
    from_then = None if since is None else read_time(since, session.now())
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is nothing to read on a terminal; say --output FILE")
    if what == "runs":
        rows, columns = run_rows(journal, job, from_then), RUNS
    else:
        entries = (entry for entry in journal.entries(job=job) if _since(entry.at, from_then))
        rows, columns = (entry_objects if form == "jsonl" else entry_rows)(entries), ENTRIES
    with _file(output) as file:
        count = pour(rows, FORMATS[form](file, columns), PARQUET_GROUP if form == "parquet" else AT_ONCE)
    if output is not None:
        note(f"{plain(output)}: {count} {'runs' if what == 'runs' else 'entries'}")


def _since(at: Instant, since: Instant | None) -> bool:
    return since is None or at >= since


@contextmanager
def _file(output: str | None) -> Iterator[IO[bytes]]:
    """Stdout, or a file that has its name only once it is whole."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = f"{output}.part"
    try:
        with open(part, "wb") as file:
            yield file
        os.replace(part, output)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
