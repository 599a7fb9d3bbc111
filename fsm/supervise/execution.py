"""From go to an empty tree: execute, watch, judge, end what is left, report. Steps S6 to S11 of the specification.

A supervisor that waits is one of many, and each page that it has touched is its own. So the usual course makes few
objects and few calls; what is unusual (output, a tree to end) is called when it comes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from fsm.agents.interpret import evidence, interpret
from fsm.supervise import child, tree
from fsm.supervise.arming import Armed
from fsm.supervise.armingfile import agent_part, emptied_part, verdict_part
from fsm.supervise.mailbox import stop_in
from fsm.supervise.pipes import Pipes
from fsm.supervise.sent import SentOrder
from fsm.supervise.waiting import STOP_SIGNAL, Waiter, boot_us, utc_us

TIMED_OUT = "cron: job execution timed out"
"""The error text of a run that ran too long; gateways that follow lifecycle events know it."""

_LEFTOVER_GRACE_US = 2_000_000  # what a command leaves behind is not worth a job's whole grace
_FIRST_PAUSE_US, _LONGEST_PAUSE_US = 10_000, 1_000_000  # between two kills of the same tree
_POKE_AGAIN_US = 50_000
_REPORT_TRIES, _REPORT_PAUSE_S = 20, 0.1  # a disk that takes nothing for two seconds won't be waited for
_COLLECTED_AT_ONCE = 4096  # zombies; then signals and deadlines get their turn


class Execution:
    """One command and its tree. `poke` says that the report has changed; False if it could not be said now."""

    __slots__ = (
        "_armed",
        "_empty",
        "_failed",
        "_kill_at_us",
        "_main",
        "_more",
        "_not_started",
        "_order",
        "_pause_us",
        "_pipes",
        "_poke",
        "_poke_due",
        "_run_by_us",
        "_started_boot_us",
        "_started_us",
        "_status",
        "_verdict",
        "_verdict_safe",
        "_waiter",
    )

    def __init__(
        self, order: SentOrder, armed: Armed, waiter: Waiter, run_by_us: int, poke: Callable[[], bool]
    ) -> None:
        self._order, self._armed, self._waiter, self._poke = order, armed, waiter, poke
        self._run_by_us = run_by_us
        self._pipes = Pipes(order, waiter)
        self._main = 0
        self._failed: int | None = None  # closes on exec
        self._not_started: bytes | None = None
        self._status: int | None = None  # of the command, as waitpid gave it
        self._empty = False  # nothing of the tree is left
        self._more = False  # there are zombies left to collect
        self._verdict: bytes | None = None
        self._verdict_safe = False  # written and synced
        self._poke_due = False
        self._kill_at_us = 0
        self._pause_us = _FIRST_PAUSE_US

    def run(self) -> None:
        """Everything up to the finished report. Raises nothing that the command or the disk could cause."""
        if self._start():
            while not self._empty:
                self._turn()
        self._finish()

    def _start(self) -> bool:
        """S6. If the process stops here: the kernel kills the command with it; the search finds the rest."""
        armed, waiter = self._armed, self._waiter
        self._started_boot_us, self._started_us = boot_us(), utc_us()
        self._pipes.listen()
        try:
            started = child.start(self._order, armed.slot, armed.file.fd, armed.cgroup)
        except OSError as error:
            self._verdict = verdict_part("fail", "start_failed", utc_us(), error=f"cannot fork: {error.strerror}")
            return False
        self._main, self._failed = started.pid, started.failed
        waiter.add(self._failed)
        self._pipes.open(started.output, started.errors)
        return True

    def _turn(self) -> None:
        due = self._due_us() if self._verdict is None else self._kill_at_us
        if self._more or self._poke_due:
            due = 0 if self._more else min(due, boot_us() + _POKE_AGAIN_US)
        waiter = self._waiter
        for fd in waiter.wait(due):
            if fd == self._failed:
                self._executed()
            else:
                self._pipes.ready(fd)
        overdue = self._verdict is None and self._overdue() is not None
        if overdue or self._more or signal.SIGCHLD in waiter.signals:
            self._collect()
        if self._verdict is None:
            if overdue or waiter.signals or self._status is not None:
                self._judge()
        elif boot_us() >= self._kill_at_us and not self._empty:
            self._kill()
        if self._poke_due:
            self._poke_due = not self._poke()

    def _due_us(self) -> int:
        """CLOCK_BOOTTIME by which it is judged if nothing happens before: its deadline, or too long a silence.

        Silence is counted while the machine is awake, so a machine that was suspended wakes the run up with it: the
        timer then comes early, finds that there is silence left, and is set anew.
        """
        if not self._order.idle_us:
            return self._run_by_us
        return min(self._run_by_us, boot_us() + self._pipes.silence_left_us())

    def _executed(self) -> None:
        """S7: the pipe that closes on exec has been closed, or says why there was none."""
        if self._failed is None:
            return
        try:
            self._not_started = os.read(self._failed, 64) or None
        except BlockingIOError:
            return
        self._waiter.remove(self._failed)
        os.close(self._failed)
        self._failed = None
        try:
            self._armed.file.command(self._main, self._started_boot_us)
        except OSError:
            return  # it helps a search, no more

    def _collect(self) -> bool:
        """Take every child that has ended from the kernel; True once nothing of the tree is left. Does not wait.

        As the subreaper this process is the parent of every orphan of the tree: ECHILD is the whole proof.
        """
        for _ in range(_COLLECTED_AT_ONCE):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                cgroup = self._armed.cgroup
                self._empty = cgroup is None or not cgroup.populated()
                self._more = False
                return self._empty
            if pid == 0:
                self._more = False
                return False
            if pid == self._main:
                self._executed()
                self._status = status
        self._more = True
        return False

    def _judge(self) -> None:
        """The first thing that ends a run is its verdict. An exit counts before a deadline that came with it."""
        grace_us = self._order.grace_us
        if self._status is not None:
            self._verdict = self._exit_verdict(os.waitstatus_to_exitcode(self._status))
            grace_us = min(grace_us, _LEFTOVER_GRACE_US)
            if self._order.keep:
                self._empty = True  # the run is over with its command; verdict and end are then one write
        elif self._waiter.told_to_end:
            self._verdict = verdict_part("reap", "host_stop", utc_us(), started_at_us=self._started_us)
        else:
            self._verdict = self._stopped_or_overdue()
        agent = self._order.agent
        if agent is not None and self._verdict is not None and self._status is None:
            self._pipes.drain()
            self._note(evidence(agent, self._pipes.said()))
        if self._verdict is not None and not self._empty:
            self._announce(self._verdict)
            self._kill_at_us = boot_us() + grace_us

    def _exit_verdict(self, code: int) -> bytes:
        now, started = utc_us(), self._started_us
        if self._not_started is not None:
            error = child.why_not_started(self._not_started, self._order)
            return verdict_part("fail", "start_failed", now, error=error)
        if self._order.agent is not None:
            return self._agent_verdict(self._order.agent, code)
        if code == 0:
            return verdict_part("succeed", "completed", now, started_at_us=started, exit_code=0)
        if code > 0:
            return verdict_part("fail", "exit_code", now, started_at_us=started, exit_code=code)
        return verdict_part("fail", "signal", now, started_at_us=started, signal=-code)

    def _agent_verdict(self, agent: str, code: int) -> bytes:
        """S8 for an agent: what it printed says how it went, for its exit code alone is not to be trusted.

        All that it has printed itself is in the pipes by now. If the process stops here, before the verdict: as any
        supervisor that is gone without one.
        """
        ended_us = utc_us()
        self._pipes.drain()
        exit_code, signal_ = (code, None) if code >= 0 else (None, -code)
        outcome = interpret(agent, self._pipes.said(), exit_code, signal_)
        self._note(outcome.evidence)
        return verdict_part(
            outcome.trigger,
            outcome.reason,
            ended_us,
            started_at_us=self._started_us,
            exit_code=exit_code,
            signal=signal_,
            error_class=outcome.error_class,
            error=outcome.error,
        )

    def _note(self, said: dict[str, object]) -> None:
        """What an agent's output says, beside the verdict and before it; synced with it. The verdict can do without."""
        with contextlib.suppress(OSError):
            self._armed.file.agent(agent_part(said))

    def _stopped_or_overdue(self) -> bytes | None:
        overdue = self._overdue()
        reason = stop_in(self._order.mailbox) if overdue or STOP_SIGNAL in self._waiter.signals else None
        if reason is not None:
            return verdict_part("reap", reason, utc_us(), started_at_us=self._started_us)
        if overdue is not None:
            return verdict_part("time_out", overdue, utc_us(), started_at_us=self._started_us, error=TIMED_OUT)
        return None

    def _overdue(self) -> str | None:
        if boot_us() >= self._run_by_us:
            return "run_timeout"
        if self._order.idle_us and self._pipes.silence_left_us() <= 0:
            return "idle_timeout"
        return None

    def _announce(self, verdict: bytes) -> None:
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
            os.fdatasync(file.fd)
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
        tree.kill(self._collect)
        self._kill_at_us = boot_us() + self._pause_us
        self._pause_us = min(2 * self._pause_us, _LONGEST_PAUSE_US)

    def _finish(self) -> None:
        """S10, S11. If the process stops before the report is written: gone, slot held, searched for."""
        at_us = utc_us()
        output, dropped = self._pipes.close()  # what is left, even if an outsider still holds it open
        if self._armed.cgroup is not None:
            self._armed.cgroup.remove()
        code = None
        if self._status is not None and self._not_started is None:
            code = os.waitstatus_to_exitcode(self._status)
        emptied = emptied_part(at_us, code, output, dropped)
        write_report(self._armed, None if self._verdict_safe else self._verdict, emptied)


def write_report(armed: Armed, verdict: bytes | None, emptied: bytes) -> None:
    """Write the end of a report; a disk that takes nothing is asked again for two seconds, then given up.

    What a failed sync leaves in memory can still be read until the machine stops.
    """
    for _ in range(_REPORT_TRIES):
        try:
            armed.file.write(verdict, emptied)
            os.fdatasync(armed.file.fd)
        except OSError:
            time.sleep(_REPORT_PAUSE_S)
        else:
            return
