"""The simulation itself: it is deterministic, tells the truth, and can fail."""

from __future__ import annotations

import doctest

import pytest

import fsm.testing.simulation
import fsm.testing.views
from fsm.errors import BadValue, UnknownJob, UnknownRun
from fsm.instants import MINUTE, parse_instant
from fsm.lifecycle.table import triples
from fsm.model.entries import Draft, Ended, Started
from fsm.model.run import Arming
from fsm.model.states import Actor, Cause, Reason, RefusalReason, State, Trigger
from fsm.ports import Append
from fsm.scheduler.core import Wake
from fsm.testing import (
    Simulation,
    Step,
    Time,
    cannot_start,
    child,
    fail,
    hang,
    ignore_term,
    invariants,
    refuse,
    succeed,
    vanish,
)
from fsm.testing.invariants import ARMING_LAWS, ENTRY_LAWS, EXECUTION_LAWS, STANDING_LAWS, sentence


@pytest.mark.parametrize("module", [fsm.testing.simulation, fsm.testing.views])
def test_what_the_documentation_shows_is_so(module) -> None:
    names = {"Time": Time}
    assert doctest.testmod(module, extraglobs=names).failed == 0


def _story(seed: int) -> list[tuple[str, int, str]]:
    sim = Simulation(seed=seed)
    sim.add_job("a", schedule="every 1m", timeout="30s")
    sim.add_job("b", schedule="*/2 * * * *")
    sim.script("a", [hang(), succeed(), vanish(after="5s")])
    sim.advance("5m30s")
    sim.crash()
    sim.restart(after="3m")
    sim.advance("5m")
    sim.check()
    return [(entry.job, entry.at, entry.hash) for entry in sim.store.entries()]


def test_the_same_seed_gives_the_same_history_bit_by_bit() -> None:
    assert _story(1) == _story(1)
    assert [line[:2] for line in _story(1)] == [line[:2] for line in _story(2)]  # a seed decides nonces only
    assert _story(1) != _story(2)


def test_runs_are_newest_first_with_the_attributes_of_the_command_line() -> None:
    sim = Simulation()
    sim.add_job("a")
    sim.add_job("b")
    for name in ("a", "b", "a"):
        sim.request(name)
        sim.advance("1m")
    assert [run.id for run in sim.runs("a")] == ["a/2", "a/1"]
    assert [run.id for run in sim.runs()] == ["a/2", "b/1", "a/1"]
    run = sim.run("a/2")
    assert (run.job, run.number, run.cause, run.attempt, run.retry_of) == ("a", 2, Cause.MANUAL, 1, None)
    assert run.queued_at == "2026-03-28T22:02:00Z"
    assert run.scheduled_for is None
    with pytest.raises(UnknownRun, match="a/2"):
        sim.run("a/3")


def test_a_request_is_answered_like_the_command_line() -> None:
    sim = Simulation()
    sim.add_job("job", timeout="10m")
    sim.script("job", [hang()])
    queued = sim.request("job")
    assert (queued.ok, queued.enqueued, queued.run_id, queued.state) == (True, True, "job/1", State.QUEUED)
    waiting = sim.request("job")
    assert (waiting.ok, waiting.ran, waiting.reason) == (True, False, RefusalReason.ALREADY_QUEUED)
    sim.advance("90s")
    running = sim.request("job")
    assert running.reason is RefusalReason.ALREADY_RUNNING
    blocker = running.blocked_by
    assert blocker is not None
    assert (blocker.run_id, blocker.state, blocker.age_s) == ("job/1", State.RUNNING, 90.0)
    assert blocker.deadline == "2026-03-28T22:10:00Z"
    with pytest.raises(UnknownJob, match="job"):
        sim.request("jbo")


def test_a_script_has_one_behaviour_for_each_coming_run_and_repeats_its_last() -> None:
    sim = Simulation()
    sim.add_job("job")
    sim.script("job", [fail(code=1), fail(code=2)])
    for _ in range(3):
        sim.request("job")
        sim.advance("1m")
    sim.script("job", [fail(code=9)])
    sim.request("job")
    sim.advance("1m")
    assert [run.exit_code for run in reversed(sim.runs("job"))] == [1, 2, 2, 9]
    with pytest.raises(ValueError, match="at least one"):
        sim.script("job", [])


