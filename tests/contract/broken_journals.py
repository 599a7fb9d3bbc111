"""Journals with one fault each. `kept_by` names the tests of the contract that must notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve

from fsm.engine.evolve import evolve as folded
from fsm.errors import IllegalEntry
from fsm.journal.memory import MemoryJournal
from fsm.model.job import SCHEDULER_STREAM
from fsm.ports import Append, Appended, Journal, Pruned
from fsm.testing.journal_contract import JournalContract, VolatileJournalContract


class Broken(MemoryJournal):
    """Has a fault."""

    kept_by: ClassVar[tuple[str, ...]] = ()


class NoCompareAndSet(Broken):
    """An append lands behind whatever somebody else has appended."""

    kept_by = ("test_a_stream_that_went_on_is_a_conflict", "test_an_append_without_drafts_only_checks")

    def append(self, batch, *, epoch=None):
        tips: dict[str, Any] = {}
        fresh = []
        for one in batch:
            state = tips.get(one.state.job) or self.state(one.state.job)
            fresh.append(Append(state, one.drafts))
            for draft in one.drafts:
                state = folded(state, draft)
            tips[one.state.job] = state
        return super().append(fresh, epoch=epoch)


class NoEpoch(Broken):
    """Whoever was replaced goes on."""

    kept_by = ("test_an_epoch_that_is_over_appends_nothing",)

    def append(self, batch, *, epoch=None):
        begins = any(one.state.job == SCHEDULER_STREAM for one in batch)
        return super().append(batch, epoch=epoch if begins else (epoch and self.epoch()))


class HalfABatch(Broken):
    """A transaction for each part."""

    kept_by = ("test_nothing_of_a_batch_lands_when_its_last_part_cannot[illegal]",)

    def append(self, batch, *, epoch=None):
        return [result for one in batch for result in super(HalfABatch, self).append([one], epoch=epoch)]


class WritesNothing(Broken):
    """It answers as if it had."""

    kept_by = ("test_an_append_answers_with_what_is_stored", "test_entries_are_numbered_and_chained")

    def append(self, batch, *, epoch=None):
        return [Appended(one.state, ()) for one in batch]


class TakesWhatCannotBe(Broken):
    """What may not follow is dropped without a word."""

    kept_by = ("test_every_other_input_is_refused_and_changes_nothing", "test_no_two_runs_hold_the_slot")

    def append(self, batch, *, epoch=None):
        try:
            return super().append(batch, epoch=epoch)
        except IllegalEntry:
            return [Appended(one.state, ()) for one in batch]


class NoChain(Broken):
    """Entries that do not know the one before."""

    kept_by = ("test_entries_are_numbered_and_chained",)

    def entries(self, **keys):
        return (evolve(entry, prev_hash="0" * 64) for entry in super().entries(**keys))


class ForgetsHeldSlots(Broken):
    """Only open runs keep a job busy."""

    kept_by = ("test_busy_is_who_has_an_open_run_or_a_held_slot",)

    def busy_jobs(self):
        return [job for job in super().busy_jobs() if self.state(job).open_runs]


class OldestFirst(Broken):
    """Runs as they came."""

    kept_by = ("test_runs_are_filtered_and_come_newest_first",)

    def runs(self, query):
        return super().runs(query)[::-1]


class PrunesWhatIsOpen(Broken):
    """Any checkpoint will do."""

    kept_by = ("test_a_run_that_went_on_over_the_checkpoint_stays",)

    def prune(self, job, mark):
        try:
            return super().prune(job, mark)
        except IllegalEntry:
            return Pruned(mark.seq - 1, 0)


class PrunesNothing(Broken):
    """It says that it did."""

    kept_by = ("test_a_stream_is_cut_at_its_checkpoint_and_stays_what_it_was",)

    def prune(self, job, mark):
        return Pruned(mark.seq - 1, mark.last_number)


class RebuildsWithoutRuns(Broken):
    """The projection is dropped, and that is that."""

    kept_by = ("test_rebuilding_changes_nothing",)

    def rebuild(self):
        for stream in self._streams.values():
            stream.forget()


class ForNow(VolatileJournalContract):
    """A journal of the above."""

    made: type[Broken]

    def make(self, folder: Path) -> Journal:
        return self.made(node="here")


class Forgets(JournalContract):
    """It says that it is durable, and is not."""

    kept_by = (
        "test_all_of_it_is_there_when_it_is_opened_again",
        "test_it_goes_on_where_it_ended",
        "test_what_was_pruned_stays_pruned",
    )

    def make(self, folder: Path) -> Journal:
        return MemoryJournal(node="here")


class ComesBack(MemoryJournal):
    """On a disk, as far as that goes: what was pruned is back when it is opened again."""

    disk: ClassVar[dict[Path, list[tuple[Any, Any]]]] = {}

    def __init__(self, folder: Path) -> None:
        super().__init__(node="here")
        self._done = self.disk.setdefault(folder, [])
        for batch, epoch in self._done:
            super().append(batch, epoch=epoch)

    def append(self, batch, *, epoch=None):
        results = super().append(batch, epoch=epoch)
        self._done.append((batch, epoch))
        return results


class PrunedComesBack(JournalContract):
    """Pruning is not written down."""

    kept_by = ("test_what_was_pruned_stays_pruned",)

    def make(self, folder: Path) -> Journal:
        return ComesBack(folder)
