"""The journal of the kernel, through the shipped code: fold, decide, reconcile.

The abstraction between the specification's records and the code's drafts, written down in specs/model.md, is checked
each time it is used: `record` of a draft, made a draft again, must be the very same draft. So nothing that the code
could tell apart is lost.

Every function of the product is called through its module, so that a test can put a bug in its place.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from kernel_state import Kernel, Rec

import fsm.engine.decide as decide_module
import fsm.engine.evolve as evolve_module
import fsm.engine.wanted as wanted_module
import fsm.planning.reconciliation as reconciliation_module
from fsm.engine.decide import TIMEOUT_TEXT
from fsm.engine.runs import run_after
from fsm.errors import IllegalTransition
from fsm.instants import HOUR, SECOND, Instant, Moment
from fsm.model.commands import Command, Decision, Put
from fsm.model.entries import Body, Draft, Ended, Queued, Refused, Released, Started
from fsm.model.facts import Emptied, Execution, Finding, Report
from fsm.model.job import Job
from fsm.model.run import Arming, Run
from fsm.model.states import Actor, Cause, Evidence, Reason, RefusalReason, Trigger
from fsm.model.stream import JobState
from fsm.planning.deadlines import reap_by, run_by, start_by
from fsm.planning.overlap import blocked, blocker

JOB = Job("j", schedule="every 2h")
"""Ticks lie two hours apart, so that each refusal is written at once (R-29 lets those within an hour wait)."""

T0 = Instant(1_800_000_000_000_000)
NOW = Moment(T0, 0, "deadlines")  # time is abstract: all but ticks is decided now, whatever boot it is
ACTOR = Actor.SCHEDULER  # who writes is no part of the kernel
NO_SUPERVISOR = "it was never executed"
TRIGGER = {
    "completed": Trigger.SUCCEED,
    "exit_code": Trigger.FAIL,
    "start_failed": Trigger.FAIL,
    "run_timeout": Trigger.TIME_OUT,
    "queue_timeout": Trigger.TIME_OUT,
    "vanished": Trigger.LOSE,
    "rebooted": Trigger.LOSE,
    "cancelled": Trigger.REAP,
    "overdue": Trigger.REAP,
}


def tick(number: int) -> Instant:
    """When the n-th scheduled time is."""
    return Instant(T0 + number * 2 * HOUR)


def at_tick(number: int) -> Moment:
    """A second later: when it is answered."""
    return Moment(Instant(tick(number) + SECOND), number * 2 * HOUR + SECOND, "deadlines")


class Folded(NamedTuple):
    """A prefix of the journal, folded by `evolve`; and every run as it was left, as a projection keeps it."""

    state: JobState
    runs: tuple[Run, ...]


@cache
def fold(records: tuple[Rec, ...]) -> Folded:
    """What a reader of these records knows."""
    if not records:
        empty = JobState(JOB.name)
        (draft,) = decide_module.decide(empty, Put(JOB, "proof"), NOW, ACTOR).drafts
        return Folded(evolve_module.evolve(empty, draft), ())
    before = fold(records[:-1])
    draft = draft_of(records[-1], before)
    after = evolve_module.evolve(before.state, draft)
    run = run_after(before.state, draft, after)
    runs = before.runs
    if run is not None:
        runs = (*(old for old in runs if old.number != run.number), run)
    return Folded(after, tuple(sorted(runs, key=lambda run: run.number)))


def seen(state: Kernel, c: str) -> Folded:
    """What a client has read."""
    return fold(state.log[: state.view["ABC".index(c)]])


def arming(number: int, boot: int) -> Arming:
    """An arming as its supervisor says it."""
    return Arming(f"arming {number}", f"boot {boot}", number, number)


def arming_number(nonce: str) -> int:
    """Which supervisor that is."""
    return int(nonce.removeprefix("arming "))


def execution(state: Kernel, i: int) -> Execution:
    """What supervisor i was forked for."""
    return Execution(JOB.name, state.srun[i - 1], arming(i, state.born[i - 1]))


def verdict(reason: str) -> Ended:
    """A verdict as a supervisor's report has it."""
    error = {"start_failed": NO_SUPERVISOR, "queue_timeout": TIMEOUT_TEXT}.get(reason)
    if TRIGGER[reason] is Trigger.LOSE:
        error = reconciliation_module._LOST_TEXT[Reason(reason)]
    return Ended(TRIGGER[reason], Reason(reason), T0, error=error)


