"""The decision table: what becomes of a tick, by what the job says and by what is the case when it comes.

The table in ``specs/lifecycle.md`` is made from `ROWS` (``python tests/policies/decision_table.py`` prints it), and a
test holds the two equal. `Scene` brings a simulated job into a row's situation and lets its tick come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fsm.instants import Instant, parse_instant
from fsm.model.entries import Queued, Refused
from fsm.model.states import Cause, State
from fsm.testing import Simulation, child, fail, hang, succeed

START = "2026-04-01T00:00:00Z"
TICK = parse_instant("2026-04-01T01:00:00Z")


@dataclass(frozen=True)
class Row:
    """One row. Words: what is left out of a column is ``–`` in the table, and does not matter."""

    name: str
    answer: str
    overlap: str = "–"
    open_run: str = "–"
    slot: str = "–"
    paused: str = "–"
    late: str = "–"
    held_back: str = "–"
    limits: str = "–"
    real: bool = False  # whether `serve` shows it with real processes in a few seconds
    keys: dict[str, Any] = field(default_factory=dict)

    def cells(self) -> list[str]:
        """As it stands in the table."""
        words = [self.overlap, self.open_run, self.slot, self.paused, self.late, self.held_back, self.limits]
        return [*words, self.answer, self.name]


HEAD = ["overlap", "open run", "slot", "paused", "late", "held back", "limits", "the tick", "row"]

BREAKER = {"breaker": {"failures": 1, "cooldown": "3h"}}
RETRY = {"retry": {"attempts": 3, "backoff": "2h", "max_backoff": "2h"}}
ALL = {"catch_up": "all", "catch_up_limit": 3, "catch_up_within": "6h"}

ROWS = [
    Row("free", "runs", "any", "none", "free", "no", "no", "no", "room", real=True),
    Row("no room at all", "waits", "any", "none", "free", "no", "no", "no", "max_running reached"),
    Row("skip running", "refused: already_running", "skip", "running", "held", "no", real=True),
    Row("skip queued", "refused: already_queued", "skip", "queued", "free", "no"),
    Row("skip held", "refused: slot_held", "skip", "ended", "held", "no"),
    Row("queue running", "waits", "queue", "running", "held", "no", "no", "no", "room in the queue", real=True),
    Row("queue full", "refused: queue_full", "queue", "running", "held", "no", "no", "no", "queue full", real=True),
    Row("queue held", "waits", "queue", "ended", "held", "no", "no", "no", "room in the queue"),
    Row("replace running", "replaces", "replace", "running", "held", "no", "no", "no", real=True),
    Row("replace queued", "refused: already_queued", "replace", "queued", "free", "no", "no", "no"),
    Row("replace held", "waits", "replace", "ended", "held", "no", "no", "no"),
    Row("paused", "refused: paused", "any", "none", "free", "yes", real=True),
    Row("paused running", "refused: paused", "any", "running", "held", "yes"),
    Row("late a little", "runs", "any", "none", "free", "no", "30s", "no", keys={"catch_up": "skip"}),
    Row("late once", "catches up", "any", "none", "free", "no", "30m", "no", keys={"catch_up": "once"}),
    Row("late too much", "refused: missed", "any", "none", "free", "no", "3d", "no", keys={"schedule": "0 1 1 4 *"}),
    Row(
        "late skip",
        "refused: missed",
        "any",
        "none",
        "free",
        "no",
        "30m, catch_up skip",
        "no",
        keys={"catch_up": "skip"},
    ),
    Row("late all", "catches up", "any", "none", "free", "no", "2h30m, catch_up all", "no", keys=ALL),
    Row(
        "late over the limit",
        "refused: missed",
        "any",
        "none",
        "free",
        "no",
        "4h30m, catch_up all",
        "no",
        "catch_up_limit",
        keys=ALL,
    ),
    Row("late and running", "refused: already_running", "skip", "running", "held", "no", "30m", "no"),
    Row(
        "breaker open",
        "refused: breaker_open",
        "any",
        "none",
        "free",
        "no",
        "–",
        "breaker open",
        real=True,
        keys=BREAKER,
    ),
    Row(
        "breaker cooled",
        "runs",
        "any",
        "none",
        "free",
        "no",
        "no",
        "cooldown over",
        keys={"breaker": {"failures": 1, "cooldown": "10m"}},
    ),
    Row(
        "breaker and running",
        "refused: already_running",
        "skip",
        "running",
        "held",
        "no",
        "–",
        "breaker open",
        keys=BREAKER,
    ),
    Row(
        "breaker and queue",
        "refused: breaker_open",
        "queue",
        "running",
        "held",
        "no",
        "–",
        "breaker open",
        keys=BREAKER,
    ),
    Row("budget spent", "refused: over_budget", "any", "none", "free", "no", "–", "budget spent", real=True),
    Row(
        "retry to come",
        "refused: backing_off",
        "any",
        "none",
        "free",
        "no",
        "–",
        "retry to come",
        real=True,
        keys=RETRY,
    ),
    Row(
        "retry and breaker",
        "refused: breaker_open",
        "any",
        "none",
        "free",
        "no",
        "–",
        "breaker open, retry to come",
        keys={**RETRY, **BREAKER},
    ),
]
BY_NAME = {row.name: row for row in ROWS}


def markdown() -> str:
    """The table of the document."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    for row in ROWS:
        *cells, answer, name = row.cells()
        said = f"**{answer}**"
        lines.append(f"| {' | '.join([*cells, said, name])} |")
    return "\n".join(lines) + "\n"


