"""A run's captured output, read from its chunks: what is there, where something was left out, and what comes."""

from __future__ import annotations

import os
from collections.abc import Iterator

from attrs import frozen

from fsm.supervise.capture import chunks

_BITE = 1 << 20  # bytes read at once; output of any size passes through this much memory
_LISTINGS = 100  # in a row without an end: a command that rolls its tail faster than this reads is joined later


@frozen(slots=True)
class Piece:
    """Bytes of the stream from `offset` on, or, with `left_out`, how many were not kept there."""

    offset: int
    data: bytes = b""
    left_out: int = 0


class CapturedOutput:
    """Reads forward through a run's output; `read` may be called again and again while the run goes on."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.position = 0

    def read(self) -> Iterator[Piece]:
        """All that has come since the last call, in order."""
        for _ in range(_LISTINGS):
            # The listing comes first: a chunk that has a successor in it is complete.
            listed = [(offset, path) for offset, path in chunks(self._folder) if self._ahead(offset, path)]
            if not listed:
                return
            try:
                for offset, path in listed:
                    if offset > self.position:
                        yield self._skip(offset)
                    yield from self._rest_of(offset, path)
            except FileNotFoundError:
                continue  # the tail rolled on meanwhile; what was in it is left out

    def _ahead(self, offset: int, path: str) -> bool:
        try:
            return offset + os.path.getsize(path) > self.position
        except FileNotFoundError:
            return False

    def _skip(self, offset: int) -> Piece:
        piece = Piece(self.position, left_out=offset - self.position)
        self.position = offset
        return piece

    def _rest_of(self, offset: int, path: str) -> Iterator[Piece]:
        with open(path, "rb") as file:
            file.seek(self.position - offset)
            while data := file.read(_BITE):
                piece = Piece(self.position, data)
                self.position += len(data)
                yield piece


def sizes(folder: str) -> tuple[int, int]:
    """Bytes that came, as far as the chunks tell, and bytes that are kept."""
    kept, end = 0, 0
    for offset, path in chunks(folder):
        try:
            size = os.path.getsize(path)
        except FileNotFoundError:
            continue
        kept += size
        end = max(end, offset + size)
    return end, kept
