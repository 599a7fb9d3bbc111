"""Ending and settling runs where no scheduler is up: the same steps as a scheduler's, in the same order.

Each test is a crash window or a piece of evidence; what is wrong when its rule is taken out stands in its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cli_kit import World, report, succeeded

from fsm.client.settle import KILL_AFTER, SEARCH_WITHIN, Settler
from fsm.instants import MINUTE, SECOND, Duration, Instant, parse_instant
from fsm.model.entries import Ended, Released
from fsm.model.facts import StopAnswer
from fsm.model.states import Actor, Evidence, Reason, State, Trigger
from fsm.ports import RunQuery


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    """A run that is running, its supervisor alive, and no scheduler."""
    made = World(capsys)
    made.up()
    made.define("backup", schedule="0 3 * * *", grace="10s", timeout="30m")
    made.call("run", "backup")
    made.start("backup")
    made.clock.to("1m")
    made.crash()
    return made


@pytest.fixture(autouse=True)
def no_sleep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause moves the clock instead of the test."""
    for module in ("fsm.cli.settling", "fsm.cli.commands.run"):
        monkeypatch.setattr(f"{module}.time.sleep", lambda s: world.clock.to(f"{max(s, 0.05):.3f}s"))


def settler(world: World, pause: Callable[[float], None] | None = None) -> Settler:
    return Settler(
        world.journal,
        world.launcher,
        world.clock,
        pause=pause or (lambda s: world.clock.to(f"{max(s, 0.05):.3f}s")),
    )


def actors(world: World) -> list[Actor]:
    return [entry.actor for entry in world.journal.entries(job="backup", run=1)]


def test_cancel_stops_then_judges_then_waits_until_nothing_is_alive(world: World) -> None:
    now = world.clock.now().utc
    reaped = Ended(Trigger.REAP, Reason.CANCELLED, now, signal=15)
    world.launcher.on_stop["nonce-1"] = report("nonce-1", reaped, Instant(now + SECOND))
    out = world.ok("cancel", "backup/1")
    assert out == "backup/1 is cancelled; nothing of it is alive.\n"
    assert world.launcher.stopped == [("nonce-1", Reason.CANCELLED)]
    assert not world.launcher.killed
    assert not world.launcher.searched, "its own report says that all is gone"
    run = world.engine.find("backup/1")
    assert (run.state, run.reason, run.slot) == (State.REAPED, Reason.CANCELLED, "free")
    assert actors(world) == [Actor.CLI, Actor.SCHEDULER, Actor.SUPERVISOR, Actor.SUPERVISOR]
    assert all(look.closed for look in world.launcher.looks), "every life lock is let go"


def test_what_ended_by_itself_is_not_called_cancelled(world: World) -> None:
    """Its report was written while nobody was there to read it."""
    ended = parse_instant("2026-11-20T02:00:30Z")
    world.launcher.alive.clear()
    world.launcher.reports["nonce-1"] = report("nonce-1", succeeded(ended), ended)
    code, out, err = world.call("cancel", "backup")
    assert (code, err) == (0, "")
    assert out == "backup/1 had ended before: it succeeded after 30s; nothing of it is alive.\n"
    assert not world.launcher.stopped
    run = world.engine.find("backup/1")
    assert (run.state, run.ended_at, run.slot) == (State.SUCCEEDED, ended, "free")
    assert world.call("cancel", "backup")[0] == 75


def test_what_ends_by_itself_between_the_look_and_the_stop_is_not_called_cancelled(world: World) -> None:
    """The supervisor had judged already when the stop came: its verdict counts, not ours."""
    ended = world.clock.now().utc
    world.launcher.on_stop["nonce-1"] = report("nonce-1", succeeded(ended), ended)
    world.ok("cancel", "backup")
    assert world.launcher.stopped
    assert world.engine.find("backup/1").state is State.SUCCEEDED


