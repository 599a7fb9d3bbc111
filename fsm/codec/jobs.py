"""A job as plain data with the keys of the jobs file: for the journal, for ``--json``, for differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import orjson
from attrs import fields

from fsm.errors import BadValue
from fsm.instants import format_duration
from fsm.model.agent import Agent
from fsm.model.job import Job, Leftovers
from fsm.model.policies import Breaker, Retry
from fsm.model.receivers import Receiver, shown
from fsm.model.secrets import masked
from fsm.model.sizes import format_size

KEYS: dict[str, str] = {field.alias or field.name: field.name for field in fields(Job)}
"""Key of the jobs file -> name of the attribute of `Job`, in the order in which keys are shown."""

NOT_SET = "not set"
"""What `job_diff` says for a key without a value."""


def _retry(retry: Retry) -> dict[str, object]:
    return {
        "attempts": retry.attempts,
        "backoff": format_duration(retry.backoff_us),
        "factor": retry.factor,
        "max_backoff": format_duration(retry.max_backoff_us),
        "jitter": format_duration(retry.jitter_us),
        "on": list(retry.on),
    }


def _breaker(breaker: Breaker) -> dict[str, object]:
    return {"failures": breaker.failures, "cooldown": format_duration(breaker.cooldown_us)}


def agent_to_dict(agent: Agent) -> dict[str, object]:
    """The table of an agent; what is not set is left out."""
    data: dict[str, object] = {"kind": str(agent.kind)}
    data |= {key: getattr(agent, key) for key in ("message", "model", "program") if getattr(agent, key) is not None}
    return data | ({"args": list(agent.args)} if agent.args else {})


RECEIVERS = ("on_failure", "on_recovery", "on_end", "ping")
"""Keys that hold an address; they are not shown as they are."""


def receiver_to_data(receiver: Receiver) -> object:
    """A text as it is, words as a list."""
    return receiver if isinstance(receiver, str) else list(receiver)


_AS_DATA: dict[str, Callable[[Any], object]] = {
    "command": list,
    "agent": agent_to_dict,
    "timeout": format_duration,
    "start_within": format_duration,
    "grace": format_duration,
    "catch_up_within": format_duration,
    "env": dict,
    "output_limit": format_size,
    "overlap": str,
    "catch_up": str,
    "idle_timeout": format_duration,
    "leftovers": str,
    "jitter": format_duration,
    "keep": lambda keep: {"runs": keep.runs, "for": format_duration(keep.for_us)},
    "expect_success_within": format_duration,
    "retry": _retry,
    "breaker": _breaker,
    "on_failure": receiver_to_data,
    "on_recovery": receiver_to_data,
    "on_end": receiver_to_data,
}

_SILENT_DEFAULTS: dict[str, object] = {
    "leftovers": Leftovers.END,
    "priority": 0,
    "queue_limit": 1,
    "catch_up_limit": 10,
}
"""Keys that came after the first journals were written: left out at these values, so that the job of an old entry is
written as it was hashed. What they stand for when left out is part of the format, and never changes."""


def job_to_dict(job: Job, *, whole: bool = False) -> dict[str, object]:
    """The job under the keys of the jobs file, durations and sizes as text, what is None left out.

    Defaults are written out, so that a stored job stays what it was when a later version has other defaults; but for
    those of `_SILENT_DEFAULTS`, which `whole` (for people) writes out, too.
    """
    data: dict[str, object] = {}
    for key, name in KEYS.items():
        value = getattr(job, name)
        if value is not None and (whole or key not in _SILENT_DEFAULTS or value != _SILENT_DEFAULTS[key]):
            as_data = _AS_DATA.get(key)
            data[key] = as_data(value) if as_data else value
    return data


def job_from_dict(data: Mapping[str, object]) -> Job:
    """The job that `job_to_dict` wrote, or one from any mapping with its keys.

    Raises `BadValue` for an unknown key (and names the nearest one), a missing name, or a value that a job
    cannot have. Whether its schedule can be read is `fsm.planning.schedule`'s to say.
    """
    unknown = [key for key in data if key not in KEYS]
    if unknown:
        raise BadValue("; ".join(unknown_key(key, KEYS) for key in unknown))
    if "name" not in data:
        raise BadValue("a job needs a name")
    return Job(**data)  # type: ignore[arg-type]  # its converters and validators check each value


def unknown_key(key: object, known: Iterable[str]) -> str:
    """The sentence for a key that does not exist."""
    nearest = get_close_matches(str(key)[:100], list(known), n=1)
    return f'there is no key "{key}"' + (f' (did you mean "{nearest[0]}"?)' if nearest else "")


def job_diff(old: Job, new: Job) -> list[tuple[str, str, str]]:
    """What is different, key by key: (key, old value, new value) as text, in the order of the keys.

    Environment variables are compared one by one, as ``env.NAME``.
    """
    before, after = _flat(old), _flat(new)  # defaults are values like others
    keys = [*before, *(key for key in after if key not in before)]
    order = list(KEYS)
    keys.sort(key=lambda key: order.index(key.partition(".")[0]))  # stable: variables keep their own order
    return [
        (key, _shown(key, before.get(key)), _shown(key, after.get(key)))
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _shown(key: str, text: str | None) -> str:
    """What is said of a value; not a secret, which an older version let into the journal."""
    if text is None:
        return NOT_SET
    if key in RECEIVERS:
        return str(shown(text))  # words, as JSON, are no address
    return masked(key.removeprefix("env."), text) if key.startswith("env.") else text


def _flat(job: Job) -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in job_to_dict(job, whole=True).items():
        if key == "env":
            flat |= {f"env.{name}": text for name, text in job.env}
        elif job.agent is not None and key == "agent":
            flat |= {f"agent.{name}": _as_text(part) for name, part in agent_to_dict(job.agent).items()}
        elif isinstance(value, dict):
            flat |= {f"{key}.{name}": str(part) for name, part in value.items()}
        else:
            flat[key] = _as_text(value)
    return flat


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
