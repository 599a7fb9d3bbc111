"""The guides in docs/ are true: every command of a `console` block is run, in order, and its output held against what
stands there; every `python` block is executed; every named file is written as it stands.

In an expected output ``...`` stands for anything. What a guide calls that is not cronfsm (crontab, systemctl, restic)
is a small stand-in: the guide is about cronfsm.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Cli

GUIDES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
LONGEST_S = 240.0  # a contract on a machine that does much else; what hangs, hangs longer

_BLOCK = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)

STAND_INS = {
    "restic": "echo snapshot saved",
    "systemctl": "exit 0",
    "crontab": """cat <<'END'
MAILTO=me@example.org
SHELL=/bin/bash
30 2 * * * restic backup /home > /var/log/backup.log 2>&1
*/15 * * * * cd /srv/feeds && flock -n /tmp/feeds.lock timeout 10m ./fetch.sh
@reboot /usr/local/bin/warm-up
END""",
}


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path / "data")
    programs = tmp_path / "bin"
    programs.mkdir()
    ours = {"cronfsm": f'exec {" ".join(cli.command())} "$@"', "python": f'exec {sys.executable} "$@"'}
    for name, text in {**STAND_INS, **ours}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    yield cli
    cli.close()


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block, and what is printed below it."""
    command, expected = "", ""
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:].rstrip("\n"), ""
        else:
            assert command, f"output before the first command: {line}"
            expected += line
    yield command, expected


def matches(expected: str, told: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in expected.rstrip("\n").split("..."))
    return re.fullmatch(pattern, told.rstrip("\n"), re.DOTALL) is not None


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_is_true(guide: Path, cli: Cli, tmp_path: Path) -> None:
    environment = cli.environment(XDG_CONFIG_HOME=str(tmp_path / "config"))
    environment["HOME"] = str(tmp_path)
    environment["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"
    python, ran = "", 0
    for block in _BLOCK.finditer(guide.read_text(encoding="utf-8")):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "python":
            python += block["text"]
        elif block["kind"] == "console":
            for command, expected in commands(block["text"]):
                done = subprocess.run(
                    ["bash", "-c", command],
                    capture_output=True,
                    encoding="utf-8",
                    cwd=tmp_path,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    timeout=LONGEST_S,
                    check=False,
                )
                assert done.returncode == 0, (command, done.stdout, done.stderr)
                assert matches(expected, done.stdout + done.stderr), (command, done.stdout, done.stderr)
                ran += 1
    if python:
        done = subprocess.run(
            [sys.executable, "-c", python],
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=environment,
            timeout=LONGEST_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        _said(python, done.stdout)
        ran += 1
    assert ran, "a guide in which nothing is run"


def _said(python: str, told: str) -> None:
    """A comment behind a print says what is printed."""
    for line in python.splitlines():
        code, hash_, comment = line.partition("  # ")
        if "print(" in code and hash_:
            assert comment.strip() in told


def test_every_guide_is_named_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert GUIDES
    for guide in GUIDES:
        assert f"docs/{guide.name}" in readme
