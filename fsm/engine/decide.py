"""Answer a command on a folded stream: which entries follow, and which effects.

One function a command. None of them looks at anything but its arguments; a run that would make an illegal transition
is refused by the machine with `IllegalTransition`, before any entry exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsm.engine.evolve import same_ticks
from fsm.engine.standing import Standing, standing_of_request
from fsm.engine.ticks import answer_ticks, settle_ticks
from fsm.errors import IllegalTransition, UnknownJob, UnknownRun
from fsm.instants import Instant, Moment, format_instant
from fsm.lifecycle.machine import fire
from fsm.model.commands import (
    NOTHING,
    Command,
    Decision,
    FailStart,
    Go,
    Judge,
    Pause,
    Put,
    QueueTimeout,
    Release,
    Remove,
    Request,
    Resume,
    Start,
    Stop,
    StopFirst,
    TakeNumbers,
    Ticks,
    TryAgain,
)
from fsm.model.entries import (
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
    Started,
    Variable,
)
from fsm.model.facts import Execution
from fsm.model.job import Job
from fsm.model.run import Run, run_id
from fsm.model.states import Actor, Cause, Reason, RefusalReason, State, Trigger
from fsm.model.stream import JobState
from fsm.planning.deadlines import reap_by, run_by, start_by
from fsm.planning.overlap import overflow
from fsm.planning.refusals import same_refusal
from fsm.planning.restraint import held_back, retry_due

_QUEUE, _START, _MANUAL = Trigger.QUEUE, Trigger.START, Cause.MANUAL  # asked for by every run: see `fsm.model.states`

TIMEOUT_TEXT = "cron: job execution timed out"
"""The error text of every timeout; gateways match on it."""


def decide(state: JobState, command: Command, now: Moment, actor: Actor, definition: Job | None = None) -> Decision:
    """The answer to `command`.

    `definition` is the job as it was when the run in question was queued; without it, the stream's present one.
    Raises `UnknownJob`, `UnknownRun`, `IllegalTransition`.
    """
    return _ANSWERS[type(command)](_Asked(state, now, actor, definition), command)


class _Asked:
    """The circumstances of one question, and the drafts that are made in them."""

    __slots__ = ("_definition", "actor", "now", "state")

    def __init__(self, state: JobState, now: Moment, actor: Actor, definition: Job | None) -> None:
        self.state, self.now, self.actor, self._definition = state, now, actor, definition

    def draft(self, body: Body, run: int | None = None) -> Draft:
        return Draft(self.state.job, self.now.utc, self.actor, run, body)

    @property
    def job(self) -> Job:
        job = self._definition or self.state.definition
        if job is None:
            raise UnknownJob(self.state.job)
        return job

    def run(self, number: int, trigger: Trigger) -> Run:
        run = self.state.run(number)
        if run is None and 0 < number <= self.state.last_number:
            raise IllegalTransition("ended", trigger, None, f"run {run_id(self.state.job, number)} is over")
        if run is None:
            raise UnknownRun(run_id(self.state.job, number))
        return run

    def ticks(self, *, ending: bool = False) -> tuple[Draft, ...]:
        return settle_ticks(self.state, self.now, self.actor, ending=ending)


def _put(asked: _Asked, command: Put) -> Decision:
    state, job = asked.state, command.job
    if state.definition == job:
        return NOTHING
    anchor = state.anchor if state.anchor is not None else asked.now.utc
    body = JobPut(job, state.version + 1, command.source, anchor)
    # Where the due times stay, ticks that have no answer yet get theirs from the scheduler, by the new definition. One
    # that disables the job has no answer for them: from then on nobody asks.
    kept = state.definition is not None and same_ticks(state.definition, job) and job.enabled
    settled = () if kept else asked.ticks(ending=True)
    pushed = [asked.draft(_ended(asked, run, Reason.QUEUE_OVERFLOW), run.number) for run in overflow(state, job)]
    return Decision((*settled, asked.draft(body), *pushed))


def _pause(asked: _Asked, command: Pause) -> Decision:
    if asked.state.definition is None:
        raise UnknownJob(asked.state.job)
    if asked.state.paused:
        return NOTHING
    return Decision((*asked.ticks(), asked.draft(JobPaused())))


def _resume(asked: _Asked, command: Resume) -> Decision:
    if asked.state.definition is None:
        raise UnknownJob(asked.state.job)
    if not asked.state.paused:
        return NOTHING
    return Decision((*asked.ticks(), asked.draft(JobResumed())))


def _remove(asked: _Asked, command: Remove) -> Decision:
    if asked.state.definition is None:
        raise UnknownJob(asked.state.job)
    waiting = [run for run in asked.state.open_runs if run.state is State.QUEUED]
    reaped = tuple(asked.draft(_ended(asked, run, Reason.JOB_REMOVED), run.number) for run in waiting)
    return Decision((*asked.ticks(ending=True), *reaped, asked.draft(JobRemoved())))


def _ended(asked: _Asked, run: Run, reason: Reason) -> Ended:
    fire(run.state, Trigger.REAP, reason)
    return Ended(Trigger.REAP, reason, asked.now.utc)


def _take_numbers(asked: _Asked, command: TakeNumbers) -> Decision:
    if command.up_to <= asked.state.last_number:
        return NOTHING
    return Decision((asked.draft(NumbersTaken(command.up_to)),))


def _request(asked: _Asked, command: Request) -> Decision:
    state, now = asked.state, asked.now
    job = asked.job
    found = standing_of_request(state, job, now, force=command.force, at_once=command.at_once)
    if found is None and command.draining:
        found = Standing(RefusalReason.DRAINING, None)
    if found is not None:
        refusal = Refused(found.reason, Cause.MANUAL, 1, now.utc, now.utc, found.blocked_by)
        known = same_refusal(state, refusal, now.utc)
        return Decision(() if known else (asked.draft(refusal),), refusal=refusal)
    fire(None, _QUEUE)
    body = Queued(
        _MANUAL,
        state.version,
        start_by(job, now),
        attempt=command.attempt,
        retry_of=command.retry_of,
        env=tuple(Variable(name, text) for name, text in command.env) or None,
        forced=command.force,
    )
    return Decision((asked.draft(body, state.last_number + 1),))


def _try_again(asked: _Asked, command: TryAgain) -> Decision:
    state, now = asked.state, asked.now
    pending = retry_due(state, now.utc)
    if pending is None:
        return NOTHING
    fire(None, _QUEUE)
    body = Queued(
        Cause.RETRY, state.version, start_by(asked.job, now), pending.scheduled_for, pending.attempt, pending.of
    )
    return Decision((asked.draft(body, state.last_number + 1),))


def _ticks(asked: _Asked, command: Ticks) -> Decision:
    return answer_ticks(
        asked.state, asked.now, asked.actor, command.deferred, flush=command.flush, draining=command.draining
    )


def _start(asked: _Asked, command: Start) -> Decision:
    run = asked.run(command.number, _START)
    fire(run.state, _START)
    if asked.state.slot is not None:
        held = run_id(asked.state.job, asked.state.slot)
        raise IllegalTransition(run.state, Trigger.START, None, f"the slot is held by {held}")
    restraint = held_back(asked.state, run, asked.now.utc)
    if restraint is not None:
        until = format_instant(restraint.until)
        raise IllegalTransition(run.state, Trigger.START, None, f"it is held back until {until} ({restraint.reason})")
    deadline = run_by(asked.job, asked.now)
    body = Started(command.arming, deadline, reap_by(asked.job, asked.now))
    go = Go(Execution(run.job, run.number, command.arming), deadline)
    return Decision((asked.draft(body, run.number),), (go,))


def _fail_start(asked: _Asked, command: FailStart) -> Decision:
    run = asked.run(command.number, Trigger.FAIL)
    if run.state is not State.QUEUED:
        raise IllegalTransition(run.state, Trigger.FAIL, Reason.START_FAILED, "it has been started")
    fire(run.state, Trigger.FAIL, Reason.START_FAILED)
    body = Ended(Trigger.FAIL, Reason.START_FAILED, asked.now.utc, error=command.error)
    return Decision((asked.draft(body, run.number),))


def _judge(asked: _Asked, command: Judge) -> Decision:
    verdict = command.verdict
    run = asked.run(command.number, verdict.trigger)
    fire(run.state, verdict.trigger, verdict.reason)
    return Decision((asked.draft(verdict, run.number),))


def _stop(asked: _Asked, command: Stop) -> Decision:
    run = asked.run(command.number, Trigger.REAP)
    body = _ended(asked, run, command.reason)
    if run.state is State.RUNNING and not command.stopped:
        if run.arming is None:
            raise IllegalTransition(run.state, Trigger.REAP, command.reason, "it was started by no arming")
        return Decision((), (StopFirst(Execution(run.job, run.number, run.arming), command.reason),))
    return Decision((asked.draft(body, run.number),))


def _queue_timeout(asked: _Asked, command: QueueTimeout) -> Decision:
    run = asked.run(command.number, Trigger.TIME_OUT)
    fire(run.state, Trigger.TIME_OUT, Reason.QUEUE_TIMEOUT)
    came = Instant(min(asked.now.utc, asked.now.utc + run.start_by.left(asked.now)))
    body = Ended(Trigger.TIME_OUT, Reason.QUEUE_TIMEOUT, came, error=TIMEOUT_TEXT)
    return Decision((asked.draft(body, run.number),))


def _release(asked: _Asked, command: Release) -> Decision:
    run = asked.state.run(command.number)
    if run is None or asked.state.slot != command.number:
        raise IllegalTransition(None if run is None else run.state, "release", None, "it does not hold the slot")
    if not run.state.terminal:
        raise IllegalTransition(run.state, "release", None, "the verdict comes first")
    body = Released(
        command.nonce,
        command.evidence,
        command.emptied_at,
        command.exit_code,
        command.signal,
        command.note,
    )
    return Decision((asked.draft(body, run.number),))


_ANSWERS: dict[type[object], Callable[[_Asked, Any], Decision]] = {
    Put: _put,
    Pause: _pause,
    Resume: _resume,
    Remove: _remove,
    TakeNumbers: _take_numbers,
    Request: _request,
    TryAgain: _try_again,
    Ticks: _ticks,
    Start: _start,
    FailStart: _fail_start,
    Judge: _judge,
    Stop: _stop,
    QueueTimeout: _queue_timeout,
    Release: _release,
}
