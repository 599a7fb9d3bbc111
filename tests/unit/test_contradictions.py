"""What comes late, contradicts, or is done by two at once moves nothing that is journaled."""

from __future__ import annotations

import pytest

from fsm.model.states import Reason, State
from fsm.testing import Simulation, fail, hang, succeed
from fsm.testing.supervisor import Stage


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation()
    sim.add_job("job", timeout="10m", grace="1m")
    sim.advance("0s")
    return sim


def executing(sim: Simulation) -> str:
    sim.script("job", [hang(), succeed()])
    run = sim.request("job").run_id
    sim.advance("1s")
    assert run is not None
    assert sim.run(run).state is State.RUNNING
    return run


@pytest.mark.requirement("R-3")
def test_a_report_that_comes_after_the_run_was_given_up_changes_nothing(sim: Simulation) -> None:
    run = executing(sim)
    supervisor = sim.let_end_unheard("job")
    assert supervisor is not None
    sim.cancel(run)
    sim.unmute_supervisor("job")
    sim.advance("5s")
    sim.check()
    verdict = supervisor.report.verdict
    assert verdict is not None
    assert verdict.reason is Reason.COMPLETED  # it says so all the same
    assert (sim.run(run).state, sim.run(run).slot) == (State.REAPED, "free")


@pytest.mark.requirement("R-21")
def test_a_report_that_comes_before_the_run_is_given_up_counts(sim: Simulation) -> None:
    run = executing(sim)
    sim.let_end_unheard("job")
    sim.unmute_supervisor("job")
    sim.advance("0s")
    assert sim.cancel(run) is not None
    assert sim.run(run).state is State.SUCCEEDED
    sim.check()


def test_nothing_ends_unheard_where_nothing_is_executed(sim: Simulation) -> None:
    assert sim.let_end_unheard("job") is None
    assert sim.rewrite_report("job") is None
    assert sim.contradict("job") is None


@pytest.mark.requirement("R-3")
@pytest.mark.parametrize("behaviour", [succeed(after="5s"), fail(after="5s")])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_report_that_is_rewritten_changes_nothing(sim: Simulation, behaviour: object, restarts: bool) -> None:
    sim.script("job", [behaviour])  # type: ignore[list-item]
    sim.request("job")
    sim.advance("5s")
    before = sim.runs("job")
    assert sim.rewrite_report("job") == "job/1"
    if restarts:
        sim.restart()
    sim.advance("10m")
    sim.check()
    assert sim.runs("job") == before


@pytest.mark.requirement("R-19")
def test_what_another_arming_of_the_run_reports_is_never_judged_by(sim: Simulation) -> None:
    run = executing(sim)
    assert sim.contradict("job") == run
    sim.restart()
    sim.advance("1m")
    assert sim.run(run).state is State.RUNNING
    sim.advance("12m")
    sim.check()
    assert sim.run(run).reason is Reason.RUN_TIMEOUT


@pytest.mark.requirement("R-33")
def test_of_two_schedulers_the_first_ends_and_the_run_is_adopted(sim: Simulation) -> None:
    run = executing(sim)
    first = sim.life
    sim.second_scheduler()
    assert first is not None
    assert sim.life is not first
    sim.advance("1m")  # nobody told it: it finds out in its next turn, be it that of its sweep
    sim.check()
    assert first.launcher.closed
    sim.advance("12m")
    sim.check()
    assert sim.run(run).reason is Reason.RUN_TIMEOUT
    assert [one.stage for one in sim.world.supervisors.values()] == [Stage.EXITED]


@pytest.mark.requirement("R-14")
@pytest.mark.parametrize("point", range(1, 9))
def test_a_second_scheduler_in_the_middle_of_a_turn_lets_nothing_overlap(sim: Simulation, point: int) -> None:
    sim.interrupt(point, sim.second_scheduler)
    sim.request("job")
    sim.advance("1m")
    sim.check()
    assert len(list(sim.world.folders.get("job", {}))) <= 1
    assert sim.runs("job")[0].state.terminal
    assert sim.up


@pytest.mark.requirement("R-70")
def test_a_prune_by_hand_leaves_what_is_open_and_the_numbers_go_on(sim: Simulation) -> None:
    sim.edit_job("job", keep={"runs": 1})
    for _ in range(3):
        sim.request("job")
        sim.advance("5s")
    sim.set_checkpoint("job")
    for _ in range(2):
        sim.request("job")
        sim.advance("5s")
    run = executing(sim)
    pruned = sim.prune("job")
    assert pruned.runs == 3
    sim.check()
    assert [one.id for one in sim.runs("job")] == ["job/6", "job/5", "job/4"]
    assert not sim.prune("job").runs
    sim.cancel(run)
    sim.advance("2m")
    assert sim.request("job").run_id == "job/7"
    sim.advance("1m")
    sim.check()


@pytest.mark.requirement("R-56")
def test_an_edit_of_some_keys_leaves_the_others_and_the_next_tick(sim: Simulation) -> None:
    sim.edit_job("job", schedule="every 10m")
    sim.advance("3m")
    due = dict(sim.store.due_times())
    assert sim.edit_job("job", timeout="5m", keep={"runs": 7}) is True
    assert sim.edit_job("job", timeout="5m") is False
    assert dict(sim.store.due_times()) == due
    job = sim.store.state("job").definition
    assert job is not None
    assert (job.schedule, job.timeout_us, job.grace_us) == ("every 10m", 300_000_000, 60_000_000)
