"""Which requirements are safety requirements, and the mutants that violate them: the table of specs/lifecycle.md.

    python tests/revert/safety.py

writes it anew. A mutant is a stored revert; that its test fails with it is shown by ``make revert-check ONLY=safety``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from reverts import ROOT, Revert, load

SPECIFICATION = ROOT / "specs" / "lifecycle.md"
PROPERTIES = ROOT / "specs" / "RunProperties.tla"

SAFETY: Mapping[str, tuple[str, ...]] = {
    "No two process trees of a job": (
        *("R-13", "R-14", "R-15", "R-16", "R-18", "R-19", "R-21", "R-24", "R-37", "R-38", "R-41", "R-51", "R-58"),
    ),
    "Terminal is final": ("R-1", "R-2", "R-3", "R-5", "R-6"),
    "Honest verdicts": ("R-8", "R-20", "R-22", "R-25", "R-26", "R-61", "R-63", "R-64"),
    "Each tick once": ("R-27", "R-31", "R-54", "R-55"),
    "One scheduler a folder": ("R-80", "R-81"),
    "Append only": ("R-4", "R-33", "R-34", "R-35", "R-70"),
    "No more than its bound": ("R-43", "R-45", "R-52", "R-65"),
    "No secret told": ("R-78",),
}
"""What must never happen: whoever sees a finite journal, or a finite stretch of what a machine did, can tell that it
did. The others say what is done in the end, or what an answer holds."""

_BETWEEN = re.compile(r"(<!-- safety: [^>]*-->\n)(.*?)(<!-- end of safety -->)", re.DOTALL)


def every() -> list[str]:
    """Every safety requirement, in no particular order."""
    return [name for names in SAFETY.values() for name in names]


def mutants(requirement: str) -> list[Revert]:
    """The stored reverts that violate it."""
    return [revert for revert in load() if requirement in revert.requirement]


@cache
def properties() -> dict[str, list[str]]:
    """Which properties of the specification state a requirement: those defined below a comment that names it."""
    found: dict[str, list[str]] = {}
    numbers: list[str] = []
    for line in PROPERTIES.read_text(encoding="utf-8").splitlines():
        if line.startswith("\\*"):
            numbers = re.findall(r"R-\d+", line)
        elif stated := re.match(r"([A-Z]\w+) == ", line):
            for number in numbers:
                found.setdefault(number, []).append(stated[1])
        elif line.startswith("---"):
            numbers = []
    return found


def table() -> str:
    """A row for each, with all mutants and the test of the first."""
    lines = ["| what must never happen | | in the specification | mutants | the first is killed by |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for group, names in SAFETY.items():
        for name in names:
            taken = mutants(name)
            stated = ", ".join(properties().get(name, [])) or "–"
            test = taken[0].test.rpartition("::")[2].partition("[")[0] if taken else "–"
            named = "; ".join(revert.name for revert in taken)
            lines.append(f"| {group} | {name} | {stated} | {named} | `{test}` |")
    return "\n".join(lines) + "\n"


def written() -> list[str]:
    """What stands in the document where the table belongs."""
    return [found[1] for found in _BETWEEN.findall(SPECIFICATION.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    text = SPECIFICATION.read_text(encoding="utf-8")
    SPECIFICATION.write_text(_BETWEEN.sub(lambda found: found[1] + table() + found[3], text), encoding="utf-8")
    print(f"wrote {SPECIFICATION.relative_to(ROOT)}")
