"""A launcher that shares nothing with those of the project: supervisors are rows of a table, time is a number.

Written from `fsm.ports.Launcher` alone, as somebody would whose runs live elsewhere (in a cluster, on a device). It
keeps `LauncherContract`; test_contracts_can_fail.py breaks it in one place at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from fsm.instants import SECOND, Deadline, Instant, Moment, parse_instant
from fsm.model.entries import Ended
from fsm.model.facts import (
    Armed,
    ArmFailed,
    Changed,
    Emptied,
    Execution,
    Fact,
    Finding,
    Order,
    Report,
    Searched,
    StopAnswer,
)
from fsm.model.run import Arming
from fsm.model.states import Evidence, Reason, Trigger
from fsm.testing.launcher_contract import Does

BOOT = "the-only-boot"
STEP = SECOND // 4


@define
class Row:
    """One arming and what has become of it: waits, armed, runs, ends, gone."""

    order: Order
    does: Does
    place: int
    stage: str = "waits"
    piped: bool = True
    run_by: Deadline | None = None
    stop: Reason | None = None
    executed: bool = False
    ends_at: int = 0
    report: Report = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.report = Report(self.order.nonce)

    @property
    def execution(self) -> Execution:
        return Execution(self.order.job, self.order.number, Arming(self.order.nonce, BOOT, self.place, self.place))


@define
class Look:
    """An examination; there is no lock to keep, for nothing happens while somebody looks."""

    finding: Finding

    def close(self) -> None:
        """See the port."""


class TableLauncher:
    """`fsm.ports.Launcher`."""

    def __init__(self) -> None:
        self.now_us = 0
        self.rows: dict[str, Row] = {}
        self.does: dict[int, Does] = {}
        self._facts: list[Fact] = []
        self._watched: set[str] = set()

    # ---- time

    def now(self) -> Moment:
        """What its clocks say."""
        return Moment(Instant(parse_instant("2026-03-28T22:00:00Z") + self.now_us), self.now_us, BOOT)

    def pass_time(self) -> None:
        """A quarter of a second goes by, and everybody has a turn."""
        self.now_us += STEP
        for row in list(self.rows.values()):
            self.turn(row)

    def turn(self, row: Row) -> None:
        """What a supervisor does next."""
        if row.stage == "waits":
            self.wait(row)
        elif row.stage == "armed":
            self.start(row)
        elif row.stage == "runs":
            self.supervise(row)
        elif row.stage == "ends" and self.now_us >= row.ends_at:
            row.report = evolve(row.report, emptied=Emptied(self.now().utc))
            self.gone(row)

    def wait(self, row: Row) -> None:
        if not any(
            one.order.job == row.order.job and one.stage in ("armed", "runs", "ends") for one in self.rows.values()
        ):
            row.stage = "armed"
            self._facts.append(Armed(row.execution))
        elif self.now_us >= row.order.arm_by.boot or not row.piped:
            row.stage = "gone"
            self.not_armed(row)

    def not_armed(self, row: Row) -> None:
        order = row.order
        self._facts.append(ArmFailed(order.job, order.number, order.nonce, "the slot is taken", busy=True))

    def start(self, row: Row) -> None:
        if row.stop is not None:
            self.never(row, Trigger.REAP, row.stop)
        elif row.run_by is not None:
            self.execute(row)
        elif self.too_late(row):
            self.never(row, Trigger.FAIL, Reason.START_FAILED)

    def too_late(self, row: Row) -> bool:
        return not row.piped or self.now_us >= row.order.arm_by.boot

    def execute(self, row: Row) -> None:
        if row.does is Does.NO_PROGRAM:
            self.never(row, Trigger.FAIL, Reason.START_FAILED)
            return
        row.executed, row.stage = True, "runs"

    def supervise(self, row: Row) -> None:
        if row.does is Does.SUCCEED:
            self.judge(row, Trigger.SUCCEED, Reason.COMPLETED, 0)
        elif row.does is Does.FAIL:
            self.judge(row, Trigger.FAIL, Reason.EXIT_CODE, 3)
        elif row.stop is not None:
            self.judge(row, Trigger.REAP, row.stop)
        elif row.run_by is not None and self.now_us >= row.run_by.boot:
            self.judge(row, Trigger.TIME_OUT, Reason.RUN_TIMEOUT)

    def judge(self, row: Row, trigger: Trigger, reason: Reason, exit_code: int | None = None) -> None:
        now = self.now().utc
        row.report = evolve(row.report, verdict=Ended(trigger, reason, now, exit_code, started_at=now))
        row.stage = "ends"
        row.ends_at = self.now_us + (row.order.grace_us if row.does is Does.IGNORE_TERM else 0)
        self.changed(row)

    def never(self, row: Row, trigger: Trigger, reason: Reason) -> None:
        now = self.now().utc
        row.report = evolve(row.report, verdict=Ended(trigger, reason, now), emptied=Emptied(now))
        self.gone(row)

    def gone(self, row: Row) -> None:
        row.stage = "gone"
        self.changed(row)

    def changed(self, row: Row) -> None:
        if row.order.nonce in self._watched:
            self._facts.append(Changed(row.order.nonce))

    # ---- the port

    def arm(self, order: Order) -> None:
        self.rows[order.nonce] = Row(order, self.does[order.number], len(self.rows) + 1)

    def go(self, execution: Execution, run_by: Deadline) -> None:
        row = self.rows[execution.arming.nonce]
        row.run_by = run_by

    def disarm(self, nonce: str) -> None:
        if nonce in self.rows:
            self.rows[nonce].piped = False

    def watch(self, execution: Execution) -> None:
        self._watched.add(execution.arming.nonce)
        self.changed(self.rows[execution.arming.nonce])

    def forget(self, nonce: str) -> None:
        self._watched.discard(nonce)

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        row = self.rows[execution.arming.nonce]
        if row.stage == "gone":
            return StopAnswer.GONE
        row.stop = row.stop or reason
        return StopAnswer.PUT

    def examine(self, execution: Execution) -> Look:
        row = self.rows[execution.arming.nonce]
        return Look(Finding(row.stage != "gone", row.report))

    def search(self, execution: Execution) -> None:
        self._facts.append(Searched(execution.arming.nonce, Evidence.SCAN))

    def kill(self, execution: Execution) -> None:
        self.gone(self.rows[execution.arming.nonce])

    def numbers(self, above: Mapping[str, int]) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        for row in self.rows.values():
            if row.order.number > above.get(row.order.job, 0):
                found.setdefault(row.order.job, []).append(row.order.number)
        return found

    def armings(self, job: str, number: int) -> Sequence[Execution]:
        return [row.execution for row in self.rows.values() if (row.order.job, row.order.number) == (job, number)]

    def living(self) -> Sequence[Execution]:
        return [row.execution for row in self.rows.values() if row.stage in ("runs", "ends")]

    def facts(self) -> Sequence[Fact]:
        facts, self._facts = self._facts, []
        return facts
