"""``explain``, word for word: each story is one that somebody once had to dig out by hand.

The texts are golden: change one only after reading the whole of it as the person who asks "why did it not run?".
"""

from __future__ import annotations

import pytest
from cli_kit import World, berlin

from fsm.instants import parse_instant
from fsm.model.entries import Ended, SchedulerAlive
from fsm.model.states import Reason, Trigger

__all__ = ["berlin"]

pytestmark = pytest.mark.usefixtures("berlin")


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys, "2026-11-19T01:00:00Z")


def timed_out(world: World) -> Ended:
    return Ended(Trigger.TIME_OUT, Reason.RUN_TIMEOUT, world.clock.now().utc, error="cron: job execution timed out")


def nightly(world: World, **keys: object) -> None:
    """A backup that is due at three, and a scheduler."""
    world.up()
    world.define("backup", schedule="0 3 * * *", timezone="Europe/Berlin", **keys)


def stuck(world: World) -> None:
    """The backup of the 19th runs until the morning of the 20th, into the next one's time."""
    nightly(world, timeout="30h")
    world.clock.to("2026-11-19T02:00:00.004Z")
    world.tick("backup")
    world.clock.to("20ms")
    world.start("backup")
    world.clock.to("2026-11-20T02:00:00.004Z")
    world.tick("backup")


def test_a_run_that_went_well(world: World) -> None:
    nightly(world)
    world.clock.to("2026-11-19T02:00:00.004Z")
    world.tick("backup")
    world.start("backup")
    world.clock.to("12.4s")
    world.end("backup")
    world.clock.to("2026-11-19T17:48:00Z")
    assert (
        world.ok("explain", "backup")
        == """\
backup is due "0 3 * * *" in Europe/Berlin.

2026-11-19 02:00:00 CET  defined by cli (version 1, from file:/etc/jobs.toml) #2
2026-11-19 03:00:00 CET  ran: backup/1 succeeded after 12.4s
    queued 03:00:00 #3, started 03:00:00 #4, succeeded 03:00:12 #5, slot free 03:00:12 #6.

Now:   no run is open, and the slot is free.
Next:  2026-11-20 03:00:00 CET (in 8h 12m).
"""
    )


def test_a_run_in_the_way_with_its_whole_life(world: World) -> None:
    stuck(world)
    world.clock.to("2026-11-20T08:00:00.100Z")
    world.end("backup", timed_out(world), release=False)
    world.clock.to("10s")
    world.release("backup")
    world.clock.to("1h")
    assert (
        world.ok("explain", "backup", "--at", "2026-11-20 03:00")
        == """\
backup is due "0 3 * * *" in Europe/Berlin.

2026-11-20 03:00:00 CET  not run: already_running #5
    backup/1 had been running for 1d and had until 09:00:00. It was queued 2026-11-19 03:00:00 #3,
    started 03:00:00 #4, timed out (run_timeout) 2026-11-20 09:00:00 #6, slot free 09:00:10 #7.

Now:   no run is open, and the slot is free.
Next:  2026-11-21 03:00:00 CET (in 17h).
"""
    )


def test_a_run_that_is_in_the_way_still(world: World) -> None:
    stuck(world)
    world.clock.to("1h")
    assert (
        world.ok("explain", "backup")
        == """\
backup is due "0 3 * * *" in Europe/Berlin.

2026-11-19 02:00:00 CET  defined by cli (version 1, from file:/etc/jobs.toml) #2
2026-11-19 03:00:00 CET  ran: backup/1 has been running for 1d 1h
    queued 03:00:00 #3, started 03:00:00 #4, still open.
2026-11-20 03:00:00 CET  not run: already_running #5
    backup/1 (above) had been running for 1d and had until 09:00:00.

Now:   backup/1 has been running for 1d 1h; it is ended by 2026-11-20 09:00:00 CET at the latest.
Next:  2026-11-21 03:00:00 CET (in 23h).
To do: cronfsm cancel backup/1  # end it, so that the slot is free
       cronfsm logs backup/1    # see what it has printed
"""
    )


