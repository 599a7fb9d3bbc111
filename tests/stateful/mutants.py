"""Known bugs, each put into the running code by a test and never into the product.

Each stands for a rule of the design; `test_mutants` demands that the machine notices its absence.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from mutants_store import MUTANTS_OF_STORE_AND_EVIDENCE

from fsm.engine import allowed as allowed_module
from fsm.engine import decide as decide_module
from fsm.engine import evolve as evolve_module
from fsm.engine import runs as runs_module
from fsm.engine import standing as standing_module
from fsm.engine import ticks as ticks_module
from fsm.engine.evolve import evolve
from fsm.engine.runs import ended, the_run, with_run
from fsm.journal import memory as memory_module
from fsm.journal.memory import MemoryJournal
from fsm.model.commands import Judge, Start
from fsm.model.entries import Ended, Started
from fsm.model.facts import Finding
from fsm.model.states import RefusalReason, State, Trigger
from fsm.planning import failures as failures_module
from fsm.planning import overlap as overlap_module
from fsm.planning import restraint as restraint_module
from fsm.planning.reconciliation import Reconciled, gone
from fsm.planning.restraint import held_back
from fsm.ports import Append
from fsm.scheduler import agenda as agenda_module
from fsm.scheduler import book as book_module
from fsm.scheduler import core as core_module
from fsm.scheduler import watcher as watcher_module
from fsm.scheduler.starter import Starter
from fsm.scheduler.watcher import Watcher
from fsm.testing.launcher import SimExamination, SimLauncher

Mutant = Callable[[pytest.MonkeyPatch], None]


def start_without_looking_at_the_slot(patch: pytest.MonkeyPatch) -> None:
    """Only open runs are in the way; an ended one whose processes live is not."""

    def blocked(state):
        running = [run for run in state.open_runs if run.state is State.RUNNING]
        if running:
            return RefusalReason.ALREADY_RUNNING, running[0]
        return (RefusalReason.ALREADY_QUEUED, state.open_runs[0]) if state.open_runs else None

    def blind(state, command):
        return attrs.evolve(state, slot=None) if isinstance(command, Start) else state

    wanted, decide, started = book_module.still_wanted, book_module.decide, evolve_module._FOLDS[Started]
    patch.setattr(standing_module, "blocked", blocked)
    patch.setattr(overlap_module, "blocked", blocked)
    _nothing_is_too_much(patch)
    patch.setattr(book_module, "still_wanted", lambda state, command, now: wanted(blind(state, command), command, now))
    patch.setattr(book_module, "decide", lambda state, command, *rest: decide(blind(state, command), command, *rest))
    patch.setitem(
        evolve_module._FOLDS,
        Started,
        lambda state, record, body: started(attrs.evolve(state, slot=None), record, body),
    )
    _always_waiting(patch, unless_pending=True)


def _always_waiting(patch: pytest.MonkeyPatch, *, unless_pending: bool) -> None:
    consider = Starter.consider

    def considered(self, job):
        consider(self, job)
        state = self.book.state(job)
        queued = next((run for run in state.runs if run.state is State.QUEUED), None)
        held = queued is not None and held_back(state, queued, self._clock().utc) is not None
        if queued is not None and not held and not (unless_pending and job in self.pending):
            self._late_line.leave(job)
            self._line.join(job, queued.number, queued.queued_at)

    patch.setattr(Starter, "consider", considered)


def queued_run_armed_twice(patch: pytest.MonkeyPatch) -> None:
    """That an arming is under way is forgotten."""
    _always_waiting(patch, unless_pending=False)


def timeout_not_journaled(patch: pytest.MonkeyPatch) -> None:
    """A supervisor's timeout ends the processes, and nobody writes it down."""
    reconcile = watcher_module.reconcile

    def reconciled(*args):
        found = reconcile(*args)
        kept = tuple(c for c in found.commands if not (isinstance(c, Judge) and c.verdict.trigger is Trigger.TIME_OUT))
        return Reconciled(kept, found.search)

    patch.setattr(watcher_module, "reconcile", reconciled)


def restart_forgets_open_runs(patch: pytest.MonkeyPatch) -> None:
    """What is active is known from memory only: a new scheduler knows of nothing that an earlier one began."""
    init = core_module.Scheduler.__init__

    def initialised(self, journal, *args, **kwargs):
        mine: set[str] = set()
        append, busy_jobs = journal.append, journal.busy_jobs

        def appended(batch, **keys):
            results = append(batch, **keys)
            mine.update(one.state.job for one in batch)
            return results

        journal.append, journal.busy_jobs = appended, lambda: [job for job in busy_jobs() if job in mine]
        init(self, journal, *args, **kwargs)

    patch.setattr(core_module.Scheduler, "__init__", initialised)


