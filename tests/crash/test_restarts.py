"""Schedulers come and go, and runs do not notice: nothing is lost, nothing runs twice, and a scheduler that was taken
over can do nothing any more."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promises
import pytest
from chaos.jobs import command
from chaos.kit import CLOCK, Fifo, Served, Stand, stop_and_wait, until
from chaos.lines import Line, overlaps, read_lines
from chaos.serve import FENCED
from chaos.tickets import SAY, STOP

from fsm.model.entries import Ended, Entry, Queued, SchedulerUp, Started
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.states import Cause, Reason, State, Trigger

RESTARTS = 10


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    try:
        yield stand
    finally:
        stand.close()


def log(stand: Stand) -> Path:
    return stand.root / "job.log"


def lines(stand: Stand) -> list[Line]:
    return read_lines(log(stand))


def defined(stand: Stand, lasts_s: float, *ways: str, code: int = 0, **keys: Any) -> None:
    line = command(log(stand), lasts_s, code, *ways)
    stand.define(Job("job", command=line, **keys), Job("marker", command=("/bin/true",)))


def a_fifo(stand: Stand) -> Fifo:
    fifo = Fifo(stand.root / "go on")
    stand.at_end(fifo.close)
    return fifo


def wrote(stand: Stand, what: str, run: int = 1) -> Line:
    return until(
        lambda: next((line for line in lines(stand) if (line.what, line.run) == (what, run)), None), f"a line {what}"
    )


def transitions(stand: Stand, run: int) -> list[Entry]:
    return [entry for entry in stand.entries("job") if entry.run == run and isinstance(entry.body, Started | Ended)]


# ---- ten restarts


class Follower:
    """Reads the journal on from where it was, all along, and what is published: every state that a run was shown in."""

    def __init__(self, stand: Stand) -> None:
        self._stand, self._after = stand, 0
        self.triggers: list[Trigger] = []

    def look(self, run: str) -> State:
        """What is new; the state that the projection shows now."""
        with self._stand.journal() as journal:
            for entry in journal.entries(after_id=self._after):
                self._after = entry.id
                if f"{entry.job}/{entry.run}" == run and isinstance(entry.body, Ended):
                    self.triggers.append(entry.body.trigger)
        return self._stand.run(run).state

    def published(self, run: str) -> list[str]:
        """The states of its events, of all schedulers, in order."""
        events = [json.loads(line) for line in self._stand.events.read_text().splitlines()]
        return [event["data"]["state"] for event in events if event["run_id"] == run]


@pytest.mark.requirement("R-25")
@pytest.mark.parametrize("cause", [Cause.SCHEDULE, Cause.MANUAL])
def test_ten_restarts_during_one_run(stand: Stand, cause: Cause, full: bool, count: Callable[..., None]) -> None:
    """By kill -9, by SIGTERM and by a takeover, in turn."""
    lasts_s = 30.0 if full else 10.0
    fifo = a_fifo(stand)
    defined(stand, lasts_s, f"wait:{fifo.path}", schedule="every 1s" if cause is Cause.SCHEDULE else None)
    served = stand.serve()
    run = "job/1" if cause is Cause.SCHEDULE else stand.requested("job").id
    begun = wrote(stand, "start")
    assert stand.run(run).cause is cause
    follower = Follower(stand)
    for number in range(RESTARTS):
        served = restarted(stand, served, number)
        assert follower.look(run) is State.RUNNING
        stand.a_run_passes()
        assert follower.look(run) is State.RUNNING
    with stand.engine() as engine:
        engine.pause("job")
    fifo.write("go on")
    ended = stand.until_ended(run)
    stand.until_released(run)
    assert (follower.look(run), follower.triggers) == (State.SUCCEEDED, [Trigger.SUCCEED])
    assert [type(entry.body) for entry in transitions(stand, 1)] == [Started, Ended]
    assert follower.published(run)[-1] == State.SUCCEEDED
    assert not {State.LOST, State.FAILED, State.REAPED} & set(follower.published(run))
    assert ended.ended_at is not None
    assert ended.started_at is not None
    assert ended.ended_at - ended.started_at >= lasts_s * 1_000_000
    assert [line.what for line in lines(stand) if line.what != "beat"] == ["start", "end"]
    assert wrote(stand, "end").pid == begun.pid
    ups = [entry for entry in stand.entries(SCHEDULER_STREAM) if isinstance(entry.body, SchedulerUp)]
    assert len(ups) == 1 + RESTARTS
    count(f"{promises.RESTARTS}, {cause}", len(ups) - 1)


def restarted(stand: Stand, served: Served, number: int) -> Served:
    """The next scheduler, in one of three ways."""
    if number % 3 == 0:
        served.kill()
    elif number % 3 == 1:
        served.popen.send_signal(signal.SIGTERM)
        assert served.wait() == 0, served.said()
    after = stand.serve(takeover=number % 3 == 2)
    if number % 3 == 2:
        assert served.wait() == 0, served.said()
    return after


# ---- what ends while nobody is up


@pytest.mark.requirement("R-26")
@pytest.mark.parametrize(
    ("ends", "state", "reason", "code", "number"),
    [
        ("code 0", State.SUCCEEDED, Reason.COMPLETED, 0, None),
        ("code 7", State.FAILED, Reason.EXIT_CODE, 7, None),
        ("signal", State.FAILED, Reason.SIGNAL, None, int(signal.SIGKILL)),
        ("timeout", State.TIMED_OUT, Reason.RUN_TIMEOUT, None, None),
        ("stop", State.REAPED, Reason.HOST_STOP, None, None),
    ],
)
def test_a_run_ends_while_the_scheduler_is_down(
    stand: Stand, ends: str, state: State, reason: Reason, code: int | None, number: int | None
) -> None:
    fifo = a_fifo(stand)
    timeout = "3s" if ends == "timeout" else "1h"
    defined(stand, 0.0, f"wait:{fifo.path}", code=code or 0, timeout=timeout, grace="100ms")
    served = stand.serve()
    run = stand.requested("job").id
    wrote(stand, "start")
    supervisor, executed = stand.supervisor(run), stand.command(run)
    served.kill()
    before = CLOCK.now().utc
    if ends == "signal":
        executed.kill()
    elif ends == "stop":
        supervisor.signal(signal.SIGTERM)
    elif ends != "timeout":
        fifo.write("go on")
    supervisor.wait_gone()
    after = CLOCK.now().utc
    assert stand.run(run).state is State.RUNNING, "nobody was there to say otherwise"

    stand.serve()
    ended = stand.until_ended(run)
    assert (ended.state, ended.reason) == (state, reason)
    assert ended.ended_at is not None
    assert before <= ended.ended_at <= after
    [up] = [entry for entry in stand.entries(SCHEDULER_STREAM)[1:] if isinstance(entry.body, SchedulerUp)]
    assert ended.ended_at < up.at
    [judged] = [entry for entry in transitions(stand, 1) if isinstance(entry.body, Ended)]
    assert judged.at > up.at
    assert isinstance(judged.body, Ended)
    assert (judged.body.exit_code, judged.body.signal) == (code, number)
    stand.until_released(run)


# ---- takeover, and a scheduler that goes on afterwards


def test_a_stopped_scheduler_is_taken_over(stand: Stand) -> None:
    """`serve --takeover` ends it; what it had started goes on, and what it was about to start is started anew."""
    fifo = a_fifo(stand)
    defined(stand, 0.0, f"wait:{fifo.path}")
    first = stand.serve()
    run = stand.requested("job").id
    wrote(stand, "start")
    stop_and_wait(first.process)
    second = stand.serve(takeover=True)
    assert first.wait() == -signal.SIGKILL, "a stopped process does not hear a TERM"
    assert second.epoch == 2
    fifo.write("go on")
    assert stand.until_ended(run).state is State.SUCCEEDED
    until(lambda: f"took over from process {first.process.pid}" in second.said(), "what it says")
    assert f"process {first.process.pid} is stopped; ending it" in second.said()
    nothing_of_the_first(stand)


def test_a_scheduler_is_taken_over_in_the_middle_of_a_transaction(stand: Stand) -> None:
    """It holds the journal's lock while it stands still; what it had not committed never was."""
    defined(stand, 0.0)
    first = stand.serve()
    stand.ticket("uncommitted", STOP)
    run = stand.requested("job").id
    stand.in_window("uncommitted")
    assert stand.run(run).state is State.QUEUED
    second = stand.serve(takeover=True)
    assert (first.wait(), second.epoch) == (-signal.SIGKILL, 2)
    assert stand.until_ended(run).state is State.SUCCEEDED
    stand.until_released(run)
    nothing_of_the_first(stand)
    assert [line.what for line in lines(stand)] == ["start", "end"]


