"""A jobs file edited into nonsense: it is read, or refused with `BadJobs`; nothing else ever happens."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fsm.codec.jobs import KEYS, job_from_dict, job_to_dict
from fsm.codec.jobsfile import JobsFile, make_job, read_jobs
from fsm.errors import BadJobs, BadValue
from fsm.instants import Instant
from fsm.planning.schedule import Span, timetable

GOOD = """[scheduler]
max_running = 8
[defaults]
timezone = "Europe/Berlin"
timeout = "1h"
[jobs.backup]
schedule = "0 3 * * 1-5"
command = ["restic", "backup", "/home"]
env = { RESTIC_REPOSITORY = "/srv/restic" }
output_limit = "10MB"
enabled = true
[jobs.other]
shell = "a | b > c"
schedule = "at 2026-12-01T09:00:00Z"
grace = "90s"
"""
PIECES = [
    "\n",
    "\\",
    '"',
    "'''",
    "[",
    "]]",
    "=",
    ".",
    "#",
    "\0",
    "\ufeff",
    "é",
    "\ud7ff",
    "0x",
    "-",
    "inf",
    "nan",
    "{",
    ",",
]
PIECES += [
    "[jobs]",
    "[jobs.backup]",
    "[[jobs]]",
    "[jobs.Backup]",
    "timeout = ",
    '"soon"',
    "1979-05-27",
    "07:32:00",
    "true",
    "9e9",
]


def outcome(text: str | bytes) -> JobsFile | BadJobs:
    try:
        file = read_jobs(text)
    except BadJobs as error:
        refused = error
    else:
        return checked(file)
    assert refused.mistakes
    for line in refused.mistakes:
        assert line == line.strip()
        assert line.isprintable()
        assert 0 < len(line) < 1_000
    return refused


def checked(file: JobsFile) -> JobsFile:
    """What is read can be stored, and scheduled."""
    for job in file.jobs:
        assert job_from_dict(json.loads(json.dumps(job_to_dict(job)))) == job
        if job.schedule:
            timetable(job.schedule, job.timezone)
    return file


@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@given(st.binary())
def test_any_bytes(text: bytes) -> None:
    outcome(text)


edits = st.lists(
    st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(PIECES) | st.text(max_size=5)),
    min_size=1,
    max_size=4,
)


@given(edits)
def test_a_good_file_edited_anywhere(changes: list[tuple[int, int, str]]) -> None:
    text = GOOD
    for at, length, piece in changes:
        text = text[:at] + piece + text[at + length :]
    outcome(text)


scalars: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(),
    st.sampled_from(
        ["soon", "90s", "0 3 * * *", "0 0 30 2 *", "@daily", "every 5m", "at noon", "UTC", "Mars", "10MB", "once", ""]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from([*KEYS, "tiemout", "", "x y"])
tables = st.dictionaries(keys, values, max_size=6) | values
documents = st.fixed_dictionaries(
    {},
    optional={
        "scheduler": st.dictionaries(st.sampled_from(["max_running", "max"]), values) | values,
        "defaults": tables,
        "jobs": st.dictionaries(st.sampled_from(["a", "A", "b", "-c", "d/e", "ß", "SS"]), tables, max_size=4) | values,
        "more": values,
    },
)


def toml(value: object) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() or c in " _-" else f"\\U{ord(c):08x}" for c in text) + '"'


@given(documents)
def test_any_values_under_any_keys(document: dict[str, Any]) -> None:
    """TOML in order, its values not. Every job that has nothing wrong is the same when it is made by its keys alone."""
    text = "".join(f"{_quoted(key)} = {toml(value)}\n" for key, value in document.items())
    result = outcome(text)
    assert isinstance(result, JobsFile) or not any(line.startswith("line ") for line in result.mistakes)
    if isinstance(result, JobsFile):
        assert [job.name for job in result.jobs] == list(document.get("jobs", {}))
        for job in result.jobs:
            given_keys = {key: value for key, value in job_to_dict(job).items() if key != "name"}
            assert make_job(job.name, **given_keys) == job


@given(
    st.text(max_size=30) | st.from_regex(r"[0-9*,/LW#a-z-]{1,6}( [0-9*,/LW#a-z-]{1,6}){4,5}", fullmatch=True),
    st.text(max_size=8),
)
def test_any_schedule_and_zone(schedule: str, zone: str) -> None:
    for name in (zone, "UTC"):
        try:
            table = timetable(schedule, name)
        except BadValue:
            continue
        first = table.next_after(Instant(0))
        assert first is None or table.span(Instant(0), first) == Span(1, first, first)
