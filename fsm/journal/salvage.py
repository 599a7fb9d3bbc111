"""Every good entry of a damaged journal, written into a new one.

Streams keep their seqs and hashes byte for byte, so that heads that were exported still match. Ids (store-wide, and
without a gap) are counted anew from the first entry on that is left out. What is not good is set aside as JSON Lines.

A stream that was cut stands as it stood some time ago. So that nothing is run twice, or run that was removed since,
its job is paused, and the ticks that its lost entries had answered are refused as missed: a person decides when it
goes on.
"""

from __future__ import annotations

import os
from contextlib import closing
from itertools import islice

import apsw
from attrs import frozen

from fsm.engine.decide import decide
from fsm.errors import JournalUnusable
from fsm.instants import Moment
from fsm.journal.aside import Aside
from fsm.journal.good import Cut, Sorting, good
from fsm.journal.reading import Reading
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.sqlite_trouble import trouble
from fsm.journal.verify_store import verify_journal
from fsm.model.commands import Pause
from fsm.model.entries import Draft, SchedulerDown, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.settings import Settings
from fsm.model.states import Actor
from fsm.ports import Append

AT_ONCE = 1_000
"""Entries of one transaction: few enough that the log stays small, enough that the disk is not what it waits for."""


@frozen(slots=True)
class Salvaged:
    """What became of a damaged journal. `entries` are in the new one, `aside` were set aside, into `aside_path`.

    `paused` are the jobs whose streams were cut and that are paused now. `new_ids_from` is the first id that is not
    what it was, `epoch` the one that was begun to fence off all before it; None where there was no need.
    """

    path: str
    entries: int
    aside: int
    aside_path: str | None
    cuts: tuple[Cut, ...]
    paused: tuple[str, ...]
    new_ids_from: int | None
    epoch: int | None


def salvage(reading: Reading, path: str, aside_path: str, *, now: Moment, pid: int, version: str) -> Salvaged:
    """Write the good entries of `reading` into a new journal at `path`, the others to `aside_path`; neither may exist.

    What is written is verified and on the disk when this returns. `pid` and `version` are what the journal tells of
    this process. Raises `JournalUnusable` where there is no good entry at all, and `JournalFull` or OSError where the
    files cannot be written; then nothing is left of them.
    """
    for name in (path, aside_path):
        if os.path.lexists(name):
            raise JournalUnusable(name, "there is a file of this name already", "say another one")
    sorting = Sorting()
    try:
        with Aside(aside_path) as aside, closing(SqliteJournal(path)) as journal:
            _write(reading, journal, sorting, aside)
            epoch = _begin_epoch(journal, sorting, now, pid, version)
            paused = _pause_cut_jobs(journal, sorting, now)
            _verify(journal)
            entries = journal.last_id()
        make_durable(path)
    except BaseException as error:
        for name in (path, f"{path}-wal", f"{path}-shm", aside_path):
            if os.path.lexists(name):
                os.unlink(name)
        if isinstance(error, apsw.Error):
            raise trouble(error, path, 0) from error
        raise
    there = aside_path if aside.lines else None
    return Salvaged(path, entries, aside.lines, there, sorting.cuts, paused, sorting.new_ids_from, epoch)


def _write(reading: Reading, journal: SqliteJournal, sorting: Sorting, aside: Aside) -> None:
    kept = good(reading, sorting, aside)
    while some := list(islice(kept, AT_ONCE)):
        journal.transplant(some)
    if not sorting.kept:
        raise JournalUnusable(journal.path, "no good entry was found to put into it", "restore a backup")
    journal.rebuild()  # due times, and once more the proof that all of it folds


def _verify(journal: SqliteJournal) -> None:
    for violation in verify_journal(journal):
        raise JournalUnusable(journal.path, f"what was salvaged does not verify: {violation}", "please report this")


def _begin_epoch(journal: SqliteJournal, sorting: Sorting, now: Moment, pid: int, version: str) -> int | None:
    """Where the schedulers' own stream was cut, an epoch above all that were ever seen: whatever an old scheduler
    still does, it can append nothing, and no epoch is given twice."""
    schedulers = sorting.streams.get(SCHEDULER_STREAM)
    if (schedulers is None or schedulers.bad is None) and journal.epoch() >= sorting.highest_epoch:
        return None
    journal.transplant((), epoch=max(sorting.highest_epoch, journal.epoch()))
    epoch = journal.epoch() + 1
    known = sorting.settings or Settings()
    bodies = (
        SchedulerUp(epoch, pid, now.boot_id, version, known.max_running, known.groups or None),
        SchedulerDown(epoch, "salvaged"),
    )
    drafts = tuple(Draft(SCHEDULER_STREAM, now.utc, Actor.RECOVERY, None, body) for body in bodies)
    journal.append([Append(journal.state(SCHEDULER_STREAM), drafts)], epoch=epoch)
    return epoch


def _pause_cut_jobs(journal: SqliteJournal, sorting: Sorting, now: Moment) -> tuple[str, ...]:
    """Those that are paused now, also the ones that were before."""
    paused = []
    for cut in sorting.cuts:
        state = journal.state(cut.job)
        if state.definition is None:
            continue
        drafts = decide(state, Pause(), now, Actor.RECOVERY).drafts
        if drafts:
            journal.append([Append(state, drafts)])
        paused.append(cut.job)
    return tuple(paused)


def make_durable(path: str) -> None:
    """The file, and its name in its folder. A journal's log is in the file already once it is closed."""
    for name, flags in ((path, os.O_RDONLY), (os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)):
        fd = os.open(name, flags | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
