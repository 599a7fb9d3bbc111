"""What every launcher must do: `LauncherContract`. Subclass it to test an adapter of one's own.

It needs pytest.

>>> class TestMine(LauncherContract):
...     def make(self, folder):
...         return MyWorld(folder)

`make` gives a `LauncherWorld`: a launcher, and the few things that a test does to the world around it. The reference
is `fsm.supervise.launcher.ProcessLauncher`; the launcher of the simulation keeps the same contract. More:
docs/adapters.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pytest

from fsm.instants import MINUTE, SECOND, Deadline
from fsm.model.facts import Armed, ArmFailed, Changed, Execution, Fact, Finding, Order, Searched, StopAnswer
from fsm.model.states import Reason, Trigger
from fsm.ports import Launcher


class Does(StrEnum):
    """What a command of the contract does."""

    SUCCEED = "succeed"
    FAIL = "fail"  # exit code 3
    HANG = "hang"  # until it hears TERM
    IGNORE_TERM = "ignore_term"
    NO_PROGRAM = "no_program"  # there is none


class LauncherWorld(Protocol):
    """A launcher and its world."""

    @property
    def launcher(self) -> Launcher:
        """The launcher under test."""
        ...

    def order(self, does: Does, *, job: str, number: int, arm_within_us: int) -> Order:
        """An order for a run that does this, with a grace of a quarter of a second or less."""
        ...

    def deadline(self, after_us: int) -> Deadline:
        """The deadline so long from now."""
        ...

    def until(self, true: Callable[[], bool]) -> None:
        """Let time pass until that is so. Fails after a bound that only a broken launcher reaches."""
        ...

    def kill_supervisor(self, execution: Execution) -> None:
        """End its supervisor as an outsider would, with SIGKILL."""
        ...

    def executed(self, execution: Execution) -> bool:
        """Whether its command has ever been executed."""
        ...

    def close(self) -> None:
        """End all that is left."""
        ...


class LauncherContract(ABC):
    """The whole suite."""

    @abstractmethod
    def make(self, folder: Path) -> LauncherWorld:
        """A world with nothing in it."""

    @pytest.fixture(autouse=True)
    def _world(self, tmp_path: Path) -> Iterator[None]:
        self.world = self.make(tmp_path)
        self.launcher = self.world.launcher
        self.seen: list[Fact] = []
        self.number = 0
        yield
        self.world.close()

    # ---- steps

    def order(self, does: Does = Does.SUCCEED, job: str = "job", arm_within_us: int = MINUTE) -> Order:
        self.number += 1
        return self.world.order(does, job=job, number=self.number, arm_within_us=arm_within_us)

    def fact(self, fits: Callable[[Fact], bool]) -> Fact:
        """The first fact that fits; it is taken out of those that were seen."""

        def there() -> bool:
            self.seen.extend(self.launcher.facts())
            return any(map(fits, self.seen))

        self.world.until(there)
        fact = next(fact for fact in self.seen if fits(fact))
        self.seen.remove(fact)
        return fact

    def answer(self, order: Order) -> Armed | ArmFailed:
        self.launcher.arm(order)

        def fits(fact: Fact) -> bool:
            if isinstance(fact, Armed):
                return fact.execution.arming.nonce == order.nonce
            return isinstance(fact, ArmFailed) and fact.nonce == order.nonce

        fact = self.fact(fits)
        assert isinstance(fact, Armed | ArmFailed)
        return fact

    def armed(self, does: Does = Does.SUCCEED, **more: int) -> Execution:
        answer = self.answer(self.order(does, **more))  # type: ignore[arg-type]
        assert isinstance(answer, Armed), answer
        self.launcher.watch(answer.execution)
        return answer.execution

    def started(self, does: Does, timeout_us: int = 10 * MINUTE) -> Execution:
        execution = self.armed(does)
        self.launcher.go(execution, self.world.deadline(timeout_us))
        return execution

    def look(self, execution: Execution) -> Finding:
        examination = self.launcher.examine(execution)
        finding = examination.finding
        examination.close()
        examination.close()
        return finding

    def until(self, execution: Execution, fits: Callable[[Finding], bool]) -> Finding:
        """The finding that fits. It is only looked for when something is said to have changed."""
        finding = self.look(execution)
        while not fits(finding):
            self.fact(lambda fact: isinstance(fact, Changed) and fact.nonce == execution.arming.nonce)
            finding = self.look(execution)
        return finding

    def ended(self, execution: Execution) -> Finding:
        return self.until(execution, lambda finding: not finding.alive)

    def running(self, execution: Execution) -> None:
        self.world.until(lambda: self.world.executed(execution))

    def verdict(self, finding: Finding) -> tuple[Trigger, Reason]:
        assert finding.report is not None
        assert finding.report.verdict is not None
        return finding.report.verdict.trigger, finding.report.verdict.reason

    # ---- arm, go, disarm

    def test_armed_executes_nothing_until_it_is_told(self) -> None:
        execution = self.armed()
        finding = self.look(execution)
        assert finding.alive
        assert finding.report is None or finding.report.verdict is None
        assert not self.world.executed(execution)
        self.launcher.disarm(execution.arming.nonce)
        finding = self.ended(execution)
        assert self.verdict(finding) == (Trigger.FAIL, Reason.START_FAILED)
        assert finding.report is not None
        assert finding.report.emptied is not None
        assert not self.world.executed(execution)

    def test_success_and_failure_are_reported_with_the_end_of_the_tree(self) -> None:
        for does, verdict, code in (
            (Does.SUCCEED, (Trigger.SUCCEED, Reason.COMPLETED), 0),
            (Does.FAIL, (Trigger.FAIL, Reason.EXIT_CODE), 3),
        ):
            execution = self.started(does)
            finding = self.until(
                execution, lambda finding: finding.report is not None and finding.report.emptied is not None
            )
            assert self.verdict(finding) == verdict
            assert finding.report is not None
            assert finding.report.verdict is not None
            assert finding.report.verdict.exit_code == code
            assert finding.report.verdict.started_at is not None
            assert finding.report.verdict.started_at <= finding.report.verdict.ended_at
            assert self.ended(execution).report == finding.report
            self.launcher.forget(execution.arming.nonce)

    def test_a_program_that_is_not_there_is_a_failed_start(self) -> None:
        assert self.verdict(self.ended(self.started(Does.NO_PROGRAM))) == (Trigger.FAIL, Reason.START_FAILED)

    def test_no_go_within_the_arm_deadline_disarms(self) -> None:
        execution = self.armed(arm_within_us=SECOND)
        assert self.verdict(self.ended(execution)) == (Trigger.FAIL, Reason.START_FAILED)
        self.launcher.go(execution, self.world.deadline(MINUTE))
        assert not self.world.executed(execution)

    def test_a_busy_slot_is_no_failed_start(self) -> None:
        self.armed()
        answer = self.answer(self.order(arm_within_us=SECOND // 4))
        assert isinstance(answer, ArmFailed)
        assert answer.busy

    def test_a_slot_that_is_let_go_is_waited_for(self) -> None:
        first = self.armed()
        order = self.order()
        self.launcher.arm(order)
        self.launcher.go(first, self.world.deadline(MINUTE))
        self.fact(lambda fact: isinstance(fact, Armed) and fact.execution.arming.nonce == order.nonce)

    # ---- deadlines and stops

    @pytest.mark.parametrize("does", [Does.HANG, Does.IGNORE_TERM])
    def test_past_its_deadline_it_is_judged_then_ended(self, does: Does) -> None:
        execution = self.started(does, timeout_us=SECOND)
        finding = self.until(
            execution, lambda finding: finding.report is not None and finding.report.verdict is not None
        )
        assert self.verdict(finding) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)
        end = self.ended(execution)
        assert end.report is not None
        assert end.report.emptied is not None
        assert finding.report is not None
        assert end.report.verdict == finding.report.verdict

    def test_stop_beats_a_go_that_comes_later(self) -> None:
        execution = self.armed()
        assert self.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.PUT
        self.launcher.go(execution, self.world.deadline(MINUTE))
        assert self.verdict(self.ended(execution)) == (Trigger.REAP, Reason.CANCELLED)
        assert not self.world.executed(execution)

    def test_a_stop_ends_what_executes(self) -> None:
        execution = self.started(Does.HANG)
        self.running(execution)
        assert self.launcher.stop(execution, Reason.REPLACED) is StopAnswer.PUT
        assert self.launcher.stop(execution, Reason.CANCELLED) in (StopAnswer.PUT, StopAnswer.GONE)
        finding = self.ended(execution)
        assert self.verdict(finding) == (Trigger.REAP, Reason.REPLACED), "the first stop's reason stays"
        assert self.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.GONE

    # ---- the dead

    def test_a_killed_supervisor_leaves_no_report_and_the_search_has_an_answer(self) -> None:
        execution = self.started(Does.HANG)
        self.running(execution)
        self.world.kill_supervisor(execution)
        finding = self.ended(execution)
        assert not finding.unreadable
        assert finding.report is None or finding.report.verdict is None
        self.launcher.search(execution)
        searched = self.fact(lambda fact: isinstance(fact, Searched) and fact.nonce == execution.arming.nonce)
        assert isinstance(searched, Searched)
        assert searched.evidence is not None
        assert self.launcher.stop(execution, Reason.OVERDUE) is StopAnswer.GONE

    def test_kill_is_the_end_of_a_supervisor(self) -> None:
        execution = self.started(Does.HANG)
        self.running(execution)
        self.launcher.kill(execution)
        finding = self.ended(execution)
        assert finding.report is None or finding.report.verdict is None, "it came to its own end, and was not killed"
        self.launcher.kill(execution)

    def test_what_has_ended_is_told_when_it_is_adopted(self) -> None:
        execution = self.started(Does.SUCCEED)
        self.ended(execution)
        self.launcher.forget(execution.arming.nonce)
        self.seen.clear()
        self.launcher.facts()
        self.launcher.watch(execution)
        self.fact(lambda fact: fact == Changed(execution.arming.nonce))

    def test_what_is_unknown_is_harmless(self) -> None:
        for _ in range(2):
            self.launcher.disarm("unknown")
            self.launcher.forget("unknown")
        execution = self.armed()
        self.launcher.watch(execution)
        self.launcher.watch(execution)
        for _ in range(2):
            self.launcher.disarm(execution.arming.nonce)
        self.ended(execution)
        for _ in range(2):
            self.launcher.forget(execution.arming.nonce)
