"""What a job's history says of runs that a session store calls running."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fsm.openclaw.endings import Ending, endings
from fsm.openclaw.rows import RowKey

MINE = RowKey("main", "Brief", "r1")


def known(tmp_path: Path, *lines: dict[str, Any] | str, job: str = "brief") -> dict[RowKey, Ending]:
    path = tmp_path / f"{job}.jsonl"
    text = "".join((line if isinstance(line, str) else json.dumps({"ts": 5_000, **line})) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    found, unread = endings({job: str(path)}, frozenset({MINE, RowKey("main", "other", "r1")}))
    assert unread == []
    return found


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ({"status": "ok"}, "done"),
        ({"status": "error", "error": "no"}, "failed"),
        ({"status": "error", "error": "Cron: job execution timed out"}, "timeout"),
        ({"status": "timeout"}, "timeout"),
        ({"status": "aborted"}, "killed"),
        ({"status": "skipped"}, "failed"),
        ({"status": 7}, "failed"),
        ({}, "failed"),
    ],
)
@pytest.mark.parametrize("named", [{"sessionKey": "agent:main:cron:brief:run:r1"}, {"sessionId": "r1"}])
def test_what_the_line_says(tmp_path: Path, line: dict[str, Any], status: str, named: dict[str, str]) -> None:
    assert known(tmp_path, {**line, **named}) == {MINE: Ending(status, 5_000)}


def test_the_last_line_counts(tmp_path: Path) -> None:
    found = known(tmp_path, {"sessionId": "r1", "status": "error"}, {"sessionId": "r1", "status": "ok", "ts": 9_000})
    assert found == {MINE: Ending("done", 9_000)}


@pytest.mark.parametrize(
    "line",
    [
        {"status": "ok"},
        {"status": "ok", "sessionId": "r2"},
        {"status": "ok", "sessionId": ["r1"]},
        {"status": "ok", "sessionId": "r1", "sessionKey": "agent:main:cron:brief:run:r2"},
        {"status": "ok", "sessionId": "r1", "action": "started"},
        {"status": "ok", "sessionId": "r1", "jobId": "another"},
        {"status": "ok", "sessionId": "r1", "ts": "soon"},
        '{"status": "ok", "sessionId": "r1", "ts": 50',
        "[]",
        "",
    ],
)
def test_a_line_that_does_not_tell_of_it(tmp_path: Path, line: dict[str, Any] | str) -> None:
    assert known(tmp_path, line) == {}


def test_a_history_of_another_job_says_nothing(tmp_path: Path) -> None:
    assert known(tmp_path, {"sessionId": "r1", "status": "ok"}, job="evening") == {}


def test_a_history_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "brief.jsonl").mkdir()
    path = str(tmp_path / "brief.jsonl")
    assert endings({"brief": path}, frozenset({MINE})) == ({}, [path])