def test_a_slot_that_is_held_beyond_the_verdict(world: World) -> None:
    world.up()
    world.define("pulse", schedule="every 1m", timeout="30s")
    world.clock.to("1m")
    world.tick("pulse")
    world.start("pulse")
    world.clock.to("30s")
    world.end("pulse", timed_out(world), release=False)
    world.clock.to("30s")
    world.tick("pulse")
    world.clock.to("5s")
    assert (
        world.ok("explain", "pulse")
        == """\
pulse is due "every 1m" in UTC.

2026-11-19 02:00:00 CET  defined by cli (version 1, from file:/etc/jobs.toml) #2
2026-11-19 02:01:00 CET  ran: pulse/1 timed out (run_timeout) after 30s
    queued 02:01:00 #3, started 02:01:00 #4, timed out (run_timeout) 02:01:30 #5, slot still held.
2026-11-19 02:02:00 CET  not run: slot_held #6
    pulse/1 (above) was over (timed_out) for 30s, but something of it could still be alive: it held
    the slot.

Now:   pulse/1 is over, but something of it may still be alive: it has held the slot for 35s.
Next:  2026-11-19 02:03:00 CET (in 55s).
To do: cronfsm cancel pulse/1  # end it, so that the slot is free
       cronfsm logs pulse/1    # see what it has printed
"""
    )


def test_downtime_is_told_from_neglect(world: World) -> None:
    nightly(world)
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.start("backup")
    world.end("backup")
    world.clock.to("2026-11-19T22:00:00Z")
    world.down("SIGTERM")
    world.clock.to("2026-11-20T09:00:00Z")
    world.up()
    world.tick("backup")
    world.clock.to("3h")
    assert (
        world.ok("explain", "backup", "--since", "2026-11-20")
        == """\
backup is due "0 3 * * *" in Europe/Berlin.
(There is more before this: --since 7d)

2026-11-20 03:00:00 CET  not run: missed #9
    No scheduler was up: the last one ended 2026-11-19 23:00:00 (SIGTERM) #7; the next came up
    10:00:00 #8. Of missed times only the newest is made up for, and only within 1h
    (catch_up_within).

Now:   no run is open, and the slot is free.
Next:  2026-11-21 03:00:00 CET (in 14h).
To do: cronfsm run backup  # make up for it now
"""
    )


def test_a_scheduler_that_ended_without_a_word_and_nobody_came(world: World) -> None:
    world.up()
    world.define("pulse", schedule="every 1h", catch_up="skip")
    world.clock.to("15m")
    world.scheduler(SchedulerAlive(1))
    world.crash()
    world.clock.to("3h")
    assert (
        world.ok("explain", "pulse")
        == """\
pulse is due "every 1h" in UTC.

2026-11-19 02:00:00 CET  defined by cli (version 1, from file:/etc/jobs.toml) #2
2026-11-19 03:00:00 to 05:00:00 CET, 3 times  no answer yet
    No scheduler was up: the last one (pid 4242) was heard of 02:15:00 #3 and ended without a word;
    none is up now.

Now:   no run is open, and the slot is free.
Next:  2026-11-19 06:00:00 CET (in 45m), if a scheduler is up by then.
To do: cronfsm serve  # start a scheduler; without one nothing is started
"""
    )


def test_refusals_that_are_not_written_yet(world: World) -> None:
    world.up()
    world.define("pulse", schedule="every 1m")
    world.clock.to("1m")
    world.tick("pulse")
    world.start("pulse")
    for _ in range(18):
        world.clock.to("1m")
        world.tick("pulse")
    out = world.ok("explain", "pulse")
    assert (
        """\
2026-11-19 02:03:00 to 02:19:00 CET, 17 times  no answer yet
    Refused again for the same reason, already_running; repeated refusals are written at most once
    an hour.
"""
        in out
    )
    assert "Next:  2026-11-19 02:20:00 CET (in 1m)." in out
    told = world.json("explain", "pulse")["pending"]
    assert (told["count"], told["same_as"], told["outage"]) == (17, "already_running", None)


def test_pause_and_resume(world: World) -> None:
    nightly(world)
    world.clock.to("1m")
    world.engine.pause("backup")
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.clock.to("1m")
    assert (
        world.ok("explain", "backup")
        == """\
backup is due "0 3 * * *" in Europe/Berlin.

2026-11-19 02:00:00 CET  defined by cli (version 1, from file:/etc/jobs.toml) #2
2026-11-19 02:01:00 CET  paused by cli #3
2026-11-19 03:00:00 CET  not run: paused #4
    The job was paused; a paused job's times are refused.

Now:   no run is open, and the slot is free.
Next:  2026-11-20 03:00:00 CET (in 23h 59m), which will be refused: the job is paused.
To do: cronfsm resume backup  # let its ticks make runs again
"""
    )
    world.engine.resume("backup")
    assert "To do" not in world.ok("explain", "backup")


