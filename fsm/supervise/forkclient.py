"""The launcher's side of a fork server: one object is one process, used until it is gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping

from fsm.supervise.sent import packets

_START = "import sys; sys.path.append(sys.argv[2]); from fsm.supervise.forkserver import main; main(sys.argv[1:])"
_END_WAIT_S = 2.0  # it has nothing to do but to see that its socket closed


class ForkServer:
    """Starts at once; orders wait in the socket until it has imported what it needs. Raises OSError."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        flags = [] if "LC_CTYPE" in environ else ["drop_lc_ctype"]
        try:
            # -I: nothing of the user's environment or folder decides what is imported; -S: nothing is, beyond need
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", "-c", _START, str(theirs.fileno()), root, *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environ),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # ctrl-C in a terminal is not meant for runs
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._channel = ours
        self._queue: deque[tuple[bytes, int | None]] = deque()
        self._alive = True

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """Readable once the process is gone; writable when the queue can be flushed."""
        return self._channel.fileno()

    @property
    def waiting(self) -> bool:
        """Whether something could not be sent yet."""
        return bool(self._queue)

    def alive(self) -> bool:
        """Whether it is there, as far as the socket says. Once False, always False."""
        if self._alive:
            try:
                self._alive = self._channel.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
            except BlockingIOError:
                pass
            except OSError:
                self._alive = False
        return self._alive

    def send(self, order: bytes, go: int) -> None:
        """Send an order and the reading end of its go pipe, which is closed here once it is on its way. Never waits.

        What is not sent when the server ends is lost with it: the pipe then has no reader.
        """
        parts = packets(order)
        self._queue.extend((part, None) for part in parts[:-1])
        self._queue.append((parts[-1], go))
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes now."""
        while self._queue:
            data, fd = self._queue[0]
            try:
                socket.send_fds(self._channel, [data], [] if fd is None else [fd])
            except BlockingIOError:
                return
            except OSError:
                self._alive = False
                self._drop_queue()
                return
            self._queue.popleft()
            if fd is not None:
                os.close(fd)

    def _drop_queue(self) -> None:
        for _, fd in self._queue:
            if fd is not None:
                os.close(fd)
        self._queue.clear()

    def retire(self, *, kill: bool = False) -> None:
        """Let it end: supervisors that it has forked live on. `kill`: also if it does not listen any more."""
        self._drop_queue()
        self._channel.close()
        self._alive = False
        if kill:
            self._process.kill()

    def collect(self, wait_s: float = 0.0) -> bool:
        """Take the end of the process from the kernel; True once that is done. Only after `retire`."""
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Retire it and wait for its end, two seconds at most; it is killed then."""
        self.retire()
        if not self.collect(_END_WAIT_S):
            self._process.kill()
            self._process.wait()
