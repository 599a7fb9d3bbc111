"""`decide` and `evolve` on one stream, without any journal: every edge, every refusal, what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from fsm.engine.decide import decide
from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.errors import BadValue, IllegalEntry, IllegalTransition, UnknownJob, UnknownRun
from fsm.instants import HOUR, MINUTE, SECOND, Instant, Moment, parse_instant
from fsm.lifecycle.table import triples
from fsm.model.commands import (
    Command,
    Decision,
    Deferred,
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
    Ticks,
)
from fsm.model.entries import Draft, Ended, Queued, Refused, Released, Started
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import Actor, Cause, Evidence, Reason, RefusalReason, SlotState, State, Trigger
from fsm.model.stream import JobState

NOON = parse_instant("2026-06-01T12:00:00Z")
ARMING = Arming("abc", "boot-1", 10, 20)
JOB = Job("backup", schedule="*/5 * * * *", timeout="30m", start_within="5m", grace="10s")


class Stream:
    """One stream that is decided on and folded, with a clock that the test moves."""

    def __init__(self, job: Job | None = JOB) -> None:
        self.utc, self.boot = NOON, 1000 * SECOND
        self.state = JobState("backup")
        self.deferred: Deferred | None = None
        if job is not None:
            self.do(Put(job, "test"))

    @property
    def now(self) -> Moment:
        return Moment(self.utc, self.boot, "boot-1")

    def pass_time(self, delay: int) -> None:
        self.utc, self.boot = Instant(self.utc + delay), self.boot + delay

    def do(self, command: Command) -> Decision:
        decision = decide(self.state, command, self.now, Actor.API)
        for draft in decision.drafts:
            self.state = evolve(self.state, draft)
        return decision

    def tick(self, *, flush: bool = False) -> Decision:
        decision = self.do(Ticks(self.deferred, flush))
        self.deferred = decision.deferred
        return decision

    def queued(self) -> int:
        self.do(Request())
        return self.state.last_number

    def running(self) -> int:
        number = self.queued()
        self.do(Start(number, ARMING))
        return number

    def at(self, state: State | None) -> int:
        return {None: lambda: 1, State.QUEUED: self.queued, State.RUNNING: self.running}[state]()


def _command(trigger: Trigger, reason: Reason | None, number: int) -> Command:
    """What asks for this edge. A trigger that is not here has no way to be asked for, and fails its tests."""
    if trigger is Trigger.QUEUE:
        return Request()
    if trigger is Trigger.START:
        return Start(number, ARMING)
    assert reason is not None
    if trigger is Trigger.REAP:
        return Stop(number, reason, stopped=True)
    if reason is Reason.QUEUE_TIMEOUT:
        return QueueTimeout(number)
    return Judge(number, Ended(trigger, reason, NOON))


@pytest.mark.requirement("R-2")
@pytest.mark.parametrize(("source", "trigger", "reason"), triples())
def test_every_edge_with_every_reason_is_taken(source: State | None, trigger: Trigger, reason: Reason | None) -> None:
    stream = Stream()
    number = stream.at(source)
    decision = stream.do(_command(trigger, reason, number))
    assert [draft.run for draft in decision.drafts] == [number]
    body = decision.drafts[0].body
    if isinstance(body, Ended):
        assert (body.trigger, body.reason) == (trigger, reason)
    else:
        assert isinstance(body, Queued if trigger is Trigger.QUEUE else Started)


@pytest.mark.requirement("R-2")
@pytest.mark.requirement("R-1")
@pytest.mark.parametrize("trigger", [t for t in Trigger if t not in (Trigger.QUEUE, Trigger.START)])
@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("source", [State.QUEUED, State.RUNNING])
def test_what_the_table_does_not_have_changes_nothing(source: State, trigger: Trigger, reason: Reason) -> None:
    if (source, trigger, reason) in triples():
        return  # the test above
    stream = Stream()
    number = stream.at(source)
    before = stream.state
    with pytest.raises(IllegalTransition) as caught:
        stream.do(Judge(number, Ended(trigger, reason, NOON)))
    assert (caught.value.state, caught.value.trigger, caught.value.reason) == (source, trigger, reason)
    with pytest.raises(IllegalEntry):
        evolve(before, Draft("backup", NOON, Actor.API, number, Ended(trigger, reason, NOON)))
    assert stream.state == before


@pytest.mark.requirement("R-3")
@pytest.mark.parametrize("trigger", [t for t in Trigger if t is not Trigger.QUEUE])
def test_terminal_is_final(trigger: Trigger) -> None:
    stream = Stream()
    number = stream.running()
    stream.do(Judge(number, Ended(Trigger.SUCCEED, Reason.COMPLETED, NOON)))
    for reason in (None, *Reason):
        body = Started(ARMING, stream.state.runs[0].start_by, stream.state.runs[0].start_by)
        late = body if reason is None or trigger is Trigger.START else Ended(trigger, reason, NOON)
        with pytest.raises(IllegalEntry):
            evolve(stream.state, Draft("backup", NOON, Actor.API, number, late))
    with pytest.raises(IllegalTransition):
        stream.do(Stop(number, Reason.CANCELLED, stopped=True))


@pytest.mark.requirement("R-13")
def test_the_slot_is_held_from_start_to_released_whatever_the_verdict_says() -> None:
    stream = Stream()
    number = stream.running()
    assert stream.state.slot == number
    stream.do(Judge(number, Ended(Trigger.TIME_OUT, Reason.RUN_TIMEOUT, NOON)))
    holder = stream.state.holder
    assert holder is not None
    assert (holder.state, holder.slot) == (State.TIMED_OUT, SlotState.HELD)
    refused = stream.do(Request()).refusal
    assert refused is not None
    assert refused.reason is RefusalReason.SLOT_HELD
    with pytest.raises(IllegalEntry):
        evolve(stream.state, Draft("backup", NOON, Actor.API, number, Released("other", Evidence.SCAN)))
    before = stream.state
    decision = stream.do(Release(number, "abc", Evidence.REPORT, exit_code=None, signal=9))
    over = run_after(before, decision.drafts[0], stream.state)
    assert over is not None
    assert (over.slot, over.signal, over.state) == (SlotState.FREE, 9, State.TIMED_OUT)
    assert stream.state.runs == ()
    assert stream.do(Request()).refusal is None


def test_a_release_needs_the_verdict_first_and_the_right_arming() -> None:
    stream = Stream()
    number = stream.running()
    with pytest.raises(IllegalTransition):
        stream.do(Release(number, "abc", Evidence.REPORT))
    with pytest.raises(IllegalEntry):
        evolve(stream.state, Draft("backup", NOON, Actor.API, number, Released("abc", Evidence.REPORT)))


@pytest.mark.requirement("R-21")
def test_a_running_run_is_not_judged_from_outside_before_its_stop_lies_in_the_mailbox() -> None:
    stream = Stream()
    number = stream.running()
    decision = stream.do(Stop(number, Reason.CANCELLED))
    assert decision.drafts == ()
    assert [type(effect) for effect in decision.effects] == [StopFirst]
    assert stream.do(Stop(number, Reason.CANCELLED, stopped=True)).drafts


@pytest.mark.requirement("R-7")
def test_go_follows_its_start_and_carries_the_deadline() -> None:
    stream = Stream()
    decision = stream.do(Start(stream.queued(), ARMING))
    (go,) = decision.effects
    assert isinstance(go, Go)
    assert go.run_by.boot == stream.boot + 30 * MINUTE
    (run,) = stream.state.runs
    assert run.reap_by is not None
    assert run.reap_by.boot == stream.boot + 30 * MINUTE + 10 * SECOND + MINUTE


def test_a_job_that_is_not_there_takes_nothing() -> None:
    stream = Stream(None)
    for command in (Request(), Pause(), Resume(), Remove()):
        with pytest.raises(UnknownJob):
            stream.do(command)
    with pytest.raises(UnknownRun):
        stream.do(Start(1, ARMING))


@pytest.mark.requirement("R-6")
def test_numbers_go_on_after_a_job_was_removed_and_added_again() -> None:
    stream = Stream()
    assert stream.queued() == 1
    stream.do(Remove())
    assert stream.state.definition is None
    assert stream.state.open_runs == ()  # what was queued is reaped(job_removed)
    stream.do(Put(JOB, "test"))
    assert stream.queued() == 2
    run = Queued(Cause.MANUAL, stream.state.version, stream.state.runs[0].start_by)
    with pytest.raises(IllegalEntry):
        evolve(stream.state, Draft("backup", NOON, Actor.API, 2, run))


# ---- ticks


def test_a_tick_makes_a_run_and_is_not_answered_twice() -> None:
    stream = Stream()
    stream.pass_time(5 * MINUTE)
    (draft,) = stream.tick().drafts
    assert isinstance(draft.body, Queued)
    assert (draft.body.cause, draft.body.scheduled_for) == (Cause.SCHEDULE, NOON + 5 * MINUTE)
    assert stream.tick().drafts == ()
    stream.pass_time(-MINUTE)  # somebody sets the wall clock back
    assert stream.tick().drafts == ()
    with pytest.raises(IllegalEntry):
        evolve(stream.state, Draft("backup", NOON, Actor.API, 2, draft.body))


@pytest.mark.requirement("R-28")
def test_a_refusal_names_the_run_in_the_way() -> None:
    stream = Stream()
    number = stream.running()
    stream.pass_time(5 * MINUTE)
    (draft,) = stream.tick().drafts
    assert isinstance(draft.body, Refused)
    assert draft.body.reason is RefusalReason.ALREADY_RUNNING
    blocker = draft.body.blocked_by
    assert blocker is not None
    assert (blocker.number, blocker.state, blocker.age_us) == (number, State.RUNNING, 5 * MINUTE)
    assert blocker.deadline == NOON + 30 * MINUTE


@pytest.mark.requirement("R-29")
def test_refusals_alike_are_one_entry_an_hour_and_none_is_lost() -> None:
    stream = Stream(Job("backup", schedule="every 10s", timeout="1d"))
    stream.running()
    bodies: list[Refused] = []
    for _ in range(6 * 60 * 3):
        stream.pass_time(10 * SECOND)
        bodies += [draft.body for draft in stream.tick().drafts if isinstance(draft.body, Refused)]
    bodies += [draft.body for draft in stream.tick(flush=True).drafts if isinstance(draft.body, Refused)]
    assert len(bodies) == 4
    assert sum(body.count for body in bodies) == 6 * 60 * 3
    assert all(later.first - earlier.last == 10 * SECOND for earlier, later in pairwise(bodies))


def test_what_was_deferred_is_written_before_the_answer_that_differs() -> None:
    stream = Stream(Job("backup", schedule="every 1m", timeout="1d"))
    number = stream.running()
    for _ in range(5):
        stream.pass_time(MINUTE)
        stream.tick()
    assert stream.deferred is not None
    stream.do(Judge(number, Ended(Trigger.SUCCEED, Reason.COMPLETED, stream.utc)))
    stream.do(Release(number, "abc", Evidence.REPORT))
    stream.pass_time(MINUTE)
    refused, queued = (draft.body for draft in stream.tick().drafts)
    assert isinstance(refused, Refused)
    assert (refused.count, refused.first, refused.last) == (4, NOON + 2 * MINUTE, NOON + 5 * MINUTE)
    assert isinstance(queued, Queued)
    assert queued.scheduled_for == NOON + 6 * MINUTE


@pytest.mark.requirement("R-30")
@pytest.mark.parametrize(
    ("late", "cause", "missed"),
    [
        (30 * SECOND, Cause.SCHEDULE, 11),
        (2 * MINUTE, Cause.CATCH_UP, 11),
    ],
)
def test_after_a_gap_at_most_the_last_tick_makes_a_run(late: int, cause: Cause, missed: int) -> None:
    stream = Stream()
    stream.pass_time(HOUR + late)
    refused, queued = (draft.body for draft in stream.tick().drafts)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.count) == (RefusalReason.MISSED, missed)
    assert isinstance(queued, Queued)
    assert (queued.cause, queued.scheduled_for) == (cause, NOON + HOUR)


@pytest.mark.requirement("R-30")
def test_a_tick_that_is_too_late_is_missed() -> None:
    stream = Stream(Job("backup", schedule="0 13 * * *"))
    stream.pass_time(3 * HOUR)
    (draft,) = stream.tick().drafts
    assert isinstance(draft.body, Refused)
    assert (draft.body.reason, draft.body.count) == (RefusalReason.MISSED, 1)


def test_a_paused_job_refuses_its_ticks_and_takes_requests() -> None:
    stream = Stream()
    stream.do(Pause())
    stream.pass_time(5 * MINUTE)
    (draft,) = stream.tick().drafts
    assert isinstance(draft.body, Refused)
    assert draft.body.reason is RefusalReason.PAUSED
    assert stream.do(Request()).refusal is None
    stream.pass_time(10 * MINUTE)
    settled = stream.do(Resume()).drafts[0].body
    assert isinstance(settled, Refused)
    assert settled.count == 2


def test_an_edit_settles_the_ticks_before_it_and_keeps_what_it_does_not_change() -> None:
    stream = Stream()
    stream.pass_time(12 * MINUTE)
    drafts = stream.do(Put(Job("backup", schedule="0 3 * * *"), "test")).drafts
    assert isinstance(drafts[0].body, Refused)
    assert drafts[0].body.count == 2
    assert stream.state.accounted_to == stream.utc
    accounted = stream.state.accounted_to
    stream.pass_time(MINUTE)
    stream.do(Put(Job("backup", schedule="0 3 * * *", timeout="1h"), "test"))
    assert stream.state.accounted_to == accounted
    assert stream.do(Put(Job("backup", schedule="0 3 * * *", timeout="1h"), "test")).drafts == ()


@pytest.mark.requirement("R-20")
def test_a_start_that_fails_ends_the_queued_run() -> None:
    stream = Stream()
    (draft,) = stream.do(FailStart(stream.queued(), "no such program: x")).drafts
    assert isinstance(draft.body, Ended)
    assert (draft.body.reason, draft.body.error) == (Reason.START_FAILED, "no such program: x")
    assert stream.state.slot is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Job(""),
        lambda: Job("a/b"),
        lambda: Job("@scheduler"),
        lambda: Job("x" * 101),
        lambda: Job("a", command=["x"], shell="y"),
        lambda: Job("a", command="ls -l"),  # type: ignore[arg-type]
        lambda: Job("a", timeout="soon"),
        lambda: Job("a", timeout="0s"),
        lambda: Job("a", env={"CRONFSM_RUN_ID": "x"}),
        lambda: Job("a", env={"A=B": "x"}),
    ],
)
def test_a_job_that_cannot_be_is_refused(make: Callable[[], Job]) -> None:
    with pytest.raises(BadValue):
        make()
