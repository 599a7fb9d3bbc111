"""What each command answers, as text and as JSON, on a journal whose clock stands still."""

from __future__ import annotations

import json

import pytest
from cli_kit import BOOT, World, berlin, succeeded

from fsm.instants import Instant
from fsm.model.entries import Ended
from fsm.model.run import Arming
from fsm.model.states import Reason, Trigger

__all__ = ["berlin"]

pytestmark = pytest.mark.usefixtures("berlin")

RUN_FIELDS = [
    "id",
    "job",
    "number",
    "state",
    "reason",
    "cause",
    "scheduled_for",
    "queued_at",
    "started_at",
    "ended_at",
    "deadline",
    "exit_code",
    "signal",
    "error",
    "agent",
    "attempt",
    "retry_of",
    "forced",
    "session_key",
    "slot",
]


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    made = World(capsys)
    made.up()
    made.define("backup", schedule="0 3 * * *", timezone="Europe/Berlin", timeout="30m")
    made.define("pulse", schedule="every 90s")
    made.define("report")
    return made


def failed(world: World, job: str = "backup") -> None:
    """A manual run that ends with exit 3."""
    world.call("run", job)
    world.start(job)
    world.clock.to("2s")
    world.end(job, Ended(Trigger.FAIL, Reason.EXIT_CODE, world.clock.now().utc, exit_code=3))


# ---- list


def test_list_shows_what_is_due_what_is_open_and_how_it_ended(world: World) -> None:
    failed(world)
    world.call("run", "report")
    world.clock.to("5m")
    world.engine.pause("pulse")
    assert (
        world.ok("list")
        == """\
JOB     SCHEDULE   TIMEZONE       NEXT DUE (CET)       OPEN RUN      LAST
backup  0 3 * * *  Europe/Berlin  03:00:00 in 23h 55m  -             failed 5m ago
pulse   every 90s  UTC            paused               -             -
report  (manual)   UTC            -                    #1 queued 5m  -
"""
    )


def test_list_as_json(world: World) -> None:
    failed(world)
    world.call("run", "report")
    backup, pulse, report = world.json("list")
    assert list(backup) == [
        "name",
        "schedule",
        "timezone",
        "enabled",
        "paused",
        "next_due",
        "note",
        "finished",
        "open_run",
        "last_run",
    ]
    assert (backup["name"], backup["schedule"], backup["timezone"]) == ("backup", "0 3 * * *", "Europe/Berlin")
    assert (backup["enabled"], backup["paused"]) == (True, False)
    assert backup["next_due"] == "2026-11-21T02:00:00.000000Z"
    assert backup["open_run"] is None
    assert list(backup["last_run"]) == RUN_FIELDS
    assert backup["last_run"]["id"] == "backup/1"
    assert (report["schedule"], report["next_due"]) == (None, None)
    assert list(report["open_run"]) == RUN_FIELDS
    assert report["open_run"]["state"] == "queued"
    assert report["last_run"] is None
    assert pulse["name"] == "pulse"


def test_list_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    world = World(capsys)
    assert world.ok("list").startswith("There are no jobs in ")
    assert world.json("list") == []


def test_list_names_the_zone_below_where_all_share_it(world: World) -> None:
    world.engine.remove("pulse")
    world.engine.remove("report")
    out = world.ok("list")
    assert "TIMEZONE" not in out
    assert out.endswith("\nSchedules are in Europe/Berlin.\n")


def test_a_due_time_is_one_to_come_where_refusals_are_kept_back(world: World) -> None:
    """The journal's next due time is the first without an answer; a blocked job's lags behind for up to an hour."""
    world.clock.to("90s")
    world.tick("pulse")
    world.start("pulse")
    for _ in range(5):
        world.clock.to("90s")
        world.tick("pulse")
    world.clock.to("1s")
    line = next(line for line in world.ok("list").splitlines() if line.startswith("pulse"))
    assert "03:10:30 in 1m 29s" in line
    told = next(job for job in world.json("list") if job["name"] == "pulse")
    assert told["next_due"] == "2026-11-20T02:10:30.000000Z"


