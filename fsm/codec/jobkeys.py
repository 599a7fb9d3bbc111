"""From the keys of a job to a checked `Job`: what a jobs file, ``cronfsm add`` and a simulation have in common.

cattrs takes the table apart and collects what is wrong, key by key; each value is checked by the converter and the
validator that `Job` itself has for it, and schedule and time zone by `fsm.planning`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from attrs import Attribute, Converter, fields
from cattrs import AttributeValidationNote, ClassValidationError, ForbiddenExtraKeysError
from cattrs import Converter as Structurer
from cattrs.gen import make_dict_structure_fn, override

from fsm.codec.jobs import unknown_key
from fsm.codec.mistakes import Mistakes, Path, shown
from fsm.errors import BadValue
from fsm.model.agent import Agent, AgentKind
from fsm.model.job import Job, check_name
from fsm.model.policies import Breaker, Retry
from fsm.model.secrets import refusal, secret_names
from fsm.planning.schedule import timetable
from fsm.planning.zones import zone

_T = TypeVar("_T")
_TEXTS = frozenset(
    {"env_file", "schedule", "shell", "timezone", "cwd", "overlap", "catch_up", "leftovers", "group"}
    | {"kind", "message", "model", "program"}
)
_WHAT = ("command", "shell", "agent")
_DURATIONS = frozenset(
    {"timeout", "start_within", "grace", "catch_up_within", "idle_timeout", "jitter", "expect_success_within"}
    | {"backoff", "max_backoff", "cooldown"}
)
_TABLES: dict[str, tuple[type[Any], str]] = {
    "retry": (Retry, '{ attempts = 3, backoff = "30s" }'),
    "breaker": (Breaker, '{ failures = 5, cooldown = "15m" }'),
}
_NO_NAME = "unnamed"  # stands in for a name that is wrong, while the other keys are looked at


def make_job(name: str, *, need_command: bool = False, **keys: object) -> Job:
    """One job without a file, by the keys of a file; a key that is None counts as left out.

    Durations may also be timedeltas or microseconds. Schedule and zone are checked too; with `need_command` there must
    be a command or a shell line. Raises `BadJobs` with every mistake, as for a file, but without ``jobs.NAME.``.
    """
    mistakes = Mistakes()
    given = {key: value for key, value in keys.items() if value is not None}
    job = read_job(name, given, (), mistakes, need_command=need_command, from_file=False)
    mistakes.refuse(given)
    assert job is not None
    return job


def read_job(
    name: str,
    keys: Mapping[str, object],
    path: Path,
    mistakes: Mistakes,
    *,
    need_command: bool = True,
    from_file: bool = True,
) -> Job | None:
    """The job of that name with these keys, or None, its mistakes added under `path`."""
    found = Mistakes()
    keys = dict(keys)
    try:
        check_name(name)
    except BadValue as error:
        found.add(path, str(error))
        name = _NO_NAME
    if "name" in keys:
        del keys["name"]
        found.add((*path, "name"), "a job has its name from the head of its table, [jobs.NAME]")
    what = [key for key in _WHAT if key in keys]
    if len(what) > 1:
        found.add(
            path, f"{' and '.join(what)} exclude each other; leave {'one' if len(what) == 2 else 'two'} of them out"
        )
    elif need_command and not what:
        found.add(
            path,
            'says not what to run; add command = ["program", "argument"], or shell = "a | b", '
            'or agent = { kind = "claude", message = "…" }',
        )
    if "agent" in keys:
        agent = _read_agent(keys.pop("agent"), (*path, "agent"), found, from_file)
        if agent is not None and len(what) == 1:
            keys["agent"] = agent
    # Both at once are said above; without `Job`'s own refusal the other keys are looked at all the same.
    shell = keys.pop("shell", None) if "command" in keys else None
    if shell is not None:
        structure(Job, {"name": _NO_NAME, "shell": shell}, path, found, from_file)
    _read_tables(keys, path, found, from_file)
    job = structure(Job, keys | {"name": name}, path, found, from_file)
    mistakes.found.extend(found.found)
    return None if found else job


def _read_tables(keys: dict[str, object], path: Path, mistakes: Mistakes, from_file: bool) -> None:
    """Replace what are tables of their own by what they say, or take them out where that is a mistake."""
    for key, (cls, example) in _TABLES.items():
        value = keys.get(key)
        if value is None or isinstance(value, cls):
            continue
        del keys[key]
        if isinstance(value, Mapping):
            read = structure(cls, value, (*path, key), mistakes, from_file)
            if read is not None:
                keys[key] = read
        else:
            mistakes.add((*path, key), f"{shown(value)} is not a table (say {example})")


def _read_agent(table: object, path: Path, mistakes: Mistakes, from_file: bool) -> Agent | None:
    if isinstance(table, Agent):
        return table
    if not isinstance(table, Mapping):
        mistakes.add(path, f'{shown(table)} is not a table (say {{ kind = "claude", message = "Summarise …" }})')
        return None
    if "kind" not in table:
        mistakes.add(path, f"says not whose turn it is; add kind = one of: {', '.join(AgentKind)}")
        table = {"kind": AgentKind.COMMAND, "program": "-", **table}  # so that the other keys are looked at
    return structure(Agent, table, path, mistakes, from_file)


def structure(cls: type[_T], table: Mapping[str, object], path: Path, mistakes: Mistakes, from_file: bool) -> _T | None:
    """The table as an instance of an attrs class, or None, its mistakes added under `path`."""
    kind: Any = cls  # mypy does not take a type for hashable
    try:
        return _structurer(kind, from_file).structure(table, cls)
    except ClassValidationError as error:
        _explain(error, cls, path, mistakes)
        return None


@cache
def _structurer(cls: type[Any], from_file: bool) -> Structurer:
    structurer = Structurer(detailed_validation=True)
    hooks: Any = {a.name: override(struct_hook=_checked(a, from_file)) for a in fields(cls)}
    structurer.register_structure_hook(
        cls,
        make_dict_structure_fn(
            cls,
            structurer,
            _cattrs_forbid_extra_keys=True,
            _cattrs_use_alias=True,
            _cattrs_detailed_validation=True,
            **hooks,
        ),
    )
    return structurer


def _checked(attribute: Attribute[Any], from_file: bool) -> Callable[[Any, Any], Any]:
    """A hook that reads one value as the class itself would, so that cattrs can name the key it failed for."""
    key = attribute.alias or attribute.name

    def check(value: Any, _: Any) -> Any:
        if key in _TEXTS and not isinstance(value, str):
            raise BadValue(f"{shown(value)} is not a text{_hint(key, value)}")
        if from_file and key in _DURATIONS and not isinstance(value, str):
            raise BadValue(f"{shown(value)} is not a duration (say 90s, 15m, 2h or 1d)")
        if from_file and key == "env" and not isinstance(value, dict):
            raise BadValue(f'{shown(value)} is not a table (say {{ LANG = "C" }})')
        if key == "env" and isinstance(value, dict):
            for secret in secret_names(name for name in value if isinstance(name, str)):
                raise BadValue(refusal(secret))
        if isinstance(attribute.converter, Converter):
            raise TypeError(f"{key}: converters with arguments are not known here")
        read = attribute.converter(value) if attribute.converter else value
        if attribute.validator:
            attribute.validator(None, attribute, read)
        if key == "schedule":
            timetable(read)  # in no particular zone: whether a date ever comes is the same in all of them
        elif key == "timezone":
            zone(read)
        return read

    return check


def _hint(key: str, value: object) -> str:
    if key == "schedule" and hasattr(value, "isoformat"):
        return ' (say "at 2026-12-01T09:00:00Z")'
    return " (put it in quotes)" if isinstance(value, int | float) else ""


def _explain(error: ClassValidationError, cls: type[Any], path: Path, mistakes: Mistakes) -> None:
    for each in error.exceptions:
        if isinstance(each, ForbiddenExtraKeysError):
            known = [a.alias or a.name for a in fields(cls) if a.name != "name"]
            for key in each.extra_fields:
                mistakes.add((*path, key), unknown_key(key, known))
            continue
        notes = [n for n in getattr(each, "__notes__", ()) if isinstance(n, AttributeValidationNote)]
        keys = {a.name: a.alias or a.name for a in fields(cls)}
        where = (*path, keys.get(notes[0].name, notes[0].name)) if notes else path
        # Anything but a BadValue is a value that nobody thought of; it is refused all the same.
        mistakes.add(where, str(each) if isinstance(each, BadValue) else f"cannot be used ({each})")
