"""An append that failed, and of which nobody knows whether it is there."""

from __future__ import annotations

import pytest

from fsm.errors import StoreError
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Ended, Queued, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Reason, State
from fsm.scheduler import presence
from fsm.testing import Simulation, Torn, succeed
from fsm.testing.interruptions import crash


@pytest.fixture
def sim() -> Simulation:
    sim = Simulation()
    sim.add_job("job", timeout="1h")
    sim.script("job", [succeed(after="10s")])
    sim.advance("1s")
    return sim


def ends(sim: Simulation) -> list[str]:
    return [str(entry.body.reason) for entry in sim.journal("job") if isinstance(entry.body, Ended)]


@pytest.mark.requirement("R-18")
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("how", Torn)
def test_a_start_of_which_nobody_knows_never_executes(sim: Simulation, how: Torn, dies: bool) -> None:
    """Its supervisor is told nothing, and disarms: the run is armed anew if the start is not there, and has failed to
    start if it is, be it only for the next scheduler."""
    sim.request("job")
    sim.tear_append(how)
    if dies:
        assert sim.life is not None
        sim.life.interruptions.when(f"torn append ({how})", crash)
    sim.advance("1s")
    assert sim.disk.torn == {how: 1}
    if dies:
        assert sim.crashes == {f"torn append ({how})": 1}
        sim.restart()
    sim.advance("1m")
    sim.check()
    is_there = how is Torn.ALL or (how is Torn.LATER and dies)
    assert ends(sim) == ["start_failed" if is_there else "completed"]
    assert [one.executed for one in sim.world.supervisors.values()] == ([False] if is_there else [False, True])


@pytest.mark.requirement("R-3")
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("how", Torn)
def test_a_verdict_of_which_nobody_knows_is_there_once(sim: Simulation, how: Torn, dies: bool) -> None:
    sim.request("job")
    sim.advance("9s")
    sim.tear_append(how)
    if dies:
        assert sim.life is not None
        sim.life.interruptions.when(f"torn append ({how})", crash)
    sim.advance("1s")
    assert sim.disk.torn == {how: 1}
    if dies:
        sim.restart()
    sim.advance("1m")
    sim.check()
    assert ends(sim) == ["completed"]
    assert sim.runs("job")[0].slot == "free"
    assert sim.life is not None
    assert sim.life.scheduler.trouble is None


@pytest.mark.requirement("R-4")
@pytest.mark.parametrize("how", Torn)
def test_a_client_that_is_told_of_a_failure_may_ask_again(sim: Simulation, how: Torn) -> None:
    sim.tear_append(how, of_client=True)
    with pytest.raises(StoreError, match="the disk fails to write it"):
        sim.request("job")
    answer = sim.request("job")
    assert answer.enqueued is (how is not Torn.ALL)
    assert answer.reason == ("already_queued" if how is Torn.ALL else None)
    sim.advance("1m")
    sim.check()
    assert sum(isinstance(entry.body, Queued) for entry in sim.journal("job")) == 1
    assert sim.runs("job")[0].state is State.SUCCEEDED


def test_what_was_torn_is_not_found_once_somebody_has_appended() -> None:
    """The next commit is written over it."""
    sim = Simulation()
    sim.add_job("a")
    sim.add_job("b")
    sim.advance("0s")
    sim.tear_append(Torn.LATER, of_client=True)
    with pytest.raises(StoreError):
        sim.request("a")
    sim.request("b")
    sim.crash()
    sim.restart()
    sim.advance("1m")
    sim.check()
    assert not sim.runs("a")
    assert sim.runs("b")[0].reason is Reason.COMPLETED


@pytest.mark.requirement("R-33")
@pytest.mark.parametrize("what", [*Torn, "full"])
def test_a_scheduler_outlives_a_disk_that_fails_while_it_begins_a_new_term(
    what: Torn | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the epoch that the journal says, and nobody else has begun one."""
    monkeypatch.setattr(presence, "TERM", 3)
    sim = Simulation()
    sim.add_job("job", schedule="* * * * *")
    sim.advance("44m59s")
    assert sim.life is not None
    sim.life.interruptions.when(
        "before append of epoch", lambda: sim.tear_append(what) if isinstance(what, Torn) else sim.fill_disk("30s")
    )
    sim.advance("1h")
    sim.check()
    assert sim.up
    assert sim.life.interruptions.waiting is False
    ups = [entry.body.epoch for entry in sim.journal(SCHEDULER_STREAM) if isinstance(entry.body, SchedulerUp)]
    assert ups == [1, 2, 3]
    assert sim.life.scheduler.book.epoch == sim.store.epoch() == 3
    assert list(verify_journal(sim.store)) == []