def finding(i: int, *, dead: bool, said: str, emptied: bool) -> Finding:
    """What an examination of arming i found."""
    report = None
    if said != "none" or emptied:
        word = verdict(said) if said != "none" else None
        report = Report(f"arming {i}", word, Emptied(T0) if emptied else None)
    return Finding(not dead, report)


def record(draft: Draft, before: Folded) -> Rec:
    """A draft as the specification writes it; an error where the way back leads elsewhere."""
    found = _record(draft)
    if draft_of(found, before) != draft:
        raise AssertionError(f"the abstraction loses something of {draft}: {draft_of(found, before)}")
    return found


def _record(draft: Draft) -> Rec:
    body, run = draft.body, draft.run or 0
    if isinstance(body, Queued):
        number = 0 if body.scheduled_for is None else (body.scheduled_for - T0) // (2 * HOUR)
        return Rec("queue", str(body.cause), run, 0, number, number, 0)
    if isinstance(body, Started):
        boot = int(body.arming.boot_id.removeprefix("boot "))
        return Rec("start", "", run, arming_number(body.arming.nonce), boot, 0, 0)
    if isinstance(body, Ended):
        return Rec(str(body.trigger), str(body.reason), run, 0, 0, 0, 0)
    if isinstance(body, Released):
        return Rec("released", str(body.evidence), run, arming_number(body.nonce), 0, 0, 0)
    if isinstance(body, Refused):
        first, last = ((at - T0) // (2 * HOUR) for at in (body.first, body.last))
        return Rec("refused", str(body.reason), run, 0, first, last, 0)
    raise AssertionError(f"no part of the kernel: {body}")


def draft_of(rec: Rec, before: Folded) -> Draft:
    """The draft that a record stands for."""
    at, body = _body(rec, before)
    return Draft(JOB.name, at, ACTOR, rec.r or None, body)


def _body(rec: Rec, before: Folded) -> tuple[Instant, Body]:
    if rec.k == "queue":
        cause = Cause(rec.y)
        now = at_tick(rec.a) if rec.a else NOW
        when = tick(rec.a) if rec.a else None
        return now.utc, Queued(cause, 1, start_by(JOB, now), when)
    if rec.k == "start":
        return T0, Started(arming(rec.n, rec.a), run_by(JOB, NOW), reap_by(JOB, NOW))
    if rec.k == "released":
        evidence = Evidence(rec.y)
        return T0, Released(f"arming {rec.n}", evidence, T0 if evidence is Evidence.REPORT else None)
    if rec.k == "refused":
        missed = rec.y == RefusalReason.MISSED
        now = at_tick(rec.b + 1 if missed else rec.b)
        in_the_way = None if missed else blocked(before.state)
        by = None if in_the_way is None else blocker(in_the_way[1], now)
        count = rec.b - rec.a + 1
        return now.utc, Refused(RefusalReason(rec.y), Cause.SCHEDULE, count, tick(rec.a), tick(rec.b), by)
    ended = verdict(rec.y)
    return T0, Ended(Trigger(rec.k), ended.reason, T0, error=ended.error)


def ask(folded: Folded, command: Command, now: Moment = NOW) -> Decision | None:
    """The shipped answer to a command; None where the machine refuses it, or where it has been overtaken."""
    if not wanted_module.still_wanted(folded.state, command, now.utc):
        return None
    try:
        return decide_module.decide(folded.state, command, now, ACTOR)
    except IllegalTransition:
        return None


def answer(folded: Folded, commands: tuple[Command, ...], now: Moment = NOW) -> tuple[Rec, ...]:
    """What commands, one after the other, write into the journal, as the book of a scheduler asks them."""
    written: list[Rec] = []
    for command in commands:
        decision = ask(folded, command, now)
        for draft in () if decision is None else decision.drafts:
            written.append(record(draft, folded))
            folded = follow(folded, draft)
    return tuple(written)


def follow(folded: Folded, draft: Draft) -> Folded:
    """The fold after one more draft."""
    after = evolve_module.evolve(folded.state, draft)
    run = run_after(folded.state, draft, after)
    runs = folded.runs if run is None else (*(old for old in folded.runs if old.number != run.number), run)
    return Folded(after, tuple(sorted(runs, key=lambda run: run.number)))
