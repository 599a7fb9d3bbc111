"""A job: what to run, when, and within which bounds.

The keys are those of the jobs file. Validation here is of single values; what needs a calendar (is this a
cron expression, does the date ever come) is `fsm.planning.schedule`'s.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from attrs import Attribute, field, fields, frozen
from attrs.converters import optional

from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, MINUTE, SECOND, Duration, parse_duration
from fsm.model.agent import Agent
from fsm.model.policies import Breaker, Retry, read_breaker, read_retry
from fsm.model.receivers import Receiver, read_ping, read_receiver
from fsm.model.sizes import parse_size

SCHEDULER_STREAM = "@scheduler"
"""The stream of the schedulers' comings and goings; no job can have this name."""

_GRACE = Duration(10 * SECOND)
MAX_NAME_BYTES = 100  # a name is also the name of a folder, which file systems limit to 255 bytes


class Overlap(StrEnum):
    """What a tick does while a run of its job is open. Nothing ever allows two at once."""

    SKIP = "skip"  # it is refused
    QUEUE = "queue"  # it waits, up to `queue_limit` of them
    REPLACE = "replace"  # the run that is running is ended first, then it takes its slot


class CatchUp(StrEnum):
    """What becomes of ticks that came while nobody was there to answer them."""

    SKIP = "skip"
    ONCE = "once"  # the newest of them makes a run
    ALL = "all"  # the newest `catch_up_limit` of them do, oldest first


class Leftovers(StrEnum):
    """What becomes of processes that a command leaves behind when it ends by itself."""

    END = "end"
    KEEP = "keep"


MOST_PRIORITY = 100
"""The highest priority, and as a negative number the lowest: see `fsm.planning.admission` for what one is worth."""


def check_name(name: str) -> str:
    """Return `name` if a job can have it; raises `BadValue` with what would be right."""
    if not isinstance(name, str) or not name:
        raise BadValue("a job needs a name")
    if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise BadValue(f'"{name[:20]}…" is longer than {MAX_NAME_BYTES} bytes')
    if name[0] in ".@-" or name != name.strip():
        raise BadValue(f'"{name}" may not start with ".", "@" or "-", nor start or end with a blank')
    if any(c == "/" or unicodedata.category(c)[0] == "C" for c in name):
        raise BadValue(f"{name!r} may hold no slash and no control character")
    if unicodedata.normalize("NFC", name) != name:
        raise BadValue(f'"{name}" is not in Unicode normal form C')
    return name


def check_group(name: object) -> str:
    """Return `name` if a group can have it: as for a job. Raises `BadValue`."""
    if not isinstance(name, str) or not name:
        raise BadValue("a group needs a name")
    try:
        return check_name(name)
    except BadValue as error:
        raise BadValue(f"not the name of a group: {error}") from None


def fold_name(name: str) -> str:
    """The form in which two names of jobs may not be equal."""
    return unicodedata.normalize("NFC", name.casefold())


