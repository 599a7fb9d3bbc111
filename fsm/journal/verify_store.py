"""A live store: its entries, what it says of itself, and whether its projection is the fold of its entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from fsm.engine.due import wanted_at
from fsm.engine.evolve import run_after
from fsm.errors import IllegalEntry, JournalUnusable, UnknownJob
from fsm.journal.verify import Checker, Stream, Violation, fold, verify_entries
from fsm.model.entries import Entry, JobPut
from fsm.model.stream import JobState
from fsm.ports import Journal


@runtime_checkable
class SelfChecking(Protocol):
    """A store that can look for damage by means of its own."""

    def damage(self) -> list[str]:
        """Sentences on what is wrong with it, none when all is well."""
        ...


def verify_journal(journal: Journal) -> Iterator[Violation]:
    """Check a store: its own means first, then every entry, then the projection against the fold.

    Others may append meanwhile. A store that cannot be read on is a violation, too; one that is locked raises
    `JournalBusy`.
    """
    if isinstance(journal, SelfChecking):
        for sentence in journal.damage():
            yield Violation("store", sentence)
    checker = Checker()
    try:
        yield from _verify(journal, checker)
    except JournalUnusable as damaged:
        yield Violation("store", f"it cannot be read on after id {checker.last_id}: {damaged.why}")


def _verify(journal: Journal, checker: Checker) -> Iterator[Violation]:
    epoch = journal.epoch()
    for entry in _readable(journal, checker):
        if isinstance(entry, Violation):
            yield entry
            continue
        before = checker.streams[entry.job].state if entry.job in checker.streams else JobState(entry.job)
        yield from verify_entries([entry], checker)
        after = checker.streams[entry.job].state
        if before is not None and after is not None:
            yield from _compare_entry(journal, before, entry, after)
    for job, stream in sorted(checker.streams.items()):
        yield from _compare_fold(journal, job, stream)
    if not epoch <= checker.epoch <= journal.epoch():
        yield Violation("projection", f"the epoch in it is {epoch}, the newest one of an entry is {checker.epoch}")
    for job in journal.streams():
        if job not in checker.streams and not any(journal.entries(job=job, limit=1)):
            yield _lost_end(job, 0, journal.head(job)[0])


def _readable(journal: Journal, checker: Checker) -> Iterator[Entry | Violation]:
    entries = iter(journal.entries())
    while True:
        try:
            yield next(entries)
        except StopIteration:
            return
        except IllegalEntry as illegal:  # one that cannot be read; the reader goes on after it
            checker.skip(illegal.job)
            yield Violation(illegal.requirement, illegal.why, illegal.job, illegal.seq)


def _compare_entry(journal: Journal, before: JobState, entry: Entry, after: JobState) -> Iterator[Violation]:
    """Hold the projection's run against the folded one when it is over, and the definition when it is put."""
    run = run_after(before, entry, after)
    if run is not None and after.run(run.number) is None and journal.run(entry.job, run.number) != run:
        yield _of_projection(entry.job, entry.seq, f"run {run.number} is not in it as its entries tell")
    if isinstance(entry.body, JobPut) and not _has(journal, entry.body):
        yield _of_projection(entry.job, entry.seq, f"version {entry.body.version} is not in it as it was put")


def _has(journal: Journal, put: JobPut) -> bool:
    try:
        return journal.definition(put.job.name, put.version) == put.job
    except UnknownJob:
        return False


def _compare_fold(journal: Journal, job: str, stream: Stream) -> Iterator[Violation]:
    length, _ = journal.head(job)
    if length < stream.seq:
        yield _of_projection(job, stream.seq, f"it knows {length} entries of {stream.seq}")
        return
    try:
        for entry in journal.entries(job=job, after_id=stream.last_id):  # appended since
            for requirement, why in fold(stream, entry):
                yield Violation(requirement, why, job, entry.seq, entry.id)
    except IllegalEntry:
        return  # its last one cannot be read, which was said
    if length > stream.seq:
        yield _lost_end(job, stream.seq, length)
        return
    length, last_hash = journal.head(job)
    if length == stream.seq and last_hash != stream.last_hash:
        yield _of_projection(job, stream.seq, "the last hash in it is not that of the last entry")
    kept = journal.state(job)
    if stream.state is None or kept.seq != stream.seq:
        return
    if kept != stream.state:
        yield _of_projection(job, stream.seq, "the fold in it is not that of the entries")
    elif dict(journal.due_times([job])).get(job) != wanted_at(stream.state):
        yield _of_projection(job, stream.seq, "the next due time in it is not that of the fold")


def _lost_end(job: str, length: int, known: int) -> Violation:
    """Whether the entries or the projection is wrong nobody can tell; what is certain is that they may be lost."""
    missing = f"entry {known} is" if known == length + 1 else f"entries {length + 1} to {known} are"
    return Violation("sequence", f"{missing} missing at its end: the projection knows of them", job, length + 1)


def _of_projection(job: str, seq: int, why: str) -> Violation:
    return Violation("projection", f"the projection: {why}; rebuilding it helps", job, seq)
