"""What holds for every command: in a C locale, on a dumb terminal, into a pipe that nobody reads, with names in any
script, it does its work or says one sentence; and no traceback reaches a person who did not ask for one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Cli

from fsm.cli.group import COMMANDS

JOB = "größe 名前 نص"
LONGEST_S = 120.0

CALLS: dict[str, tuple[list[str], frozenset[int]]] = {
    # command -> arguments, exit codes that are right
    "serve": (["serve", "--for", "100ms"], frozenset({0})),
    "status": (["status"], frozenset({0})),
    "top": (["top"], frozenset({0})),
    "check": (["check"], frozenset({1, 2})),
    "notify": (["notify"], frozenset({0})),
    "service": (["service", "status"], frozenset({0, 1, 2, 75})),
    "completion": (["completion", "bash"], frozenset({0})),
    "backup": (["backup", "{tmp}/backup.db"], frozenset({0})),
    "restore": (["restore", "{tmp}/copy.db"], frozenset({0})),
    "export": (["export", "runs"], frozenset({0})),
    "apply": (["apply", "{tmp}/jobs.toml"], frozenset({0})),
    "add": (["add", "ещё", "--", "true"], frozenset({0})),
    "remove": (["remove", "weg"], frozenset({0})),
    "list": (["list"], frozenset({0})),
    "show": (["show", JOB], frozenset({0})),
    "next": (["next", JOB], frozenset({0})),
    "try": (["try", "{tmp}/crontab"], frozenset({0})),
    "pause": (["pause", JOB], frozenset({0})),
    "resume": (["resume", JOB], frozenset({0})),
    "run": (["run", JOB, "--here"], frozenset({0})),
    "retry": (["retry", f"{JOB}/1"], frozenset({0, 75})),
    "runs": (["runs"], frozenset({0})),
    "logs": (["logs", f"{JOB}/1"], frozenset({0})),
    "cancel": (["cancel", JOB], frozenset({0, 75})),
    "explain": (["explain", JOB], frozenset({0})),
    "events": (["events"], frozenset({0})),
    "journal": (["journal"], frozenset({0})),
    "verify": (["verify"], frozenset({0})),
    "doctor": (["doctor"], frozenset({0})),
    "import": (["import", "crontab", "{tmp}/crontab"], frozenset({0, 1})),
    "rescue": (["rescue", "openclaw", "{tmp}"], frozenset({0, 1, 2})),
    "prune": (["prune"], frozenset({0, 2})),
    "drain": (["drain"], frozenset({0, 75})),
    "undrain": (["undrain"], frozenset({0, 75})),
}

C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii", "TERM": "dumb"}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which something has happened."""
    tmp = tmp_path_factory.mktemp("template")
    (tmp / "jobs.toml").write_text(
        f'[jobs."{JOB}"]\nschedule = "@daily"\nshell = "echo ünïcödé; exit 0"\n[jobs.weg]\ncommand = ["true"]\n'
    )
    (tmp / "crontab").write_text("0 3 * * * echo ünïcödé\n@reboot true\n")
    cli = Cli(tmp / "data")
    cli.ok("apply", str(tmp / "jobs.toml"))
    cli.run("run", JOB)
    cli.ok("serve", "--until-idle", "--plain")
    cli.ok("backup", str(tmp / "copy.db"))
    return tmp


@pytest.fixture
def cli(template: Path, tmp_path: Path) -> Iterator[Cli]:
    subprocess.run(["cp", "-a", f"{template}/.", str(tmp_path)], check=True)
    cli = Cli(tmp_path / "data")
    yield cli
    cli.close()


def arguments(name: str, cli: Cli) -> list[str]:
    return [word.replace("{tmp}", str(cli.path.parent)) for word in CALLS[name][0]]


def test_every_command_is_here() -> None:
    assert set(COMMANDS) <= set(CALLS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_in_a_c_locale_on_a_dumb_terminal(name: str, cli: Cli) -> None:
    done = subprocess.run(
        cli.command(*arguments(name, cli)),
        capture_output=True,
        env=cli.environment(**C_LOCALE),
        stdin=subprocess.DEVNULL,
        timeout=LONGEST_S,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode in CALLS[name][1], told.decode("utf-8", "replace")
    assert b"Traceback" not in told
    assert b"\x1b" not in told, "no colour, no cursor"
    told.decode("utf-8")  # also where the stream says ascii: click takes that for a mistake of the environment


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_into_a_pipe_that_nobody_reads(name: str, cli: Cli) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            cli.command(*arguments(name, cli)),
            stdout=write,
            stderr=subprocess.PIPE,
            env=cli.environment(),
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_S,
            check=False,
        )
    finally:
        os.close(write)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert b"mistake in cronfsm" not in done.stderr
    assert done.returncode in CALLS[name][1] | {0}, done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_without_any_stdout(name: str, cli: Cli) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *cli.command(*arguments(name, cli))],
        stderr=subprocess.PIPE,
        env=cli.environment(),
        stdin=subprocess.DEVNULL,
        timeout=LONGEST_S,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"mistake in cronfsm" not in done.stderr


WRONG = {
    "needs a job": [[name, "nobody"] for name in ("show", "next", "pause", "remove", "run", "explain", "logs")],
    "needs a run": [[name, "nobody/1"] for name in ("show", "retry", "cancel", "logs", "explain")],
    "needs a file": [["apply", "/no/such/file"], ["restore", "/no/such/file"], ["verify", "/no/such/file"]],
}


@pytest.mark.parametrize("command", [each for group in WRONG.values() for each in group], ids=" ".join)
def test_a_traceback_is_for_who_asks(command: list[str], cli: Cli) -> None:
    done = cli.run(*command)
    assert done.returncode in (2, 3)
    assert done.stderr.startswith("cronfsm: ")
    assert "Traceback" not in done.stderr
    again = cli.run("--debug", *command)
    assert again.returncode == done.returncode
    assert "Traceback (most recent call last)" in again.stderr
    assert again.stderr.endswith(done.stderr)
