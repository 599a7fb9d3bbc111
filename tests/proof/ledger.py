"""The proof ledger, specs/proofs.md: each claim of the README, what states it, who checked it, how far, and on what grounds."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any  # what tasks keep differs from task to task

import big
import tlc
from attrs import Factory, define
from kernel_state import Bounds
from matrix import ROWS

CLAIMS: dict[str, tuple[str, str]] = {
    "A run is in the history from the moment it is accepted": (
        "R-4, AppendOnly",
        "explorer and TLC (append only); `tests/stateful` (the answer names a run that is in the history); crash images (it stays there)",
    ),
    "Every run ends": ("EveryRunEnds", "TLC, explorer over the shipped code; the simulation's teardown"),
    "No job overlaps itself": (
        "OneTree, SlotTakenOnce, GoneBeforeReleased, ExecutesOnce, OneOpenRun",
        "TLC, explorer over the shipped code; `one_process_tree` in the simulation",
    ),
    "No transient verdicts": ("TerminalIsFinal, LostIsReal, LegalTransitions", "TLC, explorer over the shipped code"),
    "A timeout is published at once": (
        "TimeoutIsReal; EverySlotIsFreed apart from EveryRunEnds",
        "TLC, explorer (verdict and slot are two things); `what_is_known_is_journaled` in the simulation (at once)",
    ),
    "A judged run never starts": (
        "JudgedNeverStarts, StopBeforeVerdict, OwnWordFirst, ExecutesWhatIsJournaled",
        "TLC; explorer but for JudgedNeverStarts, which is about a step; the simulation",
    ),
    "Every tick is answered": ("TickAnsweredOnce, EveryTickIsAnswered", "TLC, explorer over the shipped code"),
    "History cannot be changed unnoticed": ("AppendOnly, EpochsFence", "TLC (who appends); `cronfsm verify` and its tests (who edits)"),
}  # fmt: skip
"""By the words of the README's table: the properties that state it, and who holds them."""

DAYS = tlc.SPECS / "days.json"
"""What `make days` met when it was run last."""

RULES = {row.bug: row.leaves_out for row in ROWS}
NO_SHORTEST = frozenset(row.bug for row in ROWS if row.liveness)
"""Bugs whose trace ends in a cycle: TLC's is not a shortest one, nor the same each time."""


@define
class Outcome:
    """What came of one bound."""

    name: str
    why: str
    limits: Bounds
    states: int
    edges: int
    same: str = ""
    broken: list[str] = Factory(list)