def test_a_due_time_that_nobody_answered_is_overdue(world: World) -> None:
    world.crash()
    world.clock.to("10m")
    assert "03:01:30 overdue" in world.ok("list")


# ---- run


def test_run_answers_once_the_run_is_in_the_history(world: World) -> None:
    assert world.json("run", "backup") == {
        "ok": True,
        "enqueued": True,
        "run_id": "backup/1",
        "state": "queued",
    }
    assert world.json("runs")[0]["id"] == "backup/1"
    world.clock.to("90s")
    code, out, err = world.call("run", "backup", "--json")
    assert (code, err) == (75, "")
    assert json.loads(out) == {
        "ok": True,
        "ran": False,
        "reason": "already_queued",
        "blocked_by": {
            "run_id": "backup/1",
            "state": "queued",
            "age_s": 90.0,
            "deadline": "2026-11-20T03:00:00.000000Z",
        },
    }


def test_run_as_text(world: World) -> None:
    assert world.ok("run", "backup") == "backup/1 is queued.\n"
    world.start("backup")
    world.clock.to("5m")
    assert world.call("run", "backup") == (
        75,
        "",
        "cronfsm: backup takes no run now (already_running): backup/1 has been running for 5m, "
        "until 2026-11-20 03:30:00 CET at the latest.\n  To end it: cronfsm cancel backup/1\n",
    )


def test_run_says_plainly_that_nobody_is_there_to_start_it(world: World) -> None:
    world.down()
    code, out, err = world.call("run", "backup")
    assert (code, out) == (0, "backup/1 is queued.\n")
    assert "no scheduler is up" in err
    assert "backup/1 waits for one until 2026-11-20 04:00:00 CET (in 1h).\n  To start one: cronfsm serve\n" in err
    world.call("cancel", "backup")
    code, out, err = world.call("run", "backup", "--json")
    assert json.loads(out)["run_id"] == "backup/2"
    assert "no scheduler is up" in err


