"""The jobs file: what it means, and every mistake in it at once, a line each."""

from __future__ import annotations

from typing import Any

import pytest

from fsm.codec.jobsfile import DEFAULT_KEYS, JobsFile, make_job, read_jobs
from fsm.errors import BadJobs
from fsm.instants import HOUR, MINUTE, SECOND
from fsm.model.job import Job

GOOD = """
[scheduler]
max_running = 8                        # over all jobs

[defaults]
timezone = "Europe/Berlin"
timeout = "1h"
env = { LANG = "C", TIER = "common" }

[jobs.backup]
schedule = "0 3 * * *"
command = ["restic", "backup", "/home"]
timezone = "America/New_York"
timeout = "30m"
start_within = "5m"
grace = "10s"
env = { RESTIC_REPOSITORY = "/srv/restic", TIER = "own" }
cwd = "/home"
output_limit = "10MB"
enabled = true
overlap = "skip"
catch_up = "once"
catch_up_within = "1h"

[jobs."by hand"]
shell = "a | b > c"
"""


def mistakes(text: str | bytes) -> list[str]:
    with pytest.raises(BadJobs) as refused:
        read_jobs(text)
    return list(refused.value.mistakes)


def test_a_file_is_read_with_its_defaults() -> None:
    assert read_jobs(GOOD) == JobsFile(
        jobs=(
            Job(
                "backup",
                schedule="0 3 * * *",
                command=["restic", "backup", "/home"],
                timezone="America/New_York",
                timeout=30 * MINUTE,
                start_within=5 * MINUTE,
                grace=10 * SECOND,
                env={"LANG": "C", "RESTIC_REPOSITORY": "/srv/restic", "TIER": "own"},
                cwd="/home",
            ),
            Job(
                "by hand",
                shell="a | b > c",
                timezone="Europe/Berlin",
                timeout=HOUR,
                env={"LANG": "C", "TIER": "common"},
            ),
        ),
        max_running=8,
    )
    assert read_jobs(GOOD.encode()) == read_jobs(GOOD) == read_jobs(GOOD.replace("\n", "\r\n"))


def test_an_empty_file_has_no_jobs() -> None:
    assert read_jobs("") == read_jobs("# nothing\n[jobs]\n[scheduler]\n[defaults]\n") == JobsFile((), None)


@pytest.mark.parametrize("limit", ["10MB", "10000000", "'10000000'"])
def test_a_limit_is_a_size_or_a_number_of_bytes(limit: str) -> None:
    text = limit if limit.isdigit() else f'"{limit.strip(chr(39))}"'
    (job,) = read_jobs(f'[jobs.a]\nshell = "x"\noutput_limit = {text}').jobs
    assert job.output_limit == 10_000_000


