"""Where a process is to be killed or stopped: a ticket, which one process takes when it comes by.

Imported by the fork server, which sees neither the site's packages nor the environment: nothing but `os` and `signal`.
A place where there is no ticket costs one system call.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

KILL, STOP, SAY = b"kill", b"stop", b"say"
"""What a ticket asks for: an end at once, a halt (SIGSTOP) until somebody ends or continues the process, or nothing
but a word that somebody came by."""

Make = Callable[..., Any]
Fits = Callable[[Any, tuple[Any, ...]], object]


class Tickets:
    """`folder` holds the tickets, each a file with the name of its window; `said` is a FIFO that somebody reads."""

    def __init__(self, folder: str, said: str) -> None:
        self.folder, self._said = folder, said

    def at(self, window: str) -> None:
        """This process is in that window now. If there is a ticket for it, it says so and does what it asks for."""
        ticket = os.path.join(self.folder, window)
        taken = f"{ticket}.{os.getpid()}"
        try:
            os.rename(ticket, taken)  # only one process gets it
        except FileNotFoundError:
            return
        with open(taken, "rb") as file:
            what = file.read()
        os.unlink(taken)
        self.say(b'"window":"%b","what":"%b"' % (window.encode(), what))
        if what == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == STOP:
            os.kill(os.getpid(), signal.SIGSTOP)

    def say(self, fields: bytes) -> None:
        """A line for whoever reads the FIFO, with the pid and the start time of this process."""
        with open("/proc/self/stat", "rb") as file:
            start = file.read().rpartition(b")")[2].split()[19]
        line = b'{%b,"pid":%d,"start":%b}\n' % (fields, os.getpid(), start)
        try:
            fd = os.open(self._said, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return  # the test is over
        try:
            os.write(fd, line)
        finally:
            os.close(fd)

    def after(self, owner: Any, name: str, window: str, fits: Fits | None = None) -> None:
        """The window is right behind this function; `fits(result, arguments)` says when."""

        def make(real: Make) -> Make:
            def call(*arguments: Any, **named: Any) -> Any:
                result = real(*arguments, **named)
                if fits is None or fits(result, arguments):
                    self.at(window)
                return result

            return call

        replace(owner, name, make)

    def before(self, owner: Any, name: str, window: str, fits: Fits | None = None) -> None:
        """The window is right before this function."""

        def make(real: Make) -> Make:
            def call(*arguments: Any, **named: Any) -> Any:
                if fits is None or fits(None, arguments):
                    self.at(window)
                return real(*arguments, **named)

            return call

        replace(owner, name, make)


def replace(owner: Any, name: str, make: Callable[[Make], Make]) -> None:
    """Put `make(real)` into the place of a function of a module or class."""
    setattr(owner, name, make(getattr(owner, name)))
