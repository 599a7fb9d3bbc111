"""Where entries go that cannot stay in a journal: a file of JSON Lines beside it. Nothing is dropped in silence."""

from __future__ import annotations

import os
from types import TracebackType
from typing import BinaryIO

import orjson

from fsm.codec.entries import entry_to_line
from fsm.journal.carve import COLUMNS, Row
from fsm.model.entries import Entry


class Aside:
    """The file at `path`, made with the first line; there must be none yet. It is on the disk once this is closed.
    Without a path, lines are only counted.

    A line is an entry as it is exported, or, for what is no entry, ``why`` and the columns as they were found.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.lines = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> Aside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with self._file as file:
                file.flush()
                os.fsync(file.fileno())

    def add(self, row: Row, entry: Entry | None, why: str) -> None:
        """One more, and why it is no good. `entry` is None where the row is none."""
        self.lines += 1
        if self.path is None:
            return
        if self._file is None:
            self._file = open(self.path, "xb")  # noqa: SIM115  # closed at the end, if it was ever opened
        if entry is not None:
            line = entry_to_line(entry)
        else:
            line = orjson.dumps({"why": why, **dict(zip(COLUMNS, row, strict=True))})
        self._file.write(line + b"\n")