EVERYTHING_WRONG = """
[schedular]
x = 1

[scheduler]
max_running = 0
max_runing = 8

[defaults]
timezone = "Europe/Berln"
schedule = "@daily"
tiemout = "1h"
timeout = "soon"

[jobs.backup]
schedule = "0 0 30 2 *"
command = ["restic"]
timeout = "soon"
start_within = 30
env = { A = "3", C = 4 }
output_limit = "10 parsecs"
tiemout = "30m"
name = "x"

[jobs.Backup]
shell = "x"
command = []
schedule = 2026-12-01T09:00:00Z
enabled = "yes"

[jobs."-x y"]
overlap = "parallel"
catch_up = 3

[jobs]
no-table = 3

[jobs."third party"]
shell = "a | b"
timezone = "Mars"
schedule = "61 * * * *"
grace = "1 week"
cwd = true
"""


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    assert mistakes(EVERYTHING_WRONG) == [
        'schedular: there is no key "schedular" (did you mean "scheduler"?)',
        "scheduler.max_running: 0 is not a number of runs (say 8; from 1 to 100000)",
        'scheduler.max_runing: there is no key "max_runing" (did you mean "max_running"?)',
        'defaults.timezone: "Europe/Berln" is not a time zone '
        "(did you mean Europe/Berlin or Europe/Dublin or Europe/Belfast?)",
        "defaults.schedule: belongs to a single job and cannot be a default",
        'defaults.tiemout: there is no key "tiemout" (did you mean "timeout"?)',
        'defaults.timeout: "soon" is not a duration (say 90s, 15m, 2h or 1d)',
        'jobs.backup.schedule: "0 0 30 2 *" never comes: no year has such a date',
        'jobs.backup.timeout: "soon" is not a duration (say 90s, 15m, 2h or 1d)',
        "jobs.backup.start_within: 30 is not a duration (say 90s, 15m, 2h or 1d)",
        'jobs.backup.env: C: 4 is not a text (say "4", in quotes)',
        'jobs.backup.output_limit: "10 parsecs" is not a size (say 512KB, 10MB or 1GiB)',
        'jobs.backup.tiemout: there is no key "tiemout" (did you mean "timeout"?)',
        "jobs.backup.name: a job has its name from the head of its table, [jobs.NAME]",
        'jobs.Backup: has the same name as "backup", but for upper and lower case',
        "jobs.Backup: command and shell exclude each other; leave one of them out",
        "jobs.Backup.command: a command is a list of at least one word, each a text",
        'jobs.Backup.schedule: 2026-12-01T09:00:00+00:00 is not a text (say "at 2026-12-01T09:00:00Z")',
        "jobs.Backup.enabled: 'yes' is not a value for enabled (say true or false)",
        'jobs."-x y": "-x y" may not start with ".", "@" or "-", nor start or end with a blank',
        'jobs."-x y": says not what to run; add command = ["program", "argument"], or shell = "a | b", '
        'or agent = { kind = "claude", message = "…" }',
        'jobs."-x y".overlap: "parallel" is not one of: skip, queue, replace',
        'jobs."-x y".catch_up: 3 is not a text (put it in quotes)',
        "jobs.no-table: 3 is not a table (write [jobs.no-table], and its keys below)",
        'jobs."third party".timezone: "Mars" is not a time zone '
        "(did you mean Europe/Paris or Indian/Mauritius or America/Matamoros?)",
        'jobs."third party".schedule: "61" in "61 * * * *" is not a minute (0-59)',
        'jobs."third party".grace: "1 week" is not a duration (say 90s, 15m, 2h or 1d)',
        'jobs."third party".cwd: true is not a text (put it in quotes)',
    ]


def test_a_wrong_default_is_not_told_again_for_each_job() -> None:
    text = '[defaults]\ntimeout = "soon"\n[jobs.a]\nshell = "x"\n[jobs.b]\nshell = "x"\ngrace = "never"\n'
    assert [line.partition(":")[0] for line in mistakes(text)] == ["defaults.timeout", "jobs.b.grace"]


