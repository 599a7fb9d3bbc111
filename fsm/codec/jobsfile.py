"""The jobs file: TOML text -> checked jobs, or every mistake in it at once, a line each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from attrs import Attribute, field, frozen

from fsm.codec.jobkeys import make_job, read_job, structure
from fsm.codec.jobs import KEYS, unknown_key
from fsm.codec.mistakes import Mistakes, Path, dotted, one_line, shown
from fsm.errors import BadJobs, BadValue
from fsm.model.job import Job, check_group, check_name, fold_name
from fsm.model.settings import MAX_GROUPS, MAX_RUNNING, Group

__all__ = ["DEFAULT_KEYS", "JobsFile", "make_job", "read_jobs"]

DEFAULT_KEYS = tuple(key for key in KEYS if key not in ("name", "schedule", "command", "shell", "agent", "enabled"))
"""What `[defaults]` may hold: all that does not say what a single job runs, when, and whether at all."""

_FILE_KEYS = ("scheduler", "groups", "defaults", "jobs")
_SYNTAX = re.compile(r"(.*) \((?:at line (\d+), column (\d+)|at end of document)\)", re.DOTALL)


def _running(_: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and (type(value) is not int or not 1 <= value <= MAX_RUNNING):
        raise BadValue(f"{shown(value)} is not a number of runs (say 8; from 1 to {MAX_RUNNING})")


@frozen(slots=True)
class SchedulerTable:
    """`[scheduler]`. `max_running`: runs at once, over all jobs; None where the file does not say."""

    max_running: int | None = field(default=None, validator=_running)


@frozen(slots=True)
class GroupTable:
    """`[groups.NAME]`. `max_running`: runs at once of the jobs with this `group`."""

    max_running: int | None = field(default=None, validator=_running)


@frozen(slots=True)
class JobsFile:
    """A jobs file: its jobs in their order, defaults filled in; `max_running` as in `SchedulerTable`; its groups."""

    jobs: tuple[Job, ...]
    max_running: int | None = None
    groups: tuple[Group, ...] = ()


def read_jobs(text: str | bytes, name: str = "") -> JobsFile:
    """Read a jobs file, called `name`.

    Whatever the text is: raises `BadJobs`, with all mistakes in the order of the file, or nothing.
    """
    try:
        document = _parse(text)
    except BadJobs as wrong:
        raise BadJobs(tuple(f"{name}: {each}" if name else each for each in wrong.mistakes)) from None
    mistakes = Mistakes()
    for key in document:
        if key not in _FILE_KEYS:
            mistakes.add((key,), unknown_key(key, _FILE_KEYS))
    scheduler = structure(SchedulerTable, _table(document, ("scheduler",), mistakes), ("scheduler",), mistakes, True)
    groups = _read_groups(_table(document, ("groups",), mistakes), mistakes)
    defaults = _read_defaults(_table(document, ("defaults",), mistakes), mistakes)
    jobs = _read_all(_table(document, ("jobs",), mistakes), defaults, mistakes)
    _need_groups(document, jobs, mistakes)
    mistakes.refuse(document)
    return JobsFile(tuple(jobs), scheduler.max_running if scheduler else None, groups)


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
    head = {"jobs": "[jobs.NAME]", "groups": "[groups.NAME]"}.get(path[-1], f"[{'.'.join(path)}]")
    mistakes.add(path, f"{shown(value)} is not a table (write {head}, and its keys below)")
    return {}


def _read_groups(tables: Mapping[str, object], mistakes: Mistakes) -> tuple[Group, ...]:
    groups = []
    if len(tables) > MAX_GROUPS:
        mistakes.add(("groups",), f"{len(tables)} groups are more than there may be, {MAX_GROUPS}")
        return ()
    for name in tables:
        path = ("groups", name)
        try:
            check_group(name)
        except BadValue as error:
            mistakes.add(path, str(error))
        before = len(mistakes.found)
        table = structure(GroupTable, _table(tables, path, mistakes), path, mistakes, True)
        if table is not None and table.max_running is not None:
            groups.append(Group(name, table.max_running))
        elif len(mistakes.found) == before:
            mistakes.add(path, "says not how many may run at once; add max_running = 2")
    return tuple(groups)


def _need_groups(document: Mapping[str, object], jobs: list[Job], mistakes: Mistakes) -> None:
    """A group that a job names has to be one of this file: a mistyped one would bound nothing."""
    tables = document.get("groups", {})
    known = list(tables) if isinstance(tables, dict) else []
    defaults = document.get("defaults", {})
    common = defaults.get("group") if isinstance(defaults, dict) else None
    if isinstance(common, str) and common not in known:
        mistakes.add(("defaults", "group"), unknown_group(common, known))
    for job in jobs:
        if job.group is not None and job.group not in known and job.group != common:
            mistakes.add(("jobs", job.name, "group"), unknown_group(job.group, known))


def unknown_group(name: str, known: Iterable[str]) -> str:
    """The sentence for a group that nobody has defined."""
    nearest = get_close_matches(name, list(known), n=1)
    hint = f'did you mean "{nearest[0]}"?' if nearest else f"add [groups.{dotted((name,))}] with max_running = 2"
    return f'there is no group "{name}" ({hint})'


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
