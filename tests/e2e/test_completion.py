"""Completion: names of jobs and ids of runs, in a real bash as well, and never a word of trouble."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import WITHIN_S, Cli


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path / "data")
    for name in ("backup", "bag", "Sicherung täglich", "it's"):
        cli.ok("add", name, "--", "true")
    cli.run("run", "backup")
    yield cli
    cli.close()


def offered(cli: Cli, line: str, shell: str = "bash", **environment: str) -> list[str]:
    """What is offered for the last word of `line`."""
    words = line.split(" ")
    number = str(len(words) - 1)
    done = cli.run(
        **{"_CRONFSM_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": number, **environment}
    )
    assert done.returncode == 0
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_names_and_ids(cli: Cli) -> None:
    assert offered(cli, "cronfsm run ba") == ["plain,backup", "plain,bag"]
    assert offered(cli, "cronfsm run S") == ["plain,'Sicherung täglich'"]
    assert offered(cli, "cronfsm runs --job bac") == ["plain,backup"]
    assert offered(cli, "cronfsm logs ba") == ["plain,backup", "plain,bag", "plain,backup/1"]
    assert offered(cli, "cronfsm show backup/") == ["plain,backup/1"]
    assert offered(cli, "cronfsm retry b") == ["plain,backup/1"]
    assert offered(cli, "cronfsm ret") == ["plain,retry"]
    assert "plain,--wait" in offered(cli, "cronfsm run --w")
    assert offered(cli, "cronfsm export j") == ["plain,journal"]


def test_another_folder(cli: Cli, tmp_path: Path) -> None:
    other = Cli(tmp_path / "other")
    assert offered(other, f"cronfsm --data-dir {cli.path} run ba") == ["plain,backup", "plain,bag"]
    assert offered(other, "cronfsm run ba") == []
    assert not other.path.exists()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told(cli: Cli, shell: str) -> None:
    environment = {"COMP_CWORD": "ba"} if shell == "fish" else {}
    text = "\n".join(offered(cli, "cronfsm run ba", shell, **environment))
    assert "backup" in text
    assert "bag" in text


def test_trouble_is_no_word(cli: Cli) -> None:
    assert offered(cli, "cronfsm nonsense ba") == []
    assert offered(cli, "cronfsm run 'unfinished") == []
    assert offered(cli, "cronfsm run b", CRONFSM_HOME="/proc/nowhere") == []
    assert offered(cli, "cronfsm run b", shell="tcsh") == []
    assert offered(cli, "cronfsm run b", COMP_CWORD="many") == []
    (cli.path / "journal.db").write_bytes(b"no journal" * 1000)
    assert offered(cli, "cronfsm run b") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_bash(cli: Cli, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "cronfsm"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(cli.command())} "$@"\n')
    program.chmod(0o755)
    lines = """
        eval "$(cronfsm completion bash)"
        for word in ba Sich it; do
            COMP_WORDS=(cronfsm run "$word") COMP_CWORD=2 COMPREPLY=()
            _cronfsm_completion cronfsm
            printf '%s|' "${COMPREPLY[@]}"
        done
        complete -p cronfsm
    """
    environment = cli.environment()
    environment["PATH"] = f"{program.parent}{os.pathsep}{environment['PATH']}"
    command = ["bash", "--norc", "-c", lines]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, timeout=WITHIN_S, check=False
    )
    assert done.stderr == ""
    assert (
        done.stdout == "backup|bag|'Sicherung täglich'|'it'\"'\"'s'|complete -o nosort -F _cronfsm_completion cronfsm\n"
    )


def test_the_scripts(cli: Cli) -> None:
    for shell, word in (("bash", "complete -o nosort"), ("zsh", "compdef"), ("fish", "complete --no-files")):
        out = cli.ok("completion", shell)
        assert "_CRONFSM_COMPLETE" in out
        assert word in out
    assert cli.run("completion", "tcsh").returncode == 2
