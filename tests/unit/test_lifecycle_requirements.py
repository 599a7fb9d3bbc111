"""Requirements of specs/lifecycle.md that no other test holds: each in a few steps, simulated or on one stream."""

from __future__ import annotations

import pytest

from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.instants import HOUR, MINUTE, SECOND
from fsm.journal.memory import MemoryJournal
from fsm.model.entries import Started
from fsm.model.states import Cause, Reason, SlotState, State
from fsm.testing import RunView, Simulation, hang, succeed
from fsm.testing.scribe import Scribe


@pytest.mark.requirement("R-5")
@pytest.mark.requirement("R-6")
@pytest.mark.parametrize("end", [State.FAILED, State.TIMED_OUT, State.LOST])
def test_a_retry_is_a_new_run_with_a_new_number(end: State) -> None:
    """The run that ended takes no second `queue`; one that names it, under the next number, is a run of its own."""
    scribe = Scribe(MemoryJournal())
    scribe.define("agent", retry={"attempts": 2, "backoff": "0s"})
    original = scribe.run_through("agent", end)
    state = scribe.journal.state("agent")
    again = scribe.queued("agent", cause=Cause.RETRY, retry_of=original.number, attempt=2)
    with pytest.raises(IllegalEntry):
        evolve(state, scribe.draft("agent", again, original.number))
    scribe.write("agent", again, original.number + 1)
    retry = scribe.journal.run("agent", original.number + 1)
    assert retry is not None
    assert (retry.state, retry.retry_of, retry.attempt) == (State.QUEUED, original.number, 2)
    assert scribe.journal.run("agent", original.number) == original


@pytest.mark.requirement("R-7")
def test_every_open_run_has_its_deadlines_stored_with_it() -> None:
    """In the entries, so that anybody can check them on the journal alone."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="0 * * * *", timeout="20m", grace="30s", start_within="5m")
    sim.script("agent", [hang()])
    sim.advance("1h")
    queued, started = [entry.body for entry in sim.journal("agent") if entry.run == 1]
    assert isinstance(started, Started)
    tick = sim.now
    assert queued.start_by.utc == tick + 5 * MINUTE
    assert (started.run_by.utc, started.reap_by.utc) == (tick + 20 * MINUTE, tick + 21 * MINUTE + 30 * SECOND)
    for deadline in (queued.start_by, started.run_by, started.reap_by):
        assert deadline.boot_id == sim.world.boot_id


@pytest.mark.requirement("R-8")
@pytest.mark.parametrize("jump", ["-3h", "3h"])
@pytest.mark.parametrize("supervised", [True, False], ids=["its supervisor is well", "its supervisor is mute"])
def test_a_wall_clock_that_is_set_ends_no_run_early_or_late(jump: str, supervised: bool) -> None:
    """Ten minutes are ten minutes of the clock that nobody can set, for the supervisor and for the sweep."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="10m", grace="10s")
    sim.script("agent", [hang()])
    sim.request("agent")
    sim.advance("5m")
    if not supervised:
        sim.mute_supervisor("agent")
    sim.jump_clock(jump)
    ends_after = 5 * MINUTE if supervised else 5 * MINUTE + 10 * SECOND + MINUTE
    sim.advance(ends_after - SECOND)
    assert sim.run("agent/1").state is State.RUNNING
    sim.advance("1s")
    reason = Reason.RUN_TIMEOUT if supervised else Reason.OVERDUE
    assert sim.run("agent/1").reason is reason
    sim.check()