@pytest.mark.parametrize(
    ("trigger", "reason", "code", "text"),
    [
        (Trigger.SUCCEED, Reason.COMPLETED, 0, "backup/1 succeeded after 0ms.\n"),
        (Trigger.FAIL, Reason.EXIT_CODE, 1, "backup/1 failed (exit 3) after 0ms.\n"),
        (Trigger.TIME_OUT, Reason.RUN_TIMEOUT, 124, "backup/1 timed out (run_timeout) after 0ms.\n"),
        (Trigger.LOSE, Reason.VANISHED, 1, "backup/1 was lost (vanished) after 0ms.\n"),
        (Trigger.REAP, Reason.CANCELLED, 1, "backup/1 was reaped (cancelled) after 0ms.\n"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_run_and_wait(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    trigger: Trigger,
    reason: Reason,
    code: int,
    text: str,
    as_json: bool,
) -> None:
    """What a scheduler does while the command waits happens in its first pause."""
    exit_code = 3 if reason is Reason.EXIT_CODE else None

    def scheduler(_: float) -> None:
        world.start("backup")
        world.end("backup", Ended(trigger, reason, world.clock.now().utc, exit_code=exit_code))

    monkeypatch.setattr("fsm.cli.commands.run.time.sleep", scheduler)
    got, out, err = world.call("run", "backup", "--wait", *(["--json"] if as_json else []))
    assert got == code
    if as_json:
        told = json.loads(out)
        assert (told["run_id"], told["state"], told["run"]["reason"]) == ("backup/1", told["run"]["state"], reason)
        assert err == ""
    else:
        assert out == text
        assert err == "cronfsm: waiting for backup/1 (Ctrl-C stops waiting, not the run)\n"


def test_run_and_wait_without_a_scheduler_ends_by_the_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.down()
    monkeypatch.setattr("fsm.cli.commands.run.time.sleep", lambda _: world.clock.to("20m"))
    monkeypatch.setattr("fsm.cli.commands.run.STARTED_WITHIN", 0.0)
    code, out, _ = world.call("run", "backup", "--wait")
    assert (code, out) == (124, "backup/1 timed out (queue_timeout) after waiting 1h.\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_wait_leaves_the_run_alone(world: World, monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    def interrupt(_: float) -> None:
        world.start("backup")
        raise KeyboardInterrupt

    monkeypatch.setattr("fsm.cli.commands.run.time.sleep", interrupt)
    code, out, err = world.call("run", "backup", "--wait", *(["--json"] if as_json else []))
    assert code == 130
    assert "cronfsm: stopped waiting; backup/1 is running and goes on\n" in err
    assert world.engine.find("backup/1").state == "running"
    assert (json.loads(out)["state"] == "running") if as_json else (out == "")


# ---- runs


def test_runs_newest_first_and_narrowed(world: World) -> None:
    failed(world)
    world.clock.to("1m")
    world.call("run", "report")
    world.start("report")
    world.clock.to("5s")
    assert (
        world.ok("runs")
        == """\
RUN       STATE    WHY     CAUSE   QUEUED (CET)  TOOK  ERROR
report/1  running          manual  03:01:02        5s
backup/1  failed   exit 3  manual  03:00:00        2s
"""
    )
    assert [run["id"] for run in world.json("runs", "--job", "backup")] == ["backup/1"]
    assert [run["id"] for run in world.json("runs", "--state", "failed", "--state", "lost")] == ["backup/1"]
    assert [run["id"] for run in world.json("runs", "--since", "30s")] == ["report/1"]
    assert [run["id"] for run in world.json("runs", "--since", "2026-11-20 03:00")] == ["report/1", "backup/1"]
    assert world.json("runs", "--limit", "1")[0]["id"] == "report/1"
    assert "The newest 1; for more: --limit 5" in world.ok("runs", "--limit", "1")
    assert world.ok("runs", "--state", "lost") == "No run fits.\n"
    assert world.json("runs", "--state", "lost") == []


def test_a_run_as_json(world: World) -> None:
    world.clock.to("2026-11-20T02:00:00Z")
    failed(world)
    (run,) = world.json("runs")
    assert list(run) == RUN_FIELDS
    assert run == {
        "id": "backup/1",
        "job": "backup",
        "number": 1,
        "state": "failed",
        "reason": "exit_code",
        "cause": "manual",
        "scheduled_for": None,
        "queued_at": "2026-11-20T02:00:00.000000Z",
        "started_at": "2026-11-20T02:00:00.000000Z",
        "ended_at": "2026-11-20T02:00:02.000000Z",
        "deadline": None,
        "exit_code": 3,
        "signal": None,
        "error": None,
        "agent": None,
        "attempt": 1,
        "retry_of": None,
        "forced": False,
        "session_key": "cron:backup:run:1",
        "slot": "free",
    }
    world.call("run", "backup")
    assert world.json("runs")[0]["deadline"] == "2026-11-20T03:00:02.000000Z"  # start_within, while it is queued
    world.start("backup")
    run = world.json("runs")[0]
    assert (run["deadline"], run["slot"]) == ("2026-11-20T02:30:02.000000Z", "held")  # its timeout, while it runs


def test_the_history_of_a_removed_job_stays(world: World) -> None:
    failed(world)
    world.ok("add", "report", "--", "false")
    assert world.ok("remove", "report") == "report is removed.\n"
    code, out, err = world.call("remove", "backup")
    assert (code, out) == (0, "backup is removed.\n")
    assert err == "cronfsm: backup came from /etc/jobs.toml; applying that file again adds it again\n"
    assert [run["id"] for run in world.json("runs", "--job", "backup")] == ["backup/1"]
    assert world.json("show", "backup/1")["state"] == "failed"


# ---- next, pause, resume


def test_next_in_the_zone_of_the_job(world: World) -> None:
    world.define("spring", schedule="30 2 * * *", timezone="Europe/Berlin")
    told = world.json("next", "spring", "-n", "3", "--from", "2027-03-27T00:00:00Z")
    assert [(one["utc"], one["local"], one["shift"]) for one in told] == [
        ("2027-03-27T01:30:00.000000Z", "2027-03-27T02:30:00.000000+01:00", None),
        ("2027-03-28T01:00:00.000000Z", "2027-03-28T03:00:00.000000+02:00", "moved"),
        ("2027-03-29T00:30:00.000000Z", "2027-03-29T02:30:00.000000+02:00", None),
    ]
    assert (
        world.ok("next", "spring", "-n", "1", "--from", "2027-03-28T00:30:00Z")
        == """\
LOCAL (Europe/Berlin)         UTC                  FROM NOW     CHANGE OF THE CLOCK
Sun 2027-03-28 03:00:00 CEST  2027-03-28 01:00:00  in 127d 23h  02:30 is skipped on 2027-03-28; moved to 03:00
"""
    )
    assert len(world.json("next", "backup")) == 5
    assert world.json("next", "report") == []
    assert world.ok("next", "report") == "report has no schedule; it runs by hand only (cronfsm run report).\n"
    world.define("once", schedule="at 2026-01-01T00:00:00Z")
    assert "is never due after that time" in world.ok("next", "once")


def test_pause_and_resume_say_what_they_do(world: World) -> None:
    world.call("run", "backup")
    assert world.ok("pause", "backup") == (
        "backup is paused. Its ticks are refused until: cronfsm resume backup\n"
        "backup/1 is queued and goes on; to end it: cronfsm cancel backup/1\n"
    )
    assert world.ok("pause", "backup") == "backup was paused already.\n"
    assert "paused: these times are refused" in world.ok("next", "backup")
    assert world.ok("resume", "backup") == ("backup is resumed. It is due next at 2026-11-21 03:00:00 CET (in 1d).\n")
    assert world.ok("resume", "backup") == "backup is not paused.\n"
    told = world.json("pause", "backup")
    assert (told["changed"], told["paused"]) == (True, True)
    assert world.json("pause", "backup")["changed"] is False


# ---- show, status, journal


def test_show_a_job(world: World) -> None:
    failed(world)
    world.define("full", schedule="@hourly", shell="a | b", cwd="/srv", env={"A": "1", "B": "2"}, command=None)
    assert (
        world.ok("show", "full")
        == """\
Job           full
State         enabled
Command       a | b
Schedule      @hourly, in UTC
Next due      2026-11-20 04:00:00 CET (in 59m 58s)
              2026-11-20 05:00:00 CET
              2026-11-20 06:00:00 CET
Timeout       1d, then TERM, and KILL after 10s
Start within  1h
Overlap       skip: a tick while a run is open is refused
Catch up      once, within 1h
Retry         none
Breaker       none
Output limit  10MB
Leftovers     end: what its command leaves behind is ended
Priority      0
Keep          1,000 runs, none older than 400d
Folder        /srv
Environment   A=1
              B=2
Defined       version 1, from file:/etc/jobs.toml
"""
    )
    told = world.json("show", "backup")
    assert told["definition"]["timeout"] == "30m"
    assert (told["runs"], told["states"]) == (1, {"failed": 1})
    assert told["last_runs"][0]["id"] == "backup/1"


def test_show_a_run(world: World) -> None:
    failed(world)
    out = world.ok("show", "backup/1")
    for line in (
        "State         failed (exit 3)",
        "Exit code     3",
        "Cause         manual: queued by hand",
        "Slot          free",
        "Arming        nonce-1, supervisor 101",
        "Output        none",
    ):
        assert line in out
    assert out.count("\n#") == 4
    told = world.json("show", "backup/1")
    assert list(told)[: len(RUN_FIELDS)] == RUN_FIELDS
    assert told["arming"]["nonce"] == "nonce-1"
    assert [entry["kind"] for entry in told["transitions"]] == ["transition"] * 3 + ["released"]


def test_status(world: World) -> None:
    world.call("run", "backup")
    world.engine.pause("pulse")
    out = world.ok("status")
    assert "Scheduler    up, pid 4242, since 2026-11-20 01:00:00 CET (2h)\n" in out
    assert "Jobs         3, of them 1 paused\n" in out
    assert "Open runs    0 running (at most 8), 1 queued\n" in out
    assert "Next due     backup at 2026-11-21 03:00:00 CET (in 1d)\n" in out
    told = world.json("status")
    assert (told["pid"], told["jobs"], told["open_runs"]) == (4242, 3, 1)
    assert told["next_due"] == "2026-11-21T02:00:00.000000Z"
    world.crash()
    told = world.json("status")
    assert (told["pid"], told["since"]) == (None, None)
    assert "not up; nothing is started until one is: cronfsm serve" in world.ok("status")


def test_the_journal_as_lines(world: World) -> None:
    failed(world)
    entries = [json.loads(line) for line in world.ok("journal", "--json").splitlines()]
    assert [entry["id"] for entry in entries] == list(range(1, world.journal.last_id() + 1))
    assert list(entries[0]) == [
        "id",
        "job",
        "seq",
        "at",
        "actor",
        "node",
        "epoch",
        "kind",
        "run",
        "body",
        "prev_hash",
        "hash",
    ]
    assert entries[0]["job"] == "@scheduler"
    lines = world.ok("journal", "--run", "backup/1").splitlines()
    assert [line.split("  ")[-2].strip() for line in lines] == [
        "queued (manual), to start by 2026-11-20 04:00:00 CET",
        "started by arming nonce-1 (pid 101), to run until 2026-11-20 03:30:00 CET",
        "fail (exit_code), exit 3",
        "slot free, by report",
    ]
    assert len(world.ok("journal", "--job", "backup").splitlines()) == 5
    assert world.ok("journal", "--after", str(world.journal.last_id())) == ""
    assert "up, epoch 1, pid 4242" in world.ok("journal", "--job", "@scheduler")


def test_following_the_journal_shows_what_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is missed and nothing shown twice, across batches; Ctrl-C ends it quietly."""
    pauses = iter(range(3))

    def pause(_: float) -> None:
        if next(pauses, None) is None:
            raise KeyboardInterrupt
        failed(world, "report")

    monkeypatch.setattr("fsm.client.waiting.AT_ONCE", 3)
    monkeypatch.setattr("fsm.cli.commands.journal.pause", pause)
    code, out, err = _raw(world, "journal", "--follow", "--json", "--after", "2")
    assert code == 130
    assert err.strip() == ""
    assert [json.loads(line)["id"] for line in out.splitlines()] == list(range(3, world.journal.last_id() + 1))


def _raw(world: World, *arguments: str) -> tuple[int, str, str]:
    """A command during which other commands are called, too: their output is theirs."""
    from fsm.cli.main import run

    collected: list[str] = []
    world._capsys.readouterr()
    original = world.call

    def call(*inner: str) -> tuple[int, str, str]:
        collected.append(world._capsys.readouterr().out)
        return original(*inner)

    world.call = call  # type: ignore[method-assign]
    code = run(arguments, world.session)
    last = world._capsys.readouterr()
    return int(code), "".join(collected) + last.out, last.err


# ---- add, verify, in-process runs


def test_add_changes_a_job_and_shows_the_difference(world: World) -> None:
    world.json("add", "new", "--schedule", "@daily", "--", "echo", "a b")
    out = world.ok("add", "new", "--schedule", "@hourly", "--timeout", "5m", "--env", "A=b=c", "--", "echo", "a b")
    assert out == (
        "new is changed:\n"
        "    schedule: @daily -> @hourly\n"
        "    timeout: 1d -> 5m\n"
        "    env.A: not set -> b=c\n"
        "It is due next at 2026-11-20 04:00:00 CET (in 1h).\n"
    )
    told = world.json("add", "new", "--schedule", "@hourly", "--timeout", "5m", "--env", "A=b=c", "--", "echo", "a b")
    assert (told["result"], told["changes"]) == ("unchanged", [])
    job = world.journal.state("new").definition
    assert job is not None
    assert (job.command, job.env) == (("echo", "a b"), (("A", "b=c"),))
    assert world.json("add", "off", "--disabled", "--shell", "x", "--schedule", "@daily")["next_due"] is None


def test_what_stands_behind_two_dashes_is_the_command(world: World) -> None:
    world.ok("add", "new", "--", "cat", "--json", "--data-dir", "/x", "-h")
    job = world.journal.state("new").definition
    assert job is not None
    assert job.command == ("cat", "--json", "--data-dir", "/x", "-h")


def test_what_may_not_be_meant_is_said_and_done_all_the_same(world: World) -> None:
    code, _, err = world.call("add", "a", "--", "echo a | tee b")
    assert (code, err) == (
        0,
        "cronfsm: the command is the one word 'echo a | tee b', executed without a shell; "
        "for a line of shell: --shell\n",
    )
    code, _, err = world.call("add", "b", "--", "no-such-program-anywhere", "x")
    assert (code, "there is no program no-such-program-anywhere in the PATH" in err) == (0, True)
    assert world.journal.state("b").definition is not None


def test_names_in_any_script(world: World) -> None:
    world.ok("add", "резервная копия", "--schedule", "@daily", "--", "true")
    world.ok("add", "備份", "--schedule", "@daily", "--", "true")
    lines = world.ok("list").splitlines()
    assert any(line.startswith("резервная копия  @daily") for line in lines)
    assert any(line.startswith("備份             @daily") for line in lines)  # wide characters take two cells
    assert world.json("show", "備份")["name"] == "備份"
    assert "'резервная копия'" in world.ok("pause", "резервная копия")


def test_verify_of_a_journal_that_is_whole_and_of_one_that_is_not(
    world: World, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    failed(world)
    assert world.ok("verify").endswith(": nothing is wrong.\n")
    file = Path(str(tmp_path)) / "journal.jsonl"
    lines = world.ok("journal", "--json").splitlines()
    file.write_text("\n".join(lines) + "\n")
    assert world.json("verify", str(file)) == {
        "ok": True,
        "journal": str(file),
        "entries": len(lines),
        "violations": [],
        "more": False,
    }
    file.write_text("\n".join(line.replace('"exit_code":3', '"exit_code":0') for line in lines))
    code, out, err = world.call("verify", str(file))
    assert (code, err) == (1, "")
    assert "of backup" in out
    assert "it was changed" in out
    assert out.endswith(f"wrong in {file}.\n")
    file.write_text("\n".join(lines[:-2] + lines[-1:]))
    code, out, _ = world.call("verify", str(file), "--json")
    assert code == 1
    assert {violation["requirement"] for violation in json.loads(out)["violations"]} & {"chain", "sequence"}
    file.write_text("\n".join([lines[0], *["this is not", "an entry"] * 100]))
    code, out, _ = world.call("verify", str(file))
    assert code == 1
    assert "line 2 is no JSON" in out
    assert "More than 100 things are wrong" in out
    file.write_text("this is not\na journal\n" * 200)
    code, out, err = world.call("verify", str(file))
    assert (code, out) == (2, "")
    assert "none of its lines is an entry: it is no exported journal" in err
    code, _, err = world.call("verify", str(file) + ".nowhere")
    assert (code, "No such file or directory" in err) == (2, True)


def test_cancel_of_work_in_another_process_says_where_to_look(world: World) -> None:
    world.call("run", "report")
    world.engine.start("report/1", Arming("n", BOOT, 1, 1, in_process=True))
    world.launcher.alive.add("n")
    code, out, err = world.call("cancel", "report")
    assert (code, out) == (75, "")
    assert "it works inside process 1" in err


def test_an_end_long_ago_is_told_as_it_is(world: World) -> None:
    world.call("run", "report")
    world.start("report")
    began = world.clock.now().utc
    world.clock.to("1h")
    world.end("report", succeeded(Instant(began + 1_500_000)))
    assert world.json("show", "report/1")["ended_at"] == "2026-11-20T02:00:01.500000Z"
    assert "report/1  succeeded       manual  03:00:00      1.5s" in world.ok("runs")