def nothing_of_the_first(stand: Stand) -> None:
    """No entry of epoch 1 stands behind the second scheduler's first."""
    entries = stand.entries()
    [up] = [entry.id for entry in entries if isinstance(entry.body, SchedulerUp) and entry.body.epoch == 2]
    assert not [entry for entry in entries if entry.id > up and entry.epoch == 1]


def second_beside(stand: Stand) -> Served:
    """A second scheduler, though the first is there: somebody has removed the file that its lock is on."""
    Path(stand.folder.scheduler_lock).unlink()
    return stand.serve()


@pytest.mark.requirement("R-33")
@pytest.mark.parametrize("window", ["queued", "arming", "armed", "started", "gone", "verdict_read"])
def test_a_halted_scheduler_goes_on_beside_its_successor(stand: Stand, window: str) -> None:
    """It stands still somewhere in its work, another one takes its place, and then it goes on: it can append nothing,
    and nothing is executed that the journal does not say."""
    within_us = 30_000_000 if window == "started" else 2_000_000  # what an armed supervisor waits for its go
    defined(stand, 0.3, schedule="every 1s" if window == "queued" else None)
    stand.ticket(window, STOP)
    first = stand.serve(times_us=(("ARM_WITHIN", within_us),))
    run = "job/1" if window == "queued" else stand.requested("job").id
    stand.in_window(window)
    assert second_beside(stand).epoch == 2
    if window != "started":  # there, an armed supervisor waits for the go of the first
        stand.until_released(run)
    first.process.signal(signal.SIGCONT)
    stand.poke()
    assert first.wait() == FENCED, first.said()
    assert stand.until_ended(run).state is State.SUCCEEDED
    stand.until_released(run)
    stand.a_run_passes()
    nothing_of_the_first(stand)
    assert not overlaps(lines(stand))
    starts = {entry.body.arming.nonce for entry in stand.entries("job") if isinstance(entry.body, Started)}
    assert {line.nonce for line in lines(stand)} <= starts


