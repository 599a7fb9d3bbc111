"""What the commands wrote, read back and held against itself: each file is one total order, by its appends."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class Line:
    """One line of a job's file. Times in microseconds."""

    what: str  # start, beat, child, end
    nonce: str
    run: int
    boot: int
    utc: int
    pid: int


def read_lines(path: Path) -> list[Line]:
    """All that is there, in the order in which it was appended. A file that does not exist is an empty one."""
    if not path.exists():
        return []
    found = []
    for text in path.read_text().splitlines():
        what, nonce, run, boot, utc, pid = text.split()
        found.append(Line(what, nonce, int(run.rpartition("/")[2]), int(boot) // 1000, int(utc) // 1000, int(pid)))
    return found


def overlaps(lines: list[Line]) -> list[str]:
    """Sentences on what shows that two runs were alive at once, or that one was executed twice.

    Every process of a run writes while it lives, and its first line is its command's `start`. So a line of one run
    behind a line of another that began later was written by a process that lived when the other one began.
    """
    found = []
    newest: int | None = None
    nonces: dict[int, str] = {}
    for line in lines:
        if line.run not in nonces:
            nonces[line.run] = line.nonce
            newest = line.run
            if line.what != "start":
                found.append(f"run {line.run} begins with {line.what!r}")
        elif line.what == "start":
            found.append(f"run {line.run} was executed again")
        if line.run != newest:
            found.append(f"a process of run {line.run} writes {line.what!r} after run {newest} began")
        if line.nonce != nonces[line.run]:
            found.append(f"run {line.run} was executed by two armings, {nonces[line.run]} and {line.nonce}")
    return found
