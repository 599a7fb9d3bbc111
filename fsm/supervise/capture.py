"""A command's output, stdout and stderr together, kept within a limit: its head and its tail.

Chunks are files named by the offset of their first byte in the stream, ``out.0``, ``out.5000000``, …: the head takes
half of the limit, each tail chunk a quarter, and of those the last two are kept. So what is kept fits the limit, and
gaps are known from names and sizes. Nothing here ever makes the command wait, nor the run fail.
"""

from __future__ import annotations

import contextlib
import os

_PREFIX = "out."


class Capture:
    """Keeps output in chunks in `folder`. `total` counts all that came, `dropped` what no file would take."""

    def __init__(self, folder: str | bytes, limit: int) -> None:
        self.total = self.dropped = 0
        self._folder = os.fsencode(folder)
        self._head, self._tail = max(1, limit // 2), max(1, limit // 4)
        self._file: int | None = None
        self._room = 0
        self._chunks: list[bytes] = []  # the tail chunks that are there, oldest first

    def keep(self, output: bytes) -> None:
        """Take what came next."""
        data = memoryview(output)
        while data:
            if not self._room and not self._next_chunk():
                break
            taken = self._write(data[: self._room])
            self.total += taken
            self._room -= taken
            data = data[taken:]
            if not taken:
                self._close_chunk()  # what comes later begins a chunk of its own, so that names stay true
                break
        self.dropped += len(data)
        self.total += len(data)

    def _write(self, data: memoryview) -> int:
        assert self._file is not None
        try:
            return os.write(self._file, data)
        except OSError:
            return 0

    def _next_chunk(self) -> bool:
        self._close_chunk()
        path = os.path.join(self._folder, b"%b%d" % (_PREFIX.encode(), self.total))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError:
            return False
        self._room = self._tail if self.total else self._head
        if self.total:
            self._chunks.append(path)
            if len(self._chunks) > 2:
                with contextlib.suppress(OSError):
                    os.unlink(self._chunks.pop(0))
        return True

    def close(self) -> None:
        """Nothing comes any more."""
        self._close_chunk()

    def _close_chunk(self) -> None:
        self._room = 0
        if self._file is not None:
            os.close(self._file)
            self._file = None


def chunks(folder: str) -> list[tuple[int, str]]:
    """The chunks of a run, as (offset of the first byte, path), in order; none where there was no output."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    offsets = (name[len(_PREFIX) :] for name in names if name.startswith(_PREFIX))
    return sorted((int(offset), os.path.join(folder, f"{_PREFIX}{offset}")) for offset in offsets if offset.isdigit())
