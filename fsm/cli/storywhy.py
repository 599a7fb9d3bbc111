"""Why a scheduled time has no run where no run was in the way: downtime, lateness, answers that are kept back."""

from __future__ import annotations

from collections.abc import Iterator

from fsm.cli.times import clock, span
from fsm.client.reigns import Outage
from fsm.client.story import Denied, Pending
from fsm.instants import Instant, format_duration
from fsm.model.entries import Refused
from fsm.model.job import CatchUp, Job
from fsm.model.states import Actor, Cause, RefusalReason


def missed(answer: Denied, job: Job | None) -> Iterator[str]:
    outage, body = answer.outage, answer.body
    if outage is not None:
        yield outage_text(outage, body.first) + "."
    elif answer.actor is Actor.CLI:
        yield f"It had no answer when the job was changed, at {clock(answer.at, body.last)}."
    else:
        late = span(answer.at - body.last)
        yield f"The scheduler came to it {late} late: the machine slept, was too busy, or its clock was set forward."
    if job is None or body.cause is Cause.MANUAL:
        return
    if job.catch_up is CatchUp.SKIP:
        yield 'Missed times are not made up for (catch_up = "skip").'
    elif job.catch_up is CatchUp.ALL:
        within = format_duration(job.catch_up_within_us)
        yield (
            f"Of missed times the newest {job.catch_up_limit} are made up for (catch_up_limit), and only within "
            f"{within} (catch_up_within)."
        )
    else:
        within = format_duration(job.catch_up_within_us)
        yield f"Of missed times only the newest is made up for, and only within {within} (catch_up_within)."


def held_back(body: Refused, name: str, told: str, job: Job | None) -> Iterator[str]:
    """Why nothing runs after failures. `name` is the last run that failed, `told` what is known of it."""
    by = body.blocked_by
    until = f" {clock(by.deadline, body.first)}" if by is not None and by.deadline is not None else " it was over"
    if body.reason is RefusalReason.BACKING_OFF:
        yield f"{name} had failed and was to be tried again at{until}; until then the job's times are refused."
    elif body.reason is RefusalReason.BREAKER_OPEN:
        most = None if job is None or job.breaker is None else job.breaker.failures
        failed = f"{name} had failed" if most == 1 else f"After{f' {most}' if most else ''} failures in a row, the last"
        failed += ", and" if most == 1 else f" of them {name},"
        yield f"{failed} the breaker was open until{until}; then one trial run decides."
    else:
        yield (
            f"It kept failing within seconds, {name} the last time, and had used up its budget of 30 starts an hour; "
            f"the next could start at{until}."
        )
    if told:
        yield told


def queue_full(body: Refused, name: str, job: Job | None) -> Iterator[str]:
    """There was no place in the queue."""
    most = f" of {job.queue_limit}" if job is not None else ""
    yield f"Its queue{most} (queue_limit) was full: {name} was the first in it."


def outage_text(outage: Outage, beside: Instant) -> str:
    """What is known of a time without a scheduler."""
    before, after = outage.before, outage.after
    if before is None:
        text = "No scheduler had ever been up"
    elif before.ended is not None:
        ended = f"{clock(before.last, beside)} ({before.ended}) #{before.last_entry}"
        text = f"No scheduler was up: the last one ended {ended}"
    else:
        text = (
            f"No scheduler was up: the last one (pid {before.pid}) was heard of {clock(before.last, beside)} "
            f"#{before.last_entry} and ended without a word"
        )
    if after is not None:
        text += f"; the next came up {clock(after.up, beside)} #{after.up_entry}"
    return text


def pending_text(pending: Pending) -> str:
    if pending.outage is not None:
        return outage_text(pending.outage, pending.first) + "; none is up now."
    if pending.same_as is not None:
        return (
            f"Refused again for the same reason, {pending.same_as}; repeated refusals are written at most once an hour."
        )
    if pending.young:
        return "The scheduler is about to answer."
    return "A scheduler is up and should have answered; look at what it prints, and at: cronfsm status"
