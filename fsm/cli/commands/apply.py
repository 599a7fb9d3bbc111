"""``cronfsm apply``: the stored jobs made equal to those of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fsm.cli.changes import changed_key
from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.output import note
from fsm.cli.runjson import instant
from fsm.cli.settling import await_end, stopper
from fsm.cli.times import stamp
from fsm.cli.words import run_sentence
from fsm.model.run import Run
from fsm.model.states import State

if TYPE_CHECKING:
    from fsm.client.apply import Changes
    from fsm.model.settings import Settings


@click.command(
    "apply",
    cls=Command,
    examples=["cronfsm apply jobs.toml --dry-run", "cronfsm apply jobs.toml", "cronfsm apply jobs.toml --prune"],
)
@click.argument("file", metavar="JOBS.toml", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--prune", is_flag=True, help="Remove every job that the file does not have, and end what it runs.")
@click.option(
    "--drain", is_flag=True, help="With --prune: let what removed jobs run go on to its own end, and wait for it."
)
@click.pass_obj
def apply_command(session: Session, file: Path, dry_run: bool, prune: bool, drain: bool) -> None:
    """Make the stored jobs equal to those of JOBS.toml, all at once or not at all.

    Every mistake in the file is shown, a line each, and nothing is changed then. Jobs that the file does not have stay,
    unless --prune is given. What runs goes on with the definition that it was queued with.
    """
    if drain and not prune:
        raise click.UsageError("--drain is about what --prune ends; give both")
    from fsm.client.apply import apply_file, compare, settings_after
    from fsm.client.engine import Engine
    from fsm.scheduler.serve import read_jobs_file

    jobs = read_jobs_file(file)
    source = f"file:{file.resolve()}"
    if dry_run:
        engine = Engine(session.journal, clock=session.clock)
    else:
        engine = session.engine(create=True, stopper=stopper(session))
    changes = compare(engine, jobs.jobs, source=source, prune=prune, prune_source=False)
    bounds = bound_changes(*settings_after(engine, jobs, changes))
    if not dry_run:
        changes = apply_file(engine, jobs, source=source, prune=prune, drain=drain)
    if session.as_json:
        session.output.document(_json(changes, bounds, dry_run=dry_run))
    else:
        session.output.text(_text(changes, bounds, dry_run=dry_run, drain=drain))
    if drain and not dry_run:
        for run in changes.ending:
            if run.state is State.RUNNING:
                note(run_sentence(await_end(session, run), session.now()))


Bound = tuple[str, int | None, int | None]
"""Key of the file, the value before and the one after; None where there is none."""


def bound_changes(before: Settings, after: Settings) -> list[Bound]:
    """The bounds that differ, by their keys in the file."""
    from fsm.codec.mistakes import dotted

    names = sorted({group.name for group in (*before.groups, *after.groups)})
    bounds: list[Bound] = [("scheduler.max_running", before.max_running, after.max_running)]
    bounds += [(f"{dotted(('groups', name))}.max_running", before.group(name), after.group(name)) for name in names]
    return [bound for bound in bounds if bound[1] != bound[2]]


def _json(changes: Changes, bounds: list[Bound], *, dry_run: bool) -> dict[str, object]:
    running = next(({"old": old, "new": new} for key, old, new in bounds if key == "scheduler.max_running"), None)
    return {
        "ok": True,
        "dry_run": dry_run,
        "added": list(changes.added),
        "changed": [
            {
                "name": change.name,
                "keys": [{"key": key, "old": old, "new": new} for key, old, new in change.keys],
                "next_due": None
                if change.due is None
                else {"old": instant(change.due[0]), "new": instant(change.due[1])},
                "open_runs": list(change.open_runs),
            }
            for change in changes.changed
        ],
        "removed": list(changes.removed),
        "unchanged": list(changes.unchanged),
        "kept": list(changes.kept),
        "ending": [run.id for run in changes.ending],
        "max_running": running,
        "settings": [{"key": key, "old": old, "new": new} for key, old, new in bounds],
    }


def _ending(run: Run, *, drain: bool) -> str:
    if run.state is State.RUNNING and drain:
        return f"{run.id} goes on to its own end, which is awaited"
    return f"{run.id} is {'ended' if run.state is State.RUNNING else 'not started any more'} (job_removed)"


_NAMED = 10
"""Unchanged jobs that are named; of more, the number says enough."""


def _unchanged(names: tuple[str, ...]) -> list[str]:
    if len(names) > _NAMED:
        return [f"unchanged  {len(names):,} jobs"]
    return [f"unchanged  {name}" for name in names]


def _text(changes: Changes, bounds: list[Bound], *, dry_run: bool, drain: bool) -> str:
    lines = [f"added      {name}" for name in changes.added]
    for change in changes.changed:
        lines.append(f"changed    {change.name}")
        lines += [changed_key(*key) for key in change.keys]
        if change.due is not None:
            before, after = (stamp(at) if at is not None else "never" for at in change.due)
            lines.append(f"    next due: {before} -> {after}")
        lines += [f"    {run} goes on with the definition it was queued with" for run in change.open_runs]
    for name in changes.removed:
        lines.append(f"removed    {name}")
        lines += [f"    {_ending(run, drain=drain)}" for run in changes.ending if run.job == name]
    lines += _unchanged(changes.unchanged)
    lines += [f"kept       {name} (not in the file; --prune removes it)" for name in changes.kept]
    for key, old, new in bounds:
        lines.append(f"{key}: {'not set' if old is None else old} -> {'not set' if new is None else new}")
    if not lines:
        lines.append("The file has no jobs, and there are none.")
    if dry_run:
        lines.append("Nothing was changed (--dry-run).")
    return "\n".join(lines)
