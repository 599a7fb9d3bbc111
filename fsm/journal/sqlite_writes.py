"""The write path: one transaction that checks, seals, inserts and projects, or leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from fsm.codec.bodies import TARGETS
from fsm.codec.entries import GENESIS
from fsm.errors import Conflict, IllegalEntry
from fsm.journal.sealing import Sealed, next_epoch, seal_draft
from fsm.journal.sqlite_projection import Execute, open_stream, project, rebuild
from fsm.journal.statements import statements
from fsm.model.entries import KIND_OF, Ended, Queued, Started
from fsm.model.states import State, Trigger
from fsm.ports import Append, Appended

_SQL = statements("append")
_TIP, _ENTRY = _SQL["tip"], _SQL["entry"]


class Writer:
    """Appends to one store. `node` is the name of this machine, for the entries."""

    def __init__(self, execute: Execute, node: str) -> None:
        self._execute = execute
        self._node = node

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
        execute = self._execute
        state = append.state
        length, last_hash = execute(_TIP, (state.job,)).get or (0, GENESIS)
        if length != state.seq:
            raise Conflict(state.job, state.seq, length)
        if not length and append.drafts:
            open_stream(execute, state.job)
        entries = []
        for draft in append.drafts:
            ident += 1
            one = seal_draft(state, draft, ident, self._node, epoch, last_hash)
            self._insert(one)
            project(execute, draft, state, one.after, one.run, one.entry.hash, due=True)
            state, last_hash = one.after, one.entry.hash
            entries.append(one.entry)
        return Appended(state, tuple(entries))

    def _insert(self, one: Sealed) -> None:
        entry = one.entry
        body = entry.body
        trigger = target = reason = None
        if isinstance(body, Ended):
            trigger, reason = body.trigger, body.reason
            target = TARGETS[trigger]
        elif isinstance(body, Queued):
            trigger, target = Trigger.QUEUE, State.QUEUED
        elif isinstance(body, Started):
            trigger, target = Trigger.START, State.RUNNING
        try:
            self._execute(
                _ENTRY,
                (
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
                    one.body,
                    entry.prev_hash,
                    entry.hash,
                ),
            )
        except apsw.ConstraintError as refusal:
            # Only for a fold that is not the stream's, or a projection that somebody wrote into: evolve judged it.
            raise IllegalEntry(entry.job, entry.seq, f"the database refuses it: {refusal}", "database") from None

    def rebuild(self) -> None:
        """See `fsm.ports.Journal.rebuild`."""
        rebuild(self._execute)
