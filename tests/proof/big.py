"""What the big bounds came to, kept from the last ``make proof FULL=1`` until the next: big.json.

They take too long for every day, and the ledger is written by the shorter run, too. So their results are kept beside
it, with a digest of the specification that they are about: where that has changed since, a test says so.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import bounds
import tlc

KEPT = Path(__file__).with_name("big.json")

_COMMENTS = re.compile(r"\(\*.*?\*\)|\\\*[^\n]*", re.DOTALL)


def digest() -> str:
    """SHA-256 of all that the big runs are about in specs/: modules and their bounds, without comments and spaces."""
    names = ["RunLifecycle.tla", "RunProperties.tla", *(f"{path.stem}.cfg" for path in tlc.SPECS.glob("MCBig*.cfg"))]
    texts = (_COMMENTS.sub("", (tlc.SPECS / name).read_text(encoding="utf-8")) for name in sorted(names))
    return hashlib.sha256(" ".join(word for text in texts for word in text.split()).encode()).hexdigest()


def keep(graphs: list[Any], lives: list[Any], bugs: list[Any]) -> None:
    """Keep what the tasks of `prove` found at the big bounds, and for the bugs that take long."""
    found = {
        "specification": digest(),
        "graphs": [{"name": one.name, "states": one.states, "edges": one.edges, "same": one.same} for one in graphs],
        "live": [{"name": name, "states": verdict.distinct} for name, verdict in lives],
        "bugs": [{"bug": name, "spec": spec.prop, "code": code} for name, spec, code, _ in bugs],
    }  # fmt: skip
    KEPT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def kept() -> dict[str, Any]:
    """What was found last."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def section() -> str:
    """The part of the ledger."""
    found = kept()
    rows = [
        f"| [{one['name']}]({one['name']}.cfg) | {bounds.why(one['name'])} | {one['states']:,} | {one['edges']:,} | {one['same']} |"
        for one in found["graphs"]
    ]
    live = [f"[{one['name']}]({one['name']}.cfg) ({one['states']:,} states)" for one in found["live"]]
    bugs = [f"`{one['bug']}`: {one['spec']}, and {one['code']} in the simulation" for one in found["bugs"]]
    return "\n".join(
        [
            "## The big bounds",
            "",
            f"By `make proof FULL=1`, of the specification whose digest begins with `{found['specification'][:12]}`; a test holds that it is this one. Liveness by TLC at",
            f"{' and '.join(live)}. Bugs that it takes liveness with faults to notice: {'; '.join(bugs)}.",
            "",
            "| bounds | what may happen | states | edges | TLC and the shipped code |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )
