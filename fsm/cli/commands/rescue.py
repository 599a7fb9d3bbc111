"""``cronfsm rescue``: repair the stuck or bloated store of another scheduler, without importing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fsm.cli.context import Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.output import complain
from fsm.cli.tables import Column, plain
from fsm.plural import many

if TYPE_CHECKING:
    from fsm.openclaw.rescue import Repaired, Rescue

_SHOWN = 200
"""Lines of the table; who has more jobs than that has a program to read them."""

_COLUMNS = (
    Column("JOB", floor=16),
    Column("WHAT"),
    Column("ROWS", right=True),
    Column("SIZE", right=True),
    Column("WHY", floor=20),
    Column("THEN", floor=12),
)


@click.command(
    "rescue",
    cls=Command,
    examples=[
        "cronfsm rescue openclaw ~/.openclaw",
        "cronfsm rescue openclaw ~/.openclaw --apply",
        "cronfsm rescue openclaw ~/.openclaw --older-than 30m --keep 10 --apply",
    ],
)
@click.argument("system", metavar="openclaw", type=click.Choice(["openclaw"]))
@click.argument("folder", metavar="DIR")
@click.option("--apply", "do_it", is_flag=True, help="Repair it; without this, only show what would be done.")
@click.option(
    "--older-than",
    metavar="LENGTH",
    default="1h",
    show_default=True,
    help="Rows and markers with a sign of life since then are left alone.",
)
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=50,
    show_default=True,
    help="How many rows of each job stay, the newest, of those that ended or are stuck.",
)
@click.pass_obj
def rescue_command(session: Session, system: str, folder: str, do_it: bool, older_than: str, keep: int) -> int:
    """Free a gateway that is stuck on runs which never ended, or on a session store that grew too large to load.

    DIR is OpenClaw's state folder, ~/.openclaw by default. Looked at are agents/*/sessions/sessions.json, in a stream
    whatever its size, and cron/jobs.json with cron/jobs-state.json. Rows of cron runs that are running though nothing
    runs are set to what cron/runs says of the run, and to failed where it says nothing; of each job the newest rows
    are kept; rows of jobs that are gone, and the others, are dropped; markers of runs (runningAtMs) are taken away.
    Your own sessions, the jobs' base rows and all else come out byte for byte as they were, and transcripts are never
    touched.

    With --apply each file is written anew beside the old one, compared with it, synced, and swapped in; the old one
    is kept as FILE.cronfsm-TIME.bak. While a gateway has a file in use, nothing is changed. The exit code is 1 where
    a look alone finds something to repair.
    """
    from fsm.instants import parse_duration
    from fsm.openclaw.rescue import apply, find

    length = parse_duration(older_than)
    now = session.now()
    found = find(folder, now, length, keep=keep)
    repaired: list[Repaired] = []
    try:
        if do_it and found.anything:
            apply(found, _stamp(now), repaired.append)
    finally:
        if session.as_json:
            session.output.document(_json(found, repaired, applied=do_it))
        else:
            _show(session, found, repaired, applied=do_it)
    return Exit.FAILED if found.anything and not do_it else Exit.DONE


def _stamp(now: int) -> str:
    from fsm.instants import as_datetime

    return as_datetime(now).strftime("%Y%m%dT%H%M%SZ")


def _size(size: int) -> str:
    from fsm.cli.words import about_size

    return about_size(size) if size else ""


def _show(session: Session, found: Rescue, repaired: list[Repaired], *, applied: bool) -> None:
    output, folder = session.output, found.folder
    for plan in found.plans:
        runs = sum(group.rows for group in plan.groups.values())
        running = sum(group.running for group in plan.groups.values())
        output.text(
            plain(
                f"{folder.short(plan.path)}: {many(plan.entries, 'entry', 'entries')}, "
                f"{_size(plan.file.size) or 'empty'}; "
                f"{runs:,} {'is a run' if runs == 1 else 'are runs'} of {many(len(plan.groups), 'job')}, "
                f"{running:,} of them running."
            )
        )
    rows = [
        (each.subject, each.what, f"{each.rows:,}" if each.rows else "", _size(each.size), each.why, each.then)
        for each in found.findings()
    ]
    if rows:
        output.text("")
        output.table(_COLUMNS, rows[:_SHOWN])
        if len(rows) > _SHOWN:
            output.text(f"... and {many(len(rows) - _SHOWN, 'more line')}; --json has them all")
        output.text("")
    for sentence in found.troubles():
        complain(plain(sentence))
    for each in repaired:
        output.text(
            plain(
                f"{folder.short(each.path)}: {_size(each.before) or 'empty'} -> {_size(each.after) or 'empty'}; "
                f"as it was: {folder.short(each.backup)}"
            )
        )
    output.text("\n".join(_end(found, repaired, applied=applied)))


def _end(found: Rescue, repaired: list[Repaired], *, applied: bool) -> list[str]:
    if not found.anything:
        return ["There is nothing to repair."]
    if applied:
        return [] if len(repaired) == len(_to_do(found)) else ["Not all of it was done; the rest is as it was."]
    lines = [f"Nothing was changed; add --apply to do it to {many(len(_to_do(found)), 'file')}."]
    lines += [f"Process {each.pid} is in the way: {plain(each.how)}." for each in found.holders]
    return lines


def _to_do(found: Rescue) -> list[str]:
    return [plan.path for plan in found.plans if plan.anything] + [m.path for m in found.marked if m.markers]


def _json(found: Rescue, repaired: list[Repaired], *, applied: bool) -> dict[str, object]:
    return {
        "ok": not found.anything or (applied and len(repaired) == len(_to_do(found))),
        "applied": applied,
        "folder": found.folder.path,
        "stores": [
            {
                "path": plan.path,
                "bytes": plan.file.size,
                "entries": plan.entries,
                "run_rows": sum(group.rows for group in plan.groups.values()),
                "running": sum(group.running for group in plan.groups.values()),
                "jobs": len(plan.groups),
                "mended": plan.mended,
                "dropped": plan.dropped[0],
                "dropped_bytes": plan.dropped[1],
                "whole": plan.trouble is None,
            }
            for plan in found.plans
        ],
        "findings": [
            {
                "file": each.file,
                "subject": each.subject,
                "what": each.what,
                "rows": each.rows,
                "bytes": each.size,
                "why": each.why,
                "then": each.then,
            }
            for each in found.findings()
        ],
        "troubles": list(found.troubles()),
        "in_the_way": [{"pid": each.pid, "how": each.how} for each in found.holders],
        "repaired": [
            {"path": each.path, "backup": each.backup, "before": each.before, "after": each.after} for each in repaired
        ],
    }