def verdict_frees_the_slot(patch: pytest.MonkeyPatch) -> None:
    """The slot is free as soon as the run is judged."""

    def fold(state, record, body):
        run = the_run(state, record)
        slot = None if state.slot == run.number else state.slot
        return with_run(state, ended(state, run, body), slot, state.past)

    patch.setitem(evolve_module._FOLDS, Ended, fold)


def judged_by_another_arming(patch: pytest.MonkeyPatch) -> None:
    """The report belongs to the run, not to the arming: whoever wrote last."""
    read_report = SimLauncher.read_report

    def read(self, execution):
        judged = [one for one in self.world.folders[execution.job][execution.number] if one.judged_at_t is not None]
        if judged:
            return max(judged, key=lambda one: one.judged_at_t).report, False
        return read_report(self, execution)

    patch.setattr(SimLauncher, "read_report", read)


def report_before_lock(patch: pytest.MonkeyPatch) -> None:
    """The report is read first, then the life lock: a run that ends in between looks lost."""

    def examine(self, execution):
        report, unreadable = self.read_report(execution)
        self.look()
        return SimExamination(Finding(self.life_locked(execution), report, unreadable), self)

    patch.setattr(SimLauncher, "examine", examine)


def no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    """An append lands behind whatever somebody else has appended since it was decided."""
    append = MemoryJournal.append

    def appended(self, batch, *, epoch=None):
        tips, fresh = {}, []
        for one in batch:
            state = tips.get(one.state.job) or self.state(one.state.job)
            fresh.append(Append(state, one.drafts))
            for draft in one.drafts:
                state = evolve(state, draft)
            tips[one.state.job] = state
        return append(self, fresh, epoch=epoch)

    patch.setattr(MemoryJournal, "append", appended)


def no_epoch(patch: pytest.MonkeyPatch) -> None:
    """Nobody compares epochs: a scheduler that was stopped goes on beside its successor."""
    next_epoch = memory_module.next_epoch
    patch.setattr(memory_module, "next_epoch", lambda batch, epoch, current: next_epoch(batch, None, current))
    patch.setattr(book_module.Book, "_read_scheduler", lambda self, entry: None)


def verdict_before_stop(patch: pytest.MonkeyPatch) -> None:
    """A cancel is journaled first, and its supervisor is told never."""
    patch.setattr(SimLauncher, "stop", lambda self, execution, reason: "put")


def mute_is_never_killed(patch: pytest.MonkeyPatch) -> None:
    """A supervisor that says nothing after its verdict and grace is waited for."""
    patch.setattr(SimLauncher, "kill", lambda self, execution: None)


def lost_without_a_search(patch: pytest.MonkeyPatch) -> None:
    """That the supervisor is gone is taken for the end of all its processes."""
    reconcile = watcher_module.reconcile

    def reconciled(run, arming, finding, now):
        found = reconcile(run, arming, finding, now)
        if not found.search:
            return found
        known = bool(found.commands) or run.state.terminal
        over = gone(run, arming, watcher_module.Evidence.SCAN, now, finding, known=known)
        return Reconciled((*found.commands, *over))

    patch.setattr(watcher_module, "reconcile", reconciled)


def only_open_runs_are_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Recovery and sweep look at open runs, and forget slots that are still held."""
    examine = Watcher.examine

    def examined(self, job):
        return examine(self, job) if self.book.state(job).open_runs else []

    patch.setattr(Watcher, "examine", examined)


def _nothing_is_too_much(patch: pytest.MonkeyPatch) -> None:
    """The journal's own check of the queue is away, too: this asks who else would notice."""
    patch.setattr(allowed_module, "_check_room", lambda *_: None)


def queue_without_a_limit(patch: pytest.MonkeyPatch) -> None:
    """Whatever comes may wait."""
    in_the_way = overlap_module.in_the_way

    def limitless(state, job):
        return None if job.overlap == "queue" else in_the_way(state, job)

    patch.setattr(standing_module, "in_the_way", limitless)
    _nothing_is_too_much(patch)


def catch_up_without_a_limit(patch: pytest.MonkeyPatch) -> None:
    """Every tick that was missed makes a run, up to a hundred."""
    made_of = ticks_module.made_of
    patch.setattr(ticks_module, "made_of", lambda job, *rest: made_of(attrs.evolve(job, catch_up_limit=100), *rest))
    _nothing_is_too_much(patch)


