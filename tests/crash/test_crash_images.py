"""The power fails at any moment: no acknowledged entry is lost, and never is the store broken.

The journal is the one that is shipped; it writes through a file system that remembers (`recording_vfs`), and every
state of the disk that a crash may leave is built from that (`crash_images`) and opened again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import apsw
import pytest
from crash_images import ABSENT, WHOLE, Crash, build, crashes_around_syncs, lay_out, random_crash
from promises import CUTS, IMAGES
from recording_vfs import Kind, Op, Recorder, recording
from workload import Author, History, step, worked

from fsm.errors import StoreError
from fsm.journal.export import export_lines
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Entry
from fsm.ports import Append
from fsm.testing.scribe import Scribe

Figure = Callable[[str], None]

SEEDS = (1, 2, 3, 4)
A_SEED, A_SEED_IN_FULL = 75, 700
"""Images of each seed. In full there are as many random ones as there are systematic ones."""

STEPS, STEPS_IN_FULL = 40, 60


class Broken(AssertionError):
    """A store that cannot be used, or does not hold what it says."""


class Lost(AssertionError):
    """An acknowledged entry is not there."""


# ---- what has to hold of an image


def judge(path: Path, history: History, crash: Crash, *, reader: bool = False, go_on: bool = False) -> int:
    """How many entries there are. Raises `Lost` or `Broken`.

    With `reader`, somebody who may only read looks first and has to see the same; with `go_on`, the journal is used
    further.
    """
    seen = _read_only(path) if reader else None
    lines, entries = _opened(path, go_on=go_on)
    surely = history.surely(crash.at)
    if seen is not None and seen != lines:
        raise Broken(f"a reader saw {len(seen)} entries, whoever opened it next {len(lines)}")
    if lines[:surely] != history.lines[:surely]:
        raise Lost(f"{surely} entries were acknowledged; of the {len(lines)} found, not all are those")
    if lines != history.lines[: len(lines)] or len(lines) not in history.ends():
        rest = [_draft(entry) for entry in entries[surely:]]
        for batch in history.under_way(crash.at):
            drafts = _drafts(batch)
            if rest[: len(drafts)] == drafts:
                rest = rest[len(drafts) :]
        if rest:
            raise Broken(f"{len(lines)} entries: neither what was acknowledged, nor that and what was under way")
    return len(lines)


def _read_only(path: Path) -> list[bytes] | None:
    """What a reader sees; None where it is told why it cannot."""
    try:
        with closing(SqliteJournal(path, read_only=True)) as journal:
            return list(export_lines(journal))
    except StoreError:
        return None


def _opened(path: Path, *, go_on: bool) -> tuple[list[bytes], list[Entry]]:
    try:
        journal = SqliteJournal(path, node="after")
    except StoreError as error:
        raise Broken(f"it does not open: {error}") from error
    try:
        lines, entries = list(export_lines(journal)), list(journal.entries())
        if go_on:
            Scribe(journal).up()
            Scribe(journal).define("new", command=["true"])
            Scribe(journal).run_through("new")
        wrong = list(verify_journal(journal))  # SQLite's check, the schema, the chain, the fold, the projection
    except StoreError as error:
        raise Broken(f"it cannot be read: {error}") from error
    finally:
        journal.close()
    if wrong:
        raise Broken("; ".join(map(str, wrong[:3])))
    return lines, entries


def _draft(entry: Entry) -> tuple[object, ...]:
    return entry.job, entry.at, entry.actor, entry.run, entry.body


def _drafts(batch: Iterable[Append]) -> list[tuple[object, ...]]:
    return [(d.job, d.at, d.actor, d.run, d.body) for append in batch for d in append.drafts]


# ---- images


def crashes(history: History, rng: random.Random, count: int) -> Iterator[Crash]:
    """`count` of them: half systematic, taken evenly from all, half random."""
    around = list(crashes_around_syncs(history.ops))
    taken = min(len(around), count // 2)
    yield from (around[place * len(around) // taken] for place in range(taken))
    yield from (random_crash(rng, len(history.ops)) for _ in range(count - taken))


def tried(folder: Path, history: History, some: Iterable[Crash], rng: random.Random) -> tuple[int, int, int]:
    """Number of images, of those that lost something, of those that are broken."""
    images = lost = broken = 0
    for crash in some:
        images += 1
        shm = rng.choice([None, history.shm, rng.randbytes(32_768)])
        path = lay_out(folder, build(history.ops, crash), shm)
        try:
            judge(path, history, crash, reader=images % 4 == 0, go_on=images % 8 == 0)
        except Lost:
            lost += 1
        except Broken:
            broken += 1
    return images, lost, broken


@pytest.mark.parametrize("seed", SEEDS)
def test_no_crash_loses_an_acknowledged_entry(
    seed: int, ram: Path, full: bool, figure: Figure, count: Callable[..., None]
) -> None:
    rng = random.Random(seed)
    with worked(ram / "work", steps=STEPS_IN_FULL if full else STEPS, seed=seed) as history:
        assert not history.failures
    images = 0
    for crash in crashes(history, rng, A_SEED_IN_FULL if full else A_SEED):
        images += 1
        shm = rng.choice([None, history.shm, rng.randbytes(32_768)])
        path = lay_out(ram / "image", build(history.ops, crash), shm)
        try:
            judge(path, history, crash, reader=images % 4 == 0, go_on=images % 8 == 0)
        except AssertionError as error:
            error.add_note(f"image {images} of seed {seed}: the power failed before operation {crash.at}")
            raise
    _the_log_is_worth_it(history)
    count(IMAGES, images)
    figure(
        f"crash images, seed {seed}: {images} of a log of {len(history.ops)} operations, {len(history.lines)} entries "
        f"in {len(history.acknowledged)} transactions; no acknowledged entry lost, none broken"
    )


def _the_log_is_worth_it(history: History) -> None:
    """Logs that begin anew, checkpoints, logs that are removed: otherwise the images show little."""
    heads = [op for op in history.ops if op.kind is Kind.WRITE and op.name.endswith("-wal") and op.offset == 0]
    assert len(heads) > 5, "the log did not begin anew"
    assert any(op.kind is Kind.SYNC and op.name == "journal.db" for op in history.ops), "there was no checkpoint"
    assert any(op.kind is Kind.DELETE and op.name.endswith("-wal") for op in history.ops), "no log was removed"
    assert len(history.lines) > 60


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_a_journal_that_does_not_wait_for_the_disk_is_caught(
    synchronous: str, ram: Path, full: bool, figure: Figure
) -> None:
    """The check can fail: with `synchronous` below FULL, acknowledged entries are lost."""
    rng = random.Random(7)
    with worked(ram / "work", steps=STEPS, seed=7, synchronous=synchronous) as history:
        assert not history.failures
    images, lost, broken = tried(ram / "image", history, crashes(history, rng, A_SEED_IN_FULL if full else A_SEED), rng)
    assert lost > images // 10
    if synchronous == "NORMAL":
        assert broken == 0, "what it holds is whole, though"
    figure(f"synchronous={synchronous}: {lost} of {images} images lost acknowledged entries, {broken} were broken")


def test_a_crash_while_it_recovers_from_a_crash(ram: Path, full: bool, figure: Figure) -> None:
    """Opening an image writes, too: that may be cut off like everything else."""
    rng = random.Random(11)
    with worked(ram / "work", steps=STEPS, seed=11) as history:
        pass
    count = 0
    for _ in range(40 if full else 6):
        first = random_crash(rng, len(history.ops))
        files = build(history.ops, first)
        again, begun = _recovered(ram / "first", files, rng)
        for crash in [random_crash(rng, len(again.ops)) for _ in range(10 if full else 5)]:
            count += 1
            path = lay_out(ram / "second", build(again.ops, crash, files), rng.randbytes(32_768))
            judge(path, again, crash)
        assert begun >= history.surely(first.at)
    figure(f"crashes in the recovery from a crash: {count}; no acknowledged entry lost, none broken")


def _recovered(folder: Path, files: dict[str, bytes], rng: random.Random) -> tuple[History, int]:
    """Open an image, go on a little, close: recorded. And how many entries there were at first, which count as
    acknowledged: whoever opened it has seen them."""
    path = lay_out(folder, files, None)
    with recording() as recorder:
        history = History(recorder.ops)
        author = Author(path, history, None)
        try:
            begun = author.journal.last_id()
            for number in range(4):
                step(author, rng, 1_000 + number)
            history.lines = list(export_lines(author.journal))
        finally:
            author.journal.close()
    if begun:
        opened = history.attempts[0][0] if history.attempts else len(history.ops)
        history.acknowledged.insert(0, (opened, begun))
    return history, begun


@pytest.mark.parametrize("seed", [21, 22])
def test_syncs_that_fail_lose_nothing_that_is_acknowledged_later(
    seed: int, ram: Path, full: bool, figure: Figure
) -> None:
    """After an fdatasync that failed the kernel takes the pages for clean: what was to be written may never be. An
    append that failed so may turn up after a crash, whole, as long as none has followed it; nothing else may."""
    rng = random.Random(seed)

    def trouble(recorder: Recorder, rng: random.Random) -> None:
        chance = rng.choice([0.0, 0.0, 0.5])

        def before(op: Op) -> None:
            if op.kind is Kind.SYNC and rng.random() < chance:
                error = apsw.IOError("the disk fails")
                error.extendedresult = apsw.SQLITE_IOERR_FSYNC  # type: ignore[attr-defined]  # apsw reads it
                raise error

        recorder.before = before

    with worked(ram / "work", steps=STEPS_IN_FULL, seed=seed, trouble=trouble) as history:
        failed = sum(op.failed for op in history.ops)
        assert failed > 5
        assert history.failures
    images, lost, broken = tried(ram / "image", history, crashes(history, rng, A_SEED_IN_FULL if full else 40), rng)
    assert (lost, broken) == (0, 0)
    figure(f"failed syncs, seed {seed}: {failed} of them, {len(history.failures)} appends refused, {images} images")


# ---- the log itself


def small_log(folder: Path) -> tuple[dict[str, bytes], History]:
    """The files of a journal whose last few transactions stand in the log only."""
    with worked(folder / "work", steps=24, seed=5) as history:
        pass
    for at, _ in reversed(history.acknowledged):
        files = build(history.ops, Crash(at, lambda _, __: WHOLE))
        if 10 * FRAME < len(files["journal.db-wal"]) < 20 * FRAME:
            return files, history
    raise AssertionError("no log of that length")


HEADER, FRAME = 32, 24 + 4096


def test_the_log_cut_at_every_length(ram: Path, full: bool, figure: Figure, count: Callable[..., None]) -> None:
    files, history = small_log(ram)
    log = files["journal.db-wal"]
    borders = {place + by for place in range(HEADER, len(log) + 1, FRAME) for by in (-1, 0, 1)}
    lengths = set(range(len(log) + 1)) if full else {*range(0, len(log) + 1, 97 * 7), *borders, 0, 1, 31, len(log)}
    found = set()
    for length in sorted(length for length in lengths if 0 <= length <= len(log)):
        path = lay_out(ram / "image", files | {"journal.db-wal": log[:length]}, None)
        found.add(_prefix(path, history, thorough=length in borders))
    assert len(found) >= 3, "the log held no more than one transaction"
    count(CUTS, len(lengths), len(log) + 1)
    figure(f"the log of {len(log)} bytes, cut at {len(lengths)} lengths: {len(found)} different prefixes, all whole")


def test_a_flipped_byte_in_the_log(ram: Path, full: bool, figure: Figure) -> None:
    files, history = small_log(ram)
    log = files["journal.db-wal"]
    rng = random.Random(3)
    places = {*range(0, len(log), 61 if full else 997), *range(HEADER), *range(HEADER, HEADER + 24)}
    found = set()
    for place in sorted(places):
        changed = bytearray(log)
        changed[place] ^= 1 << rng.randrange(8)
        path = lay_out(ram / "image", files | {"journal.db-wal": bytes(changed)}, None)
        found.add(_prefix(path, history, thorough=place % 5 == 0))
    assert len(found) >= 3
    figure(f"a flipped bit at {len(places)} places of the log: {len(found)} different prefixes, all whole")


def _prefix(path: Path, history: History, *, thorough: bool) -> int:
    """The number of entries, which are the first ones, up to the end of a transaction."""
    if thorough:
        return judge(path, history, Crash(0, lambda _, __: ABSENT))
    journal = SqliteJournal(path)
    try:
        count = journal.last_id()
        assert count in history.ends()
        newest = list(islice(journal.entries(newest_first=True), 3))
        lines = list(export_lines(journal, limit=3, newest_first=True))
        assert lines == history.lines[:count][::-1][:3]
        assert all(journal.head(entry.job)[0] >= entry.seq for entry in newest)
    finally:
        journal.close()
    return count
