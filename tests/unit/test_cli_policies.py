"""The policies on the command line: their keys, the run that is forced, why something was refused, what mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_kit import run

from fsm.client.engine import Engine
from fsm.codec.jobsfile import read_jobs
from fsm.errors import BadJobs
from fsm.journal.sqlite import SqliteJournal
from fsm.model.job import Job
from fsm.model.policies import Breaker, Retry
from fsm.model.run import Run
from fsm.supervise.folder import DataFolder

FILE = """
[defaults]
retry = { attempts = 2 }

[jobs.report]
shell = "x"
overlap = "queue"
queue_limit = 4
catch_up = "all"
catch_up_limit = 7
retry = { attempts = 5, backoff = "1m", factor = 1.5, max_backoff = "20m", jitter = "10s", on = ["failed", "refused"] }
breaker = { failures = 3, cooldown = "1h" }

[jobs.other]
shell = "x"
"""


def test_the_keys_of_a_file() -> None:
    report, other = read_jobs(FILE).jobs
    retry = Retry(attempts=5, backoff="1m", factor=1.5, max_backoff="20m", jitter="10s", on=["failed", "refused"])
    assert (report.overlap, report.queue_limit, report.catch_up, report.catch_up_limit) == ("queue", 4, "all", 7)
    assert (report.retry, report.breaker) == (retry, Breaker(failures=3, cooldown="1h"))
    assert (other.retry, other.breaker) == (Retry(attempts=2), None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("queue_limit = 0", "jobs.a.queue_limit: 0 is not a number of runs (say 3; from 1 to 1000)"),
        ("catch_up_limit = true", "jobs.a.catch_up_limit: true is not a number of runs (say 3; from 1 to 1000)"),
        ("retry = 3", 'jobs.a.retry: 3 is not a table (say { attempts = 3, backoff = "30s" })'),
        (
            "retry = { attempt = 3 }",
            'jobs.a.retry.attempt: there is no key "attempt" (did you mean "attempts"?)',
        ),
        (
            "retry = { attempts = 0 }",
            "jobs.a.retry.attempts: 0 is not a number of attempts, the first included (1 to 1000; say 3)",
        ),
        ("retry = { backoff = 5 }", "jobs.a.retry.backoff: 5 is not a duration (say 90s, 15m, 2h or 1d)"),
        ("retry = { factor = 0.5 }", "jobs.a.retry.factor: 0.5 is not a factor (from 1 to 100; say 2 or 1.5)"),
        (
            'retry = { max_backoff = "30d" }',
            "jobs.a.retry.max_backoff: max_backoff is longer than 7d; a retry that late is a new run",
        ),
        ("retry = { on = [] }", "jobs.a.retry.on: an empty list retries nothing; leave retry out, or say attempts = 1"),
        ('breaker = { cooldown = "0s" }', "jobs.a.breaker.cooldown: cooldown must be longer than nothing"),
        (
            "breaker = { failures = 0 }",
            "jobs.a.breaker.failures: 0 is not a number of failures in a row (1 to 1000; say 5)",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(line: str, said: str) -> None:
    with pytest.raises(BadJobs) as refused:
        read_jobs(f'[jobs.a]\nshell = "x"\n{line}')
    assert refused.value.mistakes == (said,)


@pytest.mark.parametrize("word", ["succeeded", "cancelled", "completed", "replaced"])
def test_what_cannot_be_retried(word: str) -> None:
    with pytest.raises(BadJobs, match=f'"{word}" is not one of: failed, timed_out, lost, start_failed, refused'):
        read_jobs(f'[jobs.a]\nshell = "x"\nretry = {{ on = ["{word}"] }}')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def failed(folder: Path, times: int, **keys: Any) -> None:
    """A job that has failed so many times, just now."""
    data = DataFolder(folder)
    data.create()
    journal = SqliteJournal(data.journal)
    engine = Engine(journal)
    engine.define(Job("job", shell="x", **keys))
    for _ in range(times):
        asked = engine.request("job")
        assert isinstance(asked, Run)
        engine.start(asked)
        engine.fail(asked)
    journal.close()


def cli(folder: Path, *arguments: str) -> int:
    return run(["--data-dir", str(folder), *arguments])


def test_add_takes_the_tables_key_by_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--retry", "attempts=3", "--retry", "on=lost, refused", "--breaker", "failures=2", "--shell", "x")
    assert cli(folder, "add", "job", *given) == 0
    capsys.readouterr()
    assert cli(folder, "show", "job", "--json") == 0
    shown = json.loads(capsys.readouterr().out)["definition"]
    assert (shown["retry"]["attempts"], shown["retry"]["on"]) == (3, ["lost", "refused"])
    assert shown["breaker"] == {"failures": 2, "cooldown": "15m"}
    assert cli(folder, "add", "job", "--retry", "3", "--shell", "x") == 2
    assert 'jobs.job.retry: "3" is not a key with its value (say attempts=3)' in capsys.readouterr().err


@pytest.mark.requirement("R-44")
@pytest.mark.parametrize(
    ("times", "keys", "reason", "why"),
    [
        (2, {"breaker": {"failures": 2, "cooldown": "1h"}}, "breaker_open", "its breaker is open"),
        (15, {}, "over_budget", "its budget is used up"),
    ],
)
def test_a_request_that_is_held_back_can_be_forced(
    times: int, keys: dict[str, Any], reason: str, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed(folder, times, **keys)
    assert cli(folder, "run", "job") == 75
    said = capsys.readouterr().err
    assert f"({reason}): {why}" in said
    assert f"job/{times} failed" in said
    assert "cronfsm run job --force" in said
    assert cli(folder, "run", "job", "--json") == 75
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ran"], answer["reason"], answer["blocked_by"]["run_id"]) == (False, reason, f"job/{times}")
    assert cli(folder, "run", "job", "--force") == 0
    capsys.readouterr()
    assert cli(folder, "show", f"job/{times + 1}", "--json") == 0
    assert json.loads(capsys.readouterr().out)["forced"] is True


def _breaker(folder: Path) -> None:
    failed(folder, 2, breaker={"failures": 2, "cooldown": "1h"})


def _budget(folder: Path) -> None:
    failed(folder, 15)


def _retry(folder: Path) -> None:
    failed(folder, 1, retry={"attempts": 3, "backoff": "1h"})


@pytest.mark.parametrize(
    ("bring", "now", "mends"),
    [
        (_breaker, "its breaker is open until", ["logs job/2", "run job --force"]),
        (_budget, "its budget is used up until", ["logs job/15", "run job --force"]),
        (_retry, "attempt 2 of job/1 is to come", ["logs job/1", "run job "]),
    ],
    ids=["breaker", "budget", "retry"],
)
def test_explain_says_why_and_what_mends_it(
    bring: Callable[[Path], None],
    now: str,
    mends: list[str],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bring(folder)
    if bring is not _retry:  # a request would take its place
        cli(folder, "run", "job")
    capsys.readouterr()
    assert cli(folder, "explain", "job") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert now in told
    for mend in mends:  # a folder of its own is named in between: cronfsm --data-dir … logs
        assert f" {mend}" in told
    assert cli(folder, "show", "job", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["failures_in_a_row"] >= 1
    assert shown["held_back"] is not None or shown["retry"]["attempt"] == 2
