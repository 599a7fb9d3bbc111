"""Processes of these tests: found in /proc by what they carry, ended by pid and start time, waited for by pidfd."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from attrs import frozen

from fsm.supervise.processes import all_pids, is_alive, open_process, stat_of

WITHIN_S = float(os.environ.get("CRONFSM_TEST_WITHIN_S", "120"))
"""What takes longer than this on any machine does not come any more. Where it is not to come, as in the revert check,
one need not wait that long."""


@frozen
class Process:
    """A pid alone may pass to a stranger."""

    pid: int
    start: int

    @property
    def alive(self) -> bool:
        """Whether it is there, and no zombie."""
        return is_alive(self.pid, self.start)

    def signal(self, number: int) -> bool:
        """Send a signal to this very process; False when it is gone."""
        fd = open_process(self.pid, self.start)
        if fd is None:
            return False
        try:
            signal.pidfd_send_signal(fd, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(fd)
        return True

    def kill(self) -> bool:
        """SIGKILL; False when it was gone."""
        return self.signal(signal.SIGKILL)

    def command_line(self) -> str:
        """For a person."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return "gone"

    def wait_gone(self, within_s: float = WITHIN_S, *, must: bool = True) -> None:
        """Wait for its end; it fails when that does not come, unless it need not."""
        fd = open_process(self.pid, self.start)
        if fd is None:
            return
        try:
            gone = select.select([fd], [], [], max(0.0, within_s))[0]
            assert gone or not must, f"process {self.pid} is still there: {self.command_line()}"
        finally:
            os.close(fd)

    def wait_stopped(self, within_s: float = WITHIN_S) -> None:
        """Wait until it stands still: who was sent a SIGSTOP may do a last step or two."""
        until = time.monotonic() + within_s
        while (stat := stat_of(self.pid)) is not None and stat.start == self.start and stat.state not in "TtZX":
            assert time.monotonic() < until, f"process {self.pid} does not stop"
            time.sleep(0.001)


def process(pid: int) -> Process | None:
    """The living process of this number."""
    stat = stat_of(pid)
    return None if stat is None or stat.dead else Process(pid, stat.start)


def carrying(*words: bytes) -> list[Process]:
    """The living processes that have one of these on their command line or in their environment, but for this one."""
    found = []
    for pid in all_pids():
        stat = stat_of(pid) if pid != os.getpid() else None
        if stat is None or stat.dead:
            continue
        text = b""
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                text += Path(f"/proc/{pid}/{name}").read_bytes() + b"\0"
        if any(word in text for word in words):
            found.append(Process(pid, stat.start))
    return found


def end_all(*words: bytes) -> None:
    """Kill all that carry one of these, and what they fork meanwhile, and wait for their ends."""
    until = time.monotonic() + WITHIN_S
    while found := carrying(*words):
        assert time.monotonic() < until, f"these cannot be ended: {found}"
        for one in found:
            one.kill()
        for one in found:
            one.wait_gone()
