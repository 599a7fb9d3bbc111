"""The rows of the decision table that a process can show, through a real `serve`: one tick for all of them."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli_process import Cli, stop, until

sys.path.append(str(Path(__file__).parent.parent / "policies"))

from decision_table import ROWS  # the import has to follow the line above

from fsm.client.engine import Engine
from fsm.instants import SECOND, Instant, format_instant
from fsm.journal.sqlite import SqliteJournal
from fsm.model.entries import Queued, Refused
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import Cause, Reason, State
from fsm.supervise.poke import send

LEADS_S = (10, 60)
"""Until the tick: two dozen runs have to be over or begun by then. Where the machine is too busy for the first, all is
done again with the second."""

HANGS, FAILS = "sleep 1000", "exit 1"
JOBS: dict[str, dict[str, Any]] = {
    "free": {"shell": "true"},
    "skip running": {"shell": HANGS},
    "queue running": {"shell": HANGS, "overlap": "queue"},
    "queue full": {"shell": HANGS, "overlap": "queue"},
    "replace running": {"shell": HANGS, "overlap": "replace"},
    "paused": {"shell": "true"},
    "breaker open": {"shell": FAILS, "breaker": {"failures": 1, "cooldown": "1h"}},
    "budget spent": {"shell": FAILS},
    "retry to come": {"shell": FAILS, "retry": {"attempts": 2, "backoff": "1h"}},
}


class Stand:
    """A data folder with these jobs, all due once, at the same time."""

    def __init__(self, root: Path, lead_s: int) -> None:
        self.cli = Cli(root / f"state-{lead_s}")
        self.cli.folder.create()
        self.journal = SqliteJournal(self.cli.folder.journal)
        self.engine = Engine(self.journal, poke=lambda: send(self.cli.folder.poke, {"about": "journal"}))
        self.due = Instant((int(time.time()) + lead_s) * SECOND)
        for name, keys in JOBS.items():
            self.engine.define(Job(name, schedule=f"at {format_instant(self.due)}", **keys))
        self.scheduler = self.cli.start("serve", "--json")

    def ask(self, job: str, state: State) -> None:
        """A run by hand, until it is in that state."""
        run = self.engine.request(job)
        if not isinstance(run, Run):
            assert time.time() * SECOND >= self.due, run  # its tick has come before
            return
        until(lambda: self.engine.find(run.id).state is state)

    def answer(self, job: str) -> str:
        """What became of the tick, in the words of the table."""
        for entry in self.journal.entries(job=job):
            body = entry.body
            if isinstance(body, Refused) and body.cause is not Cause.MANUAL:
                assert (body.first, body.count) == (self.due, 1)
                return f"refused: {body.reason}"
            if isinstance(body, Queued) and body.scheduled_for == self.due:
                before = self.journal.run(job, (entry.run or 0) - 1)
                if before is not None and before.reason is Reason.REPLACED:
                    return "replaces"
                made = self.journal.run(job, entry.run or 0)
                return "waits" if made is not None and made.state is State.QUEUED else "runs"
        return "nothing"

    def close(self) -> None:
        """End all that is left."""
        for name in JOBS:
            self.engine.define(Job(name, **JOBS[name]))
        for run in self.engine.runs(states=frozenset({State.QUEUED, State.RUNNING})):
            self.cli.run("cancel", run.id)
        stop(self.scheduler, signal.SIGTERM)
        self.journal.close()


@pytest.mark.requirement("R-36")
@pytest.mark.requirement("R-38")
@pytest.mark.requirement("R-43")
def test_the_rows_that_a_process_can_show(tmp_path: Path) -> None:
    assert {row.name for row in ROWS if row.real} == set(JOBS), "each of them has a job here"
    for lead_s in LEADS_S:
        with closing(Stand(tmp_path, lead_s)) as stand:
            if _ready(stand):
                _look(stand)
                return
    raise AssertionError(f"nothing was ready within {LEADS_S[-1]} s")


def _ready(stand: Stand) -> bool:
    """Bring every job into its row's situation. False where the tick has come before that was done."""
    for name in ("skip running", "queue running", "queue full", "replace running"):
        stand.ask(name, State.RUNNING)
    stand.engine.request("queue full")
    stand.engine.pause("paused")
    for name in ("breaker open", "retry to come"):
        stand.ask(name, State.FAILED)
    for _ in range(15):
        stand.ask("budget spent", State.FAILED)
        until(lambda: stand.journal.state("budget spent").slot is None)
    return time.time() * SECOND < stand.due


def _look(stand: Stand) -> None:
    wanted = {row.name: row.answer for row in ROWS if row.real}
    until(lambda: {name: stand.answer(name) for name in JOBS} == wanted)
    until(lambda: stand.journal.state("replace running").slot == 2)
    marks = stand.engine.runs("replace running")
    assert [(run.number, run.state) for run in marks] == [(2, State.RUNNING), (1, State.REAPED)]
    assert stand.cli.run("verify").returncode == 0
