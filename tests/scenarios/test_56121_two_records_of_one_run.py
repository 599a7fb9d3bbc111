"""openclaw/openclaw#56121: the run's log says `finished`, its session says `running`, for ever.

What happened: two records were kept of each run, by two state machines. The run log was right. The session's row was
to be updated by way of a registry in which runs of cron jobs are not: of 45 rows none ever became ``done``, 17 were
``running`` up to 19.9 hours after their run had ended, and only a few that failed had an ``endedAt``.

Why it cannot happen here: there is one record. History, projection, lifecycle events and `explain` are read from the
one journal; the entry that ends a run changes its state in the same transaction, and the event is made of that entry
(R-3, R-16). So they agree at every moment, whoever is killed whenever. And where OpenClaw's two records disagree, a
rescue believes the one that says how the run ended: its row is set to what the run's log has, not to `failed`.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scenario_kit import Stage, every_crash_point

from fsm.model.states import Reason, State
from fsm.testing import Simulation, fail, succeed

# ---- one record


def assert_all_records_agree(sim: Simulation) -> None:
    """What the projection, the fold of the entries and the events say of each run is one thing."""
    for run in sim.runs("brief"):
        told = [event for event in sim.events("brief") if event.run_id == run.id]
        folded = sim.store.state("brief").run(run.number)
        if folded is not None:  # else it is over and released, and only the history has it
            assert (folded.state, folded.ended_at) == (run.state, sim.engine.find(run.id).ended_at)
        ends = [event for event in told if event.phase in ("end", "error")]
        assert len(ends) == run.state.terminal, f"{run.id} is {run.state}, and {len(ends)} ends were told of it"
        for event in ends:
            assert (event.state, event.ended_at) == (run.state, sim.engine.find(run.id).ended_at)


def scene() -> Simulation:
    sim = Simulation(start="2026-03-28T00:00:00Z")
    sim.add_job("brief", timeout="30m")
    sim.script("brief", [succeed(after="10m"), fail(code=1, after="10m")])
    return sim


def two_runs(sim: Simulation) -> None:
    for _ in range(2):
        if sim.up:
            sim.request("brief")
        for _ in range(12):
            sim.advance("1m")
            assert_all_records_agree(sim)


@pytest.mark.requirement("R-3")
@pytest.mark.requirement("R-16")
def test_the_records_of_a_run_agree_at_every_moment_whenever_the_scheduler_dies() -> None:
    for sim in every_crash_point(scene, two_runs, fewest=20):
        assert_all_records_agree(sim)
        sim.restart()
        assert_all_records_agree(sim)
        sim.advance("1h")
        assert_all_records_agree(sim)
        for run in sim.runs("brief"):
            own = (State.SUCCEEDED, None) if run.number == 1 else (State.FAILED, None)
            assert (run.state, run.error) == own or run.reason is Reason.START_FAILED  # no go came from a dead one
        sim.check()


@pytest.mark.requirement("R-16")
@pytest.mark.parametrize(("shell", "state"), [("true", "succeeded"), ("exit 3", "failed")])
def test_with_real_processes_all_that_is_said_of_a_run_says_the_same(stage: Stage, shell: str, state: str) -> None:
    stage.ok("add", "brief", "--shell", shell)
    scheduler = stage.up()
    assert stage.run("run", "brief", "--wait").returncode == (0 if state == "succeeded" else 1)
    run = stage.until_shown("brief/1", slot="free")
    assert run["state"] == state
    assert stage.runs("brief")[0] == {key: run[key] for key in stage.runs("brief")[0]}
    assert stage.json("list")[0]["last_run"]["state"] == state
    (ended,) = [each["body"] for each in stage.entries("brief") if each["body"].get("ended_at")]
    assert ended["ended_at"] == run["ended_at"]
    (told,) = [each for each in stage.down(scheduler) if each["data"]["phase"] in ("end", "error")]
    assert (told["data"]["state"], told["data"]["ended_at"]) == (state, run["ended_at"])


# ---- two records, put right

HOUR_MS = 3_600_000
NOW_MS = 1_774_664_534_000  # 2026-03-28T02:22:14Z
JOB = "5e0c5a9b-9c3d-4f7e-8a51-0d6b8f2c1e77"


def write_store(folder: Path) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A store as in the report: 45 rows, 17 of them `running` whose log has them finished. What each should say."""
    rows: dict[str, dict[str, Any]] = {"agent:main:main": {"sessionId": "own", "status": "running"}}
    lines, wanted = [], {}
    for number in range(45):
        key = f"agent:main:cron:{JOB}:run:{number:08d}"
        ended = NOW_MS - 2 * HOUR_MS - number * HOUR_MS // 3
        rows[key] = {"sessionId": f"{number:08d}", "updatedAt": ended - 60_000, "startedAt": ended - 90_000}
        line: dict[str, Any] = {"ts": ended, "jobId": JOB, "action": "finished", "runAtMs": ended - 90_000}
        if number < 17:
            rows[key] |= {"status": "running"}
            line |= [
                {"status": "ok", "sessionKey": key},
                {"status": "ok", "sessionId": f"{number:08d}"},
                {"status": "error", "error": "rate limited", "sessionKey": key},
                {"status": "error", "error": "cron: job execution timed out", "sessionKey": key},
                {"status": "error", "error": "lost before it began"},  # 86 % of the errors had no session
            ][number % 5]
            known = ["done", "done", "failed", "timeout", None][number % 5]
            wanted[key] = {"status": known or "failed", "endedAt": ended if known else ended - 60_000}
        else:
            rows[key] |= {"status": "failed", "endedAt": ended}
            line |= {"status": "error", "error": "no", "sessionKey": key}
            wanted[key] = {"status": "failed", "endedAt": ended}
        lines.append(json.dumps(line) + "\n")
    path = folder / "agents" / "main" / "sessions" / "sessions.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    os.utime(path, (NOW_MS / 1000, NOW_MS / 1000))
    runs = folder / "cron" / "runs"
    runs.mkdir(parents=True)
    (folder / "cron" / "jobs.json").write_text(json.dumps({"version": 1, "jobs": [{"id": JOB}]}), encoding="utf-8")
    (runs / f"{JOB}.jsonl").write_text("".join(reversed(lines)), encoding="utf-8")
    return path, wanted


