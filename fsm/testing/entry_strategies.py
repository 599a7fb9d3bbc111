"""Hypothesis strategies for jobs and for entries of every kind, as wide as their types allow. It needs hypothesis.

For whoever writes entries out and reads them back: `entries` and `jobs`. They tell no story; `journals` in
`fsm.testing.journal_strategies` does.
"""

from __future__ import annotations

from hypothesis import strategies as st

from fsm.codec.entries import GENESIS
from fsm.instants import MINUTE, Deadline, Duration, Instant
from fsm.lifecycle.table import triples
from fsm.model.agent import Agent, AgentEvidence, AgentKind
from fsm.model.entries import (
    KIND_OF,
    Blocker,
    Body,
    Checkpoint,
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    NumbersTaken,
    Origin,
    Queued,
    Refused,
    Released,
    SchedulerAlive,
    SchedulerDown,
    SchedulerDraining,
    SchedulerSettings,
    SchedulerUp,
    Started,
)
from fsm.model.job import CatchUp, Job, Overlap
from fsm.model.run import Arming, Run
from fsm.model.settings import Group
from fsm.model.states import Actor, Cause, ErrorClass, Evidence, Reason, RefusalReason, SlotState, State
from fsm.model.stream import JobState

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)  # any Unicode that UTF-8 can hold
NAMES = st.sampled_from(["backup", "täglich", "𝄞-job", 'with "quotes" \\', "a" * 100])
COUNTS = st.integers(0, 2**53)
NUMBERS = st.integers(1, 2**40)
INSTANTS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999).map(Instant)  # the years 1 to 9999
DURATIONS = st.integers(0, 100 * 366 * 24 * 60 * MINUTE // 60).map(Duration)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
DEADLINES = st.builds(Deadline, INSTANTS, st.integers(-(2**62), 2**62), TEXTS)
ARMINGS = st.builds(Arming, TEXTS, TEXTS, COUNTS, COUNTS, st.booleans(), st.none() | TEXTS)
BLOCKERS = st.builds(Blocker, NUMBERS, st.sampled_from(State), DURATIONS, st.none() | INSTANTS)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)

EVIDENCE = st.builds(
    AgentEvidence,
    st.none() | st.sampled_from(ErrorClass),
    *[st.none() | TEXTS] * 2,
    *[st.none() | COUNTS] * 4,
    st.none() | st.lists(TEXTS, max_size=3).map(tuple),
    st.none() | TEXTS,
)
AGENTS = st.builds(
    Agent,
    st.sampled_from(AgentKind),
    message=WORDS.filter(str.strip),
    model=st.none() | st.just("opus"),
    program=st.just("/usr/bin/agent"),
    args=st.lists(WORDS, max_size=2).filter(lambda words: not any("-" in word for word in words)),
)

JOBS = st.builds(
    lambda agent, *args, command, **keys: Job(*args, agent=agent, command=None if agent else command, **keys),
    st.none() | AGENTS,
    NAMES,
    schedule=st.none() | st.sampled_from(["0 3 * * *", "every 90s", "@daily"]),
    command=st.none() | st.lists(WORDS, min_size=1, max_size=3),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    timeout=st.integers(1, 10**12),
    start_within=st.sampled_from(["1s", "90m", "1500us"]),
    env=st.dictionaries(st.sampled_from(["A", "ÄÖ", "z_1", "𝄞"]), WORDS, max_size=3),
    cwd=st.none() | st.just("/home/ä"),
    output_limit=st.integers(1024, 10**9),
    enabled=st.booleans(),
    overlap=st.sampled_from(Overlap),
    catch_up=st.sampled_from(CatchUp),
)
RUNS = st.builds(
    Run,
    NAMES,
    NUMBERS,
    st.sampled_from(State),
    st.sampled_from(Cause),
    NUMBERS,
    NUMBERS,
    INSTANTS,
    DEADLINES,
    st.none() | INSTANTS,
    st.none() | NUMBERS,
    st.none() | st.sampled_from(Reason),
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    st.none() | DEADLINES,
    st.none() | DEADLINES,
    st.none() | ARMINGS,
    st.none() | COUNTS,
    st.none() | COUNTS,
    st.none() | TEXTS,
    st.sampled_from(SlotState),
)
REFUSALS = st.builds(
    Refused,
    st.sampled_from(RefusalReason),
    st.sampled_from(Cause),
    COUNTS,
    INSTANTS,
    INSTANTS,
    st.none() | BLOCKERS,
)
STATES = st.builds(
    JobState,
    NAMES,
    COUNTS,
    st.none() | JOBS,
    COUNTS,
    TEXTS,
    st.none() | INSTANTS,
    st.booleans(),
    COUNTS,
    st.none() | INSTANTS,
    st.lists(RUNS, max_size=2).map(tuple),
    st.none() | NUMBERS,
    st.none() | REFUSALS,
    st.none() | INSTANTS,
)


