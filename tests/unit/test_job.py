"""A job: its values, its form as data, and the difference between two."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve, fields
from hypothesis import given
from hypothesis import strategies as st

from fsm.codec.jobs import KEYS, NOT_SET, job_diff, job_from_dict, job_to_dict
from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, MINUTE, SECOND
from fsm.model.job import MAX_NAME_BYTES, CatchUp, Job, Overlap, check_name, fold_name
from fsm.model.sizes import format_size, parse_size


def any_name() -> st.SearchStrategy[str]:
    def good(name: str) -> bool:
        try:
            return bool(check_name(name))
        except BadValue:
            return False

    return st.text(min_size=1, max_size=20).filter(good)


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip)
variables = st.dictionaries(
    st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(lambda n: not n.startswith("CRONFSM_")),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
    max_size=3,
)
lengths = st.integers(1, 36_500 * DAY)
jobs = st.builds(
    Job,
    any_name(),
    schedule=st.none() | st.just("0 3 * * *"),
    command=st.none() | st.lists(texts, min_size=1, max_size=3),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    timeout=lengths,
    start_within=lengths,
    grace=st.integers(0, DAY),
    env=variables,
    cwd=st.none() | texts,
    output_limit=st.integers(1 << 10, 1 << 40),
    enabled=st.booleans(),
    overlap=st.sampled_from(Overlap),
    catch_up=st.sampled_from(CatchUp),
    catch_up_within=st.integers(0, DAY),
    expect_success_within=st.none() | st.integers(1, DAY),
)


def test_defaults_are_finite_and_safe() -> None:
    job = Job("a")
    assert (job.timeout_us, job.start_within_us, job.grace_us) == (DAY, HOUR, 10 * SECOND)
    assert (job.output_limit, job.enabled, job.timezone) == (10_000_000, True, "UTC")
    assert (job.overlap, job.catch_up, job.catch_up_within_us) == (Overlap.SKIP, CatchUp.ONCE, HOUR)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"timeout": "soon"}, '"soon" is not a duration (say 90s, 15m, 2h or 1d)'),
        ({"timeout": "0s"}, "timeout must be longer than nothing"),
        ({"start_within": 0}, "start_within must be longer than nothing"),
        ({"grace": "-1s"}, "is not a duration"),
        ({"command": "restic backup"}, "is not a list of words"),
        ({"command": []}, "at least one word"),
        ({"command": [""]}, "at least one word"),
        ({"command": ["a", 1]}, "each a text"),
        ({"command": ["a\0"]}, "NUL"),
        ({"command": 5}, "is not a list of words"),
        ({"command": ["a"], "shell": "b"}, "command, shell and agent exclude each other"),
        ({"shell": " "}, "is not a text for shell"),
        ({"shell": 5}, "is not a text for shell"),
        ({"cwd": ""}, "is not a text for cwd"),
        ({"timezone": None}, "is not a text for timezone"),
        ({"env": {"A": 1}}, 'A: 1 is not a text (say "1", in quotes)'),
        ({"env": {"": "x"}}, "cannot be the name of an environment variable"),
        ({"env": {"A=B": "x"}}, "cannot be the name of an environment variable"),
        ({"env": {"A": "\0"}}, "A: a text may hold no NUL"),
        ({"env": {"CRONFSM_JOB": "x"}}, "are set by cronfsm itself"),
        ({"env": [1]}, "is not a name with its text"),
        ({"env": "A=B"}, "is not a table"),
        ({"env": 1}, "is not a table"),
        ({"enabled": 1}, "1 is not a value for enabled (say true or false)"),
        ({"enabled": "no"}, "is not a value for enabled"),
        ({"overlap": "parallel"}, '"parallel" is not one of: skip'),
        ({"catch_up": []}, "[] is not one of: skip, once"),
        ({"output_limit": "much"}, '"much" is not a size (say 512KB, 10MB or 1GiB)'),
        ({"output_limit": 0}, "0 bytes is not between 1KiB and 1TiB"),
        ({"output_limit": "2TiB"}, "is not between 1KiB and 1TiB"),
        ({"output_limit": True}, "is not a size"),
    ],
)
def test_a_value_that_a_job_cannot_have_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(BadValue) as refused:
        Job("a", **keys)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".a",
        "@scheduler",
        "-a",
        " a",
        "a ",
        "a/b",
        "a\nb",
        "a\0",
        "a" * (MAX_NAME_BYTES + 1),
        "e\u0301",
        "..",
        5,
        None,
    ],
)
def test_a_name_that_cannot_be_a_folder_is_refused(name: Any) -> None:
    with pytest.raises(BadValue):
        Job(name)


@pytest.mark.parametrize(("one", "two"), [("Backup", "BACKUP"), ("straße", "STRASSE"), ("Éa", "éa"), ("ﬁx", "FIX")])
def test_names_that_differ_only_in_case_fold_to_the_same(one: str, two: str) -> None:
    assert fold_name(one) == fold_name(two)


@given(jobs)
def test_a_job_is_read_back_from_its_data(job: Job) -> None:
    data = job_to_dict(job)
    assert job_from_dict(json.loads(json.dumps(data))) == job
    assert list(data) == [key for key in KEYS if key in data]
    assert None not in data.values()


def test_the_data_has_the_keys_of_the_jobs_file_and_durations_as_text() -> None:
    job = Job("backup", schedule="0 3 * * *", command=["restic", "backup"], timeout="30m", env={"B": "2", "A": "1"})
    assert job_to_dict(job) == {
        "name": "backup",
        "schedule": "0 3 * * *",
        "command": ["restic", "backup"],
        "timezone": "UTC",
        "timeout": "30m",
        "start_within": "1h",
        "grace": "10s",
        "env": {"A": "1", "B": "2"},
        "output_limit": "10MB",
        "enabled": True,
        "overlap": "skip",
        "catch_up": "once",
        "catch_up_within": "1h",
    }  # queue_limit, catch_up_limit and others came later: they are left out at their defaults
    assert set(KEYS.values()) == {field.name for field in fields(Job)}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "a job needs a name"),
        ({"name": "a", "tiemout": "1s"}, 'there is no key "tiemout" (did you mean "timeout"?)'),
        ({"name": "a", "timeout_us": 5}, 'there is no key "timeout_us"'),
        ({"name": "a", "timeout": "soon"}, "is not a duration"),
        ({"name": "a", "xyz": 1, "qqq": 2}, 'there is no key "xyz"; there is no key "qqq"'),
    ],
)
def test_data_that_is_no_job_is_refused(data: dict[str, object], said: str) -> None:
    with pytest.raises(BadValue) as refused:
        job_from_dict(data)
    assert said in str(refused.value)


def test_a_difference_is_told_key_by_key() -> None:
    old = Job("a", command=["x", "y"], env={"A": "1", "B": "1"}, timeout="30m", output_limit="1MiB")
    new = Job("a", shell="x | y", env={"A": "2", "C": "1"}, timeout=timedelta(minutes=31), enabled=False)
    assert job_diff(old, new) == [
        ("command", '["x","y"]', NOT_SET),
        ("shell", NOT_SET, "x | y"),
        ("timeout", "30m", "31m"),
        ("env.A", "1", "2"),
        ("env.B", "1", NOT_SET),
        ("env.C", NOT_SET, "1"),
        ("output_limit", "1MiB", "10MB"),
        ("enabled", "true", "false"),
    ]


@given(jobs, jobs)
def test_there_is_a_difference_exactly_where_jobs_differ(old: Job, new: Job) -> None:
    assert job_diff(old, old) == []
    assert {key.partition(".")[0] for key, _, _ in job_diff(old, new)} == {
        key for key, name in KEYS.items() if getattr(old, name) != getattr(new, name)
    }
    assert evolve(old) == old


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10MB", 10_000_000),
        ("512KB", 512_000),
        ("1GiB", 1 << 30),
        ("1.5mb", 1_500_000),
        (" 2 kib ", 2048),
        ("4096", 4096),
        ("4096B", 4096),
        ("0.001KB", 1),
        (4096, 4096),
        ("1TB", 10**12),
    ],
)
def test_a_size_is_read(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "ten", "1PB", "-1KB", "1.5B", "1.0001KB", "1ib", "1e3", "٣KB", None, 1.5, True, "9" * 99]
)
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(BadValue, match=r"is not a (size|whole number of bytes)"):
        parse_size(text)


@given(st.integers(0, 1 << 50))
def test_a_size_is_read_back_exactly(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_a_timeout_may_be_given_in_any_form() -> None:
    assert Job("a", timeout="15m") == Job("a", timeout=15 * MINUTE) == Job("a", timeout=timedelta(minutes=15))
