"""What `LauncherContract` does to the world around the launcher of outsider_launcher.py."""

from __future__ import annotations

from collections.abc import Callable

from outsider_launcher import STEP, TableLauncher

from fsm.instants import Deadline, Duration
from fsm.model.facts import Execution, Order
from fsm.testing.launcher_contract import Does

MOST_STEPS = 10_000
"""More than any promise of the contract takes; only a broken launcher comes to them."""


class TableWorld:
    """A `LauncherWorld`."""

    def __init__(self, launcher: TableLauncher) -> None:
        self.launcher = launcher

    def order(self, does: Does, *, job: str, number: int, arm_within_us: int) -> Order:
        self.launcher.does[number] = does
        return Order(
            job=job,
            number=number,
            nonce=f"arming-{number}",
            attempt=1,
            scheduled_for=None,
            session_key=f"cron:{job}:run:{number}",
            command=("true",),
            shell=None,
            env=(),
            cwd=None,
            grace_us=Duration(STEP),
            output_limit=1024,
            arm_by=self.deadline(arm_within_us),
        )

    def deadline(self, after_us: int) -> Deadline:
        return Deadline.after(self.launcher.now(), after_us)

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(MOST_STEPS):
            if true():
                return
            self.launcher.pass_time()
        raise AssertionError("it never comes")

    def kill_supervisor(self, execution: Execution) -> None:
        self.launcher.gone(self.launcher.rows[execution.arming.nonce])

    def executed(self, execution: Execution) -> bool:
        return self.launcher.rows[execution.arming.nonce].executed

    def close(self) -> None:
        """Nothing is left of a number."""
