"""Clocks, with real processes: everybody stands still for a while, as in a suspended machine, and the scheduler's wall
clock is stepped both ways, or wrong when it begins. No run ends early, no tick fires twice, none is unaccounted for."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.jobs import command
from chaos.kit import CLOCK, Stand, stop_and_wait, until
from chaos.lines import overlaps, read_lines

from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Ended, Queued, Refused
from fsm.model.job import Job
from fsm.model.states import Reason, State

MINUTE_US = 60_000_000


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    try:
        yield stand
    finally:
        stand.close()


def log(stand: Stand, job: str = "job") -> Path:
    return stand.root / f"{job}.log"


@pytest.mark.requirement("R-8")
@pytest.mark.parametrize("who_first", ["scheduler", "supervisor"])
def test_everybody_stands_still_past_the_last_deadline(stand: Stand, who_first: str) -> None:
    """Whoever has the first turn afterwards: the supervisor was not mute, and its verdict is that time is over."""
    stand.define(
        Job("job", command=command(log(stand), 600.0), timeout="3s", grace="100ms"),
        Job("marker", command=("/bin/true",)),
    )
    served = stand.serve(times_us=(("REAP_MARGIN", 300_000), ("TURN_WITHIN", MINUTE_US)))
    run = stand.requested("job")
    supervisor = stand.supervisor(run.id)
    until(lambda: log(stand).exists() and log(stand).stat().st_size, "its command has begun")
    stop_and_wait(supervisor)
    stop_and_wait(served.process)
    found = stand.run(run.id)
    assert found.reap_by is not None
    if found.state is not State.RUNNING:
        pytest.skip("this machine is too busy to halt them within three seconds")
    past = found.reap_by.boot + 2_500_000
    while (now := CLOCK.now().boot) < past:
        time.sleep((past - now) / 1e6)  # the deadline itself is the event
    if who_first == "supervisor":
        supervisor.signal(signal.SIGCONT)
        supervisor.wait_gone()
        served.process.signal(signal.SIGCONT)
    else:
        served.process.signal(signal.SIGCONT)
        stand.a_run_passes()  # it had its turn, and has looked at the run, too
        assert stand.run(run.id).state is State.RUNNING
        supervisor.signal(signal.SIGCONT)
    ended = stand.until_ended(run.id)
    assert (ended.state, ended.reason) == (State.TIMED_OUT, Reason.RUN_TIMEOUT)
    stand.until_released(run.id)
    [event] = [e for e in map(json.loads, stand.events.read_text().splitlines()) if e["data"]["phase"] == "error"]
    assert event["data"]["errorKind"] == "timeout"


@pytest.mark.requirement("R-27")
@pytest.mark.parametrize(
    "steps", [(3600.0, 0.0), (-3600.0, 0.0), (2.0, -2.0, 0.0)], ids=["forward", "back", "small steps"]
)
def test_the_wall_clock_is_stepped_both_ways(stand: Stand, steps: tuple[float, ...]) -> None:
    stand.define(Job("long", command=command(log(stand, "long"), 600.0), timeout="1h"))
    stand.define(Job("job", command=command(log(stand), 0.05), schedule="every 1s", timeout="1h"))
    stand.define(Job("marker", command=("/bin/true",)))
    stand.serve()
    long = stand.requested("long")
    stand.until_running(long.id)
    highest = 0.0
    for seconds in steps:
        before = answered(stand)
        stand.set_wall(seconds)
        stand.a_run_passes()
        if seconds >= highest:  # else all that is due has been answered, an hour ahead
            until(lambda least=before: answered(stand) > least, "a tick is answered under the new time")
        highest = max(highest, seconds)
    assert stand.run(long.id).state is State.RUNNING, "nobody's hour is over"
    accounted_for(stand)


@pytest.mark.requirement("R-27")
@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_wall_clock_that_is_wrong_when_the_scheduler_begins(stand: Stand, seconds: float) -> None:
    """An hour, as on a machine whose hardware clock keeps another time; then NTP sets it right."""
    stand.define(Job("long", command=command(log(stand, "long"), 600.0), timeout="30m"))
    stand.define(Job("job", command=command(log(stand), 0.05), schedule="every 1s", timeout="1h"))
    first = stand.serve()
    long = stand.requested("long")
    stand.until_running(long.id)
    until(lambda: answered(stand) >= 2, "two ticks")
    first.kill()
    stand.set_wall(seconds)
    stand.serve()
    before = answered(stand)
    if seconds > 0:
        until(lambda: answered(stand) > before, "a tick under the wrong time")
    stand.set_wall(0.0)
    if seconds < 0:
        until(lambda: answered(stand) > before, "a tick under the right time")
    assert stand.run(long.id).state is State.RUNNING
    accounted_for(stand)


def answered(stand: Stand) -> int:
    """How many ticks of the job have their answer."""
    return sum(
        body.count if isinstance(body, Refused) else 1
        for body in (entry.body for entry in stand.entries("job"))
        if isinstance(body, Queued | Refused)
    )


def accounted_for(stand: Stand) -> None:
    """Scheduled times of runs grow, none overlaps, and the checker of the journal agrees that each has one answer."""
    due = [entry.body.scheduled_for for entry in stand.entries("job") if isinstance(entry.body, Queued)]
    assert due == sorted(set(due))
    assert not overlaps(read_lines(log(stand)))
    assert not [entry for entry in stand.entries("long") if isinstance(entry.body, Ended)]
    with stand.journal() as journal:
        assert list(verify_journal(journal)) == []
