"""The mutation matrix: each known bug, put into the specification and into the code, and who notices it.

A proof that cannot fail proves nothing. Each row is one rule of the design that is left out: as a switch of
specs/RunLifecycle.tla (checked by TLC) and as a patch of the shipped code (checked by the explorer over
decide/evolve/reconcile, or by the Hypothesis machine over the whole scheduler in the simulation). A row passes only
if both report a property that stands against that very bug.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import code_bugs
import kernel_journal
import pytest
import tlc
from attrs import frozen
from graphs import code_graph
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from kernel_liveness import fairness, promises
from kernel_properties import LAWS
from kernel_state import Bounds

sys.path.insert(0, str(Path(__file__).parents[1] / "stateful"))
from mutants import MUTANTS
from scheduler_machine import SchedulerMachine

Patch = Callable[[pytest.MonkeyPatch], None]
SAFETY = (*LAWS, "TypeOK")
STEPS = ("JudgedNeverStarts", "AppendOnly")
EXAMPLES, RULES = 500, 50  # what the Hypothesis machine may try: one run of the profile `ci`


@frozen
class Row:
    """One bug. `bounds` are TLC's; `named` the properties that may report it there; `by` those of the code."""

    bug: str
    leaves_out: str
    bounds: Bounds
    named: tuple[str, ...]
    code: Patch
    by: tuple[str, ...]
    explorer: Bounds | None = None  # where the explorer notices it; else the simulation

    @property
    def liveness(self) -> bool:
        """Whether it takes a liveness property to notice it."""
        return self.named[0] in promises(1, 1)


def _known(name: str) -> tuple[Patch, tuple[str, ...]]:
    return MUTANTS[name]


ONE, TWO = Bounds(), Bounds(MaxRuns=2, MaxSup=2)
CANCEL, KILL = Bounds(MaxCancel=1), Bounds(MaxKill=1)


def _row(bug, leaves_out, bounds, named, known):
    return Row(bug, leaves_out, bounds, named, *_known(known))


ROWS = (
    _row(
        "no_compare_and_set", "an append compares the length that it saw",
        CANCEL, ("TerminalIsFinal", "LegalTransitions"), "no compare-and-set",
    ),
    _row("no_epoch", "an append compares the epoch", Bounds(MaxFreeze=1), ("EpochsFence",), "no epoch"),
    Row(
        "go_before_journal", "go only after the start is in the journal",
        ONE, ("ExecutesWhatIsJournaled",), code_bugs.go_before_journal, ("executes_only_what_is_journaled",),
    ),
    Row(
        "executes_without_go", "a supervisor executes only after its go",
        ONE, ("ExecutesWhatIsJournaled",), code_bugs.executes_without_go, ("executes_only_what_is_journaled",),
    ),
    Row(
        "verdict_frees_slot", "a verdict does not free the slot",
        TWO, ("SlotTakenOnce", "OneTree"), code_bugs.verdict_frees_slot, ("SlotTakenOnce", "OneTree"), TWO,
    ),
    _row(
        "start_without_slot", "a retry waits until the slot is released",
        TWO._replace(Retries=True), ("SlotTakenOnce",), "a start without looking at the slot",
    ),
    _row(
        "adopt_ignored", "a new scheduler adopts what an earlier one began",
        Bounds(MaxCrash=1), ("EverySlotIsFreed",), "a restart that forgets open runs",
    ),
    Row(
        "sweep_without_state_check", "a sweep looks at the state before it judges",
        ONE, ("TerminalIsFinal", "LegalTransitions"), code_bugs.sweep_without_state_check,
        ("TerminalIsFinal", "LegalTransitions"), ONE,
    ),
    Row(
        "terminal_overwritten", "terminal is final",
        CANCEL, ("TerminalIsFinal",), code_bugs.terminal_overwritten, ("TerminalIsFinal",), CANCEL,
    ),
    _row(
        "report_before_lock", "the life lock is taken before the report is read",
        ONE, ("LostIsReal",), "reading the report before the life lock",
    ),
    _row(
        "report_of_the_run", "a report belongs to its arming",
        Bounds(MaxSup=2, MaxKill=1), ("NeverStartedIsReal", "SuccessIsReal", "TimeoutIsReal", "OwnWordFirst", "LostIsReal"),
        "judging by a report of another arming",
    ),
    _row("open_runs_only", "every slot is looked at, not open runs only", ONE, ("EverySlotIsFreed",), "only open runs are looked at"),
    _row("verdict_before_stop", "a stop comes before a foreign verdict", CANCEL, ("StopBeforeVerdict",), "a verdict before its stop"),
    Row(
        "go_beats_stop", "a stop beats a go that comes later",
        CANCEL, ("JudgedNeverStarts",), code_bugs.go_beats_stop, ("executes_only_what_is_journaled",),
    ),
    _row(
        "mute_never_killed", "a mute supervisor is killed after verdict and grace",
        Bounds(MaxMute=1), ("EverySlotIsFreed",), "a mute supervisor that is never killed",
    ),
    Row(
        "lost_without_search", "survivors are searched for before `lost`",
        KILL, ("LostIsReal", "GoneBeforeReleased"), code_bugs.lost_without_search, ("LostIsReal", "GoneBeforeReleased"), KILL,
    ),
    Row(
        "flock_alone", "a free slot lock proves nothing by itself",
        KILL, ("LostIsReal", "GoneBeforeReleased"), code_bugs.flock_alone, ("lost_is_real", "released_only_when_all_is_gone"),
    ),
    Row(
        "timeout_not_journaled", "a timeout is journaled, not only carried out",
        ONE, ("EverySlotIsFreed", "EveryRunEnds"), code_bugs.timeout_not_journaled, ("EverySlotIsFreed", "EveryRunEnds"), ONE,
    ),
    _row(
        "armed_twice", "a queued run is armed once at a time",
        Bounds(MaxSup=2), ("OneArmingAtATime",), "a queued run that is armed twice",
    ),
    Row(
        "tick_answered_twice", "a tick that made a run has its answer",
        Bounds(MaxTicks=1, MaxRuns=2), ("TickAnsweredOnce",), code_bugs.tick_answered_twice, ("TickAnsweredOnce",),
        Bounds(MaxTicks=1, MaxRuns=2),
    ),
    Row(
        "tick_passed_over", "ticks before the last one that came are refused (`missed`)",
        Bounds(MaxTicks=2), ("TickAnsweredOnce",), code_bugs.tick_passed_over, ("TickAnsweredOnce",), Bounds(MaxTicks=2),
    ),
)  # fmt: skip