@pytest.mark.parametrize(
    ("one", "two"), [("backup", "BACKUP"), ("straße", "STRASSE"), ("Éclair", "éclair"), ("ﬁle", "file"), ("ς", "Σ")]
)
def test_names_that_differ_only_in_case_are_refused(one: str, two: str) -> None:
    (line,) = mistakes(f'[jobs."{one}"]\nshell = "x"\n[jobs."{two}"]\nshell = "x"\n')
    assert f'has the same name as "{one}"' in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "line 1, column 4: Invalid value"),
        ("[jobs.a\n", "line 1, column 8: Expected ']'"),
        ("a = 1\n\nb = [\n  1,\n", "line 4, column 5: "),
        ("a = 1\nb = 2\na = 3\n", "line 3, column 6: Cannot overwrite a value"),
        ("a = '''x\ny", "line 2, column 2: Expected"),
        ("[jobs.a]\nshell = 'x'\n[jobs.a]\n", "line 3, column 8: Cannot declare"),
        (b"# caf\xc3\xa9\n\xff\xfe\n", "line 2: this is not text in UTF-8"),
        ("a = " + "[" * 100_000, "nests lists or tables too deeply"),
        ("a = " + "9" * 5_000, "the file is not TOML: Exceeds the limit"),
    ],
)
def test_what_is_not_toml_is_told_with_its_place(text: str | bytes, said: str) -> None:
    (line,) = mistakes(text)
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jobs = 3", ["jobs: 3 is not a table (write [jobs.NAME], and its keys below)"]),
        ("[[jobs]]", ["jobs: a list is not a table (write [jobs.NAME], and its keys below)"]),
        ("scheduler = 'x'", ['scheduler: "x" is not a table (write [scheduler], and its keys below)']),
        ("defaults = false", ["defaults: false is not a table (write [defaults], and its keys below)"]),
        ("jobs = 0x" + "f" * 9_999, ["jobs: a huge number is not a table (write [jobs.NAME], and its keys below)"]),
        ("[scheduler]\nmax_running = true",
         ["scheduler.max_running: true is not a number of runs (say 8; from 1 to 100000)"]),
        ("[scheduler]\nmax_running = '8'",
         ['scheduler.max_running: "8" is not a number of runs (say 8; from 1 to 100000)']),
        ("[jobs.a]\nshell = 'x'\nenv = [['A', 'b']]", ['jobs.a.env: a list is not a table (say { LANG = "C" })']),
        ("[jobs.a]\nshell = 'x'\ntimeout = inf", ["jobs.a.timeout: inf is not a duration (say 90s, 15m, 2h or 1d)"]),
        ("[jobs.a]\nshell = 'x'\ntimeout = '0s'", ["jobs.a.timeout: timeout must be longer than nothing"]),
        ('[jobs.a]\nshell = "x\\u0000"', ["jobs.a.shell: 'x\\x00' is not a text for shell"]),
        ('[jobs."a\\nb"]\nshell = "x"', ["jobs.\"a\\nb\": 'a\\nb' may hold no slash and no control character"]),
        ("[jobs.a]\nshell = 'x'\ngrace = \"1\\n2\"",
         ['jobs.a.grace: "1\\n2" is not a duration (say 90s, 15m, 2h or 1d)']),
        ("[jobs.a]\ncommand = 'ls -l'",
         ["jobs.a.command: 'ls -l' is not a list of words "
          '(say ["restic", "backup"]; for a shell line use shell)']),
    ],
)  # fmt: skip
def test_a_single_mistake(text: str, expected: list[str]) -> None:
    assert mistakes(text) == expected


def test_a_mistake_is_one_line_of_bearable_length() -> None:
    (line,) = mistakes("[jobs.a]\nshell = 'x'\ntimeout = '" + "x" * 1_000_000 + "'")
    assert line.startswith('jobs.a.timeout: "xxx')
    assert line.endswith("is not a duration (say 90s, 15m, 2h or 1d)")
    assert len(line) <= 500


def test_defaults_hold_what_does_not_make_a_job() -> None:
    assert set(DEFAULT_KEYS).isdisjoint({"name", "schedule", "command", "shell", "enabled"})
    for key in ("schedule", "command", "shell", "enabled", "name"):
        (line,) = mistakes(f"[defaults]\n{key} = 1")
        assert line == f"defaults.{key}: belongs to a single job and cannot be a default"


def test_a_job_is_made_by_its_keys() -> None:
    assert make_job("a") == Job("a")
    assert make_job("a", schedule="@daily", timeout=90 * SECOND, grace=None, command=["x"], env={"A": "1"}) == Job(
        "a", schedule="@daily", timeout="90s", command=["x"], env={"A": "1"}
    )
    assert make_job("a", need_command=True, shell="x") == Job("a", shell="x")


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("a", {"need_command": True}, [
            'says not what to run; add command = ["program", "argument"], or shell = "a | b", '
            'or agent = { kind = "claude", message = "…" }',
        ]),
        ("-a", {"schedule": "@dayly", "tiemout": "1h", "timeout": "soon"}, [
            '"-a" may not start with ".", "@" or "-", nor start or end with a blank',
            'schedule: "@dayly" is not a schedule (say @daily)',
            'tiemout: there is no key "tiemout" (did you mean "timeout"?)',
            'timeout: "soon" is not a duration (say 90s, 15m, 2h or 1d)',
        ]),
        ("a", {"command": ["x"], "shell": "y"}, ["command and shell exclude each other; leave one of them out"]),
        ("a", {"timezone": "Europe/Berln"}, [
            'timezone: "Europe/Berln" is not a time zone '
            "(did you mean Europe/Berlin or Europe/Dublin or Europe/Belfast?)",
        ]),
    ],
)  # fmt: skip
def test_mistakes_in_the_keys_of_one_job(name: str, keys: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(BadJobs) as refused:
        make_job(name, **keys)
    assert list(refused.value.mistakes) == expected
