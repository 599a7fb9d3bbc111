"""Entries of one journal, put into another as they are: same seqs, same hashes, ids counted anew.

They pass the triggers of the schema like every other entry, and the projection is kept in step, so that the triggers
see the state before each.
"""

from __future__ import annotations

from collections.abc import Iterable

from fsm.codec.entries import seal
from fsm.engine.runs import run_after
from fsm.journal.sqlite_projection import Execute, open_stream, project
from fsm.journal.sqlite_writes import entry_row
from fsm.journal.statements import statements
from fsm.model.entries import Draft, Entry
from fsm.model.stream import JobState

_SQL = statements("append")

Kept = tuple[Entry, JobState, JobState]
"""An entry, and the fold of its stream before and after it."""


def transplant(execute: Execute, entries: Iterable[Kept], epoch: int) -> None:
    """Put them in, within the caller's transaction. The journal's epoch is at least `epoch` afterwards.

    Due times are left as they are: `rebuild` reckons them.
    """
    ident, current = execute(_SQL["last_id"]).get, execute(_SQL["epoch"]).get
    for entry, before, after in entries:
        if before.seq == 0:
            open_stream(execute, entry.job, entry)
        if entry.epoch is not None and entry.epoch > current:
            current = entry.epoch
            execute(_SQL["set_epoch"], (current,))  # before the entry: its trigger compares with it
        ident += 1
        execute(_SQL["entry"], (ident, *entry_row(entry, sealed(entry)[0])[1:]))
        project(execute, entry, before, after, run_after(before, entry, after), entry.hash, due=False)
    if epoch > current:
        execute(_SQL["set_epoch"], (epoch,))


def sealed(entry: Entry) -> tuple[str, str]:
    """The text of an entry's body, and the hash that it ought to have. Raises `BadValue`."""
    draft = Draft(entry.job, entry.at, entry.actor, entry.run, entry.body)
    return seal(draft, entry.source, entry.seq, entry.node, entry.epoch, entry.prev_hash)
