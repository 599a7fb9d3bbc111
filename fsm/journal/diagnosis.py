"""What ails a journal's file, and what helps: all that `cronfsm doctor` wants to know before it touches anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from enum import StrEnum
from itertools import islice

from attrs import evolve, frozen

from fsm.errors import IllegalEntry, JournalUnusable
from fsm.journal.aside import Aside
from fsm.journal.good import Cut, Sorting, good
from fsm.journal.missing import require_not_lost
from fsm.journal.pages import MAGIC
from fsm.journal.reading import look
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.sqlite_store import APPLICATION_ID, SCHEMA_VERSION, signature
from fsm.journal.verify import Violation, verify_entries
from fsm.journal.verify_store import verify_journal

MAX_VIOLATIONS = 1_000
"""Violations that are read: who has a thousand learns nothing from the next, and all are in the file still."""


class Remedy(StrEnum):
    """What helps."""

    NONE = "none"  # nothing is wrong
    REBUILD = "rebuild"  # the entries are good; the projection is folded anew from them
    SALVAGE = "salvage"  # the good entries are put into a new file
    RESTORE = "restore"  # there is nothing of ours in it: another file has to be put there
    UPGRADE = "upgrade"  # a newer version of this program wrote it
    ACCESS = "access"  # the file is not to blame: rights, or a disk that fails


@frozen(slots=True)
class Diagnosis:
    """`violations` are what is wrong, the first bad entry first, and `more` is whether there are others still.
    `good` is how many entries are good, `aside` how many are not, and `cuts` the streams that those are in."""

    path: str
    remedy: Remedy = Remedy.NONE
    violations: tuple[Violation, ...] = ()
    more: bool = False
    good: int = 0
    aside: int = 0
    cuts: tuple[Cut, ...] = ()


def diagnose(path: str, has_run: Callable[[], bool]) -> Diagnosis:
    """Look at the file from every side; nothing is changed. `has_run`: see `fsm.journal.missing.require_not_lost`.

    Costs a pass or two over the file. Others may append meanwhile. Raises `JournalBusy`.
    """
    path = os.path.abspath(path)
    before = signature(path)
    found = _diagnose(path, has_run)
    if found.violations and signature(path) != before:
        found = _diagnose(path, has_run)  # somebody wrote meanwhile: what was wrong may have been half a write
    return found


def _diagnose(path: str, has_run: Callable[[], bool]) -> Diagnosis:
    try:
        require_not_lost(path, has_run)
    except JournalUnusable as lost:
        return _with_good_entries(Diagnosis(path, Remedy.RESTORE, (Violation("store", lost.why),)))
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return Diagnosis(path)
    try:
        journal = SqliteJournal(path, read_only=True)
    except JournalUnusable as error:
        return _unusable(path, Violation("store", error.why))
    with closing(journal):
        found = verify_journal(journal)
        violations = tuple(sorted(islice(found, MAX_VIOLATIONS), key=_rank))
        more = next(found, None) is not None
        if not violations:
            return Diagnosis(path, good=journal.last_id())
        if all(violation.requirement in _NO_ENTRY for violation in violations) and _entries_are_good(journal):
            return Diagnosis(path, Remedy.REBUILD, violations, more, journal.last_id())
    return _with_good_entries(Diagnosis(path, Remedy.SALVAGE, violations, more))


_NO_ENTRY = ("store", "projection")  # violations that need not be an entry's fault


def _rank(violation: Violation) -> int:
    """The first bad entry is what a person wants to know first; then the file, then what follows from them."""
    return _NO_ENTRY.index(violation.requirement) + 1 if violation.requirement in _NO_ENTRY else 0


def _entries_are_good(journal: SqliteJournal) -> bool:
    """Whether all that is wrong is the projection."""
    try:
        return not journal.file_damage() and next(verify_entries(journal.entries()), None) is None
    except (IllegalEntry, JournalUnusable):
        return False


def _unusable(path: str, why: Violation) -> Diagnosis:
    """It does not even open."""
    try:
        with open(path, "rb") as file:
            start = file.read(100)
    except OSError:
        return Diagnosis(path, Remedy.ACCESS, (why,))
    if not os.access(path, os.R_OK | os.W_OK):
        return Diagnosis(path, Remedy.ACCESS, (why,))
    application, version = int.from_bytes(start[68:72], "big"), int.from_bytes(start[60:64], "big")
    if start[:16] == MAGIC and application == APPLICATION_ID and version > SCHEMA_VERSION:
        return Diagnosis(path, Remedy.UPGRADE, (why,))
    return _with_good_entries(Diagnosis(path, Remedy.RESTORE, (why,)))


def _with_good_entries(diagnosis: Diagnosis) -> Diagnosis:
    """What could be salvaged: that tells, too, whether a file that does not open is one of ours."""
    sorting = Sorting()
    with Aside(None) as aside, suppress(OSError), look(diagnosis.path) as reading:
        for _ in good(reading, sorting, aside):
            pass
    remedy = Remedy.SALVAGE if sorting.kept else Remedy.RESTORE
    return evolve(diagnosis, remedy=remedy, good=sorting.kept, aside=aside.lines, cuts=sorting.cuts)
