"""The wake-up channel of a data folder: a FIFO, one line of JSON a message.

A message is only ever a hint; the truth is in the journal and the files. Each is at most 512 bytes, which a FIFO
takes whole or not at all (PIPE_BUF is at least 512).
"""

from __future__ import annotations

import errno
import json
import os
import stat
from enum import Enum
from typing import Any

MAX_MESSAGE = 512
_TO_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = 65536  # as much as a FIFO holds by default, so that one read empties it


class Sent(Enum):
    """What became of a message."""

    YES = "yes"
    FULL = "full"  # nobody has read for long; the same again later
    NOBODY = "nobody"  # no scheduler is up, which is no fault


def send(path: str, message: dict[str, object]) -> Sent:
    """Put a message into the FIFO without ever waiting. A missing FIFO is one that nobody reads.

    Raises ValueError for a message that is too long.
    """
    return send_line(path, json.dumps(message, separators=(",", ":")).encode("ascii"))


def send_line(path: str | bytes, line: bytes) -> Sent:
    """The same for a message that is JSON already."""
    line += b"\n"
    if len(line) > MAX_MESSAGE:
        raise ValueError(f"a message of {len(line)} bytes, of {MAX_MESSAGE} at most")
    try:
        fd = os.open(path, _TO_WRITE)
    except OSError:
        return Sent.NOBODY  # ENXIO: no reader; anything else: no channel, and a hint is not worth an error
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            return Sent.NOBODY
        os.write(fd, line)
    except OSError as error:
        return Sent.FULL if error.errno == errno.EAGAIN else Sent.NOBODY
    finally:
        os.close(fd)
    return Sent.YES


class PokeReader:
    """The reading end. Opened for writing too, so that it never sees an end and senders always find a reader."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(self._fd).st_mode):
            os.close(self._fd)
            raise OSError(errno.EINVAL, "it is not a FIFO", path)
        self._rest = b""

    def fileno(self) -> int:
        """Readable when a message is there."""
        return self._fd

    def read(self) -> list[dict[str, Any]]:
        """The messages that are there, in order; what is no message is skipped. Does not wait."""
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_MESSAGE:
            self._rest = b""
        messages = []
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                messages.append(message)
        return messages

    def close(self) -> None:
        """Let go of the FIFO."""
        os.close(self._fd)