def test_a_run_keeps_its_behaviour_however_often_it_is_armed() -> None:
    sim = Simulation()
    sim.add_job("job")
    sim.script("job", [fail(code=1), succeed()])
    sim.request("job")
    sim.crash(at=4)  # after its event was published, and it was armed
    sim.advance("1s")
    assert not sim.up
    sim.restart(after="1m")
    sim.advance("1m")
    assert len(sim.world.supervisors) == 2
    assert sim.runs("job")[0].exit_code == 1
    sim.check()


def test_time_passes_while_nobody_schedules() -> None:
    sim = Simulation()
    sim.add_job("job")
    sim.script("job", [succeed(after="10m")])
    sim.request("job")
    sim.advance("1m")
    sim.crash()
    sim.run_until("2026-03-28T23:00:00Z")
    assert sim.now == Time(sim.world.utc) == "2026-03-28T23:00:00Z"
    assert not sim.world.trees("job")
    sim.run_until("2026-03-28T22:00:00Z")  # is past
    assert Time(sim.now) == "2026-03-28T23:00:00Z"


def test_a_scheduler_that_is_slower_than_its_ticks_still_lets_time_end() -> None:
    sim = Simulation()
    sim.lag(Step.APPEND, "30s")
    sim.add_job("job", schedule="every 1s")
    sim.advance("5m")
    assert sim.now - parse_instant("2026-03-28T22:00:00Z") < 6 * MINUTE
    sim.check()


def test_a_bad_job_is_refused_as_everywhere() -> None:
    sim = Simulation()
    with pytest.raises(BadValue):
        sim.add_job("job", schedule="0 0 30 2 *")
    with pytest.raises(BadValue):
        sim.add_job("job", timeout="soon")
    assert sim.add_job("job")
    assert not sim.add_job("job")
    with pytest.raises(BadValue, match="case"):
        sim.add_job("JOB")


def test_an_instant_compares_with_text() -> None:
    assert Time(0) == "1970-01-01T00:00:00Z"
    assert Time(0) == "1970-01-01T01:00:00+01:00"
    assert Time(0) != "1970-01-01T00:00:01Z"
    assert Time(0) != "soon"
    assert (Time(5) - Time(2), Time(5) > Time(2), hash(Time(5))) == (3, True, hash(5))


def _forge(sim: Simulation, *bodies: tuple[int, object], actor: Actor = Actor.SCHEDULER) -> None:
    """Append behind the engine's back: what the journal takes, and the laws must not."""
    state = sim.store.state("job")
    drafts = tuple(Draft("job", sim.now, actor, run, body) for run, body in bodies)
    sim.witness.appended(sim.store.append([Append(state, drafts)]))


def _running(sim: Simulation, *, behaviour=None) -> None:
    sim.add_job("job", timeout="10m")
    sim.script("job", [behaviour or hang()])
    sim.request("job")
    sim.advance("1s")


@pytest.mark.parametrize(
    ("verdict", "law"),
    [
        (Ended(Trigger.SUCCEED, Reason.COMPLETED, 0), "success_is_real"),
        (Ended(Trigger.FAIL, Reason.EXIT_CODE, 0, exit_code=1), "failure_is_real"),
        (Ended(Trigger.FAIL, Reason.START_FAILED, 0), "never_started_is_real"),
        (Ended(Trigger.LOSE, Reason.VANISHED, 0), "lost_is_real"),
        (Ended(Trigger.TIME_OUT, Reason.RUN_TIMEOUT, 0), "no_run_ends_early"),
        (Ended(Trigger.REAP, Reason.OVERDUE, 0), "no_run_ends_early"),
        (Ended(Trigger.REAP, Reason.CANCELLED, 0), "stop_comes_before_a_foreign_verdict"),
    ],
)
def test_a_verdict_that_is_not_so_breaks_a_law(verdict: Ended, law: str) -> None:
    sim = Simulation()
    _running(sim)
    sim.check()
    _forge(sim, (1, verdict))
    with pytest.raises(AssertionError) as broken:
        sim.check()
    assert f"{law}: job/1" in str(broken.value)
    assert sentence(law) in str(broken.value)
    assert "job#3 run 1: running" in str(broken.value)  # the trace says what happened before


