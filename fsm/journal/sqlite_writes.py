"""The write path: one transaction that checks, seals, inserts and projects, or leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from fsm.codec.bodies import TARGETS
from fsm.codec.entries import GENESIS
from fsm.errors import Conflict, IllegalEntry
from fsm.journal.sealing import next_epoch, seal_draft
from fsm.journal.sqlite_projection import Execute, open_stream, project, rebuild
from fsm.journal.sqlite_rows import Row
from fsm.journal.statements import statements
from fsm.model.entries import KIND_OF, Ended, Entry, Queued, Started
from fsm.model.states import State, Trigger
from fsm.model.stream import JobState
from fsm.ports import Append, Appended

_SQL = statements("append")
_ENTRY = _SQL["entry"]

MAX_TIPS = 20_000
"""Ends of streams that are remembered to spare reading them: some megabytes."""


class Writer:
    """Appends to one store. `node` is the name of this machine, for the entries."""

    def __init__(self, execute: Execute, node: str) -> None:
        self._execute = execute
        self._node = node
        # Job -> length and last hash, as this process last left them. Others may have gone on from there; but an
        # entry never changes, so that for a stream of that length the hash is right, and the length is checked
        # by the database when the entry comes.
        self._tips: dict[str, tuple[int, str]] = {}

    def append(self, batch: Sequence[Append], epoch: int | None) -> list[Appended]:
        """See `fsm.ports.Journal.append`; errors of SQLite itself come out as they are."""
        execute = self._execute
        current = execute(_SQL["epoch"]).get
        after = next_epoch(batch, epoch, current)
        if after != current:
            execute(_SQL["set_epoch"], (after,))  # before the entries: their trigger compares with it
        ident = execute(_SQL["last_id"]).get
        results = []
        for append in batch:
            result = self._append(append, ident, epoch)
            ident += len(result.entries)
            results.append(result)
        return results

    def _append(self, append: Append, ident: int, epoch: int | None) -> Appended:
        state = append.state
        length, last_hash = self._tips.get(state.job, (None, ""))
        if length != state.seq or not append.drafts:
            last_hash = self._tip(state)
        entries = []
        # What was folded by whoever decided is not folded again: the database itself judges it, too. (The journal in
        # memory, by which this one is held, folds for itself.)
        steps = append.steps if len(append.steps) == len(append.drafts) else (None,) * len(append.drafts)
        for draft, folded in zip(append.drafts, steps, strict=True):
            ident += 1
            after, entry, body, run = seal_draft(state, draft, ident, self._node, epoch, last_hash, folded)
            last_hash = entry.hash
            try:
                self._execute(_ENTRY, entry_row(entry, body))
            except apsw.ConstraintError as refusal:
                raise self._refused(append, entry, refusal) from None
            project(self._execute, draft, state, after, run, last_hash, due=True)
            state = after
            entries.append(entry)
        self._tips[state.job] = state.seq, last_hash
        return Appended(state, tuple(entries))

    def _tip(self, state: JobState) -> str:
        """The hash of the stream's last entry. Raises `Conflict` when the stream is not as long as `state` says."""
        if len(self._tips) > MAX_TIPS:
            self._tips.clear()
        length, last_hash = self._execute(_SQL["tip"], (state.job,)).get or (None, GENESIS)
        if (length or 0) != state.seq:
            raise Conflict(state.job, state.seq, length or 0)
        if length is None:
            open_stream(self._execute, state.job)
        return str(last_hash)

    def _refused(self, append: Append, entry: Entry, refusal: apsw.ConstraintError) -> Exception:
        """The database has the last word. Mostly somebody was faster; else the fold given is not the stream's, or
        somebody wrote into the file: what `evolve` can judge, it has."""
        length = self._execute(_SQL["length"], (entry.job,)).get or 0
        own = entry.seq - 1 - append.state.seq  # entries of this append that went before
        if length - own != append.state.seq:
            return Conflict(entry.job, append.state.seq, length - own)
        return IllegalEntry(entry.job, entry.seq, f"the database refuses it: {refusal}", "database")

    def forget(self) -> None:
        """After a transaction that was undone: what is remembered of the streams may be of entries that never were."""
        self._tips.clear()

    def rebuild(self) -> None:
        """See `fsm.ports.Journal.rebuild`."""
        rebuild(self._execute)


def entry_row(entry: Entry, body_text: str) -> Row:
    """What the statement `entry` binds."""
    body = entry.body
    trigger = target = reason = None
    if isinstance(body, Ended):
        trigger, reason = body.trigger, body.reason
        target = TARGETS[trigger]
    elif isinstance(body, Queued):
        trigger, target = Trigger.QUEUE, State.QUEUED
    elif isinstance(body, Started):
        trigger, target = Trigger.START, State.RUNNING
    return (
        entry.id,
        entry.job,
        entry.seq,
        entry.at,
        entry.actor,
        entry.node,
        entry.epoch,
        KIND_OF[type(body)],
        entry.run,
        trigger,
        entry.source,
        target,
        reason,
        body_text,
        entry.prev_hash,
        entry.hash,
    )
