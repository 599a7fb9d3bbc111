"""Hypothesis strategies for simulations: jobs, what their runs do, how long things take.

The values are few and close to each other on purpose: races need things to happen at the same time.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fsm.testing.behaviours import (
    Behaviour,
    Child,
    cannot_start,
    child,
    fail,
    hang,
    ignore_term,
    refuse,
    succeed,
    vanish,
)
from fsm.testing.world import Step

RUN_LENGTHS = st.sampled_from(["10s", "0s", "1s", "45s", "2m"])
"""How long a command runs, about as long as the shortest interval and timeout below."""

ADVANCES = st.sampled_from(["0s", "1s", "10s", "31s", "1m", "3m", "12m"])
"""How long a rule lets time pass: less than, about, and more than each deadline below."""

MOMENTS = st.sampled_from(["0s", "0s", "1s", "10s", "20s", "1m"])
"""How long it is until the next thing happens."""

LAGS = st.sampled_from(["0s", "0s", "10ms", "1s", "4s"])
"""How long a step may take; four seconds is a bad disk."""

LOOKS = st.sampled_from(["0s", "10s", "1s"])
"""How long an examination may take between life lock and report: long enough for a run to end meanwhile."""

JUMPS = st.sampled_from(["1s", "-1s", "61s", "-61s", "1h", "-1h", "4h", "-1d"])
"""By how much the wall clock may be set."""

POINTS = st.integers(1, 14)
"""At which of the next points between two calls of a process something comes: a turn seldom has more."""

GROUP = "g"
"""The group that some jobs are in; `Simulation.set_group` bounds it."""

STEPS = st.sampled_from(list(Step))


def all_lags() -> st.SearchStrategy[dict[Step, str]]:
    """How long each kind of step takes to begin with."""
    return st.fixed_dictionaries({**dict.fromkeys(Step, LAGS), Step.LOOK: LOOKS})


def children() -> st.SearchStrategy[Child]:
    """What a command leaves behind."""
    return st.builds(
        child,
        st.sampled_from([None, "5s", "3m"]),
        ignores_term=st.booleans(),
        keeps_lock=st.booleans(),
        hidden=st.sampled_from([False, False, True]),
    )


def behaviours() -> st.SearchStrategy[Behaviour]:
    """What one run does, the ordinary first: that is what examples shrink to."""
    leaves = st.lists(children(), max_size=2).map(tuple)
    detached = st.sampled_from([False, False, True])
    return st.one_of(
        st.builds(succeed, RUN_LENGTHS, detached=detached, leaves=leaves),
        st.builds(fail, st.sampled_from([1, 75]), RUN_LENGTHS, leaves=leaves),
        st.builds(fail, st.just(1), RUN_LENGTHS, signal=st.just(11)),
        st.builds(refuse, RUN_LENGTHS),
        st.builds(cannot_start, armed=st.booleans()),
        st.builds(hang, detached=detached),
        st.builds(ignore_term, detached=detached, leaves=leaves),
        st.builds(vanish, RUN_LENGTHS),
    )


def scripts() -> st.SearchStrategy[list[Behaviour]]:
    """What the coming runs of a job do."""
    return st.lists(behaviours(), min_size=1, max_size=3)


RETRIES: list[dict[str, Any] | None] = [
    None,
    {"attempts": 3, "backoff": "0s"},
    {"attempts": 2, "backoff": "20s", "jitter": "5s", "on": ["exit_code", "refused", "timed_out", "lost"]},
    {"attempts": 50, "backoff": "1s", "factor": 1.5, "max_backoff": "30s"},
]
"""At once; after about as long as a run takes; again and again."""

BREAKERS: list[dict[str, Any] | None] = [None, None, {"failures": 2, "cooldown": "2m"}]


EDITS = st.sampled_from(
    [
        {"timeout": "40s"},
        {"grace": "0s"},
        {"retry": RETRIES[1]},
        {"retry": None},
        {"breaker": BREAKERS[-1]},
        {"overlap": "queue", "queue_limit": 3},
        {"overlap": "skip"},
        {"queue_limit": 1},
        {"keep": {"runs": 1}},
        {"keep": {"runs": 3}},
        {"enabled": False},
        {"enabled": True},
        {"schedule": "* * * * *"},
        {"schedule": None},
        {"leftovers": "keep"},
        {"priority": 1},
    ]
)
"""Keys that an edit changes, all others being left alone."""


def job_keys() -> st.SearchStrategy[dict[str, Any]]:
    """Keys of the jobs file for one job, but for its name."""
    return st.fixed_dictionaries(
        {
            "schedule": st.sampled_from(
                ["every 20s", "* * * * *", "*/5 * * * *", "30 2 * * *", "at 2026-03-28T22:03:00Z", None]
            ),
            "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
            "timeout": st.sampled_from(["40s", "5s", "5m"]),
            "start_within": st.sampled_from(["1m", "10s", "10m"]),
            "grace": st.sampled_from(["5s", "0s", "30s"]),
            "catch_up": st.sampled_from(["once", "skip", "all"]),
            "catch_up_within": st.sampled_from(["1h", "5m"]),
            "catch_up_limit": st.sampled_from([3, 1]),
            "overlap": st.sampled_from(["skip", "queue", "replace"]),
            "queue_limit": st.sampled_from([1, 3]),
            "retry": st.sampled_from(RETRIES),
            "breaker": st.sampled_from(BREAKERS),
            "enabled": st.sampled_from([True, True, True, False]),
            "jitter": st.sampled_from([None, None, "15s", "4m"]),
            "idle_timeout": st.sampled_from([None, None, "8s", "1m"]),
            "leftovers": st.sampled_from(["end", "end", "keep"]),
            "priority": st.sampled_from([0, 0, 1, -100]),
            "group": st.sampled_from([None, None, GROUP]),
            "keep": st.sampled_from([None, {"runs": 1}, {"runs": 3}]),
        }
    )
