"""What each agent CLI prints and what the run then is: every part of every fake, through real supervisors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents_kit import MESSAGE, agent_job, install, run_all
from cli_process import Cli

from fsm.model.job import Job
from fsm.model.run import Run

Row = tuple[str, str | None, str | None]

OK = ("succeeded", "completed", None)
REFUSED = ("failed", "refused", None)
NO_RESULT = ("failed", "no_result", None)
TIMED_OUT = ("timed_out", "run_timeout", None)
SIGNAL = ("failed", "signal", None)


def error(error_class: str) -> Row:
    return ("failed", "error", error_class)


COMMON: dict[str, Row] = {
    "success": OK,
    "late_result": OK,
    "refusal": REFUSED,
    "rate_limit": error("rate_limited"),
    "denied": error("permission_denied"),
    "garbage": NO_RESULT,
    "deep": NO_RESULT,
    "half_line": NO_RESULT,
    "silence": NO_RESULT,
    "killed": SIGNAL,
    "endless": TIMED_OUT,
}

TABLE: dict[str, dict[str, Row]] = {
    "claude": {
        **COMMON,
        "policy": REFUSED,
        "rate_limit_exit_1": error("rate_limited"),
        "limit_as_answer": error("rate_limited"),
        "overloaded": error("overloaded"),
        "http_400": error("other"),
        "max_turns": error("max_turns"),
        "during": error("network"),
        "empty": NO_RESULT,
        "unfinished": error("other"),
        "answer_then_exit_7": error("other"),
        "list": OK,
        "surrogates": OK,
        "not_logged_in": error("auth"),
    },
    "codex": {
        **COMMON,
        "error_inside": error("auth"),
        "overloaded": error("overloaded"),
        "network": error("network"),
        "reconnected": OK,
        "only_an_error": error("rate_limited"),
        "failed_command": OK,
        "no_answer": NO_RESULT,
        "unfinished": error("other"),
        "old_events": OK,
    },
    "openclaw": {
        **COMMON,
        "declined": REFUSED,
        "http_error": error("other"),
        "http_error_as_text": error("other"),
        "empty_with_error": error("other"),
        "empty": NO_RESULT,
        "auth": error("auth"),
        "recovered": OK,
        "own_timeout": error("other"),
        "aborted": error("other"),
        "accepted": error("other"),
        "local": OK,
        "gateway_down": error("network"),
        "on_stderr": OK,
        "envelope": error("network"),
        "unfinished": error("other"),
    },
    "command": {
        **COMMON,
        "error_inside": error("network"),
        "no_status": error("other"),
        "empty": NO_RESULT,
    },
}

TIMEOUT = "20s"  # of all but the endless ones: far beyond what a fake needs


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path / "state")
    yield made
    made.close()


def row(run: Run) -> Row:
    return (str(run.state), run.reason and str(run.reason), run.error_class and str(run.error_class))


@pytest.mark.requirement("R-60")
@pytest.mark.requirement("R-61")
@pytest.mark.requirement("R-64")
@pytest.mark.parametrize("kind", TABLE)
def test_what_it_prints_and_what_the_run_is(kind: str, cli: Cli, tmp_path: Path) -> None:
    bin_folder = install(tmp_path / "bin")
    jobs = [
        agent_job(bin_folder, kind, part, timeout="3s" if part == "endless" else TIMEOUT, output_limit="200KB")
        for part in TABLE[kind]
    ]
    runs = run_all(cli, jobs)
    found = {part: row(runs[part.replace("_", "-")]) for part in TABLE[kind]}
    assert found == TABLE[kind]
    for run in runs.values():
        assert (run.error is None) == (row(run) in (OK, SIGNAL)), run
    success = runs["success"].agent
    assert success is not None
    assert success.answer == f"Done: {MESSAGE}"
    assert success.session_id is not None
    assert cli.json("verify")["ok"] is True


@pytest.mark.requirement("R-62")
def test_the_evidence_is_in_the_run_the_entry_and_every_answer(cli: Cli, tmp_path: Path) -> None:
    bin_folder = install(tmp_path / "bin")
    parts = ("success", "denied", "surrogates")
    runs = run_all(cli, [agent_job(bin_folder, "claude", part) for part in parts])
    evidence = runs["success"].agent
    assert evidence is not None
    assert (evidence.turns, evidence.input_tokens, evidence.output_tokens) == (3, 812, 74)
    assert (evidence.cost_micro_usd, evidence.stop_reason) == (12_346, "end_turn")
    denied = runs["denied"].agent
    assert denied is not None
    assert denied.denied == ("Write", "Bash")
    odd = runs["surrogates"].agent
    assert odd is not None
    assert odd.answer is not None
    assert odd.answer.startswith("a?b c [2Jéé")
    assert len(odd.answer.encode()) <= 2048
    assert odd.stop_reason is not None
    assert len(odd.stop_reason.encode()) <= 200
    shown = cli.json("show", "denied/1")
    assert shown["agent"] == cli.json("runs", "--job", "denied")[0]["agent"]
    assert (shown["agent"]["error_class"], shown["agent"]["denied"]) == ("permission_denied", ["Write", "Bash"])
    (ended,) = [t["body"] for t in shown["transitions"] if t["body"].get("reason") == "error"]
    assert ended["agent"]["session_id"] == shown["agent"]["session_id"]
    assert "cost_usd" not in json.dumps(ended), "no fractions in an entry"
    text = cli.ok("show", "denied/1")
    assert "failed (error: permission_denied)" in text
    assert "Denied        Write, Bash" in text
    told = cli.ok("explain", "denied")
    assert "denied/1 failed (error: permission_denied)" in told
    assert "it was denied Write, Bash" in told
    rebuilt = cli.ok("--json", "journal", "--job", "surrogates")
    assert json.loads(rebuilt.splitlines()[-2])["body"]["agent"]["answer"] == odd.answer


@pytest.mark.requirement("R-60")
def test_each_cli_is_told_its_session(cli: Cli, tmp_path: Path) -> None:
    """Where it takes one; a UUID for claude, which no other execution has."""
    bin_folder = install(tmp_path / "bin")
    jobs = [agent_job(bin_folder, kind, "success", name=kind) for kind in TABLE]
    jobs.append(agent_job(bin_folder, "claude", "success", name="twin"))
    runs = run_all(cli, jobs)
    told = {name: run.agent.session_id for name, run in runs.items() if run.agent is not None}
    assert told["openclaw"] == "session of cron:openclaw:run:1"
    assert told["command"] == "cron:command:run:1"
    assert len({*told.values()}) == 5


@pytest.mark.requirement("R-62")
def test_no_secret_is_in_what_an_agent_leaves(cli: Cli, tmp_path: Path) -> None:
    """What it answers may hold the keys that it was given; its record does not."""
    bin_folder = install(tmp_path / "bin")
    secret = "sk-live-0123456789"
    env_file = tmp_path / "secrets"
    env_file.write_text(f"WORDS={secret}\n")
    (bin_folder / "teller").write_text(
        '#!/bin/sh\nprintf \'{"type": "result", "status": "ok", "answer": "it is %s"}\\n\' "$WORDS"\n'
    )
    (bin_folder / "teller").chmod(0o755)
    agent = {"kind": "command", "program": str(bin_folder / "teller")}
    runs = run_all(cli, [Job("teller", agent=agent, env_file=str(env_file))])
    told = runs["teller"].agent
    assert told is not None
    assert told.answer == "it is ********"
    for command in (("show", "teller/1"), ("explain", "teller"), ("--json", "journal"), ("--json", "events")):
        assert secret not in cli.ok(*command)
    assert secret in cli.ok("logs", "teller/1"), "what it printed is kept as it is"
