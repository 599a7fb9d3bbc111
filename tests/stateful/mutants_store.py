"""Known bugs of a store and of evidence: prunes, torn appends, late reports, terms, edits. See `mutants`."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from fsm.client import prune as prune_module
from fsm.engine import decide as decide_module
from fsm.engine import evolve as evolve_module
from fsm.errors import JournalUnusable
from fsm.instants import MINUTE, Deadline, Instant
from fsm.journal.memory import MemoryJournal
from fsm.model.commands import Judge, Start
from fsm.model.entries import Ended
from fsm.model.facts import Execution
from fsm.model.states import State
from fsm.planning.reconciliation import Reconciled
from fsm.ports import Append
from fsm.scheduler import book as book_module
from fsm.scheduler import core as core_module
from fsm.scheduler import presence as presence_module
from fsm.scheduler import watcher as watcher_module
from fsm.scheduler.starter import Starter

Mutant = Callable[[pytest.MonkeyPatch], None]


def prune_takes_an_open_run(patch: pytest.MonkeyPatch) -> None:
    """Where a run is open, everything before the last checkpoint is over; the journal does not look either."""
    cut = prune_module.cut

    def blind(span, keep, now):
        if span.live is None or not span.marks or span.live > span.marks[-1].last_number:
            return cut(span, keep, now)
        return cut(attrs.evolve(span, live=None, spare=span.marks[-1].last_number), keep, now)

    def prune(self, job, mark):
        stream = self._streams[job]
        state, place = stream.state, mark.seq - stream.entries[0].seq
        kept = [run for run in state.runs if run.number > stream.entries[place].body.state.last_number]
        stream.state = attrs.evolve(state, runs=tuple(kept))
        try:
            return pruned(self, job, mark)
        finally:
            stream.state = state

    pruned = MemoryJournal.prune
    patch.setattr(prune_module, "cut", blind)
    patch.setattr(MemoryJournal, "prune", prune)


def prune_keeps_one_run_less(patch: pytest.MonkeyPatch) -> None:
    """A cut takes one run too many."""
    cut = prune_module.cut
    patch.setattr(prune_module, "cut", lambda span, keep, now: cut(attrs.evolve(span, spare=span.spare + 1), keep, now))


def prune_forgets_the_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """The checkpoint goes with what was before it."""

    def prune(self, job, mark):
        found = pruned(self, job, mark)
        self._streams[job].entries = self._streams[job].entries[1:]
        return found

    pruned = MemoryJournal.prune
    patch.setattr(MemoryJournal, "prune", prune)


def torn_append_is_tried_again(patch: pytest.MonkeyPatch) -> None:
    """An append that failed is appended again as it was, behind whatever is there by then."""
    settle = book_module.Book.settle

    def settled(self, intents, clock):
        append = self.journal.append

        def again(batch, *, epoch=None):
            try:
                return append(batch, epoch=epoch)
            except JournalUnusable:
                return append([Append(self.journal.state(one.state.job), one.drafts) for one in batch], epoch=epoch)

        self.journal.append = again
        try:
            return settle(self, intents, clock)
        finally:
            self.journal.append = append

    patch.setattr(book_module.Book, "settle", settled)


def torn_append_goes_ahead(patch: pytest.MonkeyPatch) -> None:
    """That an append failed is overlooked: what was to follow from it is done."""
    settle = core_module.Scheduler._settle

    def settled(self, intents):
        begun = [
            Execution(one.job, one.command.number, one.command.arming)
            for one in intents
            if isinstance(one.command, Start)
        ]
        settle(self, intents)
        if isinstance(self.trouble, JournalUnusable):
            now = self.clock.now()
            run_by = Deadline(Instant(now.utc + MINUTE), now.boot + MINUTE, now.boot_id)
            for execution in begun:
                self.launcher.go(execution, run_by)

    patch.setattr(core_module.Scheduler, "_settle", settled)
    patch.setattr(Starter, "abandon", lambda self, job: self.pending.pop(job, None) and self.consider(job))


def late_report_overwrites(patch: pytest.MonkeyPatch) -> None:
    """Whatever a report says is the verdict, also of a run that has one."""
    reconcile, decide, wanted = watcher_module.reconcile, book_module.decide, book_module.still_wanted

    def reconciled(run, arming, finding, now):
        found = reconcile(run, arming, finding, now)
        verdict = None if finding.report is None else finding.report.verdict
        if run.state.terminal and verdict is not None and verdict.reason is not run.reason:
            return Reconciled((Judge(run.number, verdict), *found.commands), found.search)
        return found

    def opened(state, number):
        runs = tuple(
            attrs.evolve(run, state=State.RUNNING, reason=None) if run.number == number and run.state.terminal else run
            for run in state.runs
        )
        return attrs.evolve(state, runs=runs)

    def decided(state, command, *rest):
        return decide(opened(state, command.number) if isinstance(command, Judge) else state, command, *rest)

    patch.setattr(watcher_module, "reconcile", reconciled)
    patch.setattr(book_module, "still_wanted", lambda state, c, now: isinstance(c, Judge) or wanted(state, c, now))
    patch.setattr(book_module, "decide", decided)
    fold = evolve_module._FOLDS[Ended]
    patch.setitem(
        evolve_module._FOLDS, Ended, lambda state, record, body: fold(opened(state, record.run), record, body)
    )


def second_scheduler_goes_on(patch: pytest.MonkeyPatch) -> None:
    """Who was replaced finds out only when something of his is to be appended."""
    patch.setattr(book_module.Book, "_read_scheduler", lambda self, entry: None)


def edit_answers_ticks(patch: pytest.MonkeyPatch) -> None:
    """Every edit begins the counting anew, and what came before has no answer."""
    patch.setattr(evolve_module, "same_ticks", lambda old, new: False)


def disabled_without_answers(patch: pytest.MonkeyPatch) -> None:
    """A job that is disabled keeps its ticks without an answer."""
    settle = decide_module.settle_ticks

    def settled(state, *rest, ending=False):
        return () if ending else settle(state, *rest, ending=ending)

    patch.setattr(decide_module, "settle_ticks", settled)


def renewed_for_somebody_else(patch: pytest.MonkeyPatch) -> None:
    """The beginning of any newer epoch is taken for one's own."""

    def began(self, entry):
        self._begun(entry.body.epoch)
        return True

    patch.setattr(presence_module.Presence, "began", began)


