"""What differs from one day, machine or attempt to the next gets a name: times, lengths that were measured, processes,
nonces, hashes, sizes. All else in a transcript stays as it was printed, byte for byte.

A table that holds any of these is laid out anew, for its columns are as wide as what varied. Its columns are found by
the gaps that go through all of its lines: a table that is out of line loses its columns, and the transcript differs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

AROUND = (timedelta(days=2), timedelta(days=7))
"""Dates so far before and after today are those of the session; others stand in its files."""

EXAMPLES = ("2026-12-01T09:00:00Z", "2026-12-01 09:00", "2026-12-01")
"""Times that help and mistakes name as examples; they stay what they are when that day comes."""

_LENGTH = r"(?:\d+d \d+h|\d+h \d+m|\d+m \d+s|\d+(?:\.\d+)?(?:ms|[smhd]))"
_RULES: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\b(succeeded|failed|timed_out|lost|reaped) now\b", r"\1 <length> ago"),
        (rf"\b{_LENGTH} ago\b", "<length> ago"),
        (r"\(now\)", "(<length> ago)"),
        (rf"\b(had been (?:running|waiting to start)) for {_LENGTH}", r"\1"),  # said from a second on
        (rf"\bin {_LENGTH}(?!\w|\.\d)", "in <length>"),
        (rf"(?<!KILL )\bafter (waiting )?{_LENGTH}(?!\w|\.\d)", r"after \1<length>"),
        (rf"\bfor {_LENGTH} more\b", "for <length> more"),
        (r"(?<!--)\bfor \d+(?:\.\d+)?(?:ms|s)(?!\w|\.\d)", "for <length>"),
        (r"\(\d+(?:\.\d+)?s\)", "(<length>)"),
        (r"\b\d+ms\b|\b\d+\.\d+s\b", "<length>"),
        (r"\bpid \d+", "pid <pid>"),
        (rf"pid <pid>, for {_LENGTH}", "pid <pid>, for <length>"),
        (r'"(age_s|took_s|longest_s)": [\d.]+', r'"\1": <seconds>'),
        (r"\bprocess \d+", "process <pid>"),
        (r"\bsupervisor \d+", "supervisor <pid>"),
        (r'"pid": ?\d+', '"pid": <pid>'),
        (r"\b[0-9a-f]{64}\b", "<hash>"),
        (r"\b[0-9a-f]{12}…", "<hash>"),
        (r"\b[0-9a-f]{16}\b", "<arming>"),
        (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<uuid>"),
        (r"#\d+ {2,}", "#<id>  "),
        (r"#\d+\b", "#<id>"),
        (r"\b\d{8}T\d{6}Z?(?:-\d+)*\b", "<stamp>"),
        (r"\b\d+\.\d [kMG]B\b", "<size>"),
        (r"(reap \(\w+\))  \[(?:cli|supervisor)\]", r"\1  [<whoever came first>]"),
        (r"disk_free=\S+", "disk_free=<bytes>"),
        (r"success_age=\d+s", "success_age=<seconds>"),
        (r'"(disk_free_bytes|journal_bytes)": ?\d+', r'"\1": <bytes>'),
    )
]
_TIME = re.compile(r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)?")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_HEADING = re.compile(r" *[A-Z][A-Z]*(?: [A-Z()]+)*(?:  +[A-Z][A-Z]*(?: [A-Z()]+)*)+")
_SHORT_CELL = re.compile(r"\d+(?:\.\d+)?(?:ms|s)")


def named(text: str, home: str) -> str:
    """The text of one command with names in the place of what varies. `home` is shown as a folder of the same length,
    so that no line is wrapped elsewhere."""
    lines = text.replace(home, HOME).split("\n")
    told: list[str] = []
    place = 0
    while place < len(lines):
        if _HEADING.fullmatch(lines[place]):
            end = place + 1
            while end < len(lines) and lines[end].strip():
                end += 1
            told += _table(lines[place:end])
            place = end
        else:
            told.append(_line(lines[place]))
            place += 1
    return "\n".join(told)


HOME = "/home/someone"


def _line(line: str) -> str:
    line = _DATE.sub(_date, _TIME.sub(_time, line))
    for pattern, name in _RULES:
        line = pattern.sub(name, line)
    return line


def _recent(day: str) -> bool:
    today = datetime.now(UTC).date()
    return today - AROUND[0] <= date.fromisoformat(day) <= today + AROUND[1]


def _time(match: re.Match[str]) -> str:
    return match[0] if match[0] in EXAMPLES or (match[1] and not _recent(match[1])) else "<time>"


def _date(match: re.Match[str]) -> str:
    return "<date>" if match[0] not in EXAMPLES and _recent(match[0]) else match[0]


def _table(lines: list[str]) -> list[str]:
    """A heading and its rows, laid out anew where something in them varies."""
    spread = [_spread(line) for line in lines]
    rows = [[_cell("".join(line[a:b])) for a, b in _columns(spread)] for line in spread]
    if "<" not in "".join(_line(line) for line in lines) and "<length>" not in "".join(map("".join, rows)):
        return lines
    widths = [max(len(_spread(cell)) for cell in column) for column in zip(*rows, strict=True)]
    indent = " " * (len(lines[0]) - len(lines[0].lstrip()))
    return [
        indent + "  ".join(cell + " " * (w - len(_spread(cell))) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cell(text: str) -> str:
    text = text.strip(" ")
    return "<length>" if _SHORT_CELL.fullmatch(text) else _line(text)


def _spread(line: str) -> list[str]:
    """One element for each cell of a terminal: a wide character takes two."""
    cells: list[str] = []
    for char in line:
        if unicodedata.combining(char) and cells:
            cells[-1] += char
        else:
            cells += [char, ""] if unicodedata.east_asian_width(char) in "WF" else [char]
    return cells


def _columns(lines: Sequence[list[str]]) -> Iterator[tuple[int, int]]:
    """Where columns begin and end: between gaps of two cells that are empty in every line."""
    wide = max(map(len, lines))
    blank: Callable[[int], bool] = lambda at: all(at >= len(line) or line[at] == " " for line in lines)  # noqa: E731
    gaps = [(place := list(run))[0:1] + place[-1:] for empty, run in groupby(range(wide), blank) if empty]
    begin = 0
    for first, *last in gaps:
        end = last[0] + 1 if last else first + 1
        if end - first >= 2 and first > begin:
            yield begin, first
            begin = end
        elif first == 0:
            begin = end
    yield begin, wide
