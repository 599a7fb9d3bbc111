"""The pages of a journal's file as they lie on the disk, below anything that SQLite would refuse to read.

A page is taken from the write-ahead log where a committed transaction of it has the page, else from the file. Nothing
is trusted but lengths and the log's own checksums, in the formats of https://sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"SQLite format 3\x00"
PAGE_SIZE = 4096
"""SQLite's own default, which every journal has; taken where the header does not say it any more."""

_WAL_HEADER, _FRAME_HEADER = 32, 24
_WAL_MAGIC = (0x377F0682, 0x377F0683)  # checksums of little-endian words, of big-endian ones
_WORDS = 0xFFFFFFFF


def header_page_size(start: bytes) -> int | None:
    """The page size that the first bytes of a file, or of a log, give; None where they give none that can be."""
    if start[:16] == MAGIC and len(start) >= 18:
        size = int.from_bytes(start[16:18], "big")
        size = 65_536 if size == 1 else size
    elif len(start) >= 12 and int.from_bytes(start[:4], "big") in _WAL_MAGIC:
        size = int.from_bytes(start[8:12], "big")
    else:
        return None
    return size if 512 <= size <= 65_536 and size & (size - 1) == 0 else None


class Pages:
    """The pages of one file, by number from 1. `file` stays open: closing it would drop SQLite's locks on it."""

    def __init__(self, file: BinaryIO, log_path: str) -> None:
        self._file = file
        self._log: BinaryIO | None = None
        self._in_log: dict[int, int] = {}  # page -> where its newest committed content begins in the log
        try:
            self._log = open(log_path, "rb")  # noqa: SIM115  # as long as the pages are read
        except FileNotFoundError:
            log_start = b""
        else:
            log_start = self._log.read(_WAL_HEADER)
        file_start = os.pread(file.fileno(), 100, 0)
        self.size = header_page_size(file_start) or header_page_size(log_start) or PAGE_SIZE
        reserved = file_start[20] if header_page_size(file_start) and len(file_start) == 100 else 0
        self.usable = self.size - reserved if reserved < 100 else self.size
        self._in_file = -(-os.fstat(file.fileno()).st_size // self.size)
        if self._log is not None and header_page_size(log_start) == self.size:
            self._read_log(self._log, log_start)

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            self._log.close()

    def numbers(self) -> Iterator[int]:
        """Every page there is, of the file and of the log."""
        yield from range(1, self._in_file + 1)
        yield from sorted(number for number in self._in_log if number > self._in_file)

    def page(self, number: int) -> bytes:
        """Its content, filled up with zeros where the file ends before it does; all zeros for one that is nowhere."""
        place = self._in_log.get(number)
        if place is not None and self._log is not None:
            data = os.pread(self._log.fileno(), self.size, place)
        else:
            data = os.pread(self._file.fileno(), self.size, (number - 1) * self.size) if number > 0 else b""
        return data.ljust(self.size, b"\x00")

    def _read_log(self, log: BinaryIO, start: bytes) -> None:
        """Find the newest committed content of each page, as SQLite's own recovery does: up to the first frame that
        was not wholly written, as its salts and the running checksum tell."""
        order = ">" if int.from_bytes(start[:4], "big") == _WAL_MAGIC[1] else "<"
        salts = start[16:24]
        if len(start) < _WAL_HEADER or (sums := _checksum(order, start[:24], (0, 0))) != _stored(start[24:32]):
            return
        uncommitted: dict[int, int] = {}
        place = _WAL_HEADER
        while True:
            frame = os.pread(log.fileno(), _FRAME_HEADER + self.size, place)
            if len(frame) < _FRAME_HEADER + self.size or frame[8:16] != salts:
                return
            sums = _checksum(order, frame[:8], sums)
            sums = _checksum(order, frame[_FRAME_HEADER:], sums)
            if sums != _stored(frame[16:24]):
                return
            number, pages_after = struct.unpack(">II", frame[:8])
            uncommitted[number] = place + _FRAME_HEADER
            if pages_after:  # a commit
                self._in_log.update(uncommitted)
                uncommitted.clear()
            place += len(frame)


def _stored(eight: bytes) -> tuple[int, int]:
    first, second = struct.unpack(">II", eight)
    return first, second


def _checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """The log's checksum over `data`, going on from `sums`: section 4.2 of the file format."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    first, second = sums
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _WORDS
        second = (second + odd + first) & _WORDS
    return first, second
