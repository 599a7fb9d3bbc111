"""What runs leave in the data folder: for whoever prunes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress

from fsm.supervise.folder import DataFolder


class RunFolders:
    """`fsm.ports.Outputs` of a data folder."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def numbers(self, job: str) -> Sequence[int]:
        """See the port."""
        return self._folder.run_numbers(job)

    def size(self, job: str, number: int) -> int:
        """See the port."""
        total = 0
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._folder.run_folder(job, number)) as files:
            for file in files:
                with suppress(FileNotFoundError):
                    total += file.stat(follow_symlinks=False).st_size
        return total

    def discard(self, job: str, number: int) -> None:
        """See the port. If this process stops in the middle, the rest is deleted by whoever calls again."""
        path = self._folder.run_folder(job, number)
        if os.path.islink(path):
            os.unlink(path)  # nobody's folder elsewhere is deleted
            return
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