def test_a_rescue_sets_each_row_to_what_the_log_has(stage: Stage) -> None:
    path, wanted = write_store(stage.root / "openclaw")
    before = json.loads(path.read_text(encoding="utf-8"))
    looked = stage.run("rescue", "openclaw", str(stage.root / "openclaw"), "--json")
    assert looked.returncode == 1
    (stuck,) = [each for each in json.loads(looked.stdout)["findings"] if each["what"] == "stuck"]
    assert (stuck["rows"], stuck["then"]) == (17, "8 set to done, 6 set to failed, 3 set to timeout")
    stage.ok("rescue", "openclaw", str(stage.root / "openclaw"), "--apply")
    after = json.loads(path.read_text(encoding="utf-8"))
    assert list(after) == list(before)
    assert {key: {**row, **wanted.get(key, {})} for key, row in before.items()} == after
    assert "nothing to repair" in stage.ok("rescue", "openclaw", str(stage.root / "openclaw"))


def test_an_import_has_each_run_once_and_ended(stage: Stage) -> None:
    folder = stage.root / "openclaw"
    write_store(folder)
    job = {"id": JOB, "name": "brief", "schedule": {"kind": "every", "everyMs": HOUR_MS}, "sessionTarget": "isolated"}
    job |= {"enabled": True, "payload": {"kind": "agentTurn", "message": "Summarise."}}
    (folder / "cron" / "jobs.json").write_text(json.dumps({"version": 1, "jobs": [job]}), encoding="utf-8")
    answer = json.loads(stage.ok("import", "openclaw", str(folder), "--json"))
    assert (answer["runs"]["found"], answer["runs"]["added"]) == (45, 45)
    states = Counter(run["state"] for run in stage.json("runs", "--limit", "1000"))
    assert states == {"succeeded": 8, "timed_out": 3, "failed": 34}
    assert "nothing is wrong" in stage.ok("verify")
