"""The help: every command is there, says its purpose, has an example that can be read, and names its defaults."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from fsm.cli.exits import MEANING, Exit
from fsm.cli.group import COMMANDS, Command
from fsm.cli.main import cli, run
from fsm.codec.jobs import KEYS
from fsm.instants import parse_duration
from fsm.model.job import Job
from fsm.model.sizes import parse_size


def command(name: str) -> Command:
    found = cli.get_command(click.Context(cli), name)
    assert isinstance(found, Command)
    return found


@pytest.fixture(params=sorted(COMMANDS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_group_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["-h"], []):
        assert run(arguments) == 0
        out, err = capsys.readouterr()
        assert err == ""
        for word in COMMANDS:
            assert re.search(rf"^  {word} ", out, re.MULTILINE), word
        for code, meaning in MEANING.items():
            assert re.search(rf"^  {int(code)} +{re.escape(meaning.split()[0])}", out, re.MULTILINE), code


def test_each_command_has_help_with_a_purpose_and_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(f"Usage: cronfsm {name} ")
    assert "Examples:" in out
    for option in ("--data-dir", "--json", "--debug", "--help"):
        assert option in out
    assert "\x1b" not in out


def test_each_example_parses(name: str) -> None:
    """An example with a mistake in it is worse than none."""
    for example in command(name).examples:
        for words in _commands(example):
            if words[0] == "cronfsm":
                command(words[1]).make_context(words[1], words[2:], obj=_session()).close()
        assert next(_commands(example))[0] == "cronfsm"
    assert any(words[1] == name for example in command(name).examples for words in _commands(example))


def _commands(line: str) -> Iterator[list[str]]:
    """The commands of a line of shell, without what they are redirected to."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in ("|", "&&", ">", ">>"):
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _session() -> object:
    from fsm.cli.context import Session

    return Session()


def test_add_names_the_default_of_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    run(["add", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    job = Job("x")
    for key in KEYS:
        if key not in ("name", "command"):
            assert f"--{key.replace('_', '-')}" in out, key
    for key, default in (
        ("timeout", job.timeout_us),
        ("start-within", job.start_within_us),
        ("grace", job.grace_us),
        ("catch-up-within", job.catch_up_within_us),
        ("output-limit", job.output_limit),
        ("catch-up", job.catch_up),
        ("overlap", job.overlap),
        ("timezone", job.timezone),
    ):
        found = re.search(rf"--{key} .*?\[default: ([^]:]+)", out)
        assert found is not None
        read = parse_size if key == "output-limit" else parse_duration if isinstance(default, int) else str
        assert read(found[1]) == default, key


def test_help_as_one_types_it_without_thinking(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: cronfsm [OPTIONS]")
    assert run(["help", "run"]) == 0
    assert capsys.readouterr().out.startswith("Usage: cronfsm run ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert re.fullmatch(r"cronfsm \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_exit_codes_are_those_that_are_promised() -> None:
    assert {code.name: int(code) for code in Exit} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "NOT_FOUND": 3,
        "BUG": 70,
        "REFUSED": 75,
        "TIMED_OUT": 124,
        "INTERRUPTED": 130,
    }