def test_a_mute_supervisor_is_killed_after_the_grace_and_its_tree_searched(world: World) -> None:
    began = world.clock.now().boot
    out = world.ok("cancel", "backup")  # the stop is put, the supervisor never acts on it
    assert out == "backup/1 is cancelled; nothing of it is alive.\n"
    assert world.launcher.killed == ["nonce-1"]
    assert world.launcher.searched == ["nonce-1"]
    waited = world.clock.now().boot - began
    assert 10 * SECOND + KILL_AFTER <= waited < 10 * SECOND + KILL_AFTER + SEARCH_WITHIN
    released = [entry.body for entry in world.journal.entries(job="backup", run=1)][-1]
    assert isinstance(released, Released)
    assert released.evidence is Evidence.SCAN
    assert actors(world)[-1] is Actor.RECOVERY


def test_a_mailbox_that_is_held_leads_to_a_kill_and_not_to_a_verdict_on_hope(world: World) -> None:
    world.launcher.answer = StopAnswer.BUSY
    code, out, err = world.call("cancel", "backup")
    assert (code, out) == (75, "")
    assert err == "cronfsm: backup/1 cannot be stopped: its supervisor hangs and cannot be killed\n"
    assert world.launcher.killed == ["nonce-1"]
    assert world.engine.find("backup/1").state is State.RUNNING


def test_what_cannot_be_ended_keeps_the_slot_and_is_named(world: World) -> None:
    world.launcher.alive.clear()
    world.launcher.evidence, world.launcher.hindrance = None, "process 77 (setuid) cannot be ended"
    code, out, err = world.call("cancel", "backup")
    assert (code, err) == (0, "")
    assert out == (
        "backup/1 is cancelled, but something of it is still alive and keeps its slot: "
        "process 77 (setuid) cannot be ended.\n"
    )
    assert world.engine.find("backup/1").slot == "held"
    code, out, _ = world.call("cancel", "backup", "--json")
    told = json.loads(out)
    assert (code, told["hindrance"]) == (0, "process 77 (setuid) cannot be ended")
    world.launcher.evidence = Evidence.SCAN  # it is gone now; a cancel of what has ended frees the slot
    world.ok("cancel", "backup/1")
    assert world.engine.find("backup/1").slot == "free"


def test_no_wait_returns_once_it_is_judged(world: World) -> None:
    out = world.ok("cancel", "backup", "--no-wait")
    assert out == (
        "backup/1 is cancelled; its processes are being ended. To see when they are gone: cronfsm show backup/1\n"
    )
    assert not world.launcher.killed
    assert world.engine.find("backup/1").slot == "held"


def test_with_a_scheduler_up_the_work_is_left_to_it(world: World) -> None:
    world.up()
    began = world.clock.now().boot
    out = world.ok("cancel", "backup")
    assert "its processes are being ended" in out
    assert not world.launcher.killed, "the scheduler does that"
    assert not world.launcher.searched
    assert world.clock.now().boot - began <= 10 * SECOND + KILL_AFTER + SECOND, "and the wait is bounded"


def test_a_queued_run_is_cancelled_without_a_look_at_processes(world: World) -> None:
    world.define("report")
    world.call("run", "report")
    assert world.ok("cancel", "report") == "report/1 is cancelled.\n"
    assert not world.launcher.stopped
    told = world.json("runs", "--job", "report")[0]
    assert (told["state"], told["reason"]) == ("reaped", "cancelled")


def test_cancel_as_json(world: World) -> None:
    now = world.clock.now().utc
    reaped = Ended(Trigger.REAP, Reason.CANCELLED, now, signal=15)
    world.launcher.on_stop["nonce-1"] = report("nonce-1", reaped, now)
    told = world.json("cancel", "backup/1")
    assert (told["ok"], told["cancelled"], told["reason"], told["hindrance"]) == (True, True, None, None)
    assert told["runs"][0]["state"] == "reaped"
    code, out, _ = world.call("cancel", "backup/1", "--json")
    told = json.loads(out)
    assert (code, told["cancelled"], told["reason"]) == (75, False, "already_ended")
    code, out, _ = world.call("cancel", "backup", "--json")
    assert (code, json.loads(out)["reason"]) == (75, "no_open_run")