def test_what_could_not_be_executed(world: World) -> None:
    nightly(world)
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.fail_start("backup", "no such program: restic\nand a second line")
    world.clock.to("1m")
    assert (
        world.ok("explain", "backup/1")
        == """\
backup is due "0 3 * * *" in Europe/Berlin.

2026-11-19 03:00:00 CET  not executed: backup/1 failed (start_failed) after waiting 0ms
    queued 03:00:00 #3, failed (start_failed) 03:00:00 #4.
    no such program: restic

Now:   no run is open, and the slot is free.
Next:  2026-11-20 03:00:00 CET (in 23h 59m).
To do: cronfsm apply /etc/jobs.toml  # with a command that can be executed
"""
    )


def test_what_waited_too_long(world: World) -> None:
    nightly(world, start_within="5m")
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.clock.to("5m")
    world.queue_timeout("backup")
    out = world.ok("explain", "backup/1")
    assert "not executed: backup/1 timed out (queue_timeout) after waiting 5m\n" in out
    assert "cronfsm apply /etc/jobs.toml  # with a longer start_within" in out


def test_a_failure_points_at_its_output(world: World) -> None:
    nightly(world)
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.start("backup")
    now = world.clock.now().utc
    world.end("backup", Ended(Trigger.FAIL, Reason.EXIT_CODE, now, exit_code=3))
    out = world.ok("explain", "backup/1")
    assert "ran: backup/1 failed (exit 3) after 0ms" in out
    assert "To do: cronfsm logs backup/1  # see what it printed before it ended\n" in out


def test_an_end_that_was_written_down_late_says_so(world: World) -> None:
    nightly(world)
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.start("backup")
    ended = parse_instant("2026-11-19T02:10:00Z")
    world.clock.to("2026-11-19T06:00:00Z")
    world.end("backup", Ended(Trigger.SUCCEED, Reason.COMPLETED, ended, exit_code=0))
    assert "succeeded 03:10:00 (recorded 07:00:00) #5" in world.ok("explain", "backup/1")


def test_runs_and_refusals_by_hand(world: World) -> None:
    world.up()
    world.define("report")
    world.call("run", "report")
    world.clock.to("3s")
    world.call("run", "report")
    out = world.ok("explain", "report")
    assert (
        out
        == """\
report has no schedule; it runs by hand only.

2026-11-19 02:00:00 CET  defined by cli (version 1, from file:/etc/jobs.toml) #2
2026-11-19 02:00:00 CET  asked for by hand, waits: report/1 has been queued for 3s
    queued 02:00:00 #3, still open.
2026-11-19 02:00:03 CET  asked for by hand, refused: already_queued #4
    report/1 (above) had been waiting to start for 3s and had until 03:00:00.

Now:   report/1 has waited for 3s; it waits until 2026-11-19 03:00:00 CET at the latest.
Next:  nothing by itself; it runs by hand only.
"""
    )


def test_a_run_that_catches_up(world: World) -> None:
    nightly(world)
    world.down()
    world.clock.to("2026-11-19T02:30:00Z")
    world.up()
    world.tick("backup")
    world.start("backup")
    assert "2026-11-19 03:00:00 CET  ran 30m late: backup/1 has been running for 0ms\n" in world.ok("explain", "backup")


def test_a_time_that_is_no_scheduled_time(world: World) -> None:
    nightly(world)
    world.clock.to("2026-11-19T02:00:00Z")
    world.tick("backup")
    world.clock.to("12h")
    out = world.ok("explain", "backup", "--at", "05:00")
    assert (
        """\
2026-11-19 05:00:00 CET was no scheduled time of it (by its present schedule it is due 2026-11-19
03:00:00 CET before, 2026-11-20 03:00:00 CET after).
What the journal says last before that:

2026-11-19 03:00:00 CET  waits: backup/1 has been queued for 12h
"""
        in out
    )
    out = world.ok("explain", "backup", "--at", "2026-11-25 03:00")
    assert "2026-11-25 03:00:00 CET is still to come, and a scheduled time of it.\n" in out
    assert "backup/1 has" not in out.partition("Now:")[0]
    out = world.ok("explain", "backup", "--at", "2026-11-01 03:00")
    assert (
        """\
2026-11-01 03:00:00 CET was no scheduled time of it.
Its journal begins 2026-11-19 02:00:00 CET #2.
"""
        in out
    )


