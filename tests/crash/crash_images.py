"""What a disk may hold after the power fails, built from a log of `recording_vfs`.

The disk that is assumed: what was synced is there. Of everything since, each write is whole, absent, or torn at 512
bytes, each truncation done or not, each independently of all others. Names in a folder (files made, files deleted)
change in the order in which they were changed; the last few changes may be missing until the folder is synced. After
a sync that failed, what it should have made durable may be lost, however many later syncs succeed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import frozen
from recording_vfs import Kind, Op

SECTOR = 512

Sectors = frozenset[int] | None
"""Which sectors of a write arrived; None for all of them."""

WHOLE: Sectors = None
ABSENT: Sectors = frozenset()

Fate = Callable[[int, Op], Sectors]
"""What becomes of an operation that was not synced, by its place among those (from 0)."""

Files = dict[str, bytes]


@frozen(slots=True)
class Crash:
    """The power fails before the operation `at`. `names` is how many changes of names since the last sync of the
    folder are lost, the last ones first."""

    at: int
    fate: Fate
    names: int = 0


def build(ops: Sequence[Op], crash: Crash, base: Files | None = None) -> Files:
    """What the files hold after the crash. `base` is what was there before the first operation."""
    base = base or {}
    done = ops[: crash.at]
    unsure = set(unsynced(done))
    contents = {file: bytearray(base.get(name, b"")) for name, file in _first_files(done).items()}
    place = 0
    for index, op in enumerate(done):
        if op.file < 0 or op.kind not in (Kind.WRITE, Kind.TRUNCATE):
            continue
        sectors = WHOLE
        if index in unsure:
            sectors = crash.fate(place, op)
            place += 1
        _apply(contents.setdefault(op.file, bytearray()), op, sectors)
    files: Files = {}
    for name, file in _names(done, crash.names, base).items():
        files[name] = base[name] if file == _BEFORE else bytes(contents.get(file, b""))
    return files


def _apply(data: bytearray, op: Op, sectors: Sectors) -> None:
    """Let it happen, as far as it does. What lies beyond the end and never arrived reads as zeros."""
    if op.kind is Kind.TRUNCATE:
        if sectors is WHOLE:
            data[op.offset :] = bytes(max(0, op.offset - len(data)))
        return
    if sectors == ABSENT:
        return
    end = op.offset + len(op.data)
    if len(data) < end:
        data.extend(bytes(end - len(data)))
    if sectors is None:
        data[op.offset : end] = op.data
        return
    for sector in sectors:
        first = max(op.offset, (op.offset // SECTOR + sector) * SECTOR)
        last = min(end, (op.offset // SECTOR + sector + 1) * SECTOR)
        data[first:last] = op.data[first - op.offset : last - op.offset]


def sectors_of(op: Op) -> int:
    """How many sectors of the disk a write touches."""
    return (op.offset + len(op.data) - 1) // SECTOR - op.offset // SECTOR + 1


def unsynced(ops: Sequence[Op]) -> Iterator[int]:
    """The places of writes and truncations that no sync has made sure."""
    pending: dict[int, list[int]] = {}
    lost: list[int] = []
    for index, op in enumerate(ops):
        if op.kind in (Kind.WRITE, Kind.TRUNCATE):
            pending.setdefault(op.file, []).append(index)
        elif op.kind is Kind.SYNC:
            settled = pending.pop(op.file, [])
            if op.failed:
                lost += settled
    yield from sorted([*lost, *(index for some in pending.values() for index in some)])


_BEFORE = -2  # stands for the file that had the name before the first operation


def _names(ops: Sequence[Op], lose: int, base: Files) -> dict[str, int]:
    """Name -> file, with the last `lose` changes since the folder's last sync undone."""
    changes: list[Op] = []
    sure = 0
    for op in ops:
        if op.kind in (Kind.CREATE, Kind.DELETE):
            changes.append(op)
        elif op.kind is Kind.SYNC_FOLDER:
            sure = len(changes)
    names = dict.fromkeys(base, _BEFORE)
    for name, file in _first_files(ops).items():
        if name in names:
            names[name] = file
    for op in changes[: max(sure, len(changes) - lose)]:
        if op.kind is Kind.CREATE:
            names[op.name] = op.file
        else:
            names.pop(op.name, None)
    return names


def _first_files(ops: Sequence[Op]) -> dict[str, int]:
    """The files that were there before: written to without having been made."""
    made = {op.file for op in ops if op.kind is Kind.CREATE}
    found: dict[str, int] = {}
    for op in ops:
        if op.kind in (Kind.WRITE, Kind.TRUNCATE) and op.file >= 0 and op.file not in made:
            found.setdefault(op.name, op.file)
    return found


# ---- which crashes


def random_crash(rng: random.Random, length: int) -> Crash:
    """Anywhere in a log of that length, in one of several moods: a disk that keeps much, little, or mixes."""
    whole, torn = rng.choice([(0.0, 0.0), (0.5, 0.25), (0.9, 0.05), (0.1, 0.1), (0.3, 0.7), (0.0, 0.5), (1.0, 0.0)])

    def fate(_: int, op: Op) -> Sectors:
        drawn = rng.random()
        if drawn < whole:
            return WHOLE
        if drawn < whole + torn and op.kind is Kind.WRITE:
            return frozenset(sector for sector in range(sectors_of(op)) if rng.random() < 0.5)
        return ABSENT

    return Crash(rng.randrange(length + 1), fate, rng.choice([0, 0, 1, 2, 99]))


def crashes_around_syncs(ops: Sequence[Op]) -> Iterator[Crash]:
    """Before and after every sync: nothing of what is unsure, all of it, and each way to lose one end of it."""
    for index, op in enumerate(ops):
        if op.kind is not Kind.SYNC:
            continue
        unsure = sum(1 for _ in unsynced(ops[:index]))
        for fate in _systematic(unsure):
            yield Crash(index, fate)
        yield Crash(index + 1, lambda _, __: ABSENT)
        yield Crash(index + 1, lambda _, __: ABSENT, 99)


def _systematic(unsure: int) -> list[Fate]:
    last = unsure - 1
    return [
        lambda _, __: ABSENT,
        lambda _, __: WHOLE,
        lambda place, _: WHOLE if place == 0 else ABSENT,
        lambda place, _: WHOLE if place == last else ABSENT,
        lambda place, _: ABSENT if place == 0 else WHOLE,
        lambda place, _: ABSENT if place == last else WHOLE,
        lambda place, op: _half(op, first=True) if place == last else WHOLE,
        lambda place, op: _half(op, first=False) if place == last else WHOLE,
        lambda _, op: _half(op, first=True),
        lambda _, op: _half(op, first=False),
    ]


def _half(op: Op, *, first: bool) -> Sectors:
    if op.kind is not Kind.WRITE:
        return ABSENT
    count = sectors_of(op)
    return frozenset(range((count + 1) // 2) if first else range((count + 1) // 2, count))


# ---- onto a real disk


def lay_out(folder: Path, files: Files, shm: bytes | None) -> Path:
    """Write the files into an empty folder; the journal's path. `shm` is what is left of the shared memory, which no
    crash keeps in any order: a reader has to make it anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    path = folder / "journal.db"
    if shm is not None:
        Path(f"{path}-shm").write_bytes(shm)
    return path
