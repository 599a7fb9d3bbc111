"""Silence and leftovers in the simulation, and the supervisor's reckoning of silence by clocks that are set."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fsm.instants import MINUTE, SECOND
from fsm.supervise import execution as supervised
from fsm.supervise import pipes
from fsm.testing import Simulation, hang, succeed
from fsm.testing.behaviours import child

START = "2026-04-01T00:00:00Z"


def story(sim: Simulation, job: str) -> list[tuple[str, str | None]]:
    return [(str(run.state), None if run.reason is None else str(run.reason)) for run in reversed(sim.runs(job))]


# ---- the simulation


def test_a_run_that_falls_silent_is_timed_out() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="@hourly", idle_timeout="10m", timeout="50m")
    sim.script("a", [hang(prints=("5m", "14m")), succeed(after="20m", prints=("9m", "18m"))])
    sim.advance("3h")
    assert story(sim, "a")[:2] == [("timed_out", "idle_timeout"), ("succeeded", "completed")]
    silent = sim.runs("a")[-1]
    assert silent.ended_at is not None
    assert silent.started_at is not None
    assert silent.ended_at - silent.started_at == 24 * MINUTE
    sim.check()


@pytest.mark.requirement("R-50")
def test_silence_ends_it_while_the_scheduler_is_down() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", idle_timeout="10m", timeout="50m")
    sim.script("a", [hang()])
    sim.request("a")
    sim.advance("1m")
    sim.crash()
    sim.advance("30m")
    sim.restart()
    sim.advance("1m")
    run = sim.runs("a")[0]
    assert (run.state, run.reason) == ("timed_out", "idle_timeout")
    assert run.ended_at is not None
    assert run.started_at is not None
    assert run.ended_at - run.started_at == 10 * MINUTE
    sim.check()


@pytest.mark.requirement("R-51")
def test_what_is_kept_holds_no_slot() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", schedule="*/10 * * * *", leftovers="keep")
    sim.script("a", [succeed(after="1m", leaves=(child("5h"),))])
    sim.advance("25m")
    assert story(sim, "a") == [("succeeded", "completed"), ("succeeded", "completed")]
    assert all(run.slot == "free" for run in sim.runs("a"))
    sim.check()


def test_without_keep_it_is_ended_first() -> None:
    sim = Simulation(start=START)
    sim.add_job("a", leftovers="end", grace="1s")
    sim.script("a", [succeed(after="1m", leaves=(child("5h", ignores_term=True),))])
    sim.request("a")
    sim.advance("1m")
    assert [run.slot for run in sim.runs("a")] == ["held"]
    sim.advance("2s")
    assert [run.slot for run in sim.runs("a")] == ["free"]
    sim.check()


def test_a_killed_supervisor_takes_what_would_have_been_kept_with_it() -> None:
    """Nobody can tell any more what was meant to stay; that no two of a job are alive comes first."""
    sim = Simulation(start=START)
    sim.add_job("a", leftovers="keep")
    sim.script("a", [hang(leaves=(child(),)), succeed()])
    sim.request("a")
    sim.advance("1m")
    sim.kill_supervisor("a")
    sim.advance("1m")
    assert story(sim, "a") == [("lost", "vanished")]
    assert not sim.world.trees("a")
    sim.check()


# ---- the supervisor's reckoning


class Clocks:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boot = self.awake = 100 * SECOND
        monkeypatch.setattr(supervised, "boot_us", lambda: self.boot)
        monkeypatch.setattr(pipes, "awake_us", lambda: self.awake)

    def pass_(self, us: int) -> None:
        self.boot += us
        self.awake += us

    def suspend(self, us: int) -> None:
        self.boot += us


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Any, Clocks]:  # the inside of an execution
    clocks = Clocks(monkeypatch)
    order: Any = SimpleNamespace(idle_us=10 * SECOND, folder=os.fsencode(tmp_path), output_limit=1000, agent=None)
    waiter: Any = SimpleNamespace(add=lambda fd: None)
    execution: Any = supervised.Execution(order, None, waiter, clocks.boot + 60 * SECOND, lambda: True)  # type: ignore[arg-type]
    execution._pipes.listen()
    return execution, clocks


def test_silence_is_counted_from_the_last_output(silent: tuple[Any, Clocks]) -> None:
    execution, clocks = silent
    read, write = os.pipe2(os.O_NONBLOCK)
    try:
        execution._pipes.open(read, None)
        clocks.pass_(9 * SECOND)
        os.write(write, b"x")
        execution._pipes.ready(read)
        clocks.pass_(9 * SECOND)
        assert execution._overdue() is None
        assert execution._due_us() == clocks.boot + SECOND
        clocks.pass_(SECOND)
        assert execution._overdue() == "idle_timeout"
    finally:
        execution._pipes.close()
        os.close(read)
        os.close(write)


@pytest.mark.requirement("R-50")
def test_a_suspended_machine_is_silent_without_being_idle(silent: tuple[Any, Clocks]) -> None:
    execution, clocks = silent
    clocks.pass_(4 * SECOND)
    clocks.suspend(30 * SECOND)
    assert execution._overdue() is None
    assert execution._due_us() == clocks.boot + 6 * SECOND
    clocks.suspend(30 * SECOND)
    assert execution._overdue() == "run_timeout", "its deadline counts suspended time"
