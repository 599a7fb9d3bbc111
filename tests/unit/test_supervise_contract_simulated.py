"""The launcher of the simulation keeps the contract that the one with real processes keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fsm.instants import SECOND, Deadline, Duration, parse_instant
from fsm.model.facts import Execution, Order
from fsm.ports import Launcher
from fsm.testing.behaviours import Behaviour, cannot_start, fail, hang, ignore_term, succeed
from fsm.testing.launcher import SimLauncher
from fsm.testing.launcher_contract import Does, LauncherContract, LauncherWorld
from fsm.testing.world import World

BEHAVIOURS: dict[Does, Behaviour] = {
    Does.SUCCEED: succeed(),
    Does.FAIL: fail(code=3),
    Does.HANG: hang(),
    Does.IGNORE_TERM: ignore_term(),
    Does.NO_PROGRAM: cannot_start(),
}


class Simulated:
    """A simulated machine as the contract wants it."""

    def __init__(self) -> None:
        self._world = World(parse_instant("2026-03-28T22:00:00Z"), seed=0)
        self._does: dict[int, Behaviour] = {}
        self._launcher = SimLauncher(self._world, lambda job, number: self._does[number])

    @property
    def launcher(self) -> Launcher:
        return self._launcher

    def order(self, does: Does, *, job: str, number: int, arm_within_us: int) -> Order:
        self._does[number] = BEHAVIOURS[does]
        return Order(
            job=job,
            number=number,
            nonce=self._world.nonce(),
            attempt=1,
            scheduled_for=None,
            session_key=f"cron:{job}:run:{number}",
            command=("simulated",),
            shell=None,
            env=(),
            cwd=None,
            grace_us=Duration(SECOND // 4),
            output_limit=1024,
            arm_by=self.deadline(arm_within_us),
        )

    def deadline(self, after_us: int) -> Deadline:
        return Deadline.after(self._world.now(), after_us)

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(1000):
            if true():
                return
            following = self._world.next_event()
            assert following is not None, "nothing happens any more"
            self._world.go_to(following)
        raise AssertionError("a thousand events, and still not so")

    def kill_supervisor(self, execution: Execution) -> None:
        self._world.supervisors[execution.arming.nonce].die()

    def executed(self, execution: Execution) -> bool:
        return self._world.supervisors[execution.arming.nonce].executed

    def close(self) -> None:
        self._launcher.close()


class TestSimulated(LauncherContract):
    def make(self, folder: Path) -> LauncherWorld:
        return Simulated()
