"""What the tests of supervision share: a launcher with real processes, driven by its events, and a way to hear from
commands. Every wait is for an event and has a bound that only a broken program reaches."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fsm.instants import Deadline
from fsm.model.facts import Armed, ArmFailed, Execution, Fact, Finding, Order, Searched
from fsm.realtime import SystemClock
from fsm.supervise.folder import DataFolder
from fsm.supervise.launcher import ProcessLauncher
from fsm.supervise.processes import all_pids, is_alive, send_signal, stat_of

BOUND_S = 120.0  # a wait that takes this long has failed
CLOCK = SystemClock()
SECOND = 1_000_000
MINUTE = 60 * SECOND


def in_us(delay_us: int) -> Deadline:
    """The deadline so many microseconds from now."""
    return Deadline.after(CLOCK.now(), delay_us)


class Bench:
    """One data folder, one launcher at a time, and everything that was started through them."""

    def __init__(self, root: Path, environ: dict[str, str] | None = None) -> None:
        self.root = root
        self.folder = DataFolder(root / "data")
        self.folder.create()
        self.environ = {**os.environ, "CRONFSM_CGROUP": "off"} if environ is None else environ
        self.launcher = self.new_launcher()
        self.seen: list[Fact] = []
        self.executions: list[Execution] = []
        self._numbers: dict[str, int] = {}

    def new_launcher(self) -> ProcessLauncher:
        return ProcessLauncher(self.folder, CLOCK, environ=self.environ)

    # ---- facts

    def next_fact(self, wanted: Callable[[Fact], bool], within_s: float = BOUND_S) -> Fact:
        """The first fact that fits, of those not asked for yet; others are kept for later."""
        until = time.monotonic() + within_s
        while True:
            for fact in self.seen:
                if wanted(fact):
                    self.seen.remove(fact)
                    return fact
            left = until - time.monotonic()
            assert left > 0, f"no such fact within {within_s} s; there were {self.seen}"
            select.select([self.launcher], [], [], left)
            self.seen.extend(self.launcher.facts())

    def order(self, *command: str, **more: object) -> Order:
        """An order with the usual values; any field can be given."""
        job = str(more.pop("job", "job"))
        self._numbers[job] = number = int(str(more.pop("number", self._numbers.get(job, 0) + 1)))
        fields: dict[str, object] = {
            "nonce": secrets.token_hex(8),
            "attempt": 1,
            "scheduled_for": None,
            "session_key": f"cron:{job}:run:{number}",
            "command": command or None,
            "shell": None,
            "env": (),
            "cwd": None,
            "grace_us": 200_000,
            "output_limit": 1_000_000,
            "arm_by": in_us(20 * SECOND),
        }
        return Order(job=job, number=number, **{**fields, **more})  # type: ignore[arg-type]

    def answer(self, order: Order) -> Armed | ArmFailed:
        """Arm, and wait for what comes of it."""
        self.launcher.arm(order)
        return self.wait_answer(order)

    def wait_answer(self, order: Order) -> Armed | ArmFailed:
        def fits(fact: Fact) -> bool:
            if isinstance(fact, Armed):
                return fact.execution.arming.nonce == order.nonce
            return isinstance(fact, ArmFailed) and fact.nonce == order.nonce

        fact = self.next_fact(fits)
        assert isinstance(fact, Armed | ArmFailed)
        if isinstance(fact, Armed):
            self.executions.append(fact.execution)
        return fact

    def armed(self, *command: str, **more: object) -> Execution:
        fact = self.answer(self.order(*command, **more))
        assert isinstance(fact, Armed), fact
        return fact.execution

    def started(self, *command: str, timeout_us: int = MINUTE, **more: object) -> Execution:
        """Armed and told to go."""
        execution = self.armed(*command, **more)
        self.launcher.go(execution, in_us(timeout_us))
        return execution

    def look(self, execution: Execution) -> Finding:
        examination = self.launcher.examine(execution)
        examination.close()
        return examination.finding

    def until(self, execution: Execution, true: Callable[[Finding], bool], within_s: float = BOUND_S) -> Finding:
        """The finding that fits, looked for whenever something is said to have changed."""
        until = time.monotonic() + within_s
        while True:
            finding = self.look(execution)
            if true(finding):
                return finding
            self.changed(execution, until - time.monotonic())

    def changed(self, execution: Execution, within_s: float = BOUND_S) -> None:
        self.next_fact(lambda fact: getattr(fact, "nonce", None) == execution.arming.nonce, within_s)

    def ended(self, execution: Execution) -> Finding:
        """What is found once its supervisor is gone."""
        return self.until(execution, lambda finding: not finding.alive)

    def ran(self, *command: str, **more: object) -> Finding:
        """All of it: armed, told to go, ended."""
        return self.ended(self.started(*command, **more))  # type: ignore[arg-type]

    def searched(self, execution: Execution) -> Searched:
        self.launcher.search(execution)
        nonce = execution.arming.nonce
        fact = self.next_fact(lambda fact: isinstance(fact, Searched) and fact.nonce == nonce)
        assert isinstance(fact, Searched)
        return fact

    # ---- the world

    def channel(self, name: str = "said") -> Heard:
        """A FIFO that commands may write lines into, and the test reads."""
        return Heard(self.root / name)

    def path(self, execution: Execution) -> Path:
        return Path(self.folder.run_folder(execution.job, execution.number))

    def output(self, execution: Execution) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.path(execution).glob("out.*"), key=_offset))

    def close(self) -> None:
        """End what a test has left, by its supervisor and by its cookie."""
        self.launcher.close()
        for execution in self.executions:
            arming = execution.arming
            send_signal(arming.pid, arming.pid_start, signal.SIGKILL)
            for pid in processes_with(self.folder.token(arming.nonce)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _offset(path: Path) -> int:
    return int(path.name.removeprefix("out."))


class Heard:
    """The reading end of a FIFO."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""

    def has_line(self, within_s: float) -> bool:
        """Whether a command has written one, or does so soon enough."""
        until = time.monotonic() + within_s
        while b"\n" not in self._rest and (left := until - time.monotonic()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                self._rest += os.read(self._fd, 65536)
        return b"\n" in self._rest

    def line(self, within_s: float = BOUND_S) -> str:
        """The next line that a command wrote."""
        assert self.has_line(within_s), f"nobody said anything; so far {self._rest!r}"
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def close(self) -> None:
        os.close(self._fd)


def python(source: str, *arguments: str | Path) -> tuple[str, ...]:
    """A command that runs this Python source with these arguments."""
    return (sys.executable, "-I", "-S", "-c", source, *map(str, arguments))


def processes_with(token: str) -> list[int]:
    """The pids of living processes that carry this cookie."""
    cookie = f"CRONFSM_RUN_TOKEN={token}".encode()
    found = []
    for pid in all_pids():
        stat = stat_of(pid)
        with contextlib.suppress(OSError):
            if stat is not None and not stat.dead and cookie in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def wait_gone(pid: int, within_s: float = BOUND_S) -> None:
    """Wait for the end of a process that need not be our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        stat = stat_of(pid)
        if stat is not None and not stat.dead:
            assert select.select([fd], [], [], within_s)[0], f"process {pid} is still there: {stat}"
    finally:
        os.close(fd)


def wait_stopped(pid: int, within_s: float = BOUND_S) -> None:
    """Wait until a process that was sent a SIGSTOP stands still."""
    until = time.monotonic() + within_s
    while (stat := stat_of(pid)) is not None and stat.state not in "TtZX":
        assert time.monotonic() < until, f"process {pid} does not stop"
        time.sleep(0.001)


def lives(pid: int) -> bool:
    stat = stat_of(pid)
    return stat is not None and is_alive(pid, stat.start)
