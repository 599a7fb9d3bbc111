"""A backup, put into the place of a journal, which is kept.

What happened since the backup is not in it. So that nothing of that is done twice, what the old journal knows is
carried over where it can be read: the numbers that were given (a number is never given twice), the ticks that were
answered (they are refused as missed, and make no second run), what became of the runs that are open in the backup, and
the epoch of the last scheduler.

Crash windows: until the new file has its name, the old journal is in its place as it was; files with a stamp in their
names may lie beside it, which nobody misses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress

import attrs
from attrs import frozen

from fsm.engine.ticks import settle_ticks
from fsm.errors import BadValue, JournalUnusable, StoreError
from fsm.instants import Instant, Moment
from fsm.journal.backup import copy_database, schema_of
from fsm.journal.mend import Mender
from fsm.journal.migrate import migrate
from fsm.journal.salvage import make_durable
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.swap import SUFFIXES, Held
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Draft, NumbersTaken, SchedulerDown, SchedulerSettings, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.run import run_id
from fsm.model.settings import DEFAULT_MAX_RUNNING, Group
from fsm.model.states import Actor
from fsm.ports import Append


@frozen(slots=True)
class Restored:
    """The journal at `path` is the backup's `entries`, and those that were written to carry over what was known.

    `kept`: the files in which the old one is kept. `read`: whether it could be read. `numbers`: up to which number of
    which job numbers are taken by runs that the backup does not know. `ticks`: how many scheduled times had their
    answer after the backup, by job. `runs`: those open in the backup, whose further story was carried over.
    """

    path: str
    entries: int
    kept: tuple[str, ...]
    read: bool
    numbers: dict[str, int]
    ticks: dict[str, int]
    runs: tuple[str, ...] = ()


def restore(source: str, path: str, by: Mender, folders: Callable[[], dict[str, int]]) -> Restored:
    """Put the backup `source` into the place of the journal at `path`, or where there is none.

    For whoever holds the scheduler's lock. `folders` says which number of each job is the highest that has left
    anything in the data folder. Raises `JournalUnusable` for a backup that does not verify, `JournalBusy`,
    `JournalFull`; then the old journal is in its place.
    """
    path, source = os.path.abspath(path), os.path.abspath(source)
    if os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise JournalUnusable(source, "it is the journal itself", "say the name of a backup")
    new, aside = f"{path}.restored-{by.stamp}", f"{path}.before-restore-{by.stamp}"
    try:
        entries = _fresh_copy(source, new, by)
        if not os.path.exists(path):
            kept = _set_aside(path, aside)  # a log without its journal
            done = _carry_over(None, new, by, folders(), entries)
            os.replace(new, path)
            make_durable(path)
            return attrs.evolve(done, path=path, kept=tuple(kept))
        with Held(path) as held:
            kept = held.keep(aside)
            done = _carry_over(aside, new, by, folders(), entries)
            held.replace(new)
        return attrs.evolve(done, path=path, kept=tuple(kept))
    finally:
        for suffix in SUFFIXES:
            with suppress(FileNotFoundError):
                os.unlink(new + suffix)


def _fresh_copy(source: str, new: str, by: Mender) -> int:
    """A copy that this version can go on with, verified; how many entries the backup has."""
    try:
        known = schema_of(source) is not None
    except JournalUnusable as wrong:  # what it says beyond that is for who has lost a journal
        raise JournalUnusable(source, wrong.why, "say the name of a backup") from wrong
    if not known:
        raise JournalUnusable(source, "it is not a journal", "say the name of a backup")
    copy_database(source, new)
    migrated = migrate(new, by.stamp)
    if migrated is not None:
        os.unlink(migrated.kept)  # of the copy; the backup itself is still what it was
    with closing(SqliteJournal(new)) as journal:
        for violation in verify_journal(journal):
            raise JournalUnusable(source, f"it does not verify: {violation}", "use another backup")
        return journal.last_id()


def _set_aside(path: str, aside: str) -> list[str]:
    made = []
    for suffix in SUFFIXES[1:]:
        with suppress(FileNotFoundError):
            os.rename(path + suffix, aside + suffix)
            made.append(aside + suffix)
    return made


def _carry_over(old: str | None, new: str, by: Mender, folders: dict[str, int], entries: int) -> Restored:
    with ExitStack() as stack:
        journal = stack.enter_context(closing(SqliteJournal(new)))
        known: SqliteJournal | None = None
        with suppress(StoreError):  # that it cannot be read may be why it is replaced
            known = stack.enter_context(closing(SqliteJournal(old, read_only=True))) if old is not None else None
        try:
            runs, ticks, taken = _from(known, journal, by) if known is not None else ((), {}, {})
            read = known is not None
        except (StoreError, BadValue):  # it can be opened, and then not be read
            runs, ticks, taken, read = (), {}, {}, False
        taken = {job: max(taken.get(job, 0), folders.get(job, 0)) for job in {*taken, *folders}}
        numbers = _take_numbers(journal, taken, by)
        for violation in verify_journal(journal):
            raise JournalUnusable(new, f"what was carried over does not verify: {violation}", "please report this")
    return Restored(new, entries, (), read, numbers, ticks, tuple(runs))


def _from(old: SqliteJournal, journal: SqliteJournal, by: Mender) -> tuple[list[str], dict[str, int], dict[str, int]]:
    _begin_epoch(journal, old.epoch(), by)
    runs: list[str] = []
    ticks: dict[str, int] = {}
    taken = dict(old.last_numbers())
    for job in sorted(taken.keys() - {SCHEDULER_STREAM}):
        runs += _go_on(old, journal, job, by.now)
        missed = _answered(journal, job, old.state(job).accounted_to, by.now)
        if missed:
            ticks[job] = missed
    return runs, ticks, taken


def _take_numbers(journal: SqliteJournal, taken: dict[str, int], by: Mender) -> dict[str, int]:
    numbers = {job: last for job, last in sorted(taken.items()) if last > journal.state(job).last_number}
    for job, last in numbers.items():
        _append(journal, job, [Draft(job, by.now.utc, Actor.RECOVERY, None, NumbersTaken(last))])
    return numbers


def _begin_epoch(journal: SqliteJournal, seen: int, by: Mender) -> None:
    """An epoch above all that the old journal saw, so that none is given twice."""
    if seen <= journal.epoch():
        return
    journal.transplant((), epoch=seen)
    epoch = seen + 1
    most, groups = _bounds(journal)
    bodies = (
        SchedulerUp(epoch, by.pid, by.now.boot_id, by.version, most, groups),
        SchedulerDown(epoch, "restored"),
    )
    drafts = [Draft(SCHEDULER_STREAM, by.now.utc, Actor.RECOVERY, None, body) for body in bodies]
    _append(journal, SCHEDULER_STREAM, drafts, epoch)


def _go_on(old: SqliteJournal, journal: SqliteJournal, job: str, now: Moment) -> list[str]:
    """What became of the runs that are open in the backup, as the old journal tells it: a run that was executed or
    cancelled since is not executed again."""
    state = journal.state(job)
    live = {run.number for run in state.runs}
    drafts: list[Draft] = []
    continued = False
    for entry in old.entries(job=job) if live else ():
        continued = continued or (entry.seq == state.seq + 1 and entry.prev_hash == journal.head(job)[1])
        if continued and entry.run in live:  # else the two have gone different ways, or what is asked for is pruned
            drafts.append(Draft(job, now.utc, Actor.RECOVERY, entry.run, entry.body))
    _append(journal, job, drafts)
    return [run_id(job, number) for number in sorted({draft.run for draft in drafts if draft.run is not None})]


def _bounds(journal: SqliteJournal) -> tuple[int, tuple[Group, ...] | None]:
    """What is in force in the backup: a scheduler repeats it as it comes up, and so does this."""
    for entry in journal.entries(job=SCHEDULER_STREAM, newest_first=True):
        if isinstance(entry.body, SchedulerUp | SchedulerSettings):
            return entry.body.max_running, entry.body.groups
    return DEFAULT_MAX_RUNNING, None


def _answered(journal: SqliteJournal, job: str, until: Instant | None, now: Moment) -> int:
    """Refuse what had its answer after the backup; how many scheduled times that are."""
    state = journal.state(job)
    if until is None or state.accounted_to is None or until <= state.accounted_to:
        return 0
    then = attrs.evolve(now, utc=until)
    drafts = [attrs.evolve(draft, at=now.utc) for draft in settle_ticks(state, then, Actor.RECOVERY)]
    _append(journal, job, drafts)
    return sum(getattr(draft.body, "count", 0) for draft in drafts)


def _append(journal: SqliteJournal, job: str, drafts: Sequence[Draft], epoch: int | None = None) -> None:
    if drafts:
        journal.append([Append(journal.state(job), tuple(drafts))], epoch=epoch)
