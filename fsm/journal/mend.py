"""A damaged journal, made whole: what `cronfsm doctor` does when it is told to.

Every step leaves either the old journal or the new one in its place, and the old one kept beside it.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress

from attrs import frozen

from fsm.errors import JournalUnusable
from fsm.instants import Moment, format_instant
from fsm.journal.diagnosis import Diagnosis, Remedy
from fsm.journal.reading import look
from fsm.journal.salvage import Salvaged, salvage
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.swap import Held
from fsm.journal.verify_store import verify_journal


@frozen(slots=True)
class Mender:
    """Who mends, and when: it stands in the journal."""

    now: Moment
    pid: int
    version: str

    @property
    def stamp(self) -> str:
        """For names of files: ``20261120T023000Z``."""
        return format_instant(self.now.utc)[:19].replace("-", "").replace(":", "") + "Z"


@frozen(slots=True)
class Treated:
    """What was done. The good journal, of so many `entries`, is at `path` now; `kept` are the files in which the
    damaged one is kept, none where it stayed where it was. `salvaged` is None where rebuilding was enough."""

    path: str
    entries: int
    salvaged: Salvaged | None = None
    kept: tuple[str, ...] = ()


def treat(diagnosis: Diagnosis, new: str | None, by: Mender) -> Treated | None:
    """Mend the journal in its place, or, with `new`, salvage it into a file of that name; None where nothing helps.

    Raises `JournalBusy` where somebody has the journal open, `JournalFull` and OSError where there is no room for a
    second one, `JournalUnusable`.
    """
    if diagnosis.remedy not in (Remedy.REBUILD, Remedy.SALVAGE):
        return None
    if new is not None:
        salvaged = salvage_to(diagnosis.path, new, by)
        return Treated(salvaged.path, salvaged.entries, salvaged)
    if diagnosis.remedy is Remedy.REBUILD:
        return Treated(diagnosis.path, rebuild(diagnosis.path))
    salvaged, kept = salvage_in_place(diagnosis.path, by)
    return Treated(diagnosis.path, salvaged.entries, salvaged, tuple(kept))


def rebuild(path: str) -> int:
    """Fold the projection anew from the entries, which must be good; how many they are.

    Raises `JournalUnusable` where that does not mend it; then nothing was changed for the worse.
    """
    with closing(SqliteJournal(path)) as journal:
        journal.rebuild()
        for violation in verify_journal(journal):
            raise JournalUnusable(path, f"rebuilding did not help: {violation}", "please report this")
        return journal.last_id()


def salvage_to(path: str, new: str, by: Mender) -> Salvaged:
    """The good entries of the journal at `path`, in a new one at `new`, whatever else is done to the old one meanwhile.
    What is not good is put beside the new one."""
    new = os.path.abspath(new)
    with look(path) as reading:
        return salvage(reading, new, f"{new}.set-aside.jsonl", now=by.now, pid=by.pid, version=by.version)


def salvage_in_place(path: str, by: Mender) -> tuple[Salvaged, list[str]]:
    """The same in the place of the old one, and the files that the old one is kept as.

    No scheduler may be up; clients are kept out. Raises `JournalBusy` where somebody has the journal open.
    """
    path = os.path.abspath(path)
    new, aside, kept = f"{path}.salvaged-{by.stamp}", f"{path}.set-aside-{by.stamp}.jsonl", f"{path}.damaged-{by.stamp}"
    with Held(path) as held:
        with held.read() as reading:
            done = salvage(reading, new, aside, now=by.now, pid=by.pid, version=by.version)
        # If this process stops here, the old journal is as it was, and files lie beside it that nobody misses.
        try:
            copies = held.keep(kept)
            held.replace(new)
        except BaseException:
            for name in (new, aside):
                with suppress(FileNotFoundError):
                    os.unlink(name)
            raise
    return done, copies
