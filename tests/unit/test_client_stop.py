"""`Engine.cancel` of a run that a supervisor executes: whoever embeds the engine gives it a launcher, and no care."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cli_kit import World, report, succeeded

from fsm.client.answers import SupervisorMute
from fsm.client.engine import Engine
from fsm.client.stopfirst import BUSY_TRIES
from fsm.errors import IllegalTransition
from fsm.instants import SECOND, Instant
from fsm.model.entries import Ended
from fsm.model.facts import StopAnswer
from fsm.model.states import Actor, Reason, State, Trigger


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    made = World(capsys)
    made.define("backup")
    made.call("run", "backup")
    made.start("backup")
    return made


def engine(world: World, pauses: list[float], *, free_after: int = 10**6) -> Engine:
    """`pauses` are noted; after so many of them the mailbox is free."""

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == free_after:
            world.launcher.answer = StopAnswer.PUT

    return Engine(world.journal, clock=world.clock, stopper=world.launcher, pause=pause)


@pytest.mark.requirement("R-21")
@pytest.mark.requirement("R-25")
@pytest.mark.parametrize("alive", [True, False])
def test_what_its_supervisor_has_said_comes_before_what_is_asked_for(world: World, alive: bool) -> None:
    """It exited with 0 right before the stop, and the report is there."""
    ended = world.clock.now().utc
    world.launcher.reports["nonce-1"] = report("nonce-1", succeeded(ended))
    if not alive:
        world.launcher.alive.clear()
    with pytest.raises(IllegalTransition):
        engine(world, []).cancel("backup/1")
    run = world.engine.find("backup/1")
    assert (run.state, run.ended_at) == (State.SUCCEEDED, ended)
    assert [entry.actor for entry in world.journal.entries(job="backup", run=1)][-1] is Actor.SUPERVISOR
    assert all(look.closed for look in world.launcher.looks)


def test_what_its_supervisor_calls_cancelled_is_cancelled(world: World) -> None:
    now = world.clock.now().utc
    reaped = Ended(Trigger.REAP, Reason.CANCELLED, now, signal=15)
    world.launcher.on_stop["nonce-1"] = report("nonce-1", reaped, Instant(now + SECOND))
    run = engine(world, []).cancel("backup/1")
    assert (run.state, run.reason, run.signal) == (State.REAPED, Reason.CANCELLED, 15)


@pytest.mark.requirement("R-21")
def test_a_mailbox_that_is_busy_for_a_moment_is_tried_again(world: World) -> None:
    """On a loaded machine another client may keep it for longer than one try: no reason to kill anybody."""
    world.launcher.answer = StopAnswer.BUSY
    pauses: list[float] = []
    with suppress(SupervisorMute):
        engine(world, pauses, free_after=3).cancel("backup/1")
    assert world.launcher.killed == []
    assert world.engine.find("backup/1").state is State.REAPED
    assert len(pauses) == 3
    assert world.launcher.stopped == [("nonce-1", Reason.CANCELLED)] * 4


def test_one_that_stays_busy_is_killed_and_nothing_is_judged_on_hope(world: World) -> None:
    world.launcher.answer = StopAnswer.BUSY
    with pytest.raises(SupervisorMute):
        engine(world, []).cancel("backup/1")
    assert world.launcher.killed == ["nonce-1"]
    assert len(world.launcher.stopped) == 2 * BUSY_TRIES
    assert world.engine.find("backup/1").state is State.RUNNING


def test_an_error_text_from_outside_is_stored_whatever_bytes_it_has(world: World) -> None:
    r"""A file name that is no UTF-8 reaches us as half a surrogate pair, which no JSON can hold."""
    run = world.engine.fail("backup/1", error="no such program: caf\udce9 ☕")
    assert run.error == "no such program: caf\\udce9 ☕"
    world.define("other")
    with pytest.raises(OSError, match="caf"), world.engine.run("other"):
        raise OSError("caf\udce9")
    assert world.engine.find("other/1").error == "OSError: caf\\udce9"