@pytest.mark.requirement("R-18")
def test_a_go_that_comes_too_late(stand: Stand) -> None:
    """The armed supervisor of a halted scheduler does not wait for ever: it disarms, its run ends, and the go of the
    old scheduler finds nobody."""
    defined(stand, 0.3)
    first = stand.serve(times_us=(("ARM_WITHIN", 2_000_000),))
    stand.ticket("started", STOP)
    run = stand.requested("job")
    stand.in_window("started")
    supervisor = stand.supervisor(run.id)
    second_beside(stand)
    ended = stand.until_ended(run.id)
    assert (ended.state, ended.reason) == (State.FAILED, Reason.START_FAILED)
    supervisor.wait_gone()
    stand.until_released(run.id)
    stand.ticket("gone", SAY)
    first.process.signal(signal.SIGCONT)
    assert stand.in_window("gone") == first.process
    assert first.wait() == FENCED, first.said()
    assert lines(stand) == []
    nothing_of_the_first(stand)


@pytest.mark.requirement("R-27")
def test_a_halted_scheduler_with_ticks_due(stand: Stand) -> None:
    """It stands still while ticks come; they are answered once, by the one that is up."""
    defined(stand, 0.1, schedule="every 1s")
    first = stand.serve()
    stand.until_released("job/1")
    stop_and_wait(first.process)
    second_beside(stand)
    until(lambda: stand.last_number("job") >= 4, "ticks that the second one answers")
    first.process.signal(signal.SIGCONT)
    assert first.wait() == FENCED, first.said()
    nothing_of_the_first(stand)
    queued = [entry.body.scheduled_for for entry in stand.entries("job") if isinstance(entry.body, Queued)]
    assert len(queued) == len(set(queued))
    assert not overlaps(lines(stand))


def test_two_schedulers_at_once_and_one_is_refused(stand: Stand) -> None:
    """Nobody takes over by accident."""
    first = stand.serve()
    second = stand.launch()
    assert second.wait() != 0
    assert f"process {first.process.pid}" in second.said()
    assert first.ended() is None