class Scene:
    """A row's situation, brought about in the simulation by what people and machines can do."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.sim = sim = Simulation(start=START, max_running=1 if "max_running" in row.limits else 8)
        overlap = {} if row.overlap in ("any", "–") else {"overlap": row.overlap}
        sim.add_job("job", **{"schedule": "0 * * * *", "timeout": "9h", "start_within": "9h", **overlap, **row.keys})
        self._fail_first()
        self._occupy()
        if row.paused == "yes":
            sim.pause("job")
        late = row.late.partition(",")[0]
        if late in ("–", "no"):
            sim.run_until(TICK)
        else:
            sim.run_until("2026-04-01T00:59:50Z")
            sim.crash()
            sim.run_until(TICK)
            sim.restart(after=late)
        sim.advance("1s")

    def _fail_first(self) -> None:
        sim, held_back = self.sim, self.row.held_back
        if held_back in ("–", "no"):
            return
        quick = held_back == "budget spent"
        if quick:
            sim.run_until("2026-04-01T00:59:00Z")  # what is spent grows back
        sim.script("job", [fail(after="0s" if quick else "20s")] * (15 if quick else 1))
        for _ in range(15 if quick else 1):
            sim.request("job")
            sim.advance("1s" if quick else "30s")

    def _occupy(self) -> None:
        sim, row = self.sim, self.row
        if "max_running" in row.limits or row.open_run == "queued":
            sim.add_job("hog", timeout="9h")
            sim.script("hog", [hang()])
            sim.set_max_running(1)
            sim.request("hog")
            sim.advance("1s")
        if row.open_run == "running":
            sim.script("job", [hang()])
        elif row.open_run == "ended":
            sim.script("job", [succeed(leaves=(child("5h", hidden=True),)), succeed()])
        else:
            sim.script("job", [succeed()])
        if row.open_run in ("running", "ended", "queued"):
            sim.request("job", force=True)
            sim.advance("2s")
        if row.limits == "queue full":
            sim.request("job")
            sim.advance("1s")

    @property
    def answer(self) -> str:
        """What became of the tick, in the words of the table."""
        for entry in self.sim.journal("job"):
            body = entry.body
            if isinstance(body, Refused) and body.cause is not Cause.MANUAL and body.first <= TICK <= body.last:
                return f"refused: {body.reason}"
            if isinstance(body, Queued) and body.scheduled_for == TICK:
                return self._made(entry.run, body.cause)
        return "nothing"

    def _made(self, number: int | None, cause: Cause) -> str:
        runs = {run.number: run for run in self.sim.runs("job")}
        assert number is not None
        before = runs.get(number - 1)
        if before is not None and before.reason == "replaced":
            return "replaces"
        if cause is Cause.CATCH_UP:
            return "catches up"
        return "waits" if runs[number].state is State.QUEUED else "runs"

    def at(self) -> Instant:
        """When the table was asked."""
        return self.sim.now


if __name__ == "__main__":
    print(markdown(), end="")
