"""The command: a fork of the supervisor that becomes it. What goes wrong on the way comes back as a sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import stat
from typing import NoReturn

from fsm.supervise.cgroup import Cgroup
from fsm.supervise.kernel import die_with_parent, set_mask

_AT_FOLDER, _AT_PROGRAM, _AT_SETUP = b"d", b"p", b"s"
_EXEC_WAIT_MS = 20
_NOT_HERE = (errno.ENOENT, errno.ENOTDIR)  # look for the program further along PATH


class Plan:
    """All that is needed to become the command, worked out before the fork."""

    __slots__ = ("argv", "cwd", "env", "programs")

    def __init__(self, argv: list[str], programs: list[str], env: list[tuple[str, str]], cwd: str | None) -> None:
        """`programs`: the places to look for it, in order; `env`: what is added to the environment of this process."""
        self.argv, self.programs, self.env, self.cwd = argv, programs, env, cwd


class Started:
    """A forked command. `failed` is the reading end of a pipe that closes on exec, or says why there was none."""

    def __init__(self, pid: int, output: int, failed: int) -> None:
        self.pid, self.output, self.failed = pid, output, failed


def start(plan: Plan, keep: int, close: list[int], cgroup: Cgroup | None) -> Started:
    """Fork and become the command.

    `keep` is the one descriptor besides 0, 1 and 2 that the command inherits (the slot lock); those in `close` are
    closed before anything that could hang (the life lock). Raises OSError where no process can be forked.
    """
    output, into_output = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(output, False)
    failed, into_failed = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        for fd in (output, into_output, failed, into_failed):
            os.close(fd)
        raise
    if pid == 0:
        _become(plan, parent, keep, close, cgroup, into_output, into_failed)
    os.close(into_output)
    os.close(into_failed)
    os.set_blocking(failed, False)
    _let_it_exec(failed)
    return Started(pid, output, failed)


def _let_it_exec(failed: int) -> None:
    """Until the child has become the command, each page that either touches is copied; it is a matter of a millisecond.

    One that takes longer (a program on a slow disk) is not waited for: signals and deadlines must be heard.
    """
    poll = select.poll()
    poll.register(failed, select.POLLIN)
    poll.poll(_EXEC_WAIT_MS)


def _become(
    plan: Plan, parent: int, keep: int, close: list[int], cgroup: Cgroup | None, output: int, failed: int
) -> NoReturn:
    """In the child, from fork to exec. If it stops here nothing was executed."""
    where = _AT_SETUP
    try:
        for fd in close:
            os.close(fd)
        os.setsid()
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it ended before the kernel knew that we want to go with it
        if cgroup is not None:
            with contextlib.suppress(OSError):  # never a reason to fail a run: cookie and descent are left
                cgroup.enter()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(keep, True)
        set_mask(signal.SIG_SETMASK, ())  # none is ignored: the fork server has seen to that
        for name, text in plan.env:
            os.putenv(name, text)
        where = _AT_FOLDER
        if plan.cwd is not None:
            os.chdir(plan.cwd)
        where = _AT_PROGRAM
        number = _exec(plan)
    except OSError as error:
        number = error.errno or errno.EIO
    except BaseException:
        number = errno.EIO
    try:
        os.write(failed, where + str(number).encode())
    finally:
        os._exit(1)


def _exec(plan: Plan) -> int:
    """Try each place; the errno that says most where none will do. As execvp(3): EACCES over ENOENT."""
    answer = errno.ENOENT
    for path in plan.programs:
        try:
            os.execv(path, plan.argv)
        except OSError as error:
            if error.errno == errno.EACCES:
                answer = errno.EACCES
            elif error.errno not in _NOT_HERE:
                return error.errno or errno.EIO
            elif os.path.exists(path):
                return errno.ENOEXEC  # it is there, so what is missing is its interpreter
    return answer


def why_not_started(message: bytes, plan: Plan) -> str:
    """The sentence for what a child wrote before it gave up."""
    number = int(message[1:] or b"5")
    program = plan.argv[0]
    if message[:1] == _AT_FOLDER:
        if number == errno.ENOENT:
            return f"no such directory: {plan.cwd}"
        return f"cannot change to directory {plan.cwd}: {os.strerror(number)}"
    if message[:1] != _AT_PROGRAM:
        return f"cannot start {program}: {os.strerror(number)}"
    if number == errno.ENOENT:
        return f"no such program: {program}"
    if number == errno.ENOEXEC:
        return f"cannot execute {program}: neither a binary for this machine nor a script whose interpreter exists"
    if number == errno.E2BIG:
        return f"cannot execute {program}: its arguments and environment are too large"
    if number == errno.EACCES and any(_is_folder(path) for path in plan.programs):
        return f"cannot execute {program}: it is a directory"
    return f"cannot execute {program}: {os.strerror(number)}"


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False
