"""openclaw/openclaw#61633: thousands of runs that never end, and a gateway that crashes on every start.

What happened: 5 jobs left 6,524 run rows; of one job 2,016 were ``running`` after 25 minutes of a rapid retry loop. (1)
A model call that was refused or failed never wrote a terminal state. (2) The reaper and the cap on entries skipped
rows that were ``running``. (3) The scheduler started a new run without looking for an open one. (4) The whole store,
185 MB by then, was read at every start, in 180 times its size of memory: the gateway crashed, for ever.

Why it cannot happen here: a run that was refused ends with that reason, and every open run has a deadline that is
stored with it (R-7). The sweep looks at every state and ends what is past its deadline, also where its supervisor says
nothing (R-11, R-12). A job has one slot, and a start is refused while it is held (R-13): one open run at a time. And a
start reads what is open or due, by index, whatever the history holds.

A job that fails within seconds, every time, starts at most 30 times an hour (R-43): see ``test_76293_storms``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
from scenario_kit import Stage, until

from fsm.client.engine import Engine
from fsm.engine.evolve import evolve
from fsm.errors import JournalBusy
from fsm.journal.sqlite import SqliteJournal
from fsm.model.entries import Draft
from fsm.model.run import Run
from fsm.model.settings import Settings
from fsm.model.states import Reason, SlotState, State, Trigger
from fsm.ports import Append
from fsm.testing import Simulation, hang, refuse, succeed
from fsm.testing.life import Life
from fsm.testing.scribe import START, Scribe
from fsm.testing.world import World


@pytest.mark.requirement("R-26")
def test_every_refused_start_of_a_retry_loop_ends() -> None:
    """25 minutes of a tick every second that the model declines: few runs, each ended; the others are refused."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="every 1s", timeout="10m")
    sim.script("agent", [refuse(after="0.2s")])
    sim.advance("25m")
    sim.advance("500ms")
    runs = sim.runs("agent")
    sim.pause("agent")
    assert len(runs) == 15 + 6
    assert len(runs) + sum(refusal.count for refusal in sim.refusals("agent")) == 1500
    assert {(run.state, run.reason, run.slot) for run in runs} == {(State.FAILED, Reason.REFUSED, SlotState.FREE)}
    sim.check()