def test_a_start_without_a_supervisor_breaks_a_law() -> None:
    sim = Simulation()
    sim.add_job("job")
    sim.request("job")
    now = sim.world.now()
    run = sim.store.state("job").open_runs[0]
    _forge(sim, (1, Started(Arming("00", now.boot_id, 1, 1), run.start_by, run.start_by)))
    with pytest.raises(AssertionError, match="running_only_with_an_armed_supervisor"):
        sim.check()


def test_a_run_that_nobody_ends_breaks_a_law_but_only_while_a_scheduler_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sim = Simulation()
    _running(sim)
    sim.crash()
    sim.advance("1d")
    sim.check()  # nobody is there to write it down
    sim.restart()
    sim.request("job")
    sim.advance("1s")
    assert sim.life is not None
    deaf = sim.life.launcher

    def nothing() -> Wake:
        deaf.facts()
        return Wake(None, 1 << 62)

    monkeypatch.setattr(sim.life.scheduler, "turn", nothing)  # it is up, and does nothing
    sim.advance("5m")
    sim.check()  # within its deadline
    sim.advance("10m")
    with pytest.raises(AssertionError, match="what_is_known_is_journaled: job/2"):
        sim.check()


def test_every_law_says_which_sentence_it_holds() -> None:
    laws = {**ENTRY_LAWS, **ARMING_LAWS, **EXECUTION_LAWS, **STANDING_LAWS}
    assert len(laws) >= 25
    assert all(sentence(name) for name in laws)
    assert invariants.sentence("no_such_law") == ""


def test_the_simulation_takes_every_edge_that_a_scheduler_can_take() -> None:
    """All but those whose reasons belong to policies that are not there yet, or to several machines."""
    sim = Simulation(max_running=3)
    sim.add_job("queue", start_within="1m")
    for number, behaviour in enumerate(
        [succeed(), fail(), fail(signal=9), refuse(), cannot_start(), hang(), vanish(), ignore_term()]
    ):
        sim.add_job(f"j{number}", timeout="2m")
        sim.script(f"j{number}", [behaviour])
        sim.request(f"j{number}")
        sim.advance("4m")
    sim.script("j0", [cannot_start(armed=False)])
    for name in ("h1", "h2", "h3", "removed"):
        sim.add_job(name, timeout="5m")
        sim.script(name, [hang()])
    for name in ("h1", "h2", "h3", "queue"):
        sim.request(name)
        sim.advance("1s")
    sim.advance("2m")  # `queue` times out
    sim.cancel("h1/1")
    sim.host_stop("h2")
    sim.mute_supervisor("h3")
    sim.advance("15m")
    sim.request("j0")
    sim.advance("1m")
    sim.request("removed")
    sim.advance("1s")
    sim.remove_job("removed")
    sim.advance("1m")
    for name in ("j1", "j2"):
        sim.request(name)
    sim.cancel("j1/2")
    sim.remove_job("j2")
    sim.script("h1", [hang(), hang()])
    sim.request("h1")
    sim.advance("1s")
    sim.reboot()
    sim.request("h2")
    sim.advance("1s")
    sim.damage_report("h2")
    sim.kill_supervisor("h2")
    sim.advance("5m")
    sim.check()
    taken = {
        (entry.source, entry.body.trigger, entry.body.reason)
        for entry in sim.store.entries()
        if isinstance(entry.body, Ended)
    }
    missing = {edge for edge in triples() if edge[2] is not None} - taken
    policies = {Reason.REPLACED, Reason.QUEUE_OVERFLOW, Reason.IDLE_TIMEOUT, Reason.NODE_EXPIRED}
    in_process = {Reason.ERROR, Reason.NO_RESULT}
    left = {edge for edge in missing if edge[2] not in policies | in_process}
    assert left == {(State.QUEUED, Trigger.FAIL, Reason.REFUSED)}


def test_children_that_a_command_leaves_behind_are_ended_before_the_slot_is_free() -> None:
    sim = Simulation()
    sim.add_job("job", grace="1s")
    sim.script("job", [succeed(leaves=(child(ignores_term=True), child(lives="1s")))])
    sim.request("job")
    sim.advance("1s")
    run = sim.runs("job")[0]
    assert (run.state, run.slot) == (State.SUCCEEDED, "held")
    sim.advance("1s")
    assert sim.runs("job")[0].slot == "free"
    sim.check()
