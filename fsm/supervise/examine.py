"""Looking at an execution: its life lock first, then its report. The other way round, one that ends in between would
look as if it had left none."""

from __future__ import annotations

import os
import time

from fsm.model.facts import Execution, Finding
from fsm.supervise.armingfile import Unreadable
from fsm.supervise.folder import DataFolder
from fsm.supervise.locks import lock_open_file, names_file
from fsm.supervise.processes import is_alive
from fsm.supervise.report import Contents, read_contents

_TORN_TRIES, _TORN_PAUSE_S = 5, 0.001  # a part of a live report that is just being written is whole a moment later


class Look:
    """`fsm.ports.Examination`. Keeps the life lock, shared, until it is closed.

    Shared, so that two who look don't take each other for the supervisor, which alone holds it exclusively.
    `contents` is all that the file said; `dying`: the lock is held though its supervisor's process is gone (its
    child between fork and exec), which a moment later is over.
    """

    def __init__(
        self, finding: Finding, fd: int | None, contents: Contents | None = None, *, dying: bool = False
    ) -> None:
        self._finding, self._fd = finding, fd
        self.contents = contents
        self.dying = dying

    @property
    def finding(self) -> Finding:
        """What was found."""
        return self._finding

    def close(self) -> None:
        """Let the life lock go. Closing twice is harmless."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def look(folder: DataFolder, execution: Execution, boot_id: str) -> Look:
    """Examine an execution. Raises OSError where the disk can't be read: nothing is known then."""
    arming = execution.arming
    if arming.in_process:
        return Look(Finding(arming.boot_id == boot_id and is_alive(arming.pid, arming.pid_start)), None)
    path = folder.arming_file(execution.job, execution.number, arming.nonce)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return _without_file(execution, boot_id)
    try:
        held = not lock_open_file(fd, shared=True)
        if not held and not names_file(fd, path):
            os.close(fd)  # removed meanwhile, so the lock says nothing
            return _without_file(execution, boot_id)
        if held and arming.boot_id == boot_id:
            return _alive(execution, fd)
        return _gone(execution, fd)
    except BaseException:
        os.close(fd)
        raise


def _without_file(execution: Execution, boot_id: str) -> Look:
    """Somebody removed it. Its supervisor, if it is there, goes on and cannot report; its end is still an event."""
    arming = execution.arming
    return Look(Finding(arming.boot_id == boot_id and is_alive(arming.pid, arming.pid_start)), None)


def _alive(execution: Execution, fd: int) -> Look:
    arming = execution.arming
    contents = None
    for _ in range(_TORN_TRIES):
        try:
            contents = read_contents(fd, arming.nonce)
            break
        except Unreadable:
            time.sleep(_TORN_PAUSE_S)
    os.close(fd)
    report = contents.report if contents else None
    dying = not is_alive(arming.pid, arming.pid_start)
    return Look(Finding(alive=True, report=report), None, contents, dying=dying)


def _gone(execution: Execution, fd: int) -> Look:
    """The lock is ours, or of another boot, which comes to the same: whoever wrote it writes no more."""
    try:
        contents = read_contents(fd, execution.arming.nonce)
    except Unreadable:
        return Look(Finding(alive=False, unreadable=True), fd)
    report = contents.report
    said_anything = report is not None and (report.verdict is not None or report.emptied is not None)
    return Look(Finding(alive=False, report=report if said_anything else None), fd, contents)