@pytest.mark.requirement("R-13")
@pytest.mark.requirement("R-29")
def test_however_often_it_is_asked_for_there_is_one_open_run() -> None:
    """The loop of the report, a start every 0.7 s for 25 minutes, against a session that hangs."""
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="every 1s", timeout="10m", grace="10s")
    sim.script("agent", [hang()])
    taken = 0
    for _ in range(25 * 60 * 10 // 7):
        taken += sim.request("agent").enqueued
        sim.advance("700ms")
        open_ = [run for run in sim.runs("agent") if not run.state.terminal]
        assert len(open_) <= 1, [run.id for run in open_]
        assert len(sim.world.trees("agent")) <= 1
    assert [run.state for run in sim.runs("agent")] == [State.RUNNING, State.TIMED_OUT, State.TIMED_OUT]
    assert taken <= 3
    assert len(sim.journal("agent")) < 40, "thousands of answers of the same kind are a few entries"
    sim.check()


@pytest.mark.requirement("R-11")
@pytest.mark.requirement("R-12")
@pytest.mark.parametrize(
    ("holding", "end"),
    [(False, (State.REAPED, Reason.OVERDUE)), (True, (State.LOST, Reason.VANISHED))],
    ids=["stopped by a signal", "stopped while it reads its mailbox"],
)
def test_the_sweep_ends_a_running_run_whose_supervisor_says_nothing(holding: bool, end: tuple[State, Reason]) -> None:
    """`running` is no state that a reaper skips: past its last deadline the run ends, and the next tick runs.

    One that cannot even be told to stop is killed first, a second later; then it is gone, and has left nothing.
    """
    sim = Simulation(start="2026-04-01T00:00:00Z")
    sim.add_job("agent", schedule="0 * * * *", timeout="10m", grace="10s")
    sim.script("agent", [hang(), succeed()])
    sim.advance("1h")
    assert sim.mute_supervisor("agent", holding_mailbox=holding)
    sim.run_until("2026-04-01T01:11:09Z")
    assert sim.run("agent/1").state is State.RUNNING, "nobody has said otherwise, and nobody guesses"
    sim.run_until("2026-04-01T01:11:11Z")  # its reap_by: timeout + grace + 1 min; a busy mailbox is asked once more
    ended = sim.run("agent/1")
    assert (ended.state, ended.reason) == end
    sim.run_until("2026-04-01T02:00:10Z")
    assert sim.run("agent/1").slot is SlotState.FREE
    assert sim.run("agent/2").state is State.SUCCEEDED
    sim.check()


# ---- what a start costs


def finished(journal: SqliteJournal, job: str, count: int) -> None:
    """A history: so many finished runs of a job."""
    scribe = Scribe(journal)
    for number in range(1, count + 1, 500):
        first = state = journal.state(job)
        drafts: list[Draft] = []
        for each in range(number, min(number + 500, count + 1)):
            for draft in _life_of(scribe, job, each):
                drafts.append(draft)
                state = evolve(state, draft)
        journal.append([Append(first, tuple(drafts))])


def _life_of(scribe: Scribe, job: str, number: int) -> Iterator[Draft]:
    trigger, reason = (Trigger.SUCCEED, Reason.COMPLETED) if number % 3 else (Trigger.FAIL, Reason.REFUSED)
    yield scribe.draft(job, scribe.queued(job), number)
    yield scribe.draft(job, scribe.started(number), number)
    yield scribe.draft(job, scribe.ended(trigger, reason), number)
    yield scribe.draft(job, scribe.released(number), number)


def steps_of_a_start(path: Path, history: int) -> int:
    """What SQLite does, in steps of its virtual machine, while a scheduler comes up over so long a history."""
    journal = SqliteJournal(path)
    scribe = Scribe(journal)
    for job in ("agent", "other", "third"):
        scribe.define(job, schedule="0 3 * * *")
        finished(journal, job, history // 3)
    scribe.bring("other", State.RUNNING)  # one is open
    journal.close()

    with counted_steps() as steps:
        journal = SqliteJournal(path)
        life = Life(World(START, 0), lambda points: journal, lambda job, number: succeed(), Settings(8))
        life.begin()
        life.turn()
        life.turn()
        journal.close()
    assert sum(steps) > 100, "nothing was counted"
    return sum(steps)


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """What each statement costs on every connection that is opened meanwhile."""
    steps: list[int] = []

    def profiled(event: dict[str, Any]) -> None:
        steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    def opened(connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, profiled)

    apsw.connection_hooks.append(opened)
    try:
        yield steps
    finally:
        apsw.connection_hooks.remove(opened)


@pytest.mark.requirement("R-23")
def test_a_start_costs_what_is_open_whatever_the_history_holds(tmp_path: Path) -> None:
    """6,524 finished runs or 66: the same steps, but for the depth of an index."""
    short, long = (steps_of_a_start(tmp_path / f"{history}.db", history) for history in (66, 6_524))
    assert long < short * 1.1 + 100, f"{short} steps with 66 finished runs, {long} with 6,524"


# ---- real processes


def test_with_real_processes_a_loop_of_requests(stage: Stage) -> None:
    """Somebody asks again as soon as there is an answer: each run that was taken ends, and no two overlap."""
    marks = stage.root / "marks"
    # A run that meets another one of its job says so: mkdir fails where the folder is there.
    stage.ok("add", "agent", "--shell", f"mkdir {marks}.d || echo overlap >> {marks}; rmdir {marks}.d; exit 1")
    journal = SqliteJournal(stage.folder.journal)
    engine = Engine(journal, poke=stage.poke)
    taken: list[str] = []
    refused: list[str] = []

    def ask() -> bool:
        for _ in range(5):  # faster than any run ends
            with suppress(JournalBusy):  # a machine so loaded that the scheduler had no turn for its own append
                answer = engine.request("agent")
                if isinstance(answer, Run):
                    taken.append(answer.id)
                else:
                    refused.append(answer.reason)
        return len(taken) >= 15 and len(refused) >= 20

    stage.up()
    until(ask)
    until(lambda: not journal.state("agent").runs)
    runs = engine.runs("agent")
    journal.close()
    assert [run.id for run in reversed(runs)] == taken
    assert {(run.state, run.reason, run.exit_code) for run in runs} == {(State.FAILED, Reason.EXIT_CODE, 1)}
    assert not marks.exists(), marks.read_text()
