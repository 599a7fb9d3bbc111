"""Launchers with one fault each. `kept_by` names the tests of the contract that must notice."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from outsider_launcher import Row, TableLauncher
from outsider_world import TableWorld

from fsm.model.facts import ArmFailed, StopAnswer
from fsm.model.states import Reason, Trigger
from fsm.testing.launcher_contract import Does, LauncherContract, LauncherWorld


class GoesAtOnce(TableLauncher):
    """Armed is as good as told."""

    kept_by = ("test_armed_executes_nothing_until_it_is_told",)

    def start(self, row: Row) -> None:
        self.execute(row)


class ExitCodeIsLost(TableLauncher):
    """It ended; that is all that is known."""

    kept_by = ("test_success_and_failure_are_reported_with_the_end_of_the_tree",)

    def judge(self, row: Row, trigger: Trigger, reason: Reason, exit_code: int | None = None) -> None:
        super().judge(row, trigger, reason, None)


class NothingToExecuteIsDone(TableLauncher):
    """A program that is not there has nothing to complain of."""

    kept_by = ("test_a_program_that_is_not_there_is_a_failed_start",)

    def execute(self, row: Row) -> None:
        row.executed, row.stage = True, "runs"
        row.does = Does.SUCCEED if row.does is Does.NO_PROGRAM else row.does


class ArmedForEver(TableLauncher):
    """It waits for a go, however late."""

    kept_by = ("test_no_go_within_the_arm_deadline_disarms",)

    def too_late(self, row: Row) -> bool:
        return not row.piped


class BusyIsFailure(TableLauncher):
    """A slot that is taken fails the start."""

    kept_by = ("test_a_busy_slot_is_no_failed_start",)

    def not_armed(self, row: Row) -> None:
        self._facts.append(ArmFailed(row.order.job, row.order.number, row.order.nonce, "the slot is taken"))


class WaitsForNobody(TableLauncher):
    """A slot that is taken is not waited for."""

    kept_by = ("test_a_slot_that_is_let_go_is_waited_for",)

    def wait(self, row: Row) -> None:
        super().wait(row)
        if row.stage == "waits":
            row.stage = "gone"
            self.not_armed(row)


class NoDeadline(TableLauncher):
    """What hangs, hangs."""

    kept_by = ("test_past_its_deadline_it_is_judged_then_ended[hang]",)

    def supervise(self, row: Row) -> None:
        if row.stop is not None or row.does in (Does.SUCCEED, Does.FAIL):
            super().supervise(row)


class VerdictAtTheEnd(TableLauncher):
    """What is said first is said otherwise in the end."""

    kept_by = ("test_past_its_deadline_it_is_judged_then_ended[ignore_term]",)

    def turn(self, row: Row) -> None:
        if row.stage == "ends" and self.now_us >= row.ends_at and row.report.verdict is not None:
            row.report = evolve(row.report, verdict=evolve(row.report.verdict, signal=9))
        super().turn(row)


class GoBeatsStop(TableLauncher):
    """Who is told to go goes."""

    kept_by = ("test_stop_beats_a_go_that_comes_later",)

    def start(self, row: Row) -> None:
        if row.run_by is not None:
            self.execute(row)
        elif row.stop is None:
            super().start(row)


class TheLastStopCounts(TableLauncher):
    """Whoever comes last says why."""

    kept_by = ("test_a_stop_ends_what_executes",)

    def stop(self, execution, reason):
        answer = super().stop(execution, reason)
        if answer is StopAnswer.PUT:
            self.rows[execution.arming.nonce].stop = reason
        return answer


class SearchesForEver(TableLauncher):
    """No answer."""

    kept_by = ("test_a_killed_supervisor_leaves_no_report_and_the_search_has_an_answer",)

    def search(self, execution):
        """Nothing is found out."""


class Unkillable(TableLauncher):
    """It goes on."""

    kept_by = ("test_kill_is_the_end_of_a_supervisor",)

    def kill(self, execution):
        """Nothing happens."""


class TellsOnlyWhatIsNew(TableLauncher):
    """What was before one looked is not told."""

    kept_by = ("test_what_has_ended_is_told_when_it_is_adopted",)

    def watch(self, execution):
        self._watched.add(execution.arming.nonce)


class UnknownIsAnError(TableLauncher):
    """Who is it?"""

    kept_by = ("test_what_is_unknown_is_harmless",)

    def disarm(self, nonce: str) -> None:
        self.rows[nonce].piped = False


class Elsewhere(LauncherContract):
    """A launcher of the above."""

    made: type[TableLauncher]

    def make(self, folder: Path) -> LauncherWorld:
        return TableWorld(self.made())
