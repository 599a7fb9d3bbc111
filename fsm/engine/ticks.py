"""Answer ticks: every scheduled time of an enabled job gets one answer, a run or a refusal with its reason.

`accounted_to` of the stream is how far the answers reach. A refusal like the last one is not written at once but
deferred (see `fsm.planning.refusals`); what is deferred is given back to the caller, who brings it along next time.
If the caller dies in between, the ticks have no answer yet and get one from the next scheduler.
"""

from __future__ import annotations

from fsm.engine.due import come_until, due_at, ticking
from fsm.engine.standing import Standing, standing
from fsm.instants import Instant, Moment
from fsm.lifecycle.machine import fire
from fsm.model.commands import NOTHING, Decision, Deferred
from fsm.model.entries import Blocker, Draft, Queued, Refused
from fsm.model.states import BLOCKED, Actor, Cause, RefusalReason, Trigger
from fsm.model.stream import JobState
from fsm.planning.deadlines import start_by
from fsm.planning.misfire import made_of
from fsm.planning.overlap import blocker, catching_up
from fsm.planning.refusals import same_refusal
from fsm.planning.schedule import Timetable

_QUEUE = Trigger.QUEUE  # see `fsm.model.states`


def answer_ticks(
    state: JobState,
    now: Moment,
    actor: Actor,
    deferred: Deferred | None,
    *,
    flush: bool = False,
    draining: bool = False,
) -> Decision:
    """Answer every tick up to now.

    Returns drafts (refusals, and the runs that are made) and what is deferred from here on. With `flush`, what was
    deferred is written and nothing else is answered: what comes next may change the answer. While `draining`, what
    nothing else is in the way of is refused all the same.
    """
    table = ticking(state)
    if table is None or state.accounted_to is None:
        return NOTHING
    writer = _Writer(state, table, now, actor, state.accounted_to)
    found = standing(state, now) or (Standing(RefusalReason.DRAINING, None) if draining else None)
    if deferred is not None and (
        flush or found is None or (deferred.reason, deferred.blocker) != (found.reason, found.number)
    ):
        writer.refuse(deferred.until, deferred.reason, _blocker_again(state, deferred, now))
    if flush:
        return Decision(tuple(writer.drafts))
    return writer.fire() if found is None else writer.stand(found)


def settle_ticks(state: JobState, now: Moment, actor: Actor, *, ending: bool = False) -> tuple[Draft, ...]:
    """Refusals for all ticks up to now that have no answer: what comes before a change of the job's ticks.

    With `ending`, the present timetable ends here: so one whose scheduled time is past and whose jitter is not is
    refused with the others, for it will not come any more.

    Used by whoever changes a job, which need not be the scheduler: none of them makes a run any more. They are
    refused by what stands in the way, or were missed.
    """
    table = ticking(state)
    if table is None or state.accounted_to is None:
        return ()
    writer = _Writer(state, table, now, actor, state.accounted_to)
    found = standing(state, now) or Standing(RefusalReason.MISSED, None)
    writer.refuse(now.utc if ending else writer.come, found.reason, found.blocked_by)
    return tuple(writer.drafts)


def _blocker_again(state: JobState, deferred: Deferred, now: Moment) -> Blocker | None:
    """The run that was in the way, as it is now, or as it was described then where it is over."""
    run = None if deferred.blocker is None else state.run(deferred.blocker)
    if run is None or deferred.reason not in BLOCKED:
        return deferred.blocked_by
    return blocker(run, now)


class _Writer:
    """Makes drafts, and moves along the timetable as it does."""

    def __init__(self, state: JobState, table: Timetable, now: Moment, actor: Actor, after: Instant) -> None:
        self.state, self.table, self.now, self.actor = state, table, now, actor
        self.after = after
        self.come = come_until(state, now.utc)
        self.drafts: list[Draft] = []

    def _draft(self, body: Queued | Refused, run: int | None = None) -> None:
        self.drafts.append(Draft(self.state.job, self.now.utc, self.actor, run, body))

    def refuse(self, until: Instant, reason: RefusalReason, blocked_by: Blocker | None) -> None:
        """One refusal for all ticks up to `until`, if there are any."""
        span = self.table.span(self.after, until, self.state.anchor)
        if span is None:
            return
        self._draft(Refused(reason, Cause.SCHEDULE, span.count, span.first, span.last, blocked_by))
        self.after = span.last

    def fire(self) -> Decision:
        """Nothing is in the way: the newest ticks make runs, by the job's `catch_up`; those before them were missed."""
        span = self.table.span(self.after, self.come, self.state.anchor)
        job = self.state.definition
        if span is None or job is None:
            return Decision(tuple(self.drafts))
        now, late = self._but_for_jitter(span.last), catching_up(self.state)
        made = made_of(job, self.table, self.state.anchor, self.after, span, now, late)
        self.refuse(Instant(made[0][0] - 1) if made else span.last, RefusalReason.MISSED, None)
        for number, (tick, cause) in enumerate(made, self.state.last_number + 1):
            fire(None, _QUEUE)
            self._draft(Queued(cause, self.state.version, start_by(job, self.now), tick), number)
        return Decision(tuple(self.drafts))

    def _but_for_jitter(self, tick: Instant) -> Instant:
        """Now, as far as lateness goes: what is due later is not late for that."""
        return Instant(self.now.utc - (due_at(self.state, tick) - tick))

    def stand(self, found: Standing) -> Decision:
        """Something is in the way: write the refusal, or defer it behind one that says the same."""
        span = self.table.span(self.after, self.come, self.state.anchor)
        if span is None:
            return Decision(tuple(self.drafts))
        refusal = Refused(found.reason, Cause.SCHEDULE, span.count, span.first, span.last, found.blocked_by)
        wrote = bool(self.drafts)  # then the last refusal of the stream is not the last one any more
        if not wrote and same_refusal(self.state, refusal, self.now.utc):
            return Decision((), (), refusal, Deferred(found.reason, found.blocked_by, span.last))
        self._draft(refusal)
        return Decision(tuple(self.drafts), (), refusal, None)
