"""Known bugs that a test puts into the shipped code, never into the product, beyond those of tests/stateful/mutants.py.

Those of the engine are noticed by the explorer, those of the scheduler by the simulation; each by the property, or the
law, that stands against it.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from fsm.engine import decide as decide_module
from fsm.engine import evolve as evolve_module
from fsm.engine import runs as runs_module
from fsm.engine import ticks as ticks_module
from fsm.engine import wanted as wanted_module
from fsm.engine.runs import ended, the_run, with_run
from fsm.instants import Deadline
from fsm.model.commands import Judge, QueueTimeout
from fsm.model.entries import Ended, Queued
from fsm.model.facts import Execution, Searched
from fsm.model.states import Evidence, State, Trigger
from fsm.planning import reconciliation as reconciliation_module
from fsm.planning.reconciliation import Reconciled, gone
from fsm.scheduler import book as book_module
from fsm.scheduler.starter import Starter
from fsm.testing.launcher import SimLauncher
from fsm.testing.protocol import SimSupervisor

Patch = Callable[[pytest.MonkeyPatch], None]
_TARGET = {
    Trigger.START: State.RUNNING,
    Trigger.SUCCEED: State.SUCCEEDED,
    Trigger.FAIL: State.FAILED,
    Trigger.TIME_OUT: State.TIMED_OUT,
    Trigger.LOSE: State.LOST,
    Trigger.REAP: State.REAPED,
}


# ---- the engine: for the explorer


def verdict_frees_slot(patch: pytest.MonkeyPatch) -> None:
    """The slot is free as soon as the run is judged."""

    def fold(state, record, body):
        run = the_run(state, record)
        slot = None if state.slot == run.number else state.slot
        return with_run(state, ended(state, run, body), slot, state.past)

    patch.setitem(evolve_module._FOLDS, Ended, fold)


def _without_the_table(patch: pytest.MonkeyPatch, commands: type) -> None:
    """Neither who decides nor who folds asks the machine; `commands` are given whatever the run's state is."""
    wanted = wanted_module.still_wanted

    def still_wanted(state, command, now):
        if isinstance(command, commands):
            return state.run(command.number) is not None
        return wanted(state, command, now)

    patch.setattr(decide_module, "fire", lambda state, trigger, reason=None: _TARGET.get(trigger))
    patch.setattr(runs_module, "_move", lambda state, run, trigger, reason: _TARGET[trigger])
    patch.setattr(wanted_module, "still_wanted", still_wanted)
    patch.setattr(book_module, "still_wanted", still_wanted)


def sweep_without_state_check(patch: pytest.MonkeyPatch) -> None:
    """The queue's deadline ends a run, whether or not it still waits."""
    _without_the_table(patch, QueueTimeout)


def terminal_overwritten(patch: pytest.MonkeyPatch) -> None:
    """What a report says later is written over the verdict."""
    _without_the_table(patch, Judge)
    reconcile = reconciliation_module.reconcile

    def reconciled(run, arming, finding, now):
        found = reconcile(run, arming, finding, now)
        verdict = finding.report.verdict if finding.report is not None else None
        if run.state.terminal and verdict is not None:
            return attrs.evolve(found, commands=(Judge(run.number, verdict), *found.commands))
        return found

    patch.setattr(reconciliation_module, "reconcile", reconciled)


def lost_without_search(patch: pytest.MonkeyPatch) -> None:
    """That the supervisor is gone is taken for the end of all its processes."""
    reconcile = reconciliation_module.reconcile

    def reconciled(run, arming, finding, now):
        found = reconcile(run, arming, finding, now)
        if not found.search:
            return found
        known = bool(found.commands) or run.state.terminal
        over = gone(run, arming, Evidence.SCAN, now, finding, known=known)
        return Reconciled((*found.commands, *over))

    patch.setattr(reconciliation_module, "reconcile", reconciled)


def timeout_not_journaled(patch: pytest.MonkeyPatch) -> None:
    """A supervisor's timeout ends the processes, and nobody writes it down."""
    reconcile = reconciliation_module.reconcile

    def reconciled(*args):
        found = reconcile(*args)
        kept = tuple(c for c in found.commands if not (isinstance(c, Judge) and c.verdict.trigger is Trigger.TIME_OUT))
        return Reconciled(kept, found.search)

    patch.setattr(reconciliation_module, "reconcile", reconciled)


def tick_answered_twice(patch: pytest.MonkeyPatch) -> None:
    """A run that a tick made does not count as its answer."""
    queued = evolve_module._FOLDS[Queued]

    def fold(state, record, body):
        after = queued(state, record, body)
        return attrs.evolve(after, accounted_to=state.accounted_to)

    patch.setitem(evolve_module._FOLDS, Queued, fold)


def tick_passed_over(patch: pytest.MonkeyPatch) -> None:
    """Ticks that were missed get no refusal; the run of the last one moves the watermark over them."""
    patch.setattr(ticks_module._Writer, "refuse", lambda self, until, reason, blocked_by: None)


# ---- the scheduler and its world: for the simulation


def go_before_journal(patch: pytest.MonkeyPatch) -> None:
    """The supervisor is told to go when it is armed; the start is journaled afterwards."""
    armed = Starter.armed

    def gone_already(self, fact):
        order = self.pending.get(fact.execution.job)
        if order is not None and order.nonce == fact.execution.arming.nonce:
            run = self.book.state(order.job).run(order.number)
            timeout = self.book.journal.definition(order.job, run.version).timeout_us
            self.launcher.go(fact.execution, Deadline.after(self._clock(), timeout))  # all else is as it should be
        return armed(self, fact)

    patch.setattr(Starter, "armed", gone_already)


def executes_without_go(patch: pytest.MonkeyPatch) -> None:
    """A supervisor executes as soon as it is armed."""
    patch.setattr(SimSupervisor, "_armed", lambda self: self._execute())


def go_beats_stop(patch: pytest.MonkeyPatch) -> None:
    """A go that is there is obeyed, whatever the mailbox says."""
    armed = SimSupervisor._armed
    patch.setattr(SimSupervisor, "_armed", lambda self: self._execute() if self.run_by is not None else armed(self))


def flock_alone(patch: pytest.MonkeyPatch) -> None:
    """A slot lock that is free is taken for the end of all processes: nobody searches."""

    def searched(self, execution):
        if self.world.slot_locked(execution.job):
            self._tell(_searched(execution, None))
        else:
            self._tell(_searched(execution, Evidence.SCAN))

    patch.setattr(SimLauncher, "_searched", searched)


def _searched(execution: Execution, evidence: Evidence | None) -> Searched:
    return Searched(execution.arming.nonce, evidence, None if evidence else "somebody holds the slot lock")