def retry_beside_the_original(patch: pytest.MonkeyPatch) -> None:
    """A retry is queued when its time has come, whatever is still alive."""
    alone = lambda state: attrs.evolve(state, runs=(), slot=None)  # noqa: E731
    due, at, check = restraint_module.retry_due, restraint_module.retry_at, allowed_module._check_retry
    for module in (decide_module, core_module):
        patch.setattr(module, "retry_due", lambda state, now: due(alone(state), now))
    patch.setattr(agenda_module, "retry_at", lambda state, now: at(alone(state), now))
    patch.setattr(allowed_module, "_check_retry", lambda state, at, body: check(alone(state), at, body))


def retry_again_and_again(patch: pytest.MonkeyPatch) -> None:
    """That a retry was queued is forgotten: it stays planned."""
    patch.setattr(runs_module, "without_retry", lambda past: past)


def no_budget(patch: pytest.MonkeyPatch) -> None:
    """What fails at once spends nothing."""
    patch.setattr(failures_module, "COST", 0)


def no_breaker(patch: pytest.MonkeyPatch) -> None:
    """Failures in a row are counted, and nothing follows."""
    patch.setattr(restraint_module, "_cooled", lambda state, past: past.failed_at)


def replaced_without_a_stop(patch: pytest.MonkeyPatch) -> None:
    """The run in the way is judged, and nobody tells its supervisor."""

    def stop(self, job, execution, reason, verdict):
        return self.examine(job) or [book_module.Intent(job, verdict)]

    patch.setattr(Watcher, "_stop", stop)


def replaced_for_nothing(patch: pytest.MonkeyPatch) -> None:
    """Whatever runs in a job that replaces is replaced, whether or not something newer waits."""

    def to_be_replaced(state):
        job, holder = state.definition, state.holder
        if job is None or job.overlap != "replace" or holder is None or holder.state is not State.RUNNING:
            return None
        return holder

    patch.setattr(watcher_module, "to_be_replaced", to_be_replaced)


MUTANTS: dict[str, tuple[Mutant, tuple[str, ...]]] = {
    "a start without looking at the slot": (
        start_without_looking_at_the_slot,
        ("one_run_at_a_time", "no_overlap_in_the_journal", "one_process_tree"),
    ),
    "a timeout that is not journaled": (
        timeout_not_journaled,
        ("what_is_known_is_journaled", "a_supervisors_word_comes_first"),
    ),
    "a restart that forgets open runs": (
        restart_forgets_open_runs,
        ("no_run_is_open_past_its_deadline", "what_is_known_is_journaled", "every_slot_is_freed"),
    ),
    "a verdict that frees the slot": (
        verdict_frees_the_slot,
        ("one_run_at_a_time", "no_overlap_in_the_journal", "the_projection_is_the_fold"),
    ),
    "judging by a report of another arming": (
        judged_by_another_arming,
        ("never_started_is_real", "stop_comes_before_a_foreign_verdict"),
    ),
    "reading the report before the life lock": (report_before_lock, ("lost_is_real",)),
    "no compare-and-set": (no_compare_and_set, ("the_journal_folds",)),
    "a queued run that is armed twice": (queued_run_armed_twice, ("one_arming_at_a_time",)),
    "no epoch": (no_epoch, ("epochs_fence",)),
    "a verdict before its stop": (verdict_before_stop, ("stop_comes_before_a_foreign_verdict",)),
    "a mute supervisor that is never killed": (
        mute_is_never_killed,
        ("a_mute_supervisor_is_killed", "no_run_is_open_past_its_deadline"),
    ),
    "lost without a search": (lost_without_a_search, ("lost_is_real", "released_only_when_all_is_gone")),
    "only open runs are looked at": (only_open_runs_are_looked_at, ("every_slot_is_freed",)),
    "a queue without a limit": (queue_without_a_limit, ("the_queue_has_a_limit",)),
    "catching up without a limit": (catch_up_without_a_limit, ("the_queue_has_a_limit",)),
    "a retry beside the original": (retry_beside_the_original, ("a_retry_waits_for_its_slot",)),
    "a retry again and again": (retry_again_and_again, ("a_retry_is_a_new_run_of_a_failed_one",)),
    "no budget": (no_budget, ("the_budget_is_kept",)),
    "no breaker": (no_breaker, ("the_breaker_holds",)),
    "replaced without a stop": (
        replaced_without_a_stop,
        ("stop_comes_before_a_foreign_verdict", "a_supervisors_word_comes_first"),
    ),
    "replaced for nothing": (replaced_for_nothing, ("what_is_replaced_makes_room",)),
    **MUTANTS_OF_STORE_AND_EVIDENCE,
}
"""What the bug is called, how it is put in, and the laws of which one must be named as broken."""