def _words(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise BadValue(f'{value!r} is not a list of words (say ["restic", "backup"]; for a shell line use shell)')
    words = tuple(value)
    if not words or not all(isinstance(w, str) for w in words) or not words[0]:
        raise BadValue("a command is a list of at least one word, each a text")
    if any("\0" in w for w in words):
        raise BadValue("a command may hold no NUL character")
    return words


def _agent(value: object) -> Agent | None:
    if value is None or isinstance(value, Agent):
        return value
    if not isinstance(value, Mapping):
        raise BadValue(f'{value!r} is not a table (say {{ kind = "claude", message = "Summarise …" }})')
    known = [field.name for field in fields(Agent)]
    unknown = [key for key in value if key not in known]
    if unknown:
        raise BadValue(f'an agent has no key "{unknown[0]}" (it has {", ".join(known)})')
    if "kind" not in value:
        raise BadValue('an agent needs its kind (say kind = "claude")')
    return Agent(**value)


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    items = value.items() if isinstance(value, Mapping) else value
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise BadValue(f'{value!r} is not a table of names and texts (say {{ LANG = "C" }})')
    pairs = []
    for item in items:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise BadValue(f"{item!r} is not a name with its text")
        name, text = item
        if not isinstance(name, str) or not isinstance(text, str):
            raise BadValue(f'{name}: {text!r} is not a text (say "{text}", in quotes)')
        if not name or "=" in name or "\0" in name:
            raise BadValue(f"{name!r} cannot be the name of an environment variable")
        if "\0" in text:
            raise BadValue(f"{name}: a text may hold no NUL character")
        if name.startswith("CRONFSM_"):
            raise BadValue(f"{name}: names that start with CRONFSM_ are set by cronfsm itself")
        pairs.append((name, text))
    return tuple(sorted(pairs))


def _positive(_: object, attribute: Attribute[Duration], value: Duration) -> None:
    if value <= 0:
        raise BadValue(f"{attribute.alias} must be longer than nothing")


def _length_or_none(value: object) -> Duration | None:
    """A length; none for ``"0s"``, so that a job can do without what the defaults of its file say."""
    return None if value is None else parse_duration(value) or None


MAX_JITTER = Duration(31 * DAY)


def _jitter(_: object, attribute: Attribute[Duration | None], value: Duration | None) -> None:
    if value is not None and value > MAX_JITTER:
        raise BadValue("jitter is 31d at most (and never reaches the next scheduled time)")


def _priority(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or not -MOST_PRIORITY <= value <= MOST_PRIORITY:
        raise BadValue(f"{value!r} is not a priority (a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY})")


def _group(_: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None:
        check_group(value)


def _positive_or_none(_: object, attribute: Attribute[Duration | None], value: Duration | None) -> None:
    if value is not None and value <= 0:
        raise BadValue(f"{attribute.alias} must be longer than nothing")


def _text(_: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise BadValue(f"{value!r} is not a text for {attribute.alias}")


def _text_or_none(_: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip() or "\0" in value):
        raise BadValue(f"{value!r} is not a text for {attribute.alias}")


def _flag(_: object, attribute: Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise BadValue(f"{value!r} is not a value for {attribute.alias} (say true or false)")


def _size(_: object, attribute: Attribute[int], value: int) -> None:
    if not 1 << 10 <= value <= 1 << 40:
        raise BadValue(f"{value} bytes is not between 1KiB and 1TiB")


_Word = TypeVar("_Word", bound=StrEnum)


def _one_of(words: type[_Word], value: object) -> _Word:
    for word in words:
        if word == value:
            return word
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    raise BadValue(f"{shown} is not one of: {', '.join(words)}")


MAX_WAITING = 1_000
"""Runs of one job that may wait at once: each is a live run of the fold, a kilobyte of memory."""


def _waiting(_: object, attribute: Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value <= MAX_WAITING:
        shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
        raise BadValue(f"{shown} is not a number of runs (say 3; from 1 to {MAX_WAITING})")


def _overlap(value: object) -> Overlap:
    return _one_of(Overlap, value)


def _leftovers(value: object) -> Leftovers:
    return _one_of(Leftovers, value)


def _catch_up(value: object) -> CatchUp:
    return _one_of(CatchUp, value)


MOST_KEPT = 1_000_000
"""The most runs that a job may ask to be kept."""


def _count(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MOST_KEPT:
        raise BadValue(f"keep.runs: {value!r} is not a number of runs (from 1 to {MOST_KEPT:,})")
    return value


def _keep_for(value: object) -> Duration:
    try:
        length = parse_duration(value)
    except BadValue as error:
        raise BadValue(f"keep.for: {error}") from None
    if length <= 0:
        raise BadValue("keep.for must be longer than nothing")
    return length


@frozen(slots=True)
class Keep:
    """How much of a job's history stays: its newest `runs` runs, and of those none that is older than `for_us`."""

    runs: int = field(default=1_000, converter=_count)
    for_us: Duration = field(default=Duration(400 * DAY), converter=_keep_for)  # `for` in a jobs file


_KEEP_KEYS = {"runs": "runs", "for": "for_us"}


def _keep(value: object) -> Keep:
    if isinstance(value, Keep):
        return value
    if not isinstance(value, Mapping):
        raise BadValue(f'{value!r} is not a table of bounds (say {{ runs = 1000, for = "400d" }})')
    unknown = sorted(str(key) for key in value if key not in _KEEP_KEYS)
    if unknown:
        raise BadValue(f'keep has no key "{unknown[0]}" (it has runs and for)')
    return Keep(**{_KEEP_KEYS[key]: part for key, part in value.items()})


@frozen(slots=True)
class Job:
    """One job. Durations are given as ``"90s"``, a timedelta or microseconds, and kept as microseconds.

    >>> Job(name="backup", schedule="0 3 * * *", command=["restic", "backup"], timeout="30m").timeout_us
    1800000000

    Raises `BadValue` for a value it cannot have. `command`, `shell` and `agent` may all be left out where the work is
    done in process (`fsm.Engine`, `fsm.testing`); a scheduler that would have to start such a job fails its
    run.
    """

    name: str = field(converter=check_name)
    schedule: str | None = field(default=None, validator=_text_or_none, kw_only=True)
    command: tuple[str, ...] | None = field(default=None, converter=_words, kw_only=True)
    shell: str | None = field(default=None, validator=_text_or_none, kw_only=True)
    agent: Agent | None = field(default=None, converter=_agent, kw_only=True)
    timezone: str = field(default="UTC", validator=_text, kw_only=True)
    timeout_us: Duration = field(
        default=DAY, alias="timeout", converter=parse_duration, validator=_positive, kw_only=True
    )
    start_within_us: Duration = field(
        default=HOUR, alias="start_within", converter=parse_duration, validator=_positive, kw_only=True
    )
    grace_us: Duration = field(default=_GRACE, alias="grace", converter=parse_duration, kw_only=True)
    env: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs, kw_only=True)
    env_file: str | None = field(default=None, validator=_text_or_none, kw_only=True)  # secrets: read at each start
    cwd: str | None = field(default=None, validator=_text_or_none, kw_only=True)
    output_limit: int = field(  # bytes; given as a number or as "10MB"
        default=10_000_000, converter=parse_size, validator=_size, kw_only=True
    )
    enabled: bool = field(default=True, validator=_flag, kw_only=True)
    overlap: Overlap = field(default=Overlap.SKIP, converter=_overlap, kw_only=True)
    catch_up: CatchUp = field(default=CatchUp.ONCE, converter=_catch_up, kw_only=True)
    catch_up_within_us: Duration = field(default=HOUR, alias="catch_up_within", converter=parse_duration, kw_only=True)
    idle_timeout_us: Duration | None = field(  # without output for so long: ended; None: it may be silent
        default=None,
        alias="idle_timeout",
        converter=_length_or_none,
        kw_only=True,
    )
    leftovers: Leftovers = field(default=Leftovers.END, converter=_leftovers, kw_only=True)
    jitter_us: Duration | None = field(  # each tick is due up to so much later than its scheduled time
        default=None,
        alias="jitter",
        converter=_length_or_none,
        validator=_jitter,
        kw_only=True,
    )
    priority: int = field(default=0, validator=_priority, kw_only=True)
    group: str | None = field(default=None, validator=_group, kw_only=True)
    keep: Keep | None = field(default=None, converter=optional(_keep), kw_only=True)  # None: `Keep()`
    expect_success_within_us: Duration | None = (
        field(  # `cronfsm check` complains of a job that has not succeeded so long
            default=None,
            alias="expect_success_within",
            converter=optional(parse_duration),
            validator=_positive_or_none,
            kw_only=True,
        )
    )
    queue_limit: int = field(default=1, validator=_waiting, kw_only=True)
    catch_up_limit: int = field(default=10, validator=_waiting, kw_only=True)
    retry: Retry | None = field(default=None, converter=read_retry, kw_only=True)
    breaker: Breaker | None = field(default=None, converter=read_breaker, kw_only=True)
    on_failure: Receiver | None = field(default=None, converter=read_receiver, kw_only=True)  # told of the first one
    on_recovery: Receiver | None = field(default=None, converter=read_receiver, kw_only=True)
    on_end: Receiver | None = field(default=None, converter=read_receiver, kw_only=True)  # of every end
    ping: str | None = field(default=None, converter=read_ping, kw_only=True)  # told of starts and ends by its path

    def __attrs_post_init__(self) -> None:
        if sum(what is not None for what in (self.command, self.shell, self.agent)) > 1:
            raise BadValue("command, shell and agent exclude each other")


REAP_MARGIN = MINUTE
"""How long after `run_by` and the grace the backstop waits before it ends a run whose supervisor is mute."""
