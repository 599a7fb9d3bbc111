"""A journal that is not there, though it was: a new one would be made in its place, and all jobs were gone."""

from __future__ import annotations

import os
from collections.abc import Callable

from fsm.errors import JournalUnusable


def require_not_lost(path: str, has_run: Callable[[], bool]) -> None:
    """Raise `JournalUnusable` where there is no journal at `path`, or an empty file, and there was one.

    A new one would be made there, and all jobs were gone without a word. `has_run` says whether anything is left of
    runs, which only a journal can have ordered.
    """
    try:
        if os.stat(path).st_size > 0:
            return
        there = "it is empty"
    except FileNotFoundError:
        there = "it is missing"
    except OSError:
        return  # whoever opens it is told why
    try:
        log = os.stat(f"{path}-wal").st_size > 0
    except OSError:
        log = False
    if log or has_run():
        left = "its write-ahead log is there" if log else "folders of its runs are there"
        raise JournalUnusable(
            path,
            f"{there}, though {left}",
            "to put a backup there: cronfsm restore FILE; cronfsm doctor says what else can be done",
        )
