"""Is a journal fit to go on with? What a scheduler asks before it begins, at a cost that no history changes.

It asks for what it is about to believe: the rules in the file, the newest entries, the ends of the streams in which
something is open, and those runs themselves. What lies further back costs a pass over all of it: that is `verify`.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from fsm.codec.entries import entry_from_row
from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.errors import BadValue, IllegalEntry, JournalUnusable, UnknownJob
from fsm.instants import Instant
from fsm.journal import sqlite_reads as reads
from fsm.journal.sqlite_check import schema_damage
from fsm.journal.sqlite_store import Store
from fsm.journal.sqlite_trouble import DAMAGED
from fsm.journal.statements import statements
from fsm.journal.transplant import sealed
from fsm.model.entries import Entry, Queued
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.past import Past, Pending
from fsm.model.run import Run
from fsm.model.states import State
from fsm.model.stream import JobState

_SQL = statements("check")

NEWEST = 100
"""Entries that are looked at from the end, what a crash or a dying disk hits first: some 5 ms."""

MAX_RUNS = 64
"""Live runs that are held against their entries: more than are open on most machines, some 15 ms."""

MAX_SPAN = 1_000
"""How far after a run's first entry its others are looked for: refusals of other ticks may lie between them."""


def unsound(store: Store) -> list[str]:
    """What is wrong with what a scheduler is about to read, the first bad entry first; nothing when all is well."""
    return [*schema_damage(store), *_newest(store), *_ends(store), *_live_runs(store)]


def _newest(store: Store) -> Iterator[str]:
    """Each of the newest entries has the hash of its content, and the one before it in its stream, and by id."""
    after: dict[str, Entry] = {}
    above: int | None = None
    found: list[str] = []
    epoch = reads.number(store, "epoch")
    for row in store.execute(_SQL["newest"], (NEWEST,)).fetchall():  # the loop asks more of the one cursor
        where = f"entry {row[2]} of {row[1]} (id {row[0]})"
        try:
            entry = entry_from_row(row)
            _, digest = sealed(entry)
        except (IllegalEntry, BadValue, ValueError, OverflowError) as error:
            found.append(f"{where} cannot be read: {error}")
            continue
        if digest != entry.hash:
            found.append(f"{where} was changed: its hash is not that of its content")
        if entry.epoch is not None and entry.epoch > epoch:
            found.append(f"{where} was appended under epoch {entry.epoch}, and the projection knows none above {epoch}")
        if above is not None and entry.id != above - 1 and not _pruned_after(store, above - 1):
            found.append(f"an entry with id {above - 1} is missing")
        follower = after.get(entry.job)
        if follower is None and reads.head(store, entry.job) != (entry.seq, entry.hash):
            found.append(f"{where} is the last one of its stream, and the projection knows another")
        if follower is not None and (follower.seq, follower.prev_hash) != (entry.seq + 1, entry.hash):
            found.append(f"entry {follower.seq} of {entry.job} does not follow entry {entry.seq}")
        after[entry.job], above = entry, entry.id
    return reversed(found)


def _pruned_after(store: Store, ident: int) -> bool:
    """Whether an entry of this id may have been pruned: a stream that was begins with a checkpoint that came later."""
    return store.execute(_SQL["pruned_after"], (ident,)).get is not None


def _ends(store: Store) -> Iterator[str]:
    """The last entry of each stream in which something is open is there, with the hash that the projection knows, and
    none comes after it."""
    for job, seq, missing, known in store.execute(_SQL["torn_ends"], (SCHEDULER_STREAM,)):
        if missing:
            yield f"entry {seq} of {job} is missing: it was its last one"
        elif known:
            yield f"entry {seq + 1} of {job} is unknown to the projection"
        else:
            yield f"entry {seq} of {job} is not the one that the projection knows"


def _live_runs(store: Store) -> Iterator[str]:
    looked_at = 0
    for job in reads.names(store, "busy_jobs"):
        for run in reads.state(store, job).runs:
            yield from _run(store, run)
            looked_at += 1
        if looked_at >= MAX_RUNS:
            return


def _run(store: Store, run: Run) -> Iterator[str]:
    """A live run is what its own entries make of it."""
    try:
        told = _told(store, run)
    except (IllegalEntry, UnknownJob, BadValue) as error:
        yield f"run {run.id} cannot be read from its entries: {error}"
        return
    if told is None:
        yield f"run {run.id} has no entries"
    elif told != run:
        wrong = [name for name in attrs.fields_dict(Run) if getattr(told, name) != getattr(run, name)]
        yield f"the projection: run {run.id} is not as its entries tell ({', '.join(wrong)})"


def _told(store: Store, run: Run) -> Run | None:
    """The run as its entries tell it, folded without what came before in the stream."""
    rows = store.execute(_SQL["entries_of_live_run"], (run.job, run.number, MAX_SPAN)).fetchall()
    fold: JobState | None = None
    told: Run | None = None
    for entry in map(entry_from_row, rows):
        if fold is None:
            if not isinstance(entry.body, Queued):
                return None
            definition = reads.definition(store, run.job, entry.body.version)
            fold = JobState(
                run.job,
                entry.seq - 1,
                definition,
                entry.body.version,
                last_number=run.number - 1,
                past=_planned(entry.body, entry.at),
            )
        after = evolve(fold, entry)
        told, fold = run_after(fold, entry, after), after
    return told


def _planned(body: Queued, at: Instant) -> Past | None:
    """For a retry, the plan that it follows; what led to it lies further back than is read here."""
    if body.retry_of is None:
        return None
    retry = Pending(body.retry_of, State.FAILED, body.attempt, at, at, body.scheduled_for)
    return Past(0, body.retry_of, State.FAILED, at, retry=retry)


def require_sound(path: str, sentences: list[str]) -> None:
    """Raise `JournalUnusable` with the first of them, if there is any."""
    if sentences:
        others = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        raise JournalUnusable(path, f"it is damaged: {sentences[0]}{others}", DAMAGED)
