"""What ails a journal's file, and what helps: all that `cronfsm doctor` wants to know before it touches anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from itertools import islice

from attrs import frozen

from fsm.errors import JournalUnusable
from fsm.journal.carve import carve
from fsm.journal.good import Sorting, readable
from fsm.journal.health import require_not_lost
from fsm.journal.pages import MAGIC, Pages
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.sqlite_store import APPLICATION_ID, SCHEMA_VERSION
from fsm.journal.verify import Violation
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
    """`violations` are what is wrong, the first bad entry first; `entries` is how many there are, None where nobody
    can tell; `exists` is whether there is a file at all."""

    path: str
    exists: bool
    entries: int | None
    violations: tuple[Violation, ...]
    more: bool
    remedy: Remedy


def diagnose(path: str, has_run: Callable[[], bool]) -> Diagnosis:
    """Look at the file from every side; nothing is changed. `has_run`: see `fsm.journal.health.require_not_lost`.

    Costs a pass over the file. Others may append meanwhile. Raises `JournalBusy`.
    """
    path = os.path.abspath(path)
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return _nothing_there(path, has_run)
    try:
        journal = SqliteJournal(path, read_only=True)
    except JournalUnusable as error:
        return _unusable(path, error)
    with closing(journal):
        found = verify_journal(journal)
        violations = tuple(islice(found, MAX_VIOLATIONS))
        more = next(found, None) is not None
        try:
            entries: int | None = journal.last_id()
        except JournalUnusable:
            entries = None
    return Diagnosis(path, True, entries, _entries_first(violations), more, _remedy(violations))


def _nothing_there(path: str, has_run: Callable[[], bool]) -> Diagnosis:
    exists = os.path.exists(path)
    try:
        require_not_lost(path, has_run)
    except JournalUnusable as lost:
        return Diagnosis(path, exists, None, (Violation("store", lost.why),), False, Remedy.RESTORE)
    return Diagnosis(path, exists, 0, (), False, Remedy.NONE)


def _unusable(path: str, error: JournalUnusable) -> Diagnosis:
    """It does not even open. Whether it is ours tell the entries that lie in its pages, if any do."""
    why = (Violation("store", error.why),)
    try:
        with open(path, "rb") as file, closing(Pages(file, f"{path}-wal")) as pages:
            start = pages.page(1)[:100]
            ours = any(readable(row) for row in carve(pages))
    except OSError:
        return Diagnosis(path, True, None, why, False, Remedy.ACCESS)
    application, version = int.from_bytes(start[68:72], "big"), int.from_bytes(start[60:64], "big")
    if start[:16] == MAGIC and application == APPLICATION_ID and version > SCHEMA_VERSION:
        return Diagnosis(path, True, None, why, False, Remedy.UPGRADE)
    if not os.access(path, os.R_OK | os.W_OK):
        return Diagnosis(path, True, None, why, False, Remedy.ACCESS)
    return Diagnosis(path, True, None, why, False, Remedy.SALVAGE if ours else Remedy.RESTORE)


def _entries_first(violations: tuple[Violation, ...]) -> tuple[Violation, ...]:
    """The first bad entry is what a person wants to know first; then the file, then what follows from them."""
    return tuple(sorted(violations, key=lambda v: (v.requirement == "projection", v.requirement == "store")))


def _remedy(violations: tuple[Violation, ...]) -> Remedy:
    if not violations:
        return Remedy.NONE
    return Remedy.REBUILD if all(map(_projection_only, violations)) else Remedy.SALVAGE


def _projection_only(violation: Violation) -> bool:
    return violation.requirement == "projection"


__all__ = ["Diagnosis", "Remedy", "Sorting", "diagnose"]
