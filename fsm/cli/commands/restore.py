"""``cronfsm restore``: a backup into the journal's place; the old journal is kept."""

from __future__ import annotations

import os
from contextlib import closing

import click

from fsm.cli.context import JOURNAL_FILE, Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.output import complain
from fsm.cli.tables import plain
from fsm.errors import AlreadyServed
from fsm.journal.restore import Restored


@click.command("restore", cls=Command, examples=["cronfsm restore journal-backup.db"])
@click.argument("file", metavar="FILE", type=click.Path())
@click.pass_obj
def restore_command(session: Session, file: str) -> int:
    """Put the backup FILE into the place of the journal, or where there is none.

    No scheduler may be up (then the exit code is 75). FILE is verified first; the old journal is kept beside the new
    one, byte for byte. What happened since the backup is not in it, and is not done twice: numbers of runs that were
    given since are not given again, and scheduled times that had their answer make no second run.
    """
    import fsm
    from fsm.journal.mend import Mender
    from fsm.journal.restore import restore
    from fsm.scheduler.lock import SchedulerLock

    by = Mender(session.clock.now(), os.getpid(), fsm.__version__)
    folder = session.folder
    folder.create()
    try:
        with closing(SchedulerLock(folder, by.now)):
            done = restore(
                file,
                os.path.join(session.folder_path, JOURNAL_FILE),
                by,
                lambda: {job: max(folder.run_numbers(job), default=0) for job in folder.job_folders()},
            )
    except AlreadyServed as served:
        who = f"process {served.pid}" if served.pid is not None else "another process"
        complain(f"{who} serves {session.folder_path}: end it first, so that nobody writes meanwhile")
        return Exit.REFUSED
    if session.as_json:
        session.output.document(
            {
                "ok": True,
                "path": done.path,
                "entries": done.entries,
                "kept": list(done.kept),
                "old_was_read": done.read,
                "numbers_taken": done.numbers,
                "ticks_refused": done.ticks,
                "runs_carried_over": list(done.runs),
            }
        )
    else:
        session.output.text("\n".join(_lines(file, done)))
    return Exit.DONE


MOST_NAMED = 5
"""Jobs that are named; ``--json`` has all of them."""


def _lines(file: str, done: Restored) -> list[str]:
    lines = [f"{done.path} is the backup {plain(file)} now, with {done.entries} entries."]
    if done.kept:
        lines.append(f"The journal that was there is kept: {', '.join(done.kept)}")
    if done.kept and not done.read:
        lines.append("It could not be read, so what happened since the backup is known by the folders of runs only.")
    if done.numbers:
        lines.append(f"Numbers of runs since the backup are not given again: {_named(done.numbers, 'up to {}')}.")
    if done.runs:
        shown = ", ".join(done.runs[:MOST_NAMED]) + (", ..." if len(done.runs) > MOST_NAMED else "")
        lines.append(f"What became of the runs that are open in the backup was carried over: {plain(shown)}.")
    if done.ticks:
        lines.append(f"Scheduled times that had their answer since make no second run: {_named(done.ticks, '{}')}.")
    lines.append("To go on: cronfsm serve")
    return lines


def _named(of_jobs: dict[str, int], form: str) -> str:
    named = [f"{plain(job)} {form.format(count)}" for job, count in list(of_jobs.items())[:MOST_NAMED]]
    return ", ".join(named) + (f" and {len(of_jobs) - MOST_NAMED} more jobs" if len(of_jobs) > MOST_NAMED else "")
