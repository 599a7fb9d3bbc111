"""Hold journals against the specification: genuine ones are accepted, those with an entry out of place are not."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import tlc
from attrs import frozen
from kernel_state import Bounds

from fsm.model.entries import Ended, Entry, Queued, Released, Started
from fsm.model.states import Reason
from fsm.testing import Simulation, cannot_start, child, fail, hang, ignore_term, succeed, vanish

Line = tuple[str, str, int]
"""A record of a journal as TraceRun.tla has it: trigger, reason, run."""

_WORDS = {
    Reason.SIGNAL: "exit_code",
    Reason.REFUSED: "exit_code",
    Reason.ERROR: "exit_code",
    Reason.NO_RESULT: "exit_code",
    Reason.UNREADABLE_REPORT: "vanished",
    Reason.JOB_REMOVED: "cancelled",
    Reason.HOST_STOP: "cancelled",
}
"""Reasons that the specification does not tell apart from another one (specs/model.md)."""


def lines(entries: Iterable[Entry]) -> list[Line]:
    """The journal of one job, as far as the specification speaks of it."""
    found: list[Line] = []
    for entry in entries:
        body, run = entry.body, entry.run or 0
        if isinstance(body, Queued):
            found.append(("queue", str(body.cause), run))
        elif isinstance(body, Started):
            found.append(("start", "", run))
        elif isinstance(body, Ended):
            found.append((str(body.trigger), _WORDS.get(body.reason, str(body.reason)), run))
        elif isinstance(body, Released):
            evidence = "scan" if body.evidence == "cgroup" else str(body.evidence)
            found.append(("released", evidence, run))
    return found


def damaged(genuine: Sequence[Line], most: int = 33) -> list[tuple[str, list[Line]]]:
    """One entry dropped, doubled, or swapped with the next: what the specification must refuse, each with its name; no
    more than `most`, spread over the journal.

    The last entry is left alone, for a journal that ends earlier is a journal.
    """
    found = []
    for at, line in enumerate(genuine[:-1]):
        found.append((f"without {line}", [*genuine[:at], *genuine[at + 1 :]]))
        found.append((f"twice {line}", [*genuine[: at + 1], *genuine[at:]]))
        found.append((f"{line} later", [*genuine[:at], genuine[at + 1], line, *genuine[at + 2 :]]))
    every = -(-len(found) // most)
    return found[:: every if every % 3 else every + 1]  # so that each kind of damage is among them


@frozen
class Read:
    """What TLC accepted of some journals, and what it took."""

    accepted: frozenset[int]
    verdict: tlc.Verdict


def check(journals: Sequence[Sequence[Line]]) -> Read:
    """Hold journals against the specification, all in one run."""
    printed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="trace-") as place:
        for name in ("RunLifecycle.tla", "TraceRun.tla"):
            shutil.copy(tlc.SPECS / name, place)
        literal = ",\n".join(_sequence(journal) for journal in journals)
        text = f"---- MODULE MCTrace ----\nEXTENDS TraceRun\nJournals == <<{literal}>>\n====\n"
        (Path(place) / "MCTrace.tla").write_text(text)
        config = tlc.configuration(
            {**bounds(journals)._asdict(), "Bug": "none"}, invariants=["Accepted"], specification="TraceSpec"
        )
        config += "CONSTANT Traces <- Journals\nVIEW TraceView\n"
        verdict = tlc.run("MCTrace", config, folder=Path(place), say=printed.append, listen="<<")
    accepted = {int(number) for line in printed for number in re.findall(r'"ACCEPTED", (\d+)', line)}
    return Read(frozenset(number - 1 for number in accepted), verdict)


def bounds(journals: Sequence[Sequence[Line]]) -> Bounds:
    """As many faults as the entries tell of."""

    def most(*words: str) -> int:
        return max(sum(k in words or y in words for k, y, _ in journal) for journal in journals)

    def unstarted(journal: Sequence[Line]) -> int:
        started = {r for k, _, r in journal if k == "start"}
        return sum(y == "start_failed" and r not in started for _, y, r in journal)

    failed = max(unstarted(journal) for journal in journals)
    return Bounds(
        MaxRuns=max(r for journal in journals for _, _, r in journal),
        MaxSup=most("start") + failed,
        MaxKill=most("scan") + failed,
        MaxCancel=most("cancelled"),
        MaxBoot=most("reboot"),
    )


def _sequence(journal: Sequence[Line]) -> str:
    records = ", ".join(f'[k |-> "{k}", y |-> "{y}", r |-> {r}]' for k, y, r in journal)
    return f"<<{records}>>"


# ---- sample journals


def samples() -> dict[str, list[Line]]:
    """Journals of whole schedulers in the simulation."""
    return {name: lines(story().journal("j")) for name, story in _STORIES.items()}


def _sim(behaviours) -> Simulation:
    sim = Simulation(seed=5)
    sim.add_job("j", timeout="10m", start_within="30m", grace="5s")
    sim.script("j", behaviours)
    return sim


def _ordinary() -> Simulation:
    sim = _sim([succeed("1m"), fail(code=3), ignore_term()])
    for _ in range(3):
        sim.request("j")
        sim.advance("20m")
    return sim


def _odd() -> Simulation:
    sim = _sim([cannot_start(), cannot_start(armed=False), succeed("1m", leaves=(child(),))])
    for _ in range(3):
        sim.request("j")
        sim.advance("20m")
    return sim


def _deaths() -> Simulation:
    sim = _sim([hang(), vanish("1m"), succeed("1h", detached=True)])
    for _ in range(3):
        sim.request("j")
        sim.advance("2m")
        sim.kill_supervisor("j")
        sim.advance("20m")
    return sim


def _cancelled() -> Simulation:
    sim = _sim([hang(), ignore_term(), hang()])
    for _ in range(2):
        answer = sim.request("j")
        sim.advance("30s")
        sim.cancel(answer.run_id)
        sim.advance("20m")
    sim.crash()
    sim.cancel(sim.request("j").run_id)
    return sim


def _reboots() -> Simulation:
    sim = _sim([hang(), hang()])
    for _ in range(2):
        sim.request("j")
        sim.advance("2m")
        sim.reboot()
        sim.advance("20m")
    return sim


def _downtime() -> Simulation:
    sim = _sim([succeed("1m"), hang(), succeed("1m")])
    for _ in range(3):
        sim.request("j")
        sim.advance("5s")
        sim.crash()
        sim.advance("15m")
        sim.restart()
        sim.advance("1h")
    return sim


_STORIES = {
    "ordinary": _ordinary,
    "odd": _odd,
    "deaths": _deaths,
    "cancelled": _cancelled,
    "reboots": _reboots,
    "downtime": _downtime,
}
