"""``cronfsm doctor``: what is wrong with the journal, what can be done about it, and doing it."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import click

from fsm.cli.context import JOURNAL_FILE, Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.output import complain
from fsm.errors import AlreadyServed

if TYPE_CHECKING:
    from fsm.journal.diagnosis import Diagnosis
    from fsm.journal.mend import Treated


@click.command(
    "doctor",
    cls=Command,
    examples=["cronfsm doctor", "cronfsm doctor --salvage rescued.db", "cronfsm doctor --apply"],
)
@click.option("--salvage", metavar="NEWFILE", help="Write every good entry to a new journal; change nothing else.")
@click.option("--apply", "apply_", is_flag=True, help="Mend the journal in its place; the damaged file is kept.")
@click.pass_obj
def doctor_command(session: Session, salvage: str | None, apply_: bool) -> int:
    """Say in plain words what is wrong with the journal, which entry is the first bad one, and what can be done.

    Nothing is changed without --apply, which needs the scheduler to be down. It keeps every good entry of every stream
    up to its first bad one, with its hash; what comes after is set aside in a file, and the jobs concerned are paused.
    The exit code is 0 where nothing is wrong or what was asked for is done, 1 where something is wrong.
    """
    from fsm.cli.doctortext import as_json, as_text
    from fsm.journal.diagnosis import diagnose

    if salvage is not None and apply_:
        raise click.UsageError("say --salvage or --apply, not both")
    diagnosis = diagnose(os.path.join(session.folder_path, JOURNAL_FILE), session.folder.has_runs)
    treated = None
    if diagnosis.violations and (apply_ or salvage is not None):
        try:
            treated = _treat(session, diagnosis, salvage)
        except AlreadyServed as served:
            who = f"process {served.pid}" if served.pid is not None else "another process"
            complain(f"{who} serves {session.folder_path}: end it first, so that nobody writes meanwhile")
            return Exit.REFUSED
    unknown = {} if diagnosis.violations else _unknown_runs(session)
    if session.as_json:
        session.output.document(as_json(diagnosis, treated, unknown))
    else:
        session.output.text(as_text(diagnosis, treated, unknown))
    well = not diagnosis.violations and not unknown
    return Exit.DONE if treated is not None or well else Exit.FAILED


def _unknown_runs(session: Session) -> dict[str, tuple[int, int]]:
    """First and last number of runs that have folders and that the journal, whole as it is, does not know, by job.

    They are what is left of entries that are lost: of a write-ahead log, or because a backup was put back.
    """
    from fsm.supervise.leftbehind import numbers_above

    if not os.path.exists(os.path.join(session.folder_path, JOURNAL_FILE)):
        return {}
    found = numbers_above(session.folder, session.journal.last_numbers())
    if found:
        found = numbers_above(session.folder, session.journal.last_numbers())  # some may have been queued meanwhile
    return {job: (min(numbers), max(numbers)) for job, numbers in sorted(found.items())}


def _treat(session: Session, diagnosis: Diagnosis, salvage: str | None) -> Treated | None:
    """Do it; in the journal's place only while no scheduler can come up."""
    import fsm
    from fsm.journal.mend import Mender, treat
    from fsm.scheduler.lock import SchedulerLock

    by = Mender(session.clock.now(), os.getpid(), fsm.__version__)
    if salvage is not None:
        return treat(diagnosis, salvage, by)
    with closing(SchedulerLock(session.folder, by.now)):
        return treat(diagnosis, None, by)
