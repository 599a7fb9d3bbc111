"""The supervisor of one arming: armed, told to go or not, and a report in every case.

States: forked -> armed -> (disarmed | executing -> ending) -> reported. The steps, and what holds if the process
stops after each, stand in specs/supervision.md. It imports as little as it can, all of it before it is forked.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn

from fsm.supervise import mailbox, poke
from fsm.supervise.arming import Armed, NotArmed, TakenBack, arm
from fsm.supervise.armingfile import emptied_part, json_text, verdict_part
from fsm.supervise.execution import Execution, write_report
from fsm.supervise.kernel import become_subreaper, default_signal
from fsm.supervise.sent import SentOrder
from fsm.supervise.waiting import STOP_SIGNAL, Waiter, boot_us, utc_us

_SAY_AGAIN_US = 1_000_000  # a message is only a hint: until a go comes, `armed` is said once a second
_FULL_AGAIN_US = 20_000  # the channel was full
_BUSY_PAUSE_US = 20_000  # the mailbox was busy
_MAX_ERROR = 360  # bytes as JSON; a message is 512, a nonce 64 at most
_CHANNEL_TRIES, _CHANNEL_PAUSE_S = 50, 0.02  # a second for the last word of a supervisor that could not arm


def supervise(raw: bytes, go: int, signals: int) -> NoReturn:
    """The life of a supervisor, in the process that was forked for it. `signals` is a signalfd of `SIGNALS`."""
    code = 1
    order = None
    try:
        os.setsid()
        become_subreaper()
        default_signal(signal.SIGCHLD)  # the fork server's children are nobody's zombies; ours are
        order = SentOrder.decode(raw)
        _Supervisor(order, go, signals).run()
        code = 0
    except BaseException as error:
        _note_crash(order, error)
    finally:
        os._exit(code)


class _Supervisor:
    __slots__ = ("_go", "_order", "_waiter")

    def __init__(self, order: SentOrder, go: int, signals: int) -> None:
        self._order, self._go = order, go
        self._waiter = Waiter(signals)
        self._waiter.add(go)
        os.set_blocking(go, False)

    def run(self) -> None:
        try:
            armed = arm(self._order, self._go, self._waiter)
        except TakenBack:
            return
        except NotArmed as error:
            self._say_not_armed(error)
            return
        except Exception as error:
            self._say_not_armed(NotArmed(f"a mistake in the supervisor: {type(error).__name__}: {error}"))
            raise
        verdict, run_by_us = self._wait_for_go(armed)
        self._waiter.remove(self._go)
        os.close(self._go)
        if verdict is not None:
            if armed.cgroup is not None:
                armed.cgroup.remove()
            write_report(armed, verdict, emptied_part(utc_us()))
        else:
            Execution(self._order, armed, self._waiter, run_by_us, self._say_changed).run()
        # S12. If the process stops in between: the kernel closes what is left, and the report is complete.
        os.close(armed.slot)
        armed.file.close()
        self._say_changed()

    def _wait_for_go(self, armed: Armed) -> tuple[bytes | None, int]:
        """S4, S5: (None, run_by) to execute, or (verdict, 0) to leave it."""
        order, waiter = self._order, self._waiter
        say_at = 0
        while True:
            now = boot_us()
            if now >= order.arm_by_us:
                return self._left("no go came within its arm deadline"), 0
            if now >= say_at:
                sent = self._say_armed(armed)
                say_at = now + (_FULL_AGAIN_US if sent is poke.Sent.FULL else _SAY_AGAIN_US)
            ready = waiter.wait(min(order.arm_by_us, say_at))
            if waiter.told_to_end:
                return verdict_part("reap", "host_stop", utc_us()), 0
            if STOP_SIGNAL in waiter.signals:
                reason = mailbox.stop_in(order.mailbox)
                if reason is not None:
                    return verdict_part("reap", reason, utc_us()), 0
            if self._go in ready:
                return self._hear()

    def _hear(self) -> tuple[bytes | None, int]:
        """What stands in the go pipe, and whether it may be followed. Stop beats go, however late the go comes."""
        order = self._order
        words = os.read(self._go, 256).split()
        if not words:
            return self._left("whoever armed it took it back, or ended"), 0
        if len(words) != 3 or words[:2] != [b"go", order.nonce] or not words[2].isdigit():
            return self._left("what it was told is no go for this arming"), 0
        while True:
            if boot_us() >= order.arm_by_us:
                return self._left("the go came after its arm deadline"), 0
            try:
                may, reason = mailbox.begin(order.mailbox)
            except mailbox.Damaged as error:
                return self._left(str(error)), 0
            if reason is not None:
                return verdict_part("reap", reason, utc_us()), 0
            if may:
                return None, int(words[2])
            self._waiter.wait(min(order.arm_by_us, boot_us() + _BUSY_PAUSE_US))
            if self._waiter.told_to_end:
                return verdict_part("reap", "host_stop", utc_us()), 0

    @staticmethod
    def _left(why: str) -> bytes:
        return verdict_part("fail", "start_failed", utc_us(), error=f"not told to go: {why}")

    def _say_armed(self, armed: Armed) -> poke.Sent:
        line = b'{"about":"armed","nonce":"%b","pid":%d,"pid_start":%d,"cgroup":%b}'
        in_cgroup = b"true" if armed.cgroup else b"false"
        return poke.send_line(self._order.poke, line % (self._order.nonce, os.getpid(), armed.pid_start, in_cgroup))

    def _say_changed(self) -> bool:
        """False if it has to be said again."""
        line = b'{"about":"changed","nonce":"%b"}' % self._order.nonce
        return poke.send_line(self._order.poke, line) is not poke.Sent.FULL

    def _say_not_armed(self, error: NotArmed) -> None:
        text, busy = json_text(error.error, _MAX_ERROR).encode("ascii"), b"true" if error.busy else b"false"
        line = b'{"about":"not_armed","nonce":"%b","busy":%b,"error":%b}' % (self._order.nonce, busy, text)
        for _ in range(_CHANNEL_TRIES):
            if poke.send_line(self._order.poke, line) is not poke.Sent.FULL:
                return
            time.sleep(_CHANNEL_PAUSE_S)


def _note_crash(order: SentOrder | None, error: BaseException) -> None:
    """A mistake in this program: leave a trace beside the run. Nothing is judged by it."""
    lines = [f"{type(error).__name__}: {error}"]
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    text = ("\n".join(lines) + "\n").encode("utf-8", "replace")
    try:
        path = order.arming_file.removesuffix(b".arming") + b".crash" if order is not None else None
        fd = sys.stderr.fileno() if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, text)
    except (OSError, ValueError):
        pass
