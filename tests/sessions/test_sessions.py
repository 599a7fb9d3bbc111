"""Sessions go as they are written down, to the byte. To write them anew: ``python tests/sessions/record.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from names import named
from session import GOLDEN, commands, played

from fsm.cli.group import COMMANDS

SESSIONS = sorted(GOLDEN.glob("*.txt"))


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_session(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    assert played(before) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_used_in_one(name: str) -> None:
    typed = [command for path in SESSIONS for command in commands(path.read_text(encoding="utf-8"))]
    assert any(f"cronfsm {name}" in command for command in typed)


def test_what_varies_has_a_name_and_all_else_stays() -> None:
    assert named("backup/1 succeeded after 63ms.\n", "/tmp/x") == "backup/1 succeeded after <length>.\n"
    assert named("2001-02-03 04:05:06 UTC, 10s, KILL after 10s", "/tmp/x") == (
        "2001-02-03 04:05:06 UTC, 10s, KILL after 10s"
    )
    assert named("/tmp/x/jobs.toml", "/tmp/x") == "/home/someone/jobs.toml"


def test_a_table_is_laid_out_anew_only_where_something_varies() -> None:
    exact = "JOB    TICKS\nnämé       7\n"
    assert named(exact, "/tmp/x") == exact
    slow = "RUN    TOOK    ERROR\n名/1     7ms\nb/22   7m 2s   no\nc/3    12.5s\n"
    assert named(slow, "/tmp/x") == ("RUN   TOOK      ERROR\n名/1  <length>\nb/22  7m 2s     no\nc/3   <length>\n")


def test_a_table_that_is_out_of_line_is_seen() -> None:
    straight = "RUN   STATE   TOOK\na/1   failed  7ms\nb/22  lost    8ms\n"
    crooked = "RUN   STATE   TOOK\na/1 failed  7ms\nb/22  lost    8ms\n"
    assert named(straight, "/tmp/x") != named(crooked, "/tmp/x")