def test_a_disabled_job_and_a_removed_one(world: World) -> None:
    nightly(world, enabled=False)
    out = world.ok("explain", "backup")
    assert "Next:  nothing; the job is disabled.\n" in out
    assert "cronfsm apply /etc/jobs.toml  # with enabled = true" in out
    world.engine.remove("backup")
    out = world.ok("explain", "backup")
    assert out.startswith("backup was removed; this is what its journal says.\n")
    assert "removed by cli #3\n" in out


def test_what_nobody_has_written_down_is_told(world: World) -> None:
    """The supervisor ended the run while no scheduler was up: the journal says running, the report knows better."""
    stuck(world)
    world.crash()
    world.launcher.alive.clear()
    out = world.ok("explain", "backup")
    assert "Now:   backup/1 is running, says the journal; its supervisor is gone and left no result" in out
    assert world.launcher.looks[-1].closed, "a reader lets go of the life lock"
    assert world.journal.last_id() == 5, "and writes nothing"


def test_the_window_is_bounded_and_says_what_it_leaves_out(world: World) -> None:
    world.up()
    world.define("pulse", schedule="every 1m")
    for _ in range(30):
        world.clock.to("1m")
        world.tick("pulse")
        world.start("pulse")
        world.clock.to("1s")
        world.end("pulse")
    told = world.json("explain", "pulse")
    assert len(told["answers"]) == 20
    assert told["earlier"] is True
    assert [answer["run"]["number"] for answer in told["answers"]] == list(range(11, 31))
    world.clock.to("7d")
    told = world.json("explain", "pulse")
    assert len(told["answers"]) == 3, "what is old is still told, a little of it"
    told = world.json("explain", "pulse", "--since", "30d")
    assert len(told["answers"]) == 31
    assert told["earlier"] is False


def test_the_story_as_json(world: World) -> None:
    stuck(world)
    world.clock.to("1h")
    told = world.json("explain", "backup")
    assert {key: told[key] for key in ("job", "schedule", "timezone", "paused", "scheduler_up", "next_due")} == {
        "job": "backup",
        "schedule": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "paused": False,
        "scheduler_up": True,
        "next_due": "2026-11-21T02:00:00.000000Z",
    }
    defined, ran, refused = told["answers"]
    assert (defined["answer"], defined["entry"], defined["version"]) == ("defined", 2, 1)
    assert (ran["answer"], ran["entry"], ran["cause"]) == ("run", 3, "schedule")
    assert ran["scheduled_for"] == "2026-11-19T02:00:00.000000Z"
    assert [(step["what"], step["entry"]) for step in ran["steps"]] == [("queued", 3), ("started", 4)]
    assert (refused["answer"], refused["entry"], refused["reason"], refused["count"]) == (
        "refused",
        5,
        "already_running",
        1,
    )
    assert refused["blocked_by"] == {
        "run_id": "backup/1",
        "state": "running",
        "age_s": 86399.98,
        "deadline": "2026-11-20T08:00:00.024000Z",
    }
    assert refused["blocker"]["run"]["id"] == "backup/1"
    assert told["mend"][0]["command"] == "cronfsm cancel backup/1"


def test_names_are_quoted_as_a_shell_needs_them(world: World) -> None:
    world.up()
    world.define("night backup", schedule="every 1m")
    world.engine.pause("night backup")
    assert "To do: cronfsm resume 'night backup'  #" in world.ok("explain", "night backup")


def test_what_helps_names_the_folder_that_this_call_was_given(world: World) -> None:
    """Else whoever copies it serves another folder."""
    world.define("backup", schedule="0 3 * * *")
    assert "To do: cronfsm serve  #" in world.ok("explain", "backup")
    assert "To do: cronfsm --data-dir 'my data' serve  #" in world.ok("--data-dir", "my data", "explain", "backup")
