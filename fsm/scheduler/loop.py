"""The asyncio loop around the core: it sleeps until something happened or a time has come, then makes one turn.

What wakes it: the launcher (a message of a supervisor or a poke of a client, the end of a supervisor), a timer for due
times that also fires when somebody sets the wall clock, a timer for deadlines that counts suspended time, and signals.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Protocol

from fsm.instants import Deadline, Duration
from fsm.scheduler.core import Scheduler, Wake
from fsm.supervise.kernel import boot_timer, set_boot_timer, set_wall_timer, wall_timer


class Wakes(Protocol):
    """What tells the loop that there is something to do."""

    def attach(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """Call `wake` from within `loop` whenever there may be new facts."""
        ...


class Loop:
    """Runs one scheduler until it is told to stop."""

    def __init__(
        self,
        scheduler: Scheduler,
        source: Wakes,
        *,
        after_turn: Callable[[], None],
        reload: Callable[[], None],
        run_for_s: float | None = None,
        until_idle: bool = False,
        drain: Duration | None = None,
        drains: Callable[[Deadline], None],
    ) -> None:
        """`drain`: how long to wait for what runs once it is told to stop; `drains` is called when that begins."""
        self._scheduler, self._source = scheduler, source
        self._after_turn, self._reload = after_turn, reload
        self._run_for_s, self._until_idle = run_for_s, until_idle
        self._drain, self._drains = drain, drains
        self._reason: str | None = None
        self._ending: tuple[str, Duration | None] | None = None  # why, and how long to wait for what runs
        self._reload_wanted = False

    def run(self) -> str:
        """Turn after turn; returns why it stopped, in a word or two."""
        return asyncio.run(self._run())

    async def _run(self) -> str:
        loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        boot, wall = boot_timer(), wall_timer()
        try:
            for timer in (boot, wall):
                loop.add_reader(timer, self._ring, timer)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)
            loop.add_signal_handler(signal.SIGQUIT, self._quit)
            if self._run_for_s is not None:
                loop.call_later(self._run_for_s, self._stop, "its time is over")
            self._source.attach(loop, self._woken.set)
            await self._turns(boot, wall)
        finally:
            for timer in (boot, wall):
                loop.remove_reader(timer)
                os.close(timer)
        return self._reason or "idle"

    async def _turns(self, boot: int, wall: int) -> None:
        while self._reason is None:
            self._woken.clear()
            if self._reload_wanted:
                self._reload_wanted = False
                self._reload()
            if self._ending is not None and not self._scheduler.draining:
                self._drains(self._scheduler.drain(self._ending[1]))
            wake = self._scheduler.turn()
            self._after_turn()
            if self._ending is not None and self._scheduler.drained:
                self._reason = f"{self._ending[0]}, drained"
                return
            if self._until_idle and self._scheduler.idle:
                return
            self._set_timers(wake, boot, wall)
            await self._woken.wait()

    def _set_timers(self, wake: Wake, boot: int, wall: int) -> None:
        set_boot_timer(boot, wake.boot)
        set_wall_timer(wall, wake.utc)

    def _ring(self, timer: int) -> None:
        try:
            os.read(timer, 8)
        except BlockingIOError:
            return  # set anew since it fired
        except OSError:
            pass  # ECANCELED: somebody set the wall clock; due times are looked at anew
        self._woken.set()

    def _stop(self, reason: str) -> None:
        """A second time while it drains: at once."""
        if self._drain is None or self._ending is not None:
            self._reason = reason
        else:
            self._ending = reason, self._drain
        self._woken.set()

    def _quit(self) -> None:
        """SIGQUIT asks for a drain, also where no length was given: then until the last run is over."""
        if self._ending is None:
            self._ending = "SIGQUIT", self._drain
        self._woken.set()

    def _hang_up(self) -> None:
        self._reload_wanted = True
        self._woken.set()
