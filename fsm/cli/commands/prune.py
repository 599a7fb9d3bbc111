"""``cronfsm prune``: delete what need not be kept, now; a scheduler that is up does it by itself, bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from attrs import frozen

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, stream_of
from fsm.cli.tables import Cell, Column
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.run import run_id
from fsm.model.sizes import format_size
from fsm.plural import many

if TYPE_CHECKING:
    from fsm.client.prune import Pruner

MOST_CUTS = 100_000
"""Pieces in which one stream is pruned: far more than any stream has checkpoints."""


@frozen(slots=True)
class _Done:
    """What went, or would go, of one stream, and the first run that is left."""

    job: str
    entries: int
    runs: int
    folders: int
    size: int  # bytes of what the runs had left
    first: int


@click.command(
    "prune",
    cls=Command,
    examples=["cronfsm prune --dry-run", "cronfsm prune --job backup", "cronfsm prune --json"],
)
@click.option("--job", metavar="JOB", help="Of this job only; @scheduler for the schedulers' own stream.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@click.pass_obj
def prune_command(session: Session, job: str | None, dry_run: bool) -> None:
    """Delete runs beyond each job's keep (by default the newest 1,000, none older than 400 days), and their output.

    Whole stretches of a job's history go, up to a checkpoint in its stream; those are set every few dozen runs, so that
    somewhat more stays than keep says, never less. What is open or holds its slot stays, and so does all after it.
    Numbers go on. A scheduler that is up prunes by itself; this is for now, and for where none is.
    """
    from fsm.client.prune import Pruner
    from fsm.model.states import Actor

    journal = session.journal if dry_run else session.journal_to_change()
    if job is not None and job != SCHEDULER_STREAM and stream_of(journal, job) is None:
        known_job(journal, job)
    pruner = Pruner(journal, session.clock, session.outputs, Actor.CLI)
    look = _would_go if dry_run else _prune
    found = [look(pruner, name) for name in ([job] if job is not None else journal.streams())]
    done = [one for one in found if one.entries or one.folders]
    if done and not dry_run:
        session.poke()
    if session.as_json:
        session.output.document({"dry_run": dry_run, "pruned": [_json(one) for one in done]})
    elif not done:
        session.output.text("Nothing is older, or more, than is to be kept.")
    else:
        session.output.table(_COLUMNS, [_row(one) for one in done])
        verb = "would be" if dry_run else "were" if sum(one.runs for one in done) != 1 else "was"
        total = sum(one.size for one in done)
        session.output.text(f"\n{many(sum(one.runs for one in done), 'run')} {verb} pruned, {_bytes(total)} of output.")


def _prune(pruner: Pruner, job: str) -> _Done:
    entries = runs = 0
    for _ in range(MOST_CUTS):
        cut = pruner.cut(job)
        if cut is not None:
            entries, runs = entries + cut.entries, runs + cut.runs
        elif not pruner.mark(job):
            break
    folders, size = _folders(pruner, job, None)
    for number in folders:
        if pruner.outputs is not None:
            pruner.outputs.discard(job, number)
    return _Done(job, entries, runs, len(folders), size, _first(pruner, job))


def _would_go(pruner: Pruner, job: str) -> _Done:
    plan = pruner.plan(job)
    folders, size = _folders(pruner, job, None if plan.mark is None else plan.mark.last_number)
    first = _first(pruner, job) if plan.mark is None else plan.mark.last_number + 1
    return _Done(job, plan.entries, plan.runs, len(folders), size, first)


def _folders(pruner: Pruner, job: str, up_to: int | None) -> tuple[list[int], int]:
    """The folders of pruned runs, also of those that somebody was stopped at; with `up_to`, of those to be pruned."""
    begin = pruner.journal.span(job, 0).begin
    if pruner.outputs is None:
        return [], 0
    if up_to is not None:
        numbers = [number for number in pruner.outputs.numbers(job) if number <= up_to]
    else:
        numbers = [] if begin is None else pruner.left_behind(job, begin)
    return numbers, sum(pruner.outputs.size(job, number) for number in numbers)


def _first(pruner: Pruner, job: str) -> int:
    begin = pruner.journal.span(job, 0).begin
    return 1 if begin is None else begin.last_number + 1


_COLUMNS = [
    Column("JOB", floor=8),
    Column("RUNS", right=True),
    Column("ENTRIES", right=True),
    Column("OUTPUT", right=True),
    Column("GOES BACK TO", floor=8),
]


def _row(one: _Done) -> list[Cell]:
    first = "" if one.job == SCHEDULER_STREAM else run_id(one.job, one.first)
    return [one.job, f"{one.runs:,}", f"{one.entries:,}", _bytes(one.size), first]


def _bytes(size: int) -> str:
    return format_size(size) if size < 10_000 else format_size(round(size, -3 if size < 10**7 else -6))


def _json(one: _Done) -> dict[str, object]:
    return {
        "job": one.job,
        "runs": one.runs,
        "entries": one.entries,
        "folders": one.folders,
        "output_bytes": one.size,
        "first_run": None if one.job == SCHEDULER_STREAM else run_id(one.job, one.first),
    }