@pytest.mark.requirement("R-8")
@pytest.mark.parametrize(
    ("down_for", "end"),
    [("29m", (State.SUCCEEDED, Reason.COMPLETED)), ("31m", (State.TIMED_OUT, Reason.QUEUE_TIMEOUT))],
)
def test_after_a_reboot_the_other_clock_counts(down_for: str, end: tuple[State, Reason]) -> None:
    """The boot clock that its deadline was set by is gone: half an hour in the queue is half an hour of UTC."""
    sim = Simulation(start="2026-04-01T00:00:00Z", max_running=1)
    sim.add_job("hog", timeout="6h")
    sim.script("hog", [hang()])
    sim.add_job("agent", start_within="30m")
    sim.request("hog")
    sim.advance("1s")
    sim.request("agent")
    sim.reboot(after=down_for)
    sim.advance("5s")
    run = sim.run("agent/1")
    assert (run.state, run.reason) == end
    sim.check()


@pytest.mark.requirement("R-12")
@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_whatever_is_missed_is_found_by_the_next_sweep(state: State) -> None:
    """Every message gets lost; no run is open past its last deadline and a minute."""
    sim = Simulation(start="2026-04-01T00:00:00Z", max_running=1)
    sim.add_job("hog", timeout="6h")
    sim.script("hog", [hang()])
    if state is State.QUEUED:
        sim.request("hog")
        sim.advance("1s")
    sim.lose_hints(1_000)
    sim.add_job("agent", timeout="10m", grace="10s", start_within="10m")
    sim.script("agent", [hang()])
    sim.request("agent")
    sim.advance("2m")
    run = sim.run("agent/1")
    assert run.state is state
    last_deadline = run.deadline + (MINUTE + 10 * SECOND if state is State.RUNNING else 0)
    sim.run_until(last_deadline + MINUTE)
    assert sim.run("agent/1").state is State.TIMED_OUT
    sim.end_faults()
    sim.check()


def killed_while_it_starts(point: int) -> tuple[Simulation, RunView]:
    """A run whose scheduler was killed at that point of its start, and which the next one has brought to its end."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", timeout="1h")
    sim.script("agent", [succeed(after="5s")])
    sim.request("agent")
    sim.crash(at=point)
    sim.advance("1s")
    sim.restart()
    sim.advance("1m")
    sim.check()
    return sim, sim.run("agent/1")


@pytest.mark.requirement("R-19")
def test_a_run_is_judged_by_the_arming_that_its_start_names() -> None:
    """A scheduler was killed after it had armed a supervisor: that one disarms and reports a failed start. The run was
    armed anew, and its end is what the second supervisor says."""
    twice_armed = 0
    for point in range(1, 12):
        sim, run = killed_while_it_starts(point)
        armings = sim.world.folders["agent"][1]
        started = [entry.body.arming.nonce for entry in sim.journal("agent") if isinstance(entry.body, Started)]
        assert len(started) == 1
        (judge,) = [one for one in armings if one.nonce == started[0]]
        assert judge.report.verdict is not None
        assert (run.state, run.reason) == _judged(judge.report.verdict.reason)
        if len(armings) == 2:
            twice_armed += 1
            (other,) = [one for one in armings if one is not judge]
            assert other.report.verdict is not None
            assert other.report.verdict.reason is Reason.START_FAILED
            assert run.state is State.SUCCEEDED
    assert twice_armed, "nobody was killed between arming and `start`"


def _judged(reason: Reason) -> tuple[State, Reason]:
    return (State.SUCCEEDED if reason is Reason.COMPLETED else State.FAILED), reason


@pytest.mark.requirement("R-22")
def test_a_slot_lock_that_is_busy_is_no_failed_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody keeps the lock for five minutes: the run is queued all that time, and starts once it is let go."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", start_within="1h")
    with monkeypatch.context() as patch:
        patch.setattr(sim.world, "slot_locked", lambda job: True)
        sim.request("agent")
        for _ in range(5):
            sim.advance("1m")
            assert sim.run("agent/1").state is State.QUEUED
    sim.advance("1m")
    run = sim.run("agent/1")
    assert (run.state, run.slot) == (State.SUCCEEDED, SlotState.FREE)
    assert run.started_at is not None
    assert run.started_at > run.queued_at + 4 * MINUTE
    assert run.started_at - run.queued_at < HOUR
    sim.check()
