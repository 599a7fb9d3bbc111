"""``cronfsm restore``: a backup into the journal's place; the old journal is kept."""

from __future__ import annotations

import os
from contextlib import closing

import click

from fsm.cli.again import again
from fsm.cli.context import JOURNAL_FILE, Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.output import complain
from fsm.cli.tables import plain
from fsm.errors import AlreadyServed, BadValue, StoreError
from fsm.journal.restore import Restored
from fsm.plural import many


@click.command("restore", cls=Command, examples=["cronfsm restore journal-backup.db"])
@click.argument("file", metavar="FILE", type=click.Path())
@click.pass_obj
def restore_command(session: Session, file: str) -> int:
    """Put the backup FILE into the place of the journal, or where there is none.

    No scheduler may be up (then the exit code is 75). FILE is verified first; the old journal is kept beside the new
    one, byte for byte. What happened since the backup is not in it, and is not done twice: numbers of runs that were
    given since are not given again, and scheduled times that had their answer make no second run. What receivers had
    not been told yet still is, and nothing is told twice.
    """
    import fsm
    from fsm.journal.mend import Mender
    from fsm.journal.restore import restore
    from fsm.notify.restored import begin_anew
    from fsm.scheduler.lock import SchedulerLock

    by = Mender(session.clock.now(), os.getpid(), fsm.__version__)
    folder = session.folder
    folder.create()
    try:
        with closing(SchedulerLock(folder, by.now)):
            read = _take_in(session)
            done = restore(
                file,
                os.path.join(session.folder_path, JOURNAL_FILE),
                by,
                lambda: {job: max(folder.run_numbers(job), default=0) for job in folder.job_folders()},
            )
            untold = begin_anew(session.folder_path, session.journal.last_id())
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
                "untold": untold,
            }
        )
    else:
        session.output.text(
            "\n".join([*_lines(file, done), *_untold(untold, read=read), f"To go on: {again('cronfsm serve')}"])
        )
    return Exit.DONE


MOST_NAMED = 5
"""Jobs that are named; ``--json`` has all of them."""


def _lines(file: str, done: Restored) -> list[str]:
    lines = [f"{done.path} is the backup {plain(file)} now, with {many(done.entries, 'entry', 'entries')}."]
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
    return lines


def _untold(messages: int, *, read: bool) -> list[str]:
    lines = []
    if messages:
        told = f"{many(messages, 'message')} to receivers {'waits' if messages == 1 else 'wait'}"
        lines.append(f"{told}, also of runs that are not in the backup: {again('cronfsm notify')}")
    if not read:
        lines.append("What the old journal had to tell, and had not told yet, could not be read: nobody is told of it.")
    return lines


def _take_in(session: Session) -> bool:
    """What the journal that goes has to tell is taken note of, where it can be read; whether it could."""
    from fsm.notify.restored import take_in

    try:
        if os.path.exists(os.path.join(session.folder_path, JOURNAL_FILE)):
            take_in(session.folder_path, session.journal)
    except (StoreError, BadValue):  # that it cannot be read may be why it is replaced
        return False
    finally:
        session.let_go()
    return True


def _named(of_jobs: dict[str, int], form: str) -> str:
    named = [f"{plain(job)} {form.format(count)}" for job, count in list(of_jobs.items())[:MOST_NAMED]]
    return ", ".join(named) + (f" and {len(of_jobs) - MOST_NAMED} more jobs" if len(of_jobs) > MOST_NAMED else "")
