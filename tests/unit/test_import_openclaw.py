"""Jobs and history of OpenClaw: every shape there was, and everything that is found accounted for.

Shapes: src/cron/types.ts and src/cron/run-log.ts of github.com/openclaw/openclaw as of 2026.2 to 2026.6, and
docs/automation/cron-jobs.md (docs.openclaw.ai/automation/cron-jobs) of the same time; the older ones as migrated by its
src/cron/store-migration.ts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.client.engine import Engine
from fsm.importing.openclaw import bring, load
from fsm.importing.openclaw_jobs import NotCarried, Setting, translate
from fsm.importing.openclaw_runs import past_runs
from fsm.importing.past import PastRun
from fsm.importing.report import Report
from fsm.instants import Instant, parse_instant
from fsm.journal.memory import MemoryJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.job import Job
from fsm.model.states import Cause, Reason, SlotState, State
from fsm.openclaw.runlog import Skipped
from fsm.ports import RunQuery

NOW = parse_instant("2026-11-20T12:00:00Z")
SETTING = Setting("Europe/Berlin", NOW)
TURN = {"kind": "agentTurn", "message": "Summarise"}


def job(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "j1",
        "name": "Brief",
        "schedule": {"kind": "cron", "expr": "0 7 * * *", "tz": "Asia/Tokyo"},
    }
    return base | {"sessionTarget": "isolated", "payload": dict(TURN), "delivery": {"mode": "none"}} | more


@pytest.mark.parametrize(
    ("schedule", "keys"),
    [
        (
            {"kind": "cron", "expr": "0 7 * * *", "tz": "Asia/Tokyo"},
            {"schedule": "0 7 * * *", "timezone": "Asia/Tokyo"},
        ),
        ({"kind": "cron", "cron": "5 4 * * *"}, {"schedule": "5 4 * * *", "timezone": "Europe/Berlin"}),
        ("*/5 * * * *", {"schedule": "*/5 * * * *", "timezone": "Europe/Berlin"}),
        ({"kind": "every", "everyMs": 1_800_000}, {"schedule": "every 30m"}),
        ({"everyMs": 90_500}, {"schedule": "every 90500ms"}),
        ({"kind": "at", "at": "2026-12-01T16:00:00Z"}, {"schedule": "at 2026-12-01T16:00:00.000000Z"}),
        ({"kind": "at", "at": "2026-12-01T16:00:00"}, {"schedule": "at 2026-12-01T16:00:00.000000Z"}),
        ({"kind": "at", "atMs": 1_796_140_800_000}, {"schedule": "at 2026-12-01T16:00:00.000000Z"}),
        ({"atMs": "1796140800000"}, {"schedule": "at 2026-12-01T16:00:00.000000Z"}),
    ],
)
def test_every_shape_of_a_schedule(schedule: object, keys: dict[str, str]) -> None:
    made = translate(job(schedule=schedule), SETTING)
    assert {key: made.keys[key] for key in ("schedule", "timezone") if key in made.keys} == keys


def test_an_anchor_comes_along() -> None:
    made = translate(job(schedule={"kind": "every", "everyMs": 60_000, "anchorMs": 1_775_000_000_123}), SETTING)
    assert made.anchor == 1_775_000_000_123_000


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"id": None}, "it has neither id nor jobId"),
        ({"schedule": None}, "it has no schedule"),
        ({"schedule": {"kind": "on-exit"}}, 'a schedule of kind "on-exit" has no counterpart here'),
        ({"schedule": {"kind": "cron", "expr": "61 * * * *"}}, '"61" in "61 * * * *" is not a minute'),
        ({"schedule": {"kind": "cron", "expr": "0 7 * * *", "tz": "Mars/Olympus"}}, "Mars/Olympus"),
        ({"schedule": {"kind": "every", "everyMs": 10}}, "the shortest is 1000"),
        ({"schedule": {"kind": "at", "at": "soon"}}, "'soon' is no time"),
        ({"payload": None}, "it has no payload"),
        ({"payload": {"kind": "script", "script": "x"}}, 'a payload of kind "script" has no counterpart here'),
        ({"payload": {"kind": "agentTurn"}}, "its agent turn has no message"),
        ({"payload": {"kind": "command", "argv": []}}, "its command has no list of words"),
        ({"payload": {"kind": "command", "argv": ["x"], "env": {"CRONFSM_X": "1"}}}, "CRONFSM_"),
    ],
)
def test_what_cannot_be_carried_says_why(more: dict[str, Any], why: str) -> None:
    with pytest.raises(NotCarried) as refused:
        translate(job(**more), SETTING)
    assert why in str(refused.value)


def test_payloads() -> None:
    made = translate(
        job(payload=TURN | {"model": "opus", "thinking": "low", "timeoutSeconds": 600}, agentId="ops"), SETTING
    )
    assert made.keys["agent"] == {
        "kind": "openclaw",
        "message": "Summarise",
        "model": "opus",
        "args": ["--agent", "ops", "--thinking", "low"],
    }
    assert made.keys["timeout"] == "10m"
    event = {"kind": "systemEvent", "text": "drink water"}
    made = translate(job(payload=event, sessionTarget="main", wakeMode="next-heartbeat"), SETTING)
    assert made.keys["command"] == (
        ["openclaw", "system", "event", "--text", "drink water", "--mode", "next-heartbeat"]
    )
    command = {"kind": "command", "argv": ["sh", "-c", "true"], "cwd": "/srv", "env": {"A": "b"}, "timeoutSeconds": 1.5}
    made = translate(job(payload=command), SETTING)
    assert {key: made.keys[key] for key in ("command", "cwd", "env", "timeout")} == {
        "command": ["sh", "-c", "true"],
        "cwd": "/srv",
        "env": {"A": "b"},
        "timeout": "1500ms",
    }


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"delivery": {"mode": "announce", "channel": "slack", "to": "C1"}}, "its result was announced to slack C1"),
        (
            {"delivery": {"mode": "webhook", "to": "https://x/y"}},
            "its result was posted to https://x/********; here on_",
        ),
        (
            {"delivery": {"mode": "webhook", "to": "https://x/?token=hush"}},
            "its result was posted to https://x/********; here",
        ),
        (
            {"delivery": {"mode": "webhook", "to": "somewhere"}},
            "its result was posted to a webhook that is no web address",
        ),
        ({"delivery": None}, "its result was announced to the last channel"),
        ({"delivery": None, "payload": TURN | {"deliver": True, "to": "42"}}, "its result was announced to 42"),
        ({"delivery": None, "payload": TURN | {"deliver": False}}, None),
        ({"delivery": {"mode": "none"}}, None),
        ({"notify": True}, "its result was posted to cron.webhook (notify)"),
        ({"failureAlert": {"after": 2}}, "its failures were announced"),
        ({"sessionTarget": "session:x"}, "it ran in the session session:x"),
        ({"surprise": 1, "description": "d"}, "not carried over: surprise, description"),
        ({"payload": TURN | {"toolsAllow": []}}, "not carried over from its payload: toolsAllow"),
        ({"state": {"runningAtMs": 1_775_000_000_000}}, "a run of it was under way, or stuck"),
        (
            {"schedule": {"kind": "cron", "expr": "0 * * * *", "tz": "UTC", "staggerMs": 300_000}},
            "staggered by up to 5m",
        ),
        ({"schedule": {"kind": "at", "at": "2026-01-01T00:00:00Z"}}, "its one time is past"),
        ({"payload": TURN | {"timeoutSeconds": 0}}, "its timeoutSeconds, 0, is no bound"),
    ],
)
def test_nothing_falls_silent_unnoticed(more: dict[str, Any], line: str | None) -> None:
    notes = translate(job(**more), SETTING).notes
    assert [note for note in notes if line and line in note] == notes
    assert len(notes) == (line is not None)


def test_names_are_valid_and_told_apart(tmp_path: Path) -> None:
    names = ["a/b", "A/B", "  ..x\n y ", "", "\0", "é" * 90]
    write(tmp_path, [job(id=f"j{n}", name=name) for n, name in enumerate(names)])
    journal = MemoryJournal()
    report = imported(tmp_path, journal)
    assert report.jobs.added == len(names)
    assert report.names == {
        "j0": "a-b",
        "j1": "A-B-2",
        "j2": "x y",
        "j3": "j3",
        "j4": "openclaw j4",
        "j5": "é" * 45,
    }


# ---- history


def line(**more: Any) -> str:
    base = {"ts": 1_775_000_090_000, "jobId": "j1", "action": "finished", "status": "ok"}
    return json.dumps(base | {"runAtMs": 1_775_000_000_000, "durationMs": 90_000} | more)


def runs_of(tmp_path: Path, *lines: str) -> list[PastRun | Skipped]:
    path = tmp_path / "j1.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(past_runs(str(path), "j1"))


@pytest.mark.parametrize(
    ("more", "reason", "executed", "error"),
    [
        ({}, Reason.COMPLETED, True, None),
        ({"status": "error", "error": "boom"}, Reason.ERROR, True, "boom"),
        (
            {"status": "error", "error": "cron: job execution timed out"},
            Reason.RUN_TIMEOUT,
            True,
            "cron: job execution timed out",
        ),
        ({"status": "skipped", "summary": "empty"}, Reason.REFUSED, False, "empty"),
        ({"status": None, "error": "x"}, Reason.ERROR, True, "x"),
        ({"status": None}, Reason.NO_RESULT, True, None),
        ({"status": "killed"}, Reason.CANCELLED, True, None),
    ],
)
def test_what_a_status_means(
    tmp_path: Path, more: dict[str, Any], reason: Reason, executed: bool, error: str | None
) -> None:
    (run,) = runs_of(tmp_path, line(**more))
    assert isinstance(run, PastRun)
    assert (run.reason, run.executed, run.error) == (reason, executed, error)
    assert (run.began, run.ended) == (Instant(1_775_000_000_000_000), Instant(1_775_000_090_000_000))


def test_lines_that_are_no_run_have_their_reason(tmp_path: Path) -> None:
    found = runs_of(
        tmp_path,
        '{"ts": 1',
        "[]",
        line(action="started"),
        line(jobId="j2"),
        line(ts=None, runAtMs="x"),
        line(status="exploded"),
        "",
        line(ts="x"),
    )
    assert [(each.line, each.why, each.run) for each in found if isinstance(each, Skipped)] == [
        (1, "it is no JSON", True),
        (2, "it is no JSON object", True),
        (3, "it says 'started', and only a finished run has an end", False),
        (4, "it is of the job 'j2'", True),
        (5, "it has neither ts nor runAtMs, so that nobody knows when it ran", True),
        (6, "its status is 'exploded', which is not known here", True),
    ]
    assert isinstance(found[-1], PastRun)
    assert found[-1].ended == 1_775_000_090_000_000


# ---- the whole


def write(folder: Path, jobs: Any, histories: dict[str, list[str]] | None = None) -> None:
    (folder / "cron" / "runs").mkdir(parents=True, exist_ok=True)
    text = jobs if isinstance(jobs, str) else json.dumps({"version": 1, "jobs": jobs})
    (folder / "cron" / "jobs.json").write_text(text, encoding="utf-8")
    for name, lines in (histories or {}).items():
        (folder / "cron" / "runs" / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def imported(folder: Path, journal: MemoryJournal, *, dry: bool = False) -> Report:
    report = bring(load(str(folder), SETTING), Engine(journal), dry=dry)
    assert report.jobs.even, report.jobs
    assert report.runs.even, report.runs
    assert list(verify_journal(journal)) == []
    return report


statuses = st.sampled_from(["ok", "error", "skipped", "timeout", None, "odd"])
run_lines = st.builds(
    lambda at, took, status, error: line(ts=at + took, runAtMs=at, durationMs=took, status=status, error=error),
    st.integers(1_700_000_000_000, 1_780_000_000_000),
    st.integers(0, 10_000_000),
    statuses,
    st.none() | st.text(max_size=10),
)
lines_of_a_file = st.lists(run_lines | st.sampled_from(["{", "[1]", line(action="started"), line()]), max_size=8)
any_jobs = st.lists(
    st.builds(
        lambda ident, name, schedule, payload: job(id=ident, name=name, schedule=schedule, payload=payload),
        st.sampled_from(["j1", "j2", "j3", "", None]),
        st.text(max_size=6),
        st.sampled_from(
            [{"kind": "cron", "expr": "0 7 * * *"}, {"kind": "every", "everyMs": 60_000}, {"kind": "cron"}, 5]
        ),
        st.sampled_from([TURN, {"kind": "command", "argv": ["true"]}, None]),
    ),
    max_size=5,
)


@given(jobs=any_jobs, histories=st.dictionaries(st.sampled_from(["j1", "j2", "gone"]), lines_of_a_file, max_size=3))
def test_as_many_come_out_as_went_in_and_a_second_time_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[dict[str, Any]], histories: dict[str, list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("openclaw")
    write(folder, jobs, histories)
    journal = MemoryJournal()
    planned = imported(folder, journal, dry=True)
    assert journal.last_id() == 0
    report = imported(folder, journal)
    assert (planned.jobs, planned.runs, planned.lines) == (report.jobs, report.runs, report.lines)
    assert report.jobs.found == len(jobs)
    assert len(journal.jobs()) == report.jobs.added
    there = journal.runs(RunQuery())
    assert len(there) == report.runs.added
    assert all(run.state.terminal and run.slot is SlotState.FREE and run.cause is Cause.IMPORTED for run in there)
    assert report.jobs.left + report.runs.left == 0 or report.lines
    before = journal.last_id()
    again = imported(folder, journal)
    assert journal.last_id() == before
    assert (again.jobs.known, again.runs.known) == (report.jobs.added, report.runs.added)
    assert not again.changed_anything


def test_five_jobs_with_their_histories(tmp_path: Path) -> None:
    jobs = [job(id=f"id-{n}", name=f"Brief {n}") for n in range(5)]
    times = [1_775_000_000_000 + n * 3_600_000 for n in range(40)]
    histories = {
        f"id-{n}": [
            line(jobId=f"id-{n}", ts=t + 1000, runAtMs=t, status="error" if t % 7 == 0 else "ok") for t in times
        ]
        for n in range(5)
    }
    write(tmp_path, jobs, histories)
    journal = MemoryJournal()
    report = imported(tmp_path, journal)
    assert (report.jobs.added, report.runs.added, report.lines) == (5, 200, [])
    runs = journal.runs(RunQuery("Brief 3"))
    assert [run.started_at for run in reversed(runs)] == [t * 1000 for t in times]
    assert [run.queued_at for run in reversed(runs)] == [t * 1000 for t in times]
    assert {run.state for run in runs} == {State.SUCCEEDED, State.FAILED}


def test_what_was_appended_since_comes_with_the_next_import(tmp_path: Path) -> None:
    write(tmp_path, [job()], {"j1": [line()]})
    journal = MemoryJournal()
    imported(tmp_path, journal)
    write(
        tmp_path,
        [job(schedule={"kind": "cron", "expr": "0 8 * * *", "tz": "UTC"})],
        {"j1": [line(), line(ts=1_775_100_000_000)]},
    )
    report = imported(tmp_path, journal)
    assert (report.jobs.changed, report.runs.added, report.runs.known) == (1, 1, 1)
    assert journal.state("Brief").version == 2


def test_what_was_changed_or_removed_here_stays(tmp_path: Path) -> None:
    write(tmp_path, [job(), job(id="j2", name="Other")], {"j1": [line()]})
    journal = MemoryJournal()
    imported(tmp_path, journal)
    engine = Engine(journal)
    engine.define(Job("Brief", command=["mine"]), source="cli")
    engine.remove("Other")
    report = imported(tmp_path, journal)
    assert journal.state("Brief").definition == Job("Brief", command=["mine"])
    assert journal.state("Other").definition is None
    assert [str(each) for each in report.lines] == [
        "Brief: its definition was changed here, by cli, and stays as it is",
        "Other: it was removed here, and stays so",
    ]


def test_a_name_that_is_taken_is_left_to_who_has_it(tmp_path: Path) -> None:
    journal = MemoryJournal()
    Engine(journal).define(Job("brief", command=["mine"]))
    write(tmp_path, [job()])
    assert imported(tmp_path, journal).names == {"j1": "Brief-2"}


def test_an_open_run_here_is_not_disturbed(tmp_path: Path) -> None:
    write(tmp_path, [job()], {"j1": [line()]})
    journal = MemoryJournal()
    imported(tmp_path, journal)
    Engine(journal).request("Brief")
    write(tmp_path, [job()], {"j1": [line(), line(ts=1_775_100_000_000)]})
    report = imported(tmp_path, journal)
    assert (report.runs.added, report.runs.left) == (0, 1)
    assert "import once more when it is over" in str(report.lines[-1])


def test_cut_doubled_and_odd_files_are_told(tmp_path: Path) -> None:
    text = json.dumps({"version": 1, "jobs": [job(), job(), job(id="j2", name="Second")]})[:-40]
    write(tmp_path, text, {"j1": [line(), line()], "gone": [line(jobId="gone")]})
    (tmp_path / "cron" / "jobs-state.json").write_text(
        json.dumps({"version": 1, "jobs": {"j1": {"state": {"runningAtMs": 1_775_000_000_000}}}})
    )
    journal = MemoryJournal()
    report = imported(tmp_path, journal)
    told = [str(each) for each in report.lines]
    assert (report.jobs.found, report.jobs.added, report.jobs.left) == (3, 1, 2)
    assert (report.runs.found, report.runs.added, report.runs.left) == (3, 1, 2)
    for part in (
        "cron/jobs.json: line 1, column",
        "Brief: another job has the same id, j1; the first one counts",
        "the file ends in the middle of it; it is not imported",
        "Brief: a run of it was under way, or stuck",
        "cron/runs/j1.jsonl: a line that is there twice; it is not imported",
        "cron/runs/gone.jsonl: not imported: 1 run of a job that jobs.json does not have",
    ):
        assert any(part in each for each in told), (part, told)
