"""Ending an execution from outside: a stop in its mailbox, or, where its supervisor is mute, a kill."""

from __future__ import annotations

import contextlib
import signal

from fsm.model.facts import Execution, StopAnswer
from fsm.model.states import Reason
from fsm.supervise import mailbox
from fsm.supervise.examine import look
from fsm.supervise.folder import DataFolder
from fsm.supervise.processes import is_alive, send_signal
from fsm.supervise.waiting import STOP_SIGNAL


def stop(folder: DataFolder, execution: Execution, reason: Reason, boot_id: str) -> StopAnswer:
    """Put a stop into the mailbox, then wake the supervisor. Waits 20 ms at most.

    If the process stops between the two: the stop is found at the deadline or the next signal; nobody has judged by it.
    Raises ValueError for a reason that no running run ends for, OSError where the disk can't be used.
    """
    examination = look(folder, execution, boot_id)
    examination.close()
    if not examination.finding.alive:
        return StopAnswer.GONE
    arming = execution.arming
    if arming.in_process:
        return StopAnswer.BUSY  # there is nobody to tell; its process ends it or ends itself
    try:
        put = mailbox.put_stop(folder.mailbox(execution.job, execution.number, arming.nonce), reason.value)
    except FileNotFoundError:
        # somebody removed the mailbox of a living supervisor: it will not execute any more, and whether it does
        # already can't be told from here
        return StopAnswer.BUSY
    if not put:
        return StopAnswer.BUSY
    with contextlib.suppress(PermissionError):
        send_signal(arming.pid, arming.pid_start, STOP_SIGNAL)
    return StopAnswer.PUT


def kill(execution: Execution, boot_id: str) -> None:
    """SIGKILL to a supervisor: to this very process or to none. Work in process is not ours to kill."""
    arming = execution.arming
    if arming.in_process or arming.boot_id != boot_id or not is_alive(arming.pid, arming.pid_start):
        return
    with contextlib.suppress(PermissionError):
        send_signal(arming.pid, arming.pid_start, signal.SIGKILL)