SLOW = frozenset({"adopt_ignored", "mute_never_killed"})
"""Bugs that take TLC minutes, for it takes liveness with faults to notice them: among the big bounds."""


def in_spec(row: Row) -> tlc.Verdict:
    """What TLC says of the specification with this bug."""
    constants = {**row.bounds._asdict(), "Bug": row.bug}
    if row.liveness:
        config = tlc.configuration(constants, properties=row.named[:1], specification="LiveSpec")
    else:
        config = tlc.configuration(constants, invariants=SAFETY, properties=STEPS)
    verdict = tlc.run("RunProperties", config)
    # liveness: TLC 2.15 does not say which; only one was asked for
    return tlc.evolved(verdict, row.named[0]) if row.liveness and not verdict.holds else verdict


@contextmanager
def fresh_folds():
    """What was folded by one version of the code is forgotten before the next."""
    kernel_journal.fold.cache_clear()
    try:
        yield
    finally:
        kernel_journal.fold.cache_clear()


def in_code(row: Row) -> tuple[str | None, int]:
    """The property that the code with this bug breaks, or None; and the length of the shortest way there."""
    with pytest.MonkeyPatch.context() as patch, fresh_folds():
        row.code(patch)
        return _explored(row) if row.explorer is not None else _simulated(row)


def _explored(row: Row) -> tuple[str | None, int]:
    assert row.explorer is not None
    graph = code_graph(row.explorer, invariants=LAWS, stop_at_violation=True)
    for name, way in graph.violations.items():
        return name, len(way)
    fair = fairness(row.explorer.MaxSup)
    for name, pairs in promises(row.explorer.MaxRuns, row.explorer.MaxTicks).items():
        for cause, effect in pairs:
            found = graph.leads_to(cause, effect, fair)
            if found is not None and name in row.by:
                return name, len(found)
    return None, 0


def _simulated(row: Row) -> tuple[str | None, int]:
    wanted = settings(
        max_examples=EXAMPLES,
        stateful_step_count=RULES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(settings.get_profile("ci").suppress_health_check),
    )
    try:
        run_state_machine_as_test(SchedulerMachine, settings=wanted)
    except AssertionError as broken:
        return next((law for law in row.by if f"{law}: " in str(broken)), str(broken)[:300]), 0
    return None, 0
