"""What simulated days have met, counted: runs, faults, edges of the lifecycle, crash windows, torn appends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrs import Factory, define

from fsm.lifecycle.table import triples
from fsm.model.states import Reason, State, Trigger
from fsm.testing.disk import Torn
from fsm.testing.interruptions import windows

Triple = tuple[State | None, Trigger, Reason | None]

NOT_TAKEN: dict[Triple, str] = {
    (State.QUEUED, Trigger.REAP, Reason.REPLACED): "a run that waits is never replaced: the newer tick is refused",
}
"""Edges of the table that a law of the simulation forbids (`what_is_replaced_makes_room`), and why. The table has them
for journals that come from elsewhere."""

CLIENT_WINDOWS = ("before append of verdict", "after append of verdict", "before stop", "after stop")
"""Where a client that cancels may be killed."""


def edge_name(edge: Triple) -> str:
    """``running, fail (exit_code)``."""
    source, trigger, reason = edge
    return f"{source or 'none'}, {trigger}" + (f" ({reason})" if reason else "")


@define
class Tally:
    """Counts, to be added up over days and processes."""

    days: int = 0
    runs: int = 0
    fewest_runs: int = 1_000_000  # of any day
    fewest_faults: int = 1_000_000
    faults: Counter[str] = Factory(Counter)
    edges: Counter[str] = Factory(Counter)
    windows: Counter[str] = Factory(Counter)
    client_windows: Counter[str] = Factory(Counter)
    torn: Counter[str] = Factory(Counter)

    def add(self, other: Tally) -> None:
        """Take in what was counted elsewhere."""
        self.days += other.days
        self.runs += other.runs
        self.fewest_runs = min(self.fewest_runs, other.fewest_runs)
        self.fewest_faults = min(self.fewest_faults, other.fewest_faults)
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)

    def _counters(self) -> tuple[Counter[str], ...]:
        return self.faults, self.edges, self.windows, self.client_windows, self.torn

    def tables(self) -> dict[str, dict[str, int]]:
        """All that is to be met, and how often it was: also what never was."""
        edges = [edge_name(edge) for edge in triples() if edge not in NOT_TAKEN]
        torn = [f"{how}, {whose}" for whose in ("a scheduler's", "a client's") for how in Torn]
        return {
            "faults": dict(sorted(self.faults.items())),
            "edges": {name: self.edges[name] for name in edges},
            "crash windows of a scheduler": {name: self.windows[name] for name in windows()},
            "crash windows of a client": {name: self.client_windows[name] for name in CLIENT_WINDOWS},
            "torn appends": {name: self.torn[name] for name in torn},
        }

    def under(self, least: int) -> list[str]:
        """What was met less often than that."""
        return [
            f"{table}: {name}: {count}"
            for table, rows in self.tables().items()
            for name, count in rows.items()
            if count < least
        ]

    def text(self) -> Iterator[str]:
        """As it is printed."""
        faults = sum(self.faults.values())
        yield f"{self.days:,} days, {self.runs:,} runs, {faults:,} faults"
        yield f"no day with fewer than {self.fewest_runs} runs or {self.fewest_faults} faults"
        for table, rows in self.tables().items():
            yield f"{table}:"
            yield from (f"  {count:>9,}  {name}" for name, count in rows.items())

    def kept(self) -> dict[str, object]:
        """What a ledger keeps of it: no times, so that it changes only where the result does."""
        return {
            "days": self.days,
            "runs": self.runs,
            "faults": sum(self.faults.values()),
            "fewest runs of a day": self.fewest_runs,
            "fewest faults of a day": self.fewest_faults,
            "tables": self.tables(),
        }
