"""``cronfsm backup``: a consistent, verified copy of the journal, while all goes on."""

from __future__ import annotations

import os

import click

from fsm.cli.context import JOURNAL_FILE, Session
from fsm.cli.group import Command
from fsm.cli.words import about_size
from fsm.plural import many


@click.command(
    "backup",
    cls=Command,
    examples=["cronfsm backup journal-backup.db", 'cronfsm backup "/mnt/backup/cronfsm-$(date +%F).db"'],
)
@click.argument("file", metavar="FILE", type=click.Path())
@click.pass_obj
def backup_command(session: Session, file: str) -> None:
    """Copy the journal to the new FILE: jobs, history, all of it, as one consistent file.

    A scheduler that is up, and what runs, goes on meanwhile. The copy is verified (hash chain, transitions,
    projection) before it gets its name; a journal that is damaged gives none. What runs have printed and the jobs file
    are not in it. To put it back: cronfsm restore FILE.
    """
    from fsm.journal.backup import backup

    done = backup(os.path.join(session.folder_path, JOURNAL_FILE), file)
    if session.as_json:
        session.output.document({"ok": True, "path": done.path, "bytes": done.size, "last_entry": done.last_id})
    else:
        entries = many(done.last_id, "entry", "entries")
        session.output.text(f"{done.path}: {entries}, {about_size(done.size)}, verified.")
