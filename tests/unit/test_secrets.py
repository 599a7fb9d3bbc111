"""Secrets: which names are some, where they are refused, and what a file of them may look like."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from cli_kit import World
from hypothesis import given
from hypothesis import strategies as st

from fsm.client.engine import Engine
from fsm.codec.jobs import job_diff
from fsm.codec.jobsfile import read_jobs
from fsm.errors import BadJobs, BadValue
from fsm.journal.memory import MemoryJournal
from fsm.model.job import Job
from fsm.model.secrets import MASK, is_secret
from fsm.scheduler.serve import read_jobs_file
from fsm.supervise.envfile import MAX_BYTES, read_env_file

SECRET = ["API_KEY", "KEY", "gh_token", "GITHUB_TOKEN", "AWS_SECRET", "PGPASSWORD", "DB_PASSWORD_2", "SSH_PASSPHRASE"]
OPEN = ["LANG", "KEYMAP", "TOKENS_MAX", "RESTIC_PASSWORD_FILE", "GIT_ASKPASS", "RESTIC_PASSWORD_COMMAND", "MONKEY"]


@pytest.mark.parametrize("name", SECRET)
def test_what_looks_like_a_secret_is_refused_everywhere(name: str, world: World) -> None:
    assert is_secret(name)
    with pytest.raises(BadJobs, match=f"jobs.a.env: {name} looks like a secret"):
        read_jobs(f'[jobs.a]\ncommand = ["true"]\nenv = {{ {name} = "hush" }}')
    with pytest.raises(BadJobs, match=f"defaults.env: {name} looks like a secret"):
        read_jobs(f'[defaults]\nenv = {{ {name} = "hush" }}\n[jobs.a]\ncommand = ["true"]')
    engine = Engine(MemoryJournal())
    with pytest.raises(BadValue, match="env_file"):
        engine.define(Job("a", env={name: "hush"}))
    engine.define(Job("a"))
    with pytest.raises(BadValue, match="env_file"):
        engine.request("a", env={name: "hush"})
    assert [entry.kind for entry in engine.journal.entries()] == ["job"]
    for command in (["add", "b", "--env", f"{name}=hush", "--", "true"], ["run", "a", "--env", f"{name}=hush"]):
        code, out, err = world.call(*command)
        assert (code, out) == (2, "")
        assert "looks like a secret" in err
        assert "hush" not in err


@pytest.mark.parametrize("name", OPEN)
def test_what_does_not_is_not(name: str) -> None:
    assert not is_secret(name)
    Engine(MemoryJournal()).define(Job("a", env={name: "x"}))


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    world = World(capsys)
    world.define("a")
    return world


def test_what_an_older_version_let_in_is_masked(world: World) -> None:
    from fsm.model.commands import Put
    from fsm.model.states import Actor

    world.decide("old", Put(Job("old", command=["true"], env={"API_KEY": "hush", "LANG": "C"}), "file"), Actor.CLI)
    shown = world.ok("show", "old")
    assert "hush" not in shown
    assert f"API_KEY={MASK}" in shown
    assert "LANG=C" in shown
    assert world.json("show", "old")["definition"]["env"] == {"API_KEY": MASK, "LANG": "C"}
    changes = job_diff(Job("a", env={"API_KEY": "hush"}), Job("a", env={"API_KEY": "quiet"}))
    assert changes == [("env.API_KEY", MASK, MASK)]


def test_an_env_file_is_named_from_where_the_jobs_file_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "jobs.toml").write_text(
        '[defaults]\nenv_file = "all.env"\n[jobs.a]\ncommand = ["true"]\n'
        '[jobs.b]\ncommand = ["true"]\nenv_file = "/run/b.env"\n[jobs.c]\ncommand = ["true"]\nenv_file = "~/c.env"\n'
    )
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.chdir(folder)
    jobs = read_jobs_file(Path("jobs.toml")).jobs
    assert [job.env_file for job in jobs] == [str(folder / "all.env"), "/run/b.env", "/home/someone/c.env"]


# ---- the file


def written(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "x.env"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_what_may_stand_in_it(tmp_path: Path) -> None:
    text = (
        "\ufeff# a comment\n\nA=1\n export B = two words \nC=\"in quotes\"\nD='it''s'\nE=\nF=a=b # no comment\r\n"
        "G=\"\nH='\"'\nÜ=ü\nA=again"
    )
    assert read_env_file(written(tmp_path, text)) == [
        ("A", "1"),
        ("B", "two words"),
        ("C", "in quotes"),
        ("D", "it''s"),
        ("E", ""),
        ("F", "a=b # no comment"),
        ("G", '"'),
        ("H", '"'),
        ("Ü", "ü"),
        ("A", "again"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("A=1\nhush hush\n", 2, "it is not NAME=TEXT"),
        ("=hush", 1, "it is not NAME=TEXT"),
        ("a hush=1", 1, "it is not NAME=TEXT"),
        ("CRONFSM_HOME=hush", 1, "names that start with CRONFSM_"),
        ("A=hush\0", 1, "a NUL character"),
        (b"A=1\nB=hush\xff", 2, "this is not text in UTF-8"),
    ],
)
def test_a_mistake_is_told_by_its_line_and_never_by_its_text(
    tmp_path: Path, text: str | bytes, line: int, said: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=said) as caught:
        read_env_file(path)
    assert str(caught.value).startswith(f"env_file {path}, line {line}: ")
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_no_file_of_that_kind(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = os.open(tmp_path / "fifo", os.O_RDWR)  # so that nobody waits for one
    try:
        for path, said in (
            (tmp_path / "nothing", "No such file"),
            (tmp_path, "Is a directory"),
            (tmp_path / "fifo", "not a regular file"),
            (Path(written(tmp_path, b"#" * (MAX_BYTES + 1))), "larger than 1 MiB"),
        ):
            with pytest.raises(ValueError, match=said):
                read_env_file(str(path))
    finally:
        os.close(writer)


@given(st.binary(max_size=200))
def test_whatever_stands_in_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz-{os.getpid()}.env"
    path.write_bytes(data)
    with suppress(ValueError):  # and no other error
        for name, text in read_env_file(str(path)):
            assert name
            assert "=" not in name
            assert "\0" not in name + text