@define
class Ledger:
    """What was proved: what each task of `prove` kept, by the task's name."""

    kept: dict[str, list[Any]]

    def write(self, path: Path) -> None:
        """Write it to a file."""
        days = days_section(json.loads(DAYS.read_text()))
        parts = [
            _HEAD,
            self._claims(),
            self._bounds(),
            big.section(),
            self._matrix(),
            days,
            self._journals(),
            self._false(),
            _GROUNDS,
        ]
        path.write_text("\n\n".join(parts) + "\n")

    def _claims(self) -> str:
        rows = [f"| {claim} | {stated} | {by} |" for claim, (stated, by) in CLAIMS.items()]
        return "\n".join(["## Claims", "", "| the README says | stated by | held by |", "| --- | --- | --- |", *rows])

    def _bounds(self) -> str:
        head = "| bounds | what may happen | constants | states | edges | TLC and the shipped code |"
        rows = [
            f"| [{o.name}]({o.name}.cfg) | {o.why} | {_constants(o.limits)} | {o.states:,} | {o.edges:,} | {o.same} |"
            for o in self.kept["graph"]
        ]
        live = [f"{name} ({verdict.distinct:,} states)" for name, verdict in self.kept["live"]]
        alone = [f"[{name}]({name}.cfg) ({verdict.distinct:,} states)" for name, verdict in self.kept["alone"]]
        return "\n".join(
            [
                "## Bounds",
                "",
                "At each of them every safety property holds by TLC and in the explorer over the shipped code, and every liveness property under `Fair` in the",
                f"explorer; by TLC, liveness holds at {' and '.join(live)}. With retries, every safety property holds by TLC at {' and '.join(alone)}.",
                "",
                head,
                "| --- | --- | --- | --- | --- | --- |",
                *rows,
            ]
        )

    def matrix_table(self) -> list[str]:
        """The mutation matrix."""
        lines = [
            "| bug | the rule that is left out | specification: noticed by | after steps | code: noticed by | in |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for name, spec, code, length in self.kept["bug"]:
            where = f"explorer, {length - 1} steps" if length else "simulation"
            steps = "–" if name in NO_SHORTEST else max(0, len(spec.trace) - 1)
            lines.append(f"| {name} | {RULES[name]} | {spec.prop} | {steps} | {code} | {where} |")
        return lines

    def _matrix(self) -> str:
        text = f"{len(self.kept['bug'])} known bugs, each put into the specification and into the code; none survives."
        return "\n".join(["## Mutation matrix", "", text, "", *self.matrix_table()])

    def _journals(self) -> str:
        rows = [f"| {name} | {entries} | accepted | {wrong} | none |" for name, entries, wrong in self.kept["journal"]]
        return "\n".join(
            [
                "## Journals against the specification",
                "",
                "Journals of the scheduler in the simulation, held against [TraceRun.tla](TraceRun.tla); and the same with one entry dropped, doubled or later.",
                "",
                "| journal | entries | genuine | damaged | of them accepted |",
                "| --- | --- | --- | --- | --- |",
                *rows,
            ]
        )

    def _false(self) -> str:
        parts = ["## Shown false", ""]
        words = {
            "Lease": "**A lease that another host may end keeps a job from overlapping.** Compare-and-set fences the journal, not the processes.",
            "Durable": "**WAL with `synchronous=NORMAL` keeps what was acknowledged.** (Over crash images of the real store: `tests/crash/test_crash_images.py`.)",
        }
        for module, rule, without, having in self.kept["false"]:
            parts.append(
                f"- {words[module]} [{module}.tla](false/{module}.tla) without `{rule}` breaks {without.prop}:"
            )
            parts.append(f"  {_way(without)}. With it: holds, {having.distinct} states.")
        (flock,) = (spec for name, spec, _, _ in self.kept["bug"] if name == "flock_alone")
        parts.append(
            "- **A free slot lock says that nothing of the run lives.** A leftover that closed its descriptors does not hold it."
        )
        parts.append(f"  `flock_alone` breaks {flock.prop}: {_way(flock)}.")
        (blind,) = self.kept["blind"]
        parts.append(
            "- **A model may let guards look at the truth.** With guards on the journal as it is, not as it was read, leaving out compare-and-set goes"
        )
        parts.append(
            f"  unnoticed: `guard_on_truth`, {blind.distinct:,} states, no property broken. So every guard here reads a view."
        )
        return "\n".join(parts)


def days_section(kept: Mapping[str, Any]) -> str:
    """What ten thousand simulated days have met; `make days` writes this part anew."""
    rows = [
        f"| {table} | {len(counts)} | {min(counts.values()):,} | {', '.join(f'{name}: {count:,}' for name, count in counts.items())} |"
        for table, counts in kept["tables"].items()
    ]
    return "\n".join(
        [
            DAYS_TITLE,
            "",
            f"{kept['days']:,} days of one scheduler in the simulation (`make days`, seeds from 0): {kept['runs']:,} runs, {kept['faults']:,} faults, no law broken, and everything",
            f"came to rest at the end of each. No day had fewer than {kept['fewest runs of a day']} runs or {kept['fewest faults of a day']} faults. Entries, armings, executions and cuts are held to their laws as they",
            "happen; the laws that hold at any time are held at each simulated hour and at the end of the day. A window is a point at which the process was killed.",
            "",
            "| what was met | kinds | the rarest | how often |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )


def rewrite_days(path: Path, kept: Mapping[str, Any]) -> None:
    """Put these days into a ledger that is there; the rest of it stays."""
    parts = path.read_text().split("\n\n## ")
    titles = [part.splitlines()[0] for part in parts]
    section = days_section(kept).removeprefix("## ")
    if section.splitlines()[0] in titles:
        parts[titles.index(section.splitlines()[0])] = section
    else:
        parts.insert(titles.index("Journals against the specification"), section)
    path.write_text("\n\n## ".join(parts))


DAYS_TITLE = "## Simulated days"


def _way(verdict: tlc.Verdict) -> str:
    return " → ".join(action for action, _ in verdict.trace[1:])


def _constants(limits: Bounds) -> str:
    return ", ".join(f"{name} {value}" for name, value in limits._asdict().items() if value)


_HEAD = """# The proof ledger

Generated by `make proof` (tests/proof/prove.py); a test holds its claims to the README's. What the model is, how it maps to the code, and why
one job is enough: [model.md](model.md). The properties: [RunProperties.tla](RunProperties.tla). TLC is 2.15 (rev d5b5a7f)."""

_GROUNDS = """## What is assumed

Disk: what was synced stays. Process tree: the search finds what an arming left; KILL ends it. Clock: CLOCK_BOOTTIME goes on; an awake supervisor
keeps its deadlines. Fairness: a scheduler is begun again, and what stays possible is done. Each is spelt out in [model.md](model.md#what-is-assumed). The bounds are finite:
what needs more runs, armings or faults than they allow is argued, not proved."""


if __name__ == "__main__":  # after `make days`
    rewrite_days(tlc.SPECS / "proofs.md", json.loads(DAYS.read_text()))
    sys.stdout.write("specs/proofs.md has the days of specs/days.json\n")
