"""Prune: set checkpoints, cut streams at them, delete what pruned runs have left. One small thing at a time.

Crash windows, in order. If this process stops
- after a checkpoint was appended: it lies in its stream, as a place to cut; nobody minds it, and the next one uses it;
- within a cut: it is one transaction, so it happened or not. Afterwards the stream begins with its checkpoint;
- after a cut, before all that its runs have left is deleted: their folders are known by their numbers, which are below
  the checkpoint's and belong to no run of the journal any more; whoever prunes this job next deletes them, and a
  scheduler looks for them once after its start.
Two who prune at once do no harm: an append is compared with the stream, a cut that was made is nothing to do, and so
is a folder that is gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from fsm.errors import Conflict, IllegalEntry
from fsm.model.entries import Checkpoint, Draft, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Actor
from fsm.model.stream import FOLD, JobState
from fsm.planning.retention import Mark, Span, cut, cut_schedulers, cuts, keep_of, wants_mark
from fsm.ports import Append, Clock, Journal, Outputs, Pruned, RunQuery

_AFTER_MARK = 100
"""How far after a checkpoint of the schedulers' stream the next scheduler's beginning is looked for."""


@frozen(slots=True)
class Plan:
    """What may go of a stream now: up to `mark`, so many entries and runs."""

    span: Span
    mark: Mark | None = None
    entries: int = 0
    runs: int = 0


class Pruner:
    """Prunes streams of one journal. `outputs` is None where runs leave nothing beside the journal."""

    def __init__(self, journal: Journal, clock: Clock, outputs: Outputs | None, actor: Actor) -> None:
        self.journal, self.clock, self.outputs, self._actor = journal, clock, outputs, actor

    def cut(self, job: str) -> Pruned | None:
        """Cut the stream at the next checkpoint that it may be cut at; None where it may not. One transaction."""
        mark = self._next_cut(job)
        if mark is None:
            return None
        try:
            return self.journal.prune(job, mark)
        except IllegalEntry as error:
            if error.requirement == "retention":
                return None  # somebody else was faster
            raise

    def _next_cut(self, job: str) -> Mark | None:
        now = self.clock.now().utc
        if job == SCHEDULER_STREAM:
            mark = cut_schedulers(self.journal.span(job, 0), now)
            return mark if mark is not None and self._begins_a_term(mark) else None
        keep = keep_of(self.journal.state(job).definition)
        return cut(self.journal.span(job, keep.runs), keep, now)

    def _begins_a_term(self, mark: Mark) -> bool:
        """Whether a scheduler began soon after it: its entry says the epoch, and the settings, which no fold holds."""
        for entry in self.journal.entries(job=SCHEDULER_STREAM):
            if entry.seq > mark.seq + _AFTER_MARK:
                break
            if entry.seq > mark.seq and isinstance(entry.body, SchedulerUp):
                return True
        return False

    def mark(self, job: str) -> bool:
        """Append a checkpoint where one is due. The schedulers set those of their own stream themselves."""
        if job == SCHEDULER_STREAM:
            return False
        state = self.journal.state(job)
        keep = keep_of(state.definition)
        if not wants_mark(state, self.journal.span(job, keep.runs), keep, self.clock.now().utc):
            return False
        return set_checkpoint(self.journal, state, self.clock, self._actor)

    def plan(self, job: str) -> Plan:
        """What `cut`, over and over, would do. Nothing is changed."""
        state = self.journal.state(job)
        keep = keep_of(state.definition)
        span = self.journal.span(job, keep.runs)
        if job == SCHEDULER_STREAM:
            mark = self._next_cut(job)
            return Plan(span, mark, 0 if mark is None else mark.seq - 1 - span.pruned)
        found = cuts(span, keep, self.clock.now().utc)
        if not found:
            return Plan(span)
        mark, known = found[-1], span.begin
        runs = sum(1 for _ in self._numbers(span, mark)) - mark.live
        return Plan(span, mark, mark.seq - 1 - (known.seq - 1 if known is not None else 0), runs)

    def _numbers(self, span: Span, mark: Mark) -> Iterator[int]:
        return (run.number for run in self.journal.runs(RunQuery(span.job)) if run.number <= mark.last_number)

    def left_behind(self, job: str, begin: Mark) -> list[int]:
        """The numbers of runs that were pruned and have left something, the oldest first."""
        if self.outputs is None or job == SCHEDULER_STREAM:
            return []
        numbers = [number for number in self.outputs.numbers(job) if number <= begin.last_number]
        return [number for number in numbers if self.journal.run(job, number) is None]


def set_checkpoint(journal: Journal, state: JobState, clock: Clock, actor: Actor) -> bool:
    """Append a checkpoint of the whole stream; False where somebody else appended meanwhile."""
    length, last_hash = journal.head(state.job)
    if length != state.seq or not length:
        return False
    body = Checkpoint(length, last_hash, state, FOLD)
    try:
        journal.append([Append(state, (Draft(state.job, clock.now().utc, actor, None, body),))])
    except Conflict:
        return False
    return True
