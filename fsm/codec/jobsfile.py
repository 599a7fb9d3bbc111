"""The jobs file: TOML text -> checked jobs, or every mistake in it at once, a line each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from attrs import Attribute, field, frozen

from fsm.codec.jobkeys import make_job, read_job, structure
from fsm.codec.jobs import KEYS, unknown_key
from fsm.codec.mistakes import Mistakes, Path, one_line, shown
from fsm.errors import BadJobs, BadValue
from fsm.model.job import Job, check_name, fold_name

__all__ = ["DEFAULT_KEYS", "JobsFile", "make_job", "read_jobs"]

DEFAULT_KEYS = tuple(key for key in KEYS if key not in ("name", "schedule", "command", "shell", "agent", "enabled"))
"""What `[defaults]` may hold: all that does not say what a single job runs, when, and whether at all."""

_FILE_KEYS = ("scheduler", "defaults", "jobs")
_SYNTAX = re.compile(r"(.*) \((?:at line (\d+), column (\d+)|at end of document)\)", re.DOTALL)
_MAX_RUNNING = 100_000  # more processes than a machine has room for, and far below what a journal's integers hold


def _running(_: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= _MAX_RUNNING):
        raise BadValue(f"{shown(value)} is not a number of runs (say 8; from 1 to {_MAX_RUNNING})")


@frozen(slots=True)
class SchedulerTable:
    """`[scheduler]`. `max_running`: runs at once, over all jobs; None where the file does not say."""

    max_running: int | None = field(default=None, validator=_running)


@frozen(slots=True)
class JobsFile:
    """A jobs file: its jobs in their order, defaults filled in; `max_running` as in `SchedulerTable`."""

    jobs: tuple[Job, ...]
    max_running: int | None = None


def read_jobs(text: str | bytes) -> JobsFile:
    """Read a jobs file. Whatever the text is: raises `BadJobs`, with all mistakes in the file's order, or nothing."""
    document = _parse(text)
    mistakes = Mistakes()
    for key in document:
        if key not in _FILE_KEYS:
            mistakes.add((key,), unknown_key(key, _FILE_KEYS))
    scheduler = structure(SchedulerTable, _table(document, ("scheduler",), mistakes), ("scheduler",), mistakes, True)
    defaults = _read_defaults(_table(document, ("defaults",), mistakes), mistakes)
    jobs = _read_all(_table(document, ("jobs",), mistakes), defaults, mistakes)
    mistakes.refuse(document)
    return JobsFile(tuple(jobs), scheduler.max_running if scheduler else None)


def _parse(text: str | bytes) -> dict[str, object]:
    try:
        return tomllib.loads(text.decode() if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadJobs((f"line {line}: this is not text in UTF-8",)) from None
    except RecursionError:
        raise BadJobs(("the file nests lists or tables too deeply",)) from None
    except ValueError as error:  # TOMLDecodeError; and what Python's own numbers and dates refuse
        raise BadJobs((_syntax(str(error), text if isinstance(text, str) else text.decode()),)) from None


def _syntax(said: str, text: str) -> str:
    match = _SYNTAX.fullmatch(said)
    if match is None:
        return one_line(f"the file is not TOML: {said}")
    line, column = match[2], match[3]
    if line is None:  # the text ends too early: that is behind its last character
        before, _, last = text.rstrip().rpartition("\n")
        line, column = str(before.count("\n") + (2 if _ else 1)), str(len(last) + 1)
    return one_line(f"line {line}, column {column}: {match[1]}")


def _table(within: Mapping[str, object], path: Path, mistakes: Mistakes) -> Mapping[str, object]:
    """The table that `within` has under the last key of `path`; an empty one where there is none or it is no table."""
    value = within.get(path[-1], {})
    if isinstance(value, dict):
        return value
    head = {"jobs": "[jobs.NAME]"}.get(path[-1], f"[{'.'.join(path)}]")
    mistakes.add(path, f"{shown(value)} is not a table (write {head}, and its keys below)")
    return {}


def _read_defaults(table: Mapping[str, object], mistakes: Mistakes) -> dict[str, object]:
    """The good ones among the defaults; so jobs are judged by mistakes of their own only."""
    path = ("defaults",)
    good: dict[str, object] = {}
    for key, value in table.items():
        if key in DEFAULT_KEYS:
            good[key] = value
        elif key in KEYS:
            mistakes.add((*path, key), "belongs to a single job and cannot be a default")
        else:
            mistakes.add((*path, key), unknown_key(key, DEFAULT_KEYS))
    read_job("defaults", good, path, mistakes, need_command=False)  # a job of nothing but these must be possible
    bad = mistakes.keys_at(path)
    return {key: value for key, value in good.items() if key not in bad}


def _read_all(tables: Mapping[str, object], defaults: Mapping[str, object], mistakes: Mistakes) -> list[Job]:
    jobs = []
    names: dict[str, str] = {}
    for name in tables:
        path = ("jobs", name)
        try:
            twin = names.setdefault(fold_name(check_name(name)), name)
        except BadValue:
            twin = name  # `read_job` says what is wrong with it
        if twin != name:
            mistakes.add(path, f'has the same name as "{twin}", but for upper and lower case')
        before = len(mistakes.found)
        keys = _table(tables, path, mistakes)
        if len(mistakes.found) > before:
            continue  # it is no table
        job = read_job(name, _with_defaults(keys, defaults), path, mistakes)
        if job is not None:
            jobs.append(job)
    return jobs


def _with_defaults(keys: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """The job's own keys before the defaults; `env` variable by variable."""
    merged = {**defaults, **keys}
    own, common = keys.get("env"), defaults.get("env")
    if isinstance(own, dict) and isinstance(common, dict):
        merged["env"] = {**common, **own}
    return merged
