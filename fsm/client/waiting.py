"""Wait for the end of a run, or for new entries, by looking at the journal.

The journal has no event for a reader in another process, so it is polled: its newest id, one small query. What is
found is never older than `POLL_S`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fsm.client.stopfirst import Sleep
from fsm.errors import UnknownRun
from fsm.model.entries import Entry
from fsm.model.run import Run, run_id
from fsm.ports import Journal

POLL_S = 0.1
"""How often the journal is looked at: no person sees the difference, and a core does not feel it."""

AT_ONCE = 1_000
"""Entries that are read before the first of them is handed on."""


def wait_for_end(journal: Journal, job: str, number: int, *, pause: Sleep, tend: Callable[[Run], object]) -> Run:
    """The run once it has ended. `tend` is called with the open run before each pause.

    Its own deadlines bound the wait: whoever tends it (a scheduler, or `Settler.tend`) ends it by then. Raises
    `UnknownRun`.
    """
    seen = -1
    run: Run | None = None
    while True:
        newest = journal.last_id()
        if newest != seen:
            seen, run = newest, journal.run(job, number)
            if run is None:
                raise UnknownRun(run_id(job, number))
            if run.state.terminal:
                return run
        assert run is not None  # the first look finds it or raises
        tend(run)
        pause(POLL_S)


def follow(
    journal: Journal, after_id: int, *, job: str | None = None, run: int | None = None, pause: Sleep
) -> Iterator[Entry]:
    """Entries after `after_id` in commit order, and those to come, for as long as they are wanted."""
    cursor = after_id
    while True:
        newest = journal.last_id()
        if newest > cursor:
            last = cursor
            batch = list(journal.entries(job=job, run=run, after_id=cursor, limit=AT_ONCE))  # no read stays open
            for entry in batch:
                last = entry.id
                yield entry
            # Where fewer fit than were asked for, all up to `newest` has been looked at.
            cursor = last if last > cursor else newest
            continue
        pause(POLL_S)
