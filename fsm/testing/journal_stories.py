"""Hypothesis strategies for stories: batches of entries, most of them legal where they come, some just not.

A story is drawn without knowing any journal; `told` fits each step to the state that the journal is in by then, so
that a story shrinks well and long ones still get somewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
from hypothesis import strategies as st

from fsm.engine.evolve import evolve
from fsm.errors import CronfsmError
from fsm.instants import HOUR, MINUTE, Deadline, Duration, Instant
from fsm.lifecycle.table import triples
from fsm.model.agent import AgentEvidence
from fsm.model.entries import (
    Blocker,
    Body,
    Draft,
    Ended,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    NumbersTaken,
    Queued,
    Refused,
    Released,
    SchedulerUp,
    Started,
)
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.run import Arming
from fsm.model.states import Actor, Cause, ErrorClass, Evidence, RefusalReason, State
from fsm.model.stream import JobState
from fsm.ports import Append, Journal
from fsm.testing.scribe import BOOT, START

TEXTS = (None, "no such program", 'a "quote" \\ and \x07 ünïcödé 𝄞')
JOBS = ("a", "b")


@attrs.frozen
class Step:
    """One entry to come. `pick` chooses among what is possible; `twist` makes it wrong in a way that depends on it."""

    job: str
    verb: str
    pick: int
    twist: bool


@attrs.frozen
class Batch:
    """Steps that are appended together. `epoch` is relative to the present one, None for a client; `stale` says that
    its author saw the streams as they were at the start."""

    steps: tuple[Step, ...]
    epoch: int | None
    comes_up: bool
    stale: bool


Story = list[Batch]


def stories() -> st.SearchStrategy[Story]:
    """Up to thirty batches of one to three steps."""
    verbs = st.sampled_from([*_VERBS, "queue", "start", "end", "release"])
    seldom = st.sampled_from([False] * 11 + [True])
    step = st.builds(Step, st.sampled_from(JOBS), verbs, st.integers(0, 30), seldom)
    epochs = st.sampled_from([None] * 6 + [0] * 6 + [-1, 1])
    batch = st.builds(Batch, st.lists(step, min_size=1, max_size=3).map(tuple), epochs, seldom, seldom)
    return st.lists(batch, max_size=30)


def told(story: Story, reference: Journal) -> Iterator[tuple[list[Append], int | None]]:
    """The batches, each fitted to the state that `reference` is in when it is asked for, and their epochs."""
    yield [_opening(reference.state(job)) for job in JOBS], None
    first = {job: reference.state(job) for job in JOBS}
    for number, batch in enumerate(story):
        appends: list[Append] = []
        epoch = reference.epoch()
        if batch.comes_up:
            epoch += 1
            state = reference.state(SCHEDULER_STREAM)
            appends.append(Append(state, (_draft(state, SchedulerUp(epoch, 1, BOOT, "0", 8), None, number),)))
        states = {job: first[job] if batch.stale else reference.state(job) for job in JOBS}
        for step in batch.steps:
            state = states[step.job]
            body, run = _VERBS[step.verb](state, step)
            draft = _draft(state, body, run, number)
            appends.append(Append(state, (draft,)))
            try:
                states[step.job] = evolve(state, draft)
            except CronfsmError:  # it will be refused; what comes after it in the batch, with it
                states[step.job] = attrs.evolve(state, seq=state.seq + 1)
        yield appends, None if batch.epoch is None else epoch + batch.epoch


def _opening(state: JobState) -> Append:
    job = Job(state.job, schedule="* * * * *")
    return Append(state, (_draft(state, JobPut(job, state.version + 1, "story", START), None, 0),))


def _draft(state: JobState, body: Body, run: int | None, number: int) -> Draft:
    return Draft(state.job, Instant(START + number * MINUTE), Actor.SCHEDULER, run, body)


# ---- the verbs: what would be legal now, unless the step has a twist


def _define(state: JobState, step: Step) -> tuple[Body, int | None]:
    schedule = (None, "* * * * *", "every 90s", "0 3 * * *")[step.pick % 4]
    job = Job(state.job, schedule=schedule, enabled=step.pick % 5 > 0, timeout=1 + step.pick * MINUTE)
    return JobPut(job, state.version + 1 + step.twist, "story", state.anchor or START), None


def _remove(state: JobState, step: Step) -> tuple[Body, int | None]:
    return (JobRemoved(), None) if state.definition is not None or step.twist else _define(state, step)


def _queue(state: JobState, step: Step) -> tuple[Body, int | None]:
    if state.definition is None and not step.twist:
        return _define(state, step)
    cause = list(Cause)[step.pick % 4]
    after = state.accounted_to if state.accounted_to is not None else START
    tick = Instant(after + (0 if step.twist else MINUTE * (1 + step.pick % 3)))
    scheduled_for = None if cause is Cause.MANUAL else tick
    number = state.last_number + 1 - (step.twist and step.pick % 2)
    retry_of = 1 if cause is Cause.RETRY else None
    body = Queued(cause, state.version, _deadline(step.pick), scheduled_for, 1 + step.pick % 2, retry_of)
    return body, number


def _start(state: JobState, step: Step) -> tuple[Body, int | None]:
    waiting = [run.number for run in state.runs if run.state is State.QUEUED]
    if (not waiting or state.slot is not None) and not step.twist:
        return _release(state, step) if waiting else _queue(state, step)
    number = waiting[step.pick % len(waiting)] if waiting else 1 + step.pick % 4
    in_process, cgroup = step.pick % 7 == 0, None if step.pick % 3 else "/a.slice"
    arming = Arming(f"nonce-{number}", BOOT, 10 + number, 20, in_process, cgroup)
    return Started(arming, _deadline(step.pick), _deadline(step.pick + 1)), number


def _end(state: JobState, step: Step) -> tuple[Body, int | None]:
    runs = [run for run in state.runs if run.state.terminal is step.twist]
    if not runs and not step.twist:
        return _queue(state, step)
    number = runs[step.pick % len(runs)].number if runs else 1 + step.pick % 4
    run = state.run(number)
    ways = [t for t in triples() if t[2] is not None and (step.twist or run is None or t[0] is run.state)]
    _, trigger, reason = ways[step.pick % len(ways)]
    assert reason is not None
    code, signal = (step.pick % 3, None) if step.pick % 2 else (None, 9)
    started_at = Instant(START + step.pick) if step.pick % 5 == 0 else None
    said = AgentEvidence(ErrorClass.AUTH, turns=step.pick, denied=("Bash",)) if step.pick % 4 == 0 else None
    return Ended(trigger, reason, START, code, signal, TEXTS[step.pick % 3], started_at, said), number


def _release(state: JobState, step: Step) -> tuple[Body, int | None]:
    holder = state.holder
    if (holder is None or not holder.state.terminal) and not step.twist:
        return _end(state, step)
    run = state.slot or 1
    nonce = f"nonce-{run + (step.pick % 2 if step.twist else 0)}"
    emptied_at = START if step.pick % 2 else None
    body = Released(nonce, list(Evidence)[step.pick % 4], emptied_at, step.pick % 4 or None, None, TEXTS[step.pick % 3])
    return body, run


def _refuse(state: JobState, step: Step) -> tuple[Body, int | None]:
    after = state.accounted_to if state.accounted_to is not None else START
    first = Instant(after + (0 if step.twist else MINUTE))
    deadline = START if step.pick % 2 else None
    blocker = Blocker(1 + step.pick, State.RUNNING, Duration(HOUR), deadline) if step.pick % 3 else None
    reason = list(RefusalReason)[step.pick % len(RefusalReason)]
    cause = Cause.MANUAL if step.pick % 4 == 0 else Cause.SCHEDULE
    return Refused(reason, cause, 1 + step.pick % 2, first, Instant(first + MINUTE), blocker), None


def _deadline(pick: int) -> Deadline:
    return Deadline(Instant(START + pick * MINUTE), HOUR + pick, BOOT)


_VERBS: dict[str, Callable[[JobState, Step], tuple[Body, int | None]]] = {
    "define": _define,
    "pause": lambda state, step: ((JobResumed() if state.paused is not step.twist else JobPaused()), None),
    "remove": _remove,
    "numbers_taken": lambda state, step: (NumbersTaken(state.last_number + 2 - 2 * step.twist), None),
    "queue": _queue,
    "start": _start,
    "end": _end,
    "release": _release,
    "refuse": _refuse,
}
