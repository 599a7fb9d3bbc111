"""What every journal does with a draft before it stores it: judge it by the fold, give it its place, seal it.

Shared by all journals, so that they accept the same entries and give them the same hashes.
"""

from __future__ import annotations

from collections.abc import Iterable

from fsm.codec.entries import seal
from fsm.engine.evolve import evolve, run_after
from fsm.errors import Conflict, Fenced, IllegalEntry
from fsm.model.entries import Draft, Ended, Entry, Queued, Released, SchedulerUp, Started
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.run import Run
from fsm.model.states import State
from fsm.model.stream import JobState
from fsm.ports import Append

ABOUT_A_RUN = frozenset({Queued, Started, Ended, Released})
"""Bodies that name a run in their envelope; all others name none."""


class Sealed:
    """An entry in its place, its body's text, and the folds before and after it.

    `run` is the run that it is about, as it is after it. Not frozen: one is made for every entry appended.
    """

    __slots__ = ("after", "before", "body", "entry", "run")

    def __init__(self, entry: Entry, body: str, before: JobState, after: JobState, run: Run | None) -> None:
        self.entry, self.body, self.before, self.after, self.run = entry, body, before, after, run


def seal_draft(before: JobState, draft: Draft, ident: int, node: str, epoch: int | None, prev_hash: str) -> Sealed:
    """`draft` as the next entry of the stream `before`.

    Raises `IllegalEntry` when it cannot follow, `BadValue` when JSON cannot hold it.
    """
    after = evolve(before, draft)
    check_envelope(before, draft)
    body = draft.body
    source = state_before(before, draft)
    if type(body) is SchedulerUp:
        epoch = body.epoch
    seq = after.seq
    text, digest = seal(draft, source, seq, node, epoch, prev_hash)
    entry = Entry(ident, draft.job, seq, draft.at, draft.actor, node, epoch, draft.run, body, prev_hash, digest, source)
    return Sealed(entry, text, before, after, run_after(before, draft, after))


def state_before(before: JobState, record: Draft | Entry) -> State | None:
    """The state that a transition of this run would come from; None for a new run and for other records."""
    if record.run is None or type(record.body) not in (Started, Ended):
        return None
    run = before.run(record.run)
    return None if run is None else run.state


def check_envelope(before: JobState, record: Draft | Entry) -> None:
    """Raise `IllegalEntry` for a record that lies in another stream, or names a run where it should not."""
    if record.job != before.job:
        raise IllegalEntry(before.job, before.seq + 1, f"it belongs to the stream of {record.job!r}", "stream")
    if (record.run is not None) is not (type(record.body) in ABOUT_A_RUN):
        needs = "names no run" if record.run is None else f"names run {record.run}, and is about none"
        raise IllegalEntry(before.job, before.seq + 1, f"an entry of kind {record.kind} that {needs}", "run")


def next_epoch(batch: Iterable[Append], epoch: int | None, current: int) -> int:
    """The epoch after `batch`, appended under `epoch` (None for a client) to a journal whose epoch is `current`.

    Raises `Conflict` for a scheduler that begins any epoch but the next one, `Fenced` for an epoch that is over.
    """
    for append in batch:
        if append.state.job != SCHEDULER_STREAM:
            continue
        for draft in append.drafts:
            if isinstance(draft.body, SchedulerUp):
                if draft.body.epoch != current + 1:
                    raise Conflict(SCHEDULER_STREAM, draft.body.epoch - 1, current)
                current += 1
    if epoch is not None and epoch != current:
        raise Fenced(epoch, current)
    return current
