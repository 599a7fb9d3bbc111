"""What the parts of the journal contract share: fixtures, a long story, and all that a journal says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsm.model.entries import Ended, Entry, JobPut
from fsm.model.states import Reason, RefusalReason, State, Trigger
from fsm.ports import Journal, RunQuery
from fsm.testing.scribe import Scribe


class JournalTests:
    """Override `make`."""

    def make(self, folder: Path) -> Journal:
        """Open the journal in `folder`."""
        raise NotImplementedError

    @pytest.fixture
    def journal(self, tmp_path: Path) -> Iterator[Journal]:
        """An empty journal."""
        journal = self.make(tmp_path)
        yield journal
        journal.close()

    @pytest.fixture
    def scribe(self, journal: Journal) -> Scribe:
        """Writes into it."""
        return Scribe(journal)


def everything(journal: Journal) -> dict[str, Any]:
    """All that a journal says, to hold one moment, or one journal, against another."""
    names = journal.streams()
    runs = journal.runs(RunQuery())
    return {
        "entries": list(journal.entries()),
        "streams": {name: (journal.head(name), journal.state(name)) for name in names},
        "of_streams": {name: list(journal.entries(job=name)) for name in names},
        "runs": runs,
        "single_runs": [journal.run(run.job, run.number) for run in runs],
        "of_runs": {run.id: list(journal.entries(job=run.job, run=run.number)) for run in runs},
        "of_states": {state: journal.runs(RunQuery(states=frozenset({state}))) for state in State},
        "jobs": journal.jobs(),
        "names": journal.job_names(),
        "due": list(journal.due_times()),
        "busy": journal.busy_jobs(),
        "definitions": {
            (entry.job, entry.body.version): journal.definition(entry.job, entry.body.version)
            for entry in journal.entries()
            if isinstance(entry.body, JobPut)
        },
        "last_id": journal.last_id(),
        "epoch": journal.epoch(),
    }


END_STATES = (State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.LOST, State.REAPED)


def tell_a_long_story(scribe: Scribe) -> None:
    """Entries of every kind but a checkpoint, in several streams: all ends, a removal and a return, a held slot."""
    scribe.up()
    for job in ("a", "b", "c"):
        scribe.define(job, schedule="*/5 * * * *", env={"X": job})
    for state in END_STATES:
        for job in ("a", "b"):
            scribe.run_through(job, state)
            scribe.refuse(job)
    scribe.pause("b")
    scribe.refuse("b", RefusalReason.PAUSED, count=3)
    scribe.resume("b")
    scribe.up()
    number = scribe.queue("b")
    scribe.write("b", Ended(Trigger.REAP, Reason.CANCELLED, scribe.now().utc), number)
    scribe.remove("c")
    scribe.define("c", command=["true"])
    scribe.run_through("c")
    scribe.bring("c", State.TIMED_OUT)
    scribe.bring("b", State.RUNNING)
    scribe.bring("a", State.QUEUED)
    _check_story(list(scribe.journal.entries()))


def _check_story(entries: list[Entry]) -> None:
    assert len({type(entry.body) for entry in entries}) >= 9, "the story has lost some of its kinds of entry"
