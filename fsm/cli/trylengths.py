"""How long the runs of a rehearsal are taken to be: by a file, else by the history, else by what is assumed.

The file is TOML (``backup = "45m"``, ``sync = ["30s", "40m"]``) or CSV (``backup,45m`` and ``sync,30s,40m``): a job
and its length, or several that its runs take in turn. ``"*"`` stands for every job that is not named.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from statistics import median_low

from fsm.cli.times import span
from fsm.errors import BadJobs, BadValue
from fsm.instants import Duration, parse_duration
from fsm.model.states import State
from fsm.ports import Journal, RunQuery
from fsm.testing.rehearsal import ASSUMED, Lengths

OTHERS = "*"
_MAX_FILE = 4 << 20  # bytes; as for a crontab
_MOST = 1_000  # lengths of one job; more make no other picture
_RECENT = 100
"""Successful runs of a job that are looked at: what it took a year ago says little."""


def read_lengths(path: str, jobs: Iterable[str]) -> dict[str, Lengths]:
    """By job, or `OTHERS`. Raises `BadJobs` with every mistake, OSError."""
    with open(path, "rb") as file:
        data = file.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise BadValue(f"{path}: it is larger than {_MAX_FILE >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"{path}: byte {error.start} is not UTF-8") from None
    given = _csv(text) if path.lower().endswith(".csv") else _toml(path, text)
    known, mistakes, found = {OTHERS, *jobs}, [], {}
    for name, said in given:
        if name not in known:
            mistakes.append(f'{path}: no job is called "{name}" ("{OTHERS}" stands for all that are not named)')
            continue
        try:
            found[name] = Lengths(_read(said), source="given")
        except BadValue as bad:
            mistakes.append(f"{path}: {name}: {bad}")
    if mistakes:
        raise BadJobs(tuple(mistakes))
    return found


def _toml(path: str, text: str) -> list[tuple[str, object]]:
    try:
        return list(tomllib.loads(text).items())
    except tomllib.TOMLDecodeError as error:
        raise BadValue(f'{path}: it is not TOML: {error} (say backup = "45m"; a file of commas ends in .csv)') from None


def _csv(text: str) -> list[tuple[str, object]]:
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
    return [(row[0], [cell for cell in row[1:] if cell]) for row in rows if any(row) and not row[0].startswith("#")]


def _read(said: object) -> tuple[Duration, ...]:
    each = said if isinstance(said, list) else [said]
    if not each or len(each) > _MOST:
        raise BadValue(f'a length, or a list of 1 to {_MOST:,} lengths (say "45m")')
    lengths = tuple(parse_duration(one) if isinstance(one, str) else _no_length(one) for one in each)
    if min(lengths) <= 0:
        raise BadValue("a run takes longer than nothing")
    return lengths


def _no_length(said: object) -> Duration:
    raise BadValue(f"{said!r} is not a duration (say 90s, 15m, 2h or 1d)")


def from_history(journal: Journal, jobs: Iterable[str]) -> dict[str, Lengths]:
    """What the last successful runs of each job took, to be drawn from; of jobs that have had any."""
    found = {}
    for job in jobs:
        runs = journal.runs(RunQuery(job, frozenset({State.SUCCEEDED}), limit=_RECENT))
        took = sorted(
            Duration(max(run.ended_at - run.started_at, 1_000))
            for run in runs
            if run.ended_at is not None and run.started_at is not None
        )
        if took:
            found[job] = Lengths(tuple(took), in_turn=False, source="history")
    return found


def all_lengths(given: Mapping[str, Lengths], history: Mapping[str, Lengths]) -> tuple[dict[str, Lengths], Lengths]:
    """By job, and for every other. A job's own line counts first, then its history, then the line of all others."""
    own = {name: lengths for name, lengths in given.items() if name != OTHERS}
    return {**history, **own}, given.get(OTHERS, Lengths((ASSUMED,)))


def described(lengths: Lengths) -> str:
    """For a table: one length, or the middle one and the spread; and where that is from."""
    low, high, middle = min(lengths.of), max(lengths.of), median_low(lengths.of)
    text = span(middle) if low == high else f"{span(middle)} ({span(low)}-{span(high)})"
    return text if lengths.source == "given" else f"{text}, {lengths.source}"
