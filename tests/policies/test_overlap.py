"""Queues end, and what is replaced makes room: nothing ever lets two run at once."""

from __future__ import annotations

import pytest

from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.instants import MINUTE
from fsm.journal.memory import MemoryJournal
from fsm.model.entries import Ended, Started
from fsm.model.states import Cause, Reason, RefusalReason, State
from fsm.testing import Simulation, child, hang, ignore_term, succeed
from fsm.testing.scribe import Scribe

START = "2026-04-01T00:00:00Z"


@pytest.mark.requirement("R-37")
def test_what_waits_runs_in_order_one_after_the_other() -> None:
    sim = Simulation(start=START)
    sim.add_job("job", schedule="every 1m", overlap="queue", queue_limit=3, timeout="1h")
    sim.script("job", [succeed("4m30s"), succeed("5s")])
    sim.advance("5m")
    assert [run.state for run in reversed(sim.runs("job"))] == [State.RUNNING, *[State.QUEUED] * 3]
    (full,) = sim.refusals("job")
    assert full.reason is RefusalReason.QUEUE_FULL
    assert full.blocked_by is not None
    assert full.blocked_by.run_id == "job/2"
    sim.advance("50s")
    starts = [entry.run for entry in sim.journal("job") if isinstance(entry.body, Started)]
    assert starts == [1, 2, 3, 4]
    sim.check()


@pytest.mark.requirement("R-37")
def test_an_edit_that_leaves_less_room_pushes_the_newest_out() -> None:
    sim = Simulation(start=START)
    sim.add_job("job", schedule="every 1m", overlap="queue", queue_limit=3, timeout="1h")
    sim.script("job", [hang()])
    sim.advance("4m")
    sim.add_job("job", schedule="every 1m", overlap="queue", queue_limit=1, timeout="1h")
    assert [(run.number, run.reason) for run in reversed(sim.runs("job"))] == [
        (1, None),
        (2, None),
        (3, Reason.QUEUE_OVERFLOW),
        (4, Reason.QUEUE_OVERFLOW),
    ]
    sim.check()


@pytest.mark.requirement("R-38")
def test_what_is_replaced_is_stopped_first_and_what_replaces_it_waits_for_the_slot() -> None:
    sim = Simulation(start=START)
    sim.add_job("job", schedule="every 10m", overlap="replace", timeout="1h", grace="30s")
    sim.script("job", [ignore_term(), succeed("1m")])
    sim.advance("20m")
    sim.advance("1s")
    first, second = reversed(sim.runs("job"))
    assert (first.state, first.reason, first.slot) == (State.REAPED, Reason.REPLACED, "held")
    assert second.state is State.QUEUED
    sim.advance("30s")
    assert sim.run("job/1").slot == "free"
    assert sim.run("job/2").state is State.RUNNING
    sim.check()


@pytest.mark.requirement("R-38")
@pytest.mark.parametrize("point", range(1, 9))
def test_a_scheduler_that_dies_while_it_replaces_leaves_the_rest_to_the_next(point: int) -> None:
    """The new run is committed, and the old one is not stopped: that it has to be follows from the stream."""
    sim = Simulation(start=START)
    sim.add_job("job", schedule="every 10m", overlap="replace", timeout="1h")
    sim.script("job", [hang(), succeed("1m")])
    sim.advance("19m")
    sim.crash(at=point)
    sim.advance("1m")
    sim.restart(after="10s")
    sim.advance("5s")
    first, second = reversed(sim.runs("job"))
    assert (first.reason, first.slot, second.state) == (Reason.REPLACED, "free", State.RUNNING)
    sim.check()


@pytest.mark.requirement("R-38")
def test_a_slot_that_nothing_frees_does_not_fill_the_journal() -> None:
    sim = Simulation(start=START)
    sim.add_job("job", schedule="every 20s", overlap="replace", timeout="1d", start_within="1d")
    sim.script("job", [succeed("1s", leaves=(child(hidden=True),))])
    sim.advance("1d")
    assert len(sim.journal("job")) < 40
    assert {refusal.reason for refusal in sim.refusals("job")} == {RefusalReason.ALREADY_QUEUED}
    sim.check()


@pytest.mark.requirement("R-38")
def test_a_request_replaces_as_a_tick_does() -> None:
    sim = Simulation(start=START)
    sim.add_job("job", overlap="replace", timeout="1h")
    sim.script("job", [hang(), succeed("1m")])
    sim.request("job")
    sim.advance("1m")
    assert sim.request("job").enqueued
    sim.advance("1s")
    ended = [entry.body.reason for entry in sim.journal("job") if isinstance(entry.body, Ended)]
    assert ended == [Reason.REPLACED]
    assert sim.run("job/2").state is State.RUNNING
    sim.check()


@pytest.mark.requirement("R-45")
@pytest.mark.parametrize(
    ("keys", "waiting"), [({}, 1), ({"overlap": "queue", "queue_limit": 2}, 2), ({"overlap": "replace"}, 1)]
)
def test_a_journal_holds_no_more_than_may_wait(keys: dict[str, object], waiting: int) -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("job", **{"overlap": "skip", "queue_limit": 1, **keys})
    for _ in range(waiting):
        scribe.queue("job")
    state = scribe.journal.state("job")
    with pytest.raises(IllegalEntry) as refused:
        evolve(state, scribe.draft("job", scribe.queued("job"), waiting + 1))
    assert refused.value.requirement == "queue"
    late = scribe.queued("job", cause=Cause.CATCH_UP, scheduled_for=scribe.now().utc + MINUTE)
    evolve(state, scribe.draft("job", late, waiting + 1))  # those are counted by themselves
