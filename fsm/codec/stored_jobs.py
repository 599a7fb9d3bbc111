"""Definitions, and the evidence of agents, as a journal's projection keeps them: JSON that is read without checks.

A list of a thousand jobs is read whenever somebody asks for one; checking each value anew takes four times as long
as everything else about it. What stands in the projection was checked when its entry was appended, and the
projection is rebuilt from the entries, not written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson
from attrs import fields

from fsm.codec.jobs import KEYS, job_from_dict, job_to_dict
from fsm.instants import parse_duration
from fsm.model.agent import Agent, AgentEvidence
from fsm.model.job import CatchUp, Job, Keep, Leftovers, Overlap
from fsm.model.policies import read_breaker, read_retry
from fsm.model.sizes import parse_size
from fsm.model.states import ErrorClass

_duration = lru_cache(maxsize=512)(parse_duration)  # most jobs share a handful of lengths
_size = lru_cache(maxsize=512)(parse_size)

_FROM_DATA: dict[str, Callable[[Any], object]] = {
    "command": tuple,
    "agent": lambda table: Agent(**table),
    "timeout": _duration,
    "start_within": _duration,
    "grace": _duration,
    "catch_up_within": _duration,
    "env": lambda pairs: tuple(sorted(pairs.items())),
    "output_limit": _size,
    "overlap": {str(word): word for word in Overlap}.__getitem__,
    "catch_up": {str(word): word for word in CatchUp}.__getitem__,
    "idle_timeout": _duration,
    "leftovers": {str(word): word for word in Leftovers}.__getitem__,
    "jitter": _duration,
    "keep": lambda keep: Keep(keep["runs"], keep["for"]),
    "expect_success_within": _duration,
    "retry": read_retry,
    "breaker": read_breaker,
    "on_failure": lambda data: data if isinstance(data, str) else tuple(data),
    "on_recovery": lambda data: data if isinstance(data, str) else tuple(data),
    "on_end": lambda data: data if isinstance(data, str) else tuple(data),
}
_DEFAULTS = Job("x")
# a frozen class refuses assignment; the descriptors of its slots do not
_PLAN: tuple[tuple[str, Callable[[Job, object], None], object, Callable[[Any], object] | None], ...] = tuple(
    (key, getattr(Job, name).__set__, getattr(_DEFAULTS, name), _FROM_DATA.get(key)) for key, name in KEYS.items()
)


def job_to_text(job: Job) -> str:
    """The job as JSON, keys sorted."""
    return orjson.dumps(job_to_dict(job), option=orjson.OPT_SORT_KEYS).decode()


def job_from_text(text: str) -> Job:
    """The job that `job_to_text` wrote. Raises `BadValue` for one with keys that this version does not know."""
    data: dict[str, Any] = orjson.loads(text)
    job: Job = Job.__new__(Job)
    known = 0
    for key, assign, default, convert in _PLAN:
        value = data.get(key)  # None is never written
        if value is None:
            assign(job, default)
            continue
        known += 1
        assign(job, value if convert is None else convert(value))
    return job if known == len(data) else job_from_dict(data)


_CLASSES: dict[str | None, ErrorClass | None] = {None: None, **{str(word): word for word in ErrorClass}}


def evidence_to_text(evidence: AgentEvidence | None) -> str | None:
    """An agent's evidence as JSON; what is None is left out."""
    if evidence is None:
        return None
    data = {name: getattr(evidence, name) for name in _EVIDENCE}
    return orjson.dumps({name: part for name, part in data.items() if part is not None}).decode()


def evidence_from_text(text: str | None) -> AgentEvidence | None:
    """What `evidence_to_text` wrote."""
    if text is None:
        return None
    data: dict[str, Any] = orjson.loads(text)
    denied = data.get("denied")
    data["denied"] = None if denied is None else tuple(denied)
    data["error_class"] = _CLASSES[data.get("error_class")]
    return AgentEvidence(**data)


_EVIDENCE = tuple(field.name for field in fields(AgentEvidence))
