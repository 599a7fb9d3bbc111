"""The fork server: a small process that has imported all a supervisor needs, and forks one for each order.

A run then pays a fork instead of a Python start. It ends when the scheduler's end of the socket closes; the
supervisors outlive both. Of the scheduler it only ever receives the reading ends of go pipes.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

from fsm.supervise.kernel import set_name, signal_descriptor
from fsm.supervise.sent import receive
from fsm.supervise.supervisor import supervise
from fsm.supervise.waiting import SIGNALS


def main(argv: list[str]) -> None:
    """Serve the socket whose descriptor number is the first argument, until it closes.

    The second one is ``drop_lc_ctype`` where Python itself has put LC_CTYPE into the environment (PEP 538), which is
    not the commands' business.
    """
    channel = socket.socket(fileno=int(argv[0]))
    if "drop_lc_ctype" in argv[1:]:
        os.environ.pop("LC_CTYPE", None)
    signals = _prepare_signals()
    set_name("cronfsm-superv")
    gc.collect()
    gc.disable()  # a supervisor makes no cycles, and a collection would copy every page of it
    gc.freeze()
    while True:
        received = receive(channel)
        if received is None:
            return
        _fork(channel, signals, *received)


def _prepare_signals() -> int:
    """A signalfd for the supervisors: what they listen to is blocked here, so that there is no moment before that.

    So ctrl-C and TERM don't end this process either; the end of the scheduler does. SIGPIPE and SIGXFSZ are blocked
    rather than ignored: all the same an errno, and nothing that a command would have to be rid of.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS | {signal.SIGPIPE, signal.SIGXFSZ})
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel collects supervisors that have ended
    return signal_descriptor(SIGNALS)


def _fork(channel: socket.socket, signals: int, raw: bytes, fds: list[int]) -> None:
    """Fork a supervisor. If that fails the pipe is closed, and the launcher sees that nobody reads it."""
    try:
        if raw and len(fds) == 1 and os.fork() == 0:
            channel.close()
            supervise(raw, fds[0], signals)
    except OSError:
        pass  # too many processes: the next order may find room
    finally:
        for fd in fds:
            os.close(fd)


if __name__ == "__main__":
    main(sys.argv[1:])