def jobs() -> st.SearchStrategy[Job]:
    """Definitions of jobs."""
    return JOBS


_VERDICTS = [triple for triple in triples() if triple[2] is not None]

BODIES: dict[type[object], st.SearchStrategy[tuple[Body, State | None]]] = {
    **{cls: st.just((cls(), None)) for cls in (JobPaused, JobResumed, JobRemoved)},
    JobPut: st.tuples(st.builds(JobPut, JOBS, NUMBERS, TEXTS, INSTANTS), st.none()),
    NumbersTaken: st.tuples(st.builds(NumbersTaken, NUMBERS), st.none()),
    Queued: st.tuples(
        st.builds(
            Queued,
            st.sampled_from(Cause),
            NUMBERS,
            DEADLINES,
            st.none() | INSTANTS,
            NUMBERS,
            st.none() | NUMBERS,
            origin=st.none() | st.builds(Origin, TEXTS, TEXTS, INSTANTS),
        ),
        st.none(),
    ),
    Started: st.tuples(st.builds(Started, ARMINGS, DEADLINES, DEADLINES), st.just(State.QUEUED)),
    Ended: st.builds(
        lambda triple, *rest: (Ended(triple[1], triple[2], *rest), triple[0]),
        st.sampled_from(_VERDICTS),
        INSTANTS,
        st.none() | COUNTS,
        st.none() | COUNTS,
        st.none() | TEXTS,
        st.none() | INSTANTS,
        st.none() | EVIDENCE,
    ),
    Released: st.tuples(
        st.builds(
            Released,
            TEXTS,
            st.sampled_from(Evidence),
            st.none() | INSTANTS,
            st.none() | COUNTS,
            st.none() | COUNTS,
            st.none() | TEXTS,
        ),
        st.none(),
    ),
    Refused: st.tuples(REFUSALS, st.none()),
    Checkpoint: st.tuples(st.builds(Checkpoint, NUMBERS, HASHES, STATES), st.none()),
    SchedulerUp: st.tuples(st.builds(SchedulerUp, NUMBERS, COUNTS, TEXTS, TEXTS, NUMBERS), st.none()),
    SchedulerAlive: st.tuples(st.builds(SchedulerAlive, NUMBERS), st.none()),
    SchedulerDown: st.tuples(st.builds(SchedulerDown, NUMBERS, TEXTS), st.none()),
    SchedulerSettings: st.tuples(
        st.builds(SchedulerSettings, NUMBERS, st.none() | st.lists(st.builds(Group, TEXTS, NUMBERS)).map(tuple)),
        st.none(),
    ),
    SchedulerDraining: st.tuples(st.builds(SchedulerDraining, NUMBERS, DEADLINES), st.none()),
}
"""A body of each class, and the state that a transition comes from."""

assert BODIES.keys() == KIND_OF.keys(), "a body has no strategy here"


def entries(cls: type[object] | None = None) -> st.SearchStrategy[Entry]:
    """Entries whose bodies are of `cls`, or of any class. Their hashes are made up."""
    bodies = st.one_of(*BODIES.values()) if cls is None else BODIES[cls]
    return st.builds(
        lambda body, ident, job, seq, at, actor, node, epoch, run, digest: Entry(
            ident,
            job,
            seq,
            at,
            actor,
            node,
            epoch,
            run if isinstance(body[0], Queued | Started | Ended | Released) else None,
            body[0],
            GENESIS,
            digest,
            body[1],
        ),
        bodies,
        NUMBERS,
        NAMES,
        NUMBERS,
        INSTANTS,
        st.sampled_from(Actor),
        TEXTS,
        st.none() | NUMBERS,
        NUMBERS,
        HASHES,
    )
