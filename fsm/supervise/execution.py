"""From go to an empty tree: execute, watch, judge, end what is left, report. Steps S6 to S11 of the specification."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from fsm.supervise import child, tree
from fsm.supervise.arming import Armed
from fsm.supervise.armingfile import Emptied, Verdict
from fsm.supervise.capture import Capture
from fsm.supervise.mailbox import stop_in
from fsm.supervise.sent import SentOrder
from fsm.supervise.waiting import STOP_SIGNAL, Happened, Waiter, boot_us, utc_us

TIMED_OUT = "cron: job execution timed out"
"""The error text of a run that ran too long; gateways that follow lifecycle events know it."""

_LEFTOVER_GRACE_US = 2_000_000  # what a command leaves behind is not worth a job's whole grace
_FIRST_PAUSE_US, _LONGEST_PAUSE_US = 10_000, 1_000_000  # between two kills of the same tree
_POKE_AGAIN_US = 50_000
_REPORT_TRIES, _REPORT_PAUSE_S = 20, 0.1  # a disk that takes nothing for two seconds won't be waited for


class Execution:
    """One command and its tree. `poke` says that the report has changed; False if it could not be said now."""

    def __init__(
        self, order: SentOrder, armed: Armed, waiter: Waiter, run_by_us: int, poke: Callable[[], bool]
    ) -> None:
        self._order, self._armed, self._waiter, self._poke = order, armed, waiter, poke
        self._plan = child.Plan(order.argv, order.programs, order.env, order.cwd)
        self._run_by_us = run_by_us
        self._verdict: Verdict | None = None
        self._verdict_safe = False  # written and synced
        self._poke_due = False
        self._main = 0
        self._status: int | None = None  # of the command, as waitpid gave it
        self._not_started: bytes | None = None
        self._failed: int | None = None
        self._started_us: int | None = None
        self._empty = False
        self._more = False  # to be collected at once
        self._kill_at_us = 0
        self._pause_us = _FIRST_PAUSE_US
        self._capture: Capture | None = None

    def run(self) -> None:
        """Everything up to the finished report. Raises nothing that the command or the disk could cause."""
        if self._start():
            while not self._empty:
                self._turn()
        self._finish()

    def _start(self) -> bool:
        """S6, S7. If the process stops here: the kernel kills the command with it; the search finds the rest."""
        order, armed = self._order, self._armed
        forked_at_boot_us, self._started_us = boot_us(), utc_us()
        try:
            started = child.start(self._plan, armed.slot, [armed.file.fd], armed.cgroup)
        except OSError as error:
            self._started_us = None
            self._verdict = Verdict("fail", "start_failed", utc_us(), error=f"cannot fork: {error.strerror}")
            return False
        self._main, self._failed = started.pid, started.failed
        self._capture = Capture(started.output, order.folder, order.output_limit)
        self._waiter.add(started.output)
        self._waiter.add(started.failed)
        with contextlib.suppress(OSError):  # it helps a search, no more
            armed.file.command(started.pid, forked_at_boot_us)
        return True

    def _turn(self) -> None:
        happened = self._waiter.wait(self._next_us())
        if self._capture is not None and self._capture.fd in happened.descriptors:
            self._capture.read_some()
            if self._capture.closed:
                self._waiter.remove(self._capture.fd)
        if self._failed in happened.descriptors:
            self._read_exec()
        if signal.SIGCHLD in happened.signals or self._more:
            self._take(tree.collect(self._main))
        if self._verdict is None:
            self._judge(happened)
        elif boot_us() >= self._kill_at_us and not self._empty:
            self._kill()
        if self._poke_due:
            self._poke_due = not self._poke()

    def _next_us(self) -> int:
        if self._more:
            return 0
        due = self._run_by_us if self._verdict is None else self._kill_at_us
        return min(due, boot_us() + _POKE_AGAIN_US) if self._poke_due else due

    def _read_exec(self) -> None:
        """The pipe that closes on exec has been closed, or says why there was none."""
        if self._failed is None:
            return
        try:
            message = os.read(self._failed, 64)
        except BlockingIOError:
            return
        self._not_started = message or None
        self._waiter.remove(self._failed)
        os.close(self._failed)
        self._failed = None

    def _take(self, reaped: tree.Reaped) -> None:
        if reaped.main_status is not None:
            self._status = reaped.main_status
            self._read_exec()
        self._more = reaped.more
        cgroup = self._armed.cgroup
        self._empty = reaped.empty and not (cgroup is not None and cgroup.populated())

    def _judge(self, happened: Happened) -> None:
        """The first thing that ends a run is its verdict. An exit counts before a deadline that came with it."""
        grace_us = self._order.grace_us
        if self._status is not None:
            self._verdict = self._exit_verdict(self._status)
            grace_us = min(grace_us, _LEFTOVER_GRACE_US)
        elif happened.told_to_end:
            self._verdict = Verdict("reap", "host_stop", utc_us(), started_at_us=self._started_us)
        else:
            overdue = boot_us() >= self._run_by_us
            if overdue or STOP_SIGNAL in happened.signals:
                self._verdict = self._stopped_or_overdue(overdue)
        if self._verdict is not None and not self._empty:
            self._announce(self._verdict)
            self._kill_at_us = boot_us() + grace_us

    def _stopped_or_overdue(self, overdue: bool) -> Verdict | None:
        reason = stop_in(self._order.mailbox)
        if reason is not None:
            return Verdict("reap", reason, utc_us(), started_at_us=self._started_us)
        if overdue:
            return Verdict("time_out", "run_timeout", utc_us(), started_at_us=self._started_us, error=TIMED_OUT)
        return None

    def _exit_verdict(self, status: int) -> Verdict:
        now = utc_us()
        if self._not_started is not None:
            error = child.why_not_started(self._not_started, self._plan)
            return Verdict("fail", "start_failed", now, error=error)
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return Verdict("succeed", "completed", now, started_at_us=self._started_us, exit_code=0)
        if code > 0:
            return Verdict("fail", "exit_code", now, started_at_us=self._started_us, exit_code=code)
        return Verdict("fail", "signal", now, started_at_us=self._started_us, signal=-code)

    def _announce(self, verdict: Verdict) -> None:
        """S8: the verdict is there for any reader before a signal goes out, and on the disk before it is poked.

        If the process stops here: the verdict counts, the slot stays held until a search has ended the rest.
        """
        file = self._armed.file
        written = False
        with contextlib.suppress(OSError):  # tried again with the end of the report
            file.write(verdict, None)
            written = True
        self._terminate()
        with contextlib.suppress(OSError):
            file.sync_report()
            self._verdict_safe = written
        self._poke_due = not self._poke()

    def _terminate(self) -> None:
        tree.terminate()
        cgroup = self._armed.cgroup
        for pid in cgroup.members() if cgroup is not None else ():
            tree.send_to(pid, signal.SIGTERM)

    def _kill(self) -> None:
        """S9. Without a bound: while something of the run lives its slot is held. Paced, so that it costs nothing."""
        if self._armed.cgroup is not None:
            self._armed.cgroup.kill()
        self._take(tree.kill(self._main))
        self._kill_at_us = boot_us() + self._pause_us
        self._pause_us = min(2 * self._pause_us, _LONGEST_PAUSE_US)

    def _finish(self) -> None:
        """S10, S11. If the process stops before the report is written: gone, slot held, searched for."""
        emptied = Emptied(utc_us())
        if self._capture is not None:
            self._capture.drain()
            emptied.output_bytes, emptied.output_dropped = self._capture.total, self._capture.dropped
        if self._armed.cgroup is not None:
            self._armed.cgroup.remove()
        if self._status is not None and self._not_started is None:
            code = os.waitstatus_to_exitcode(self._status)
            if code >= 0:
                emptied.exit_code = code
            else:
                emptied.signal = -code
        write_report(self._armed, None if self._verdict_safe else self._verdict, emptied)


def write_report(armed: Armed, verdict: Verdict | None, emptied: Emptied) -> None:
    """Write the end of a report; a disk that takes nothing is asked again for two seconds, then given up.

    What a failed sync leaves in memory can still be read until the machine stops.
    """
    for _ in range(_REPORT_TRIES):
        try:
            armed.file.write(verdict, emptied)
            armed.file.sync_report()
        except OSError:
            time.sleep(_REPORT_PAUSE_S)
        else:
            return
