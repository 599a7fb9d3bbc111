"""A live store: its entries, what it says of itself, and whether its projection is the fold of its entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast, runtime_checkable

from fsm.codec.entries import entry_from_row, entry_to_dict, row_to_dict
from fsm.codec.swift import read_row
from fsm.engine.due import wanted_at
from fsm.engine.runs import run_after
from fsm.errors import BadValue, IllegalEntry, JournalUnusable, UnknownJob
from fsm.journal.export import Raw
from fsm.journal.verify import Checker, Stream, Violation, begins_pruned, fold
from fsm.model.entries import Entry, JobPut
from fsm.model.stream import JobState
from fsm.ports import Journal


@runtime_checkable
class SelfChecking(Protocol):
    """A store that can look for damage by means of its own."""

    def damage(self) -> list[str]:
        """Sentences on what is wrong with it, none when all is well."""
        ...


class RawJournal(Journal, Raw, Protocol):
    """Both."""


def verify_journal(journal: Journal, checker: Checker | None = None) -> Iterator[Violation]:
    """Check a store: its own means first, then every entry, then the projection against the fold.

    Others may append meanwhile. A store that cannot be read on is a violation, too; one that is locked raises
    `JournalBusy`.
    """
    if isinstance(journal, SelfChecking):
        for sentence in journal.damage():
            yield Violation("store", sentence)
    checker = checker or Checker()
    try:
        yield from _verify(journal, checker)
        yield from checker.finish()
    except JournalUnusable as damaged:
        yield Violation("store", f"it cannot be read on after id {checker.last_id}: {damaged.why}")


def _verify(journal: Journal, checker: Checker) -> Iterator[Violation]:
    epoch = journal.epoch()
    if isinstance(journal, Raw):
        yield from _from_rows(cast("RawJournal", journal), checker)
    else:
        yield from _from_entries(journal, checker)
    for job, stream in sorted(checker.streams.items()):
        yield from _compare_fold(journal, job, stream)
    if not epoch <= checker.epoch <= journal.epoch():
        yield Violation("projection", f"the epoch in it is {epoch}, the newest one of an entry is {checker.epoch}")
    for job in journal.streams():
        if job not in checker.streams and not any(journal.entries(job=job, limit=1)):
            yield _lost_end(job, 0, journal.head(job)[0])


def _from_rows(journal: RawJournal, checker: Checker) -> Iterator[Violation]:
    """Entries as they are stored: what is right is taken in as it stands, all else is looked at closely."""
    for row in journal.rows():
        swift = read_row(row)
        if swift is not None:
            stream = checker.streams.get(swift.job)
            before = None if stream is None else stream.state
            if checker.take(swift):
                assert stream is not None
                assert before is not None
                assert stream.state is not None  # it has just been folded
                if swift.run is not None and stream.state.run(swift.run) is None:  # it is over
                    yield from _compare_entry(journal, before, swift, swift.seq, stream.state)
                continue
        try:
            entry = entry_from_row(row)
            data = row_to_dict(row)
        except IllegalEntry as illegal:
            checker.skip(illegal.job)
            yield Violation(illegal.requirement, illegal.why, illegal.job, illegal.seq)
            continue
        except BadValue as bad:
            checker.skip(str(row[1]))
            yield Violation("format", str(bad), str(row[1]), row[2] if isinstance(row[2], int) else None)
            continue
        _begin_anew(journal, checker, entry)
        before = checker.streams[entry.job].state if entry.job in checker.streams else JobState(entry.job)
        yield from _checked(journal, checker, before, entry, checker.check(data, entry))


def _begin_anew(journal: Journal, checker: Checker, entry: Entry) -> None:
    """A stream may be cut while it is read: then it begins with the checkpoint that comes next."""
    stream = checker.streams.get(entry.job)
    if stream is not None and begins_pruned(entry) and stream.seq < entry.seq - 1 <= journal.span(entry.job, 0).pruned:
        checker.streams[entry.job] = Stream(entry.job)


def _pruned(journal: Journal, job: str, number: int) -> bool:
    begin = journal.span(job, 0).begin
    return begin is not None and number <= begin.last_number


def _from_entries(journal: Journal, checker: Checker) -> Iterator[Violation]:
    for entry in _readable(journal, checker):
        if isinstance(entry, Violation):
            yield entry
            continue
        before = checker.streams[entry.job].state if entry.job in checker.streams else JobState(entry.job)
        yield from _checked(journal, checker, before, entry, checker.check(entry_to_dict(entry), entry))


def _checked(
    journal: Journal, checker: Checker, before: JobState | None, entry: Entry, found: Iterator[tuple[str, str]]
) -> Iterator[Violation]:
    for requirement, why in found:
        yield Violation(requirement, why, entry.job, entry.seq, entry.id)
    after = checker.streams[entry.job].state
    if before is not None and after is not None:
        yield from _compare_entry(journal, before, entry, entry.seq, after)


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


def _compare_entry(journal: Journal, before: JobState, record: Entry, seq: int, after: JobState) -> Iterator[Violation]:
    """Hold the projection's run against the folded one when it is over, and the definition when it is put."""
    run = run_after(before, record, after)
    if run is not None and after.run(run.number) is None and (kept := journal.run(record.job, run.number)) != run:
        if kept is None and _pruned(journal, record.job, run.number):
            return  # since it was read
        yield _of_projection(record.job, seq, f"run {run.number} is not in it as its entries tell")
    if isinstance(record.body, JobPut) and not _has(journal, record.body):
        yield _of_projection(record.job, seq, f"version {record.body.version} is not in it as it was put")


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
