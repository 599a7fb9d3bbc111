"""What every journal does with a draft before it stores it: judge it by the fold, give it its place, seal it.

Shared by all journals, so that they accept the same entries and give them the same hashes.
"""

from __future__ import annotations

from collections.abc import Iterable

from fsm.codec.entries import seal
from fsm.engine.steps import Step, step
from fsm.errors import BadValue, Fenced, IllegalEntry, WrongEpoch
from fsm.model.entries import Checkpoint, Draft, Ended, Entry, Queued, Released, SchedulerUp, Started
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.run import Run
from fsm.model.states import State
from fsm.model.stream import JobState
from fsm.planning.retention import Mark
from fsm.ports import Append

ABOUT_A_RUN = frozenset({Queued, Started, Ended, Released})
"""Bodies that name a run in their envelope; all others name none."""

MOVES = frozenset({Started, Ended})


Sealed = tuple[JobState, Entry, str, Run | None]
"""The fold after an entry, the entry in its place, its body's JSON text, and the run that it is about, after it."""


def seal_draft(
    before: JobState,
    draft: Draft,
    ident: int,
    node: str,
    epoch: int | None,
    prev_hash: str,
    folded: Step | None = None,
) -> Sealed:
    """`draft` as the next entry of the stream `before`; `folded` is what comes of it, where that is known.

    Raises `IllegalEntry` when it cannot follow, `BadValue` when JSON cannot hold it. On the path of every append.
    """
    body, number = draft.body, draft.run
    if (number is None) is (type(body) in ABOUT_A_RUN) or draft.job != before.job:
        check_envelope(before, draft)
    if type(body) is Checkpoint and body.last_hash != prev_hash:
        raise IllegalEntry(before.job, before.seq + 1, "its last_hash is not that of the entry before it", "checkpoint")
    if folded is None or not folded.of(before, draft):
        folded = step(before, draft)
    after, run, source = folded.after, folded.run, None
    if number is not None:
        source = state_before(before, draft)
    elif type(body) is SchedulerUp:
        epoch = body.epoch
    text, digest = seal(draft, source, after.seq, node, epoch, prev_hash)
    entry = Entry(
        ident, draft.job, after.seq, draft.at, draft.actor, node, epoch, number, body, prev_hash, digest, source
    )
    return after, entry, text, run


def state_before(before: JobState, record: Draft | Entry) -> State | None:
    """The state that a transition of this run comes from; None for a new run and for other records."""
    if type(record.body) not in MOVES or record.run is None:
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


def no_mark(job: str, mark: Mark) -> IllegalEntry:
    """A stream is to be cut where no checkpoint is."""
    return IllegalEntry(job, mark.seq, "a stream is pruned up to a checkpoint, and it is none", "retention")


def still_live(job: str, mark: Mark, number: int) -> IllegalEntry:
    """A stream is to be cut after the beginning of a run that is not over."""
    why = f"nothing before it may be pruned: run {number} is open or holds the slot"
    return IllegalEntry(job, mark.seq, why, "retention")


def next_epoch(batch: Iterable[Append], epoch: int | None, current: int) -> int:
    """The epoch after `batch`, appended under `epoch` (None for a client) to a journal whose epoch is `current`.

    Raises `WrongEpoch` for a scheduler that begins any epoch but the next one, `Fenced` for an epoch that is over,
    `BadValue` for one that cannot be: they count from 1, also in a journal that no scheduler has seen.
    """
    if epoch is not None and epoch < 1:
        raise BadValue(f"epochs count from 1, and {epoch} is none")
    for append in batch:
        if append.state.job != SCHEDULER_STREAM:
            continue
        for draft in append.drafts:
            if isinstance(draft.body, SchedulerUp):
                if draft.body.epoch != current + 1:
                    raise WrongEpoch(draft.body.epoch, current)
                current += 1
    if epoch is not None and epoch != current:
        raise Fenced(epoch, current)
    return current