def test_remove_ends_what_runs(world: World) -> None:
    now = world.clock.now().utc
    world.launcher.on_stop["nonce-1"] = report("nonce-1", Ended(Trigger.REAP, Reason.JOB_REMOVED, now), now)
    _, out, _ = world.call("remove", "backup")
    assert out == "backup is removed.\nbackup/1 was reaped (job_removed) after 1m.\n"
    assert world.launcher.stopped == [("nonce-1", Reason.JOB_REMOVED)]
    assert world.journal.busy_jobs() == []


# ---- the settler by itself


def test_a_supervisor_that_is_gone_without_a_report_is_lost_only_after_the_search(world: World) -> None:
    world.launcher.alive.clear()
    look = settler(world).look("backup")
    assert look.free
    assert world.launcher.searched == ["nonce-1"]
    run = world.engine.find("backup/1")
    assert (run.state, run.reason, run.slot) == (State.LOST, Reason.VANISHED, "free")
    assert actors(world)[-2:] == [Actor.RECOVERY, Actor.RECOVERY]


def test_an_unreadable_report_is_said_to_be_one(world: World) -> None:
    world.launcher.alive.clear()
    world.launcher.unreadable.add("nonce-1")
    settler(world).look("backup")
    assert world.engine.find("backup/1").reason is Reason.UNREADABLE_REPORT


def test_a_living_supervisor_is_left_alone(world: World) -> None:
    look = settler(world).look("backup")
    assert (look.free, look.alive) == (False, True)
    assert world.engine.find("backup/1").state is State.RUNNING
    assert settler(world).look("nobody").free


def test_a_search_that_never_ends_does_not_hold_us_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.launcher.alive.clear()
    monkeypatch.setattr(type(world.launcher), "facts", lambda _: ())
    began = world.clock.now().boot
    look = settler(world).look("backup")
    assert (look.free, look.hindrance) == (False, "the search for what is left of it has not come to its end")
    assert SEARCH_WITHIN <= world.clock.now().boot - began <= SEARCH_WITHIN + SECOND
    assert world.engine.find("backup/1").state is State.RUNNING


def test_somebody_else_was_faster(world: World) -> None:
    """A scheduler came up between the look and the append: what it wrote stands, and nothing is written twice."""
    world.launcher.alive.clear()
    now = world.clock.now().utc
    world.launcher.reports["nonce-1"] = report("nonce-1", succeeded(now), now)
    world.launcher.meanwhile = lambda: world.end("backup", succeeded(now))
    assert settler(world).look("backup").free
    assert len(list(world.journal.entries(job="backup", run=1))) == 4


def test_tending_an_open_run(world: World) -> None:
    """A queued run ends by its start_by, a running one by its backstop: every wait has an end."""
    world.define("report", start_within="5m")
    world.call("run", "report")
    tending = settler(world)
    queued = world.journal.runs(RunQuery("report"))[0]
    tending.tend(queued)
    assert world.engine.find("report/1").state is State.QUEUED
    world.clock.to("5m")
    tending.tend(queued)
    assert world.engine.find("report/1").reason is Reason.QUEUE_TIMEOUT

    running = world.engine.find("backup/1")
    world.clock.to("25m")
    tending.tend(running)
    assert world.engine.find("backup/1").state is State.RUNNING, "its supervisor ends it by itself"
    world.clock.to("2m")
    tending.tend(running)
    assert world.engine.find("backup/1").reason is Reason.OVERDUE
    assert world.launcher.stopped == [("nonce-1", Reason.OVERDUE)], "stop goes before the verdict"


def test_seeing_off_is_bounded(world: World) -> None:
    world.launcher.evidence = None
    world.launcher.hindrance = "process 77 (dd) cannot be ended"
    run = world.engine.find("backup/1")
    began = world.clock.now().boot
    look = settler(world).see_off(run, Duration(10 * SECOND), served=lambda: False)
    assert (look.free, look.hindrance) == (False, "process 77 (dd) cannot be ended")
    assert world.clock.now().boot - began < MINUTE
