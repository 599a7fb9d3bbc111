"""Receivers of notifications as keys of a job: what they may be, and that no secret gets into the journal by one."""

from __future__ import annotations

import pytest
from cli_kit import World
from hypothesis import given
from hypothesis import strategies as st

from fsm.codec.jobs import job_diff, job_from_dict, job_to_dict
from fsm.codec.jobsfile import read_jobs
from fsm.codec.stored_jobs import job_from_text, job_to_text
from fsm.errors import BadJobs, BadValue
from fsm.model.job import Job
from fsm.model.receivers import filled, read_ping, read_receiver, shown

SECRET = [
    "https://hooks.example/services/T0/B0/abcDEF1234567890",
    "https://me:pw@a.example/",
    "https://a.example/?token=x",
    "https://a.example/?k=5f1c0e9aab3d4e1f",
    "https://hc-ping.com/5f1c0e9a-ab3d-4e1f-9f00-0123456789ab",
    "https://5f1c0e9aab3d4e1f@a.example/7",
    "https://a.example/${A}/abcDEF1234567890",
    "tgram://12345:token/42",
]
OPEN = [
    "https://a.example/",
    "http://127.0.0.1:8080/hooks/backup",
    "https://${USER}:${PASS}@a.example/",
    "https://a.example/?token=${T}",
    "https://a.example/a-long-name-of-words/without/digits",
    "tgram://${BOT}/42",
    "${HOOK}",
    "${HOOK}/more",
    "notify-send 'backup failed'",
]


@pytest.mark.requirement("R-78")
@pytest.mark.parametrize("address", SECRET)
def test_what_looks_like_a_secret_is_refused_and_not_repeated(address: str, world: World) -> None:
    for key in ("on_failure", "on_recovery", "on_end", *(["ping"] if address.startswith("http") else [])):
        with pytest.raises(BadJobs) as refused:
            read_jobs(f'[jobs.a]\ncommand = ["true"]\n{key} = "{address}"')
        (mistake,) = refused.value.mistakes
        assert "env_file" in mistake
        assert address.partition("//")[2].strip("/") not in mistake
    code, out, err = world.call("add", "a", "--on-end", address, "--", "true")
    assert (code, out) == (2, "")
    assert address not in err
    assert list(world.journal.entries()) == []


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    return World(capsys)


@pytest.mark.parametrize("text", OPEN)
def test_what_does_not_is_taken_as_it_is(text: str) -> None:
    job = Job("a", on_failure=text, on_end=["mail", text])
    assert job.on_failure == text
    assert job_from_dict(job_to_dict(job)) == job
    assert job_from_text(job_to_text(job)) == job


@pytest.mark.requirement("R-78")
def test_of_an_address_its_host_is_shown(world: World) -> None:
    world.define("a", on_end="https://a.example/quiet-words", ping="https://a.example/${KEY}/", on_failure=["x", "y z"])
    text = world.ok("show", "a")
    assert "quiet-words" not in text
    assert "https://a.example/********" in text
    assert "https://a.example/${KEY}/" in text
    assert "x 'y z'" in text
    definition = world.json("show", "a")["definition"]
    assert (definition["on_end"], definition["on_failure"]) == ("https://a.example/********", ["x", "y z"])
    changes = job_diff(Job("a", on_end="https://a.example/one"), Job("a", on_end="https://a.example/two"))
    assert changes == [("on_end", "https://a.example/********", "https://a.example/********")]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("on_end", "5", "this is a int"),
        ("on_end", "[1]", "a list of at least one word"),
        ("on_end", '"https://"', "names no host"),
        ("on_end", '"https://a b"', "no blanks"),
        ("on_end", '"https://a:xyz/"', "cannot be read"),
        ("on_end", '"  "', "can be told"),
        ("ping", '"curl https://a.example"', "ping is a web address"),
        ("ping", '["x"]', "ping is a web address"),
        ("ping", '"ntfy://${T}"', "ping is a web address"),
    ],
)
def test_mistakes(key: str, value: str, says: str) -> None:
    with pytest.raises(BadJobs, match=says):
        read_jobs(f'[jobs.a]\ncommand = ["true"]\n{key} = {value}')


def test_a_job_can_do_without_what_the_defaults_say() -> None:
    jobs = read_jobs(
        '[defaults]\non_end = "mail"\nping = "https://a.example/"\n'
        '[jobs.a]\ncommand = ["true"]\n[jobs.b]\ncommand = ["true"]\non_end = []\nping = ""'
    ).jobs
    assert [(job.on_end, job.ping) for job in jobs] == [("mail", "https://a.example/"), (None, None)]


def test_variables_are_put_in() -> None:
    assert filled("https://${A}/${B}", {"A": "a.example", "B": "${A}"}.get) == "https://a.example/${A}"
    with pytest.raises(BadValue, match="B is set neither"):
        filled("https://${B}/", {"A": "x"}.get)


@given(st.text() | st.lists(st.text()) | st.integers() | st.none())
def test_anything_is_read_or_refused_in_a_sentence(value: object) -> None:
    for read in (read_receiver, read_ping):
        try:
            found = read(value)
        except BadValue:
            continue
        assert found is None or shown(found) is not None