MUTANTS_OF_STORE_AND_EVIDENCE: dict[str, tuple[Mutant, tuple[str, ...]]] = {
    "a prune that takes an open run": (prune_takes_an_open_run, ("what_is_live_is_never_pruned",)),
    "a prune that takes one run too many": (prune_keeps_one_run_less, ("what_is_to_be_kept_stays",)),
    "a prune that takes the checkpoint, too": (
        prune_forgets_the_checkpoint,
        ("a_cut_is_a_whole_prefix", "a_cut_leaves_the_fold"),
    ),
    "a torn append that is tried again as it was": (
        torn_append_is_tried_again,
        ("the_journal_folds", "each_tick_has_one_answer"),
    ),
    "a torn append that is overlooked": (torn_append_goes_ahead, ("executes_only_what_is_journaled",)),
    "a late report that overwrites a verdict": (
        late_report_overwrites,
        ("terminal_is_final", "late_evidence_moves_nothing"),
    ),
    "a scheduler that goes on beside its successor": (second_scheduler_goes_on, ("the_fenced_one_ends",)),
    "somebody else's term taken for one's own": (renewed_for_somebody_else, ("the_fenced_one_ends",)),
    "an edit that moves the ticks": (edit_answers_ticks, ("an_edit_leaves_the_ticks",)),
    "a job disabled without an answer for its ticks": (
        disabled_without_answers,
        ("ticks_are_settled_before_a_change",),
    ),
}
"""As in `mutants.MUTANTS`."""
