"""The command: a fork of the supervisor that becomes it. What goes wrong on the way comes back as a sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
from typing import NoReturn

from fsm.supervise.cgroup import Cgroup
from fsm.supervise.kernel import die_with_parent, set_mask
from fsm.supervise.sent import SentOrder

_AT_FOLDER, _AT_PROGRAM, _AT_SETUP = b"d", b"p", b"s"
_NOT_HERE = (errno.ENOENT, errno.ENOTDIR)  # look for the program further along PATH


class Started:
    """The pid of the command, the pipe of its output, one that closes on exec or says why not, and, for an agent only,
    one of its standard error: what it answers must not be mixed with that."""

    __slots__ = ("errors", "failed", "output", "pid")

    def __init__(self, pid: int, output: int, failed: int, errors: int | None) -> None:
        self.pid, self.output, self.failed, self.errors = pid, output, failed, errors


def start(order: SentOrder, slot: int, close: int, cgroup: Cgroup | None) -> Started:
    """Fork and become the command.

    `slot` is the one descriptor besides 0, 1 and 2 that the command inherits (the slot lock), unless what it leaves
    behind may stay: that would hold the lock for as long. `close` is closed before anything that could hang (the life
    lock). Until it has become the command, each page that either of the two
    touches is copied: whoever called should wait for the second pipe first. Raises OSError where no process can be
    forked.
    """
    output, into_output = os.pipe2(os.O_CLOEXEC)
    failed, into_failed = os.pipe2(os.O_CLOEXEC)
    errors, into_errors = os.pipe2(os.O_CLOEXEC) if order.agent is not None else (None, into_output)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        for fd in {output, into_output, failed, into_failed, into_errors, errors}:
            if fd is not None:
                os.close(fd)
        raise
    if pid == 0:
        _become(order, parent, slot, close, cgroup, into_output, into_errors, into_failed)
    os.close(into_output)
    os.close(into_failed)
    os.set_blocking(output, False)
    os.set_blocking(failed, False)
    if errors is not None:
        os.close(into_errors)
        os.set_blocking(errors, False)
    return Started(pid, output, failed, errors)


def _become(
    order: SentOrder, parent: int, slot: int, close: int, cgroup: Cgroup | None, output: int, errors: int, failed: int
) -> NoReturn:
    """In the child, from fork to exec. If it stops here nothing was executed."""
    where = _AT_SETUP
    try:
        os.close(close)
        os.setsid()
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it ended before the kernel knew that we want to go with it
        if cgroup is not None:
            with contextlib.suppress(OSError):  # never a reason to fail a run: cookie and descent are left
                cgroup.enter()
        os.dup2(output, 1)
        os.dup2(errors, 2)
        if not order.keep:
            os.set_inheritable(slot, True)
        set_mask(signal.SIG_SETMASK, ())  # none is ignored: the fork server has seen to that
        for name, text in order.env:
            os.putenv(name, text)
        where = _AT_FOLDER
        if order.cwd is not None:
            os.chdir(order.cwd)
        where = _AT_PROGRAM
        number = _exec(order)
    except OSError as error:
        number = error.errno or errno.EIO
    except BaseException:
        number = errno.EIO
    try:
        os.write(failed, where + str(number).encode())
    finally:
        os._exit(1)


def _exec(order: SentOrder) -> int:
    """Try each place; the errno that says most where none will do. As execvp(3): EACCES over ENOENT."""
    answer = errno.ENOENT
    for path in order.programs:
        try:
            os.execv(path, order.argv)
        except OSError as error:
            if error.errno == errno.EACCES:
                answer = errno.EACCES
            elif error.errno not in _NOT_HERE:
                return error.errno or errno.EIO
            elif os.path.exists(path):
                return errno.ENOEXEC  # it is there, so what is missing is its interpreter
    return answer


def why_not_started(message: bytes, order: SentOrder) -> str:
    """The sentence for what a child wrote before it gave up."""
    number = int(message[1:] or b"5")
    program = order.argv[0].decode("utf-8", "replace")
    if message[:1] == _AT_FOLDER:
        folder = (order.cwd or b"").decode("utf-8", "replace")
        if number == errno.ENOENT:
            return f"no such directory: {folder}"
        return f"cannot change to directory {folder}: {os.strerror(number)}"
    if message[:1] != _AT_PROGRAM:
        return f"cannot start {program}: {os.strerror(number)}"
    if number == errno.ENOENT:
        return f"no such program: {program}"
    if number == errno.ENOEXEC:
        return f"cannot execute {program}: neither a binary for this machine nor a script whose interpreter exists"
    if number == errno.E2BIG:
        return f"cannot execute {program}: its arguments and environment are too large"
    if number == errno.EACCES and any(_is_folder(path) for path in order.programs):
        return f"cannot execute {program}: it is a directory"
    return f"cannot execute {program}: {os.strerror(number)}"


def _is_folder(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False
