"""Rules of the design, taken out of a fork server and the supervisors that it forks: what a test then sees go wrong
is what the rule is there for. Imported by the fork server: nothing that it does not have."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import fsm.supervise.mailbox as mailbox
from chaos.tickets import Make, replace
from fsm.supervise.armingfile import ArmingFile
from fsm.supervise.sent import SentOrder

_HOUR_US = 3_600_000_000


def _stop_beats_go() -> None:
    """A stop in the mailbox does not keep it from executing."""

    def make(real: Make) -> Make:
        def begin(path: str) -> tuple[bool, str | None]:
            may, reason = real(path)
            return (True, None) if reason is not None else (may, None)

        return begin

    replace(mailbox, "begin", make)


def _preallocated_report() -> None:
    """Each part of a report needs new room, as a file that is made for it would."""

    def make(real: Make) -> Make:
        def write(self: ArmingFile, offset: int, data: bytes) -> None:
            if offset:
                path = os.readlink(f"/proc/self/fd/{self.fd}") + ".fresh"
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    if os.write(fd, data) != len(data):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                finally:
                    os.close(fd)
                    os.unlink(path)
            real(self, offset, data)

        return write

    replace(ArmingFile, "_write", make)


def _arm_deadline() -> None:
    """An armed supervisor waits for its go however long that takes."""
    real = SentOrder.decode

    def decode(data: bytes) -> SentOrder:
        order = real(data)
        order.arm_by_us += _HOUR_US
        return order

    SentOrder.decode = staticmethod(decode)  # type: ignore[method-assign]


RULES: dict[str, Callable[[], None]] = {
    "stop_beats_go": _stop_beats_go,
    "preallocated_report": _preallocated_report,
    "arm_deadline": _arm_deadline,
}
