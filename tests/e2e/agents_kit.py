"""Agents as tests use them: the fakes of tests/fakes under their CLIs' own names, and jobs that call them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from cli_process import WITHIN_S, Cli

from fsm.client.engine import Engine
from fsm.journal.sqlite import SqliteJournal
from fsm.model.agent import AgentKind
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import SlotState

FAKES = Path(__file__).parent.parent / "fakes"
PROGRAMS = {"claude": "claude", "codex": "codex", "openclaw": "openclaw", "command": "turn"}
MESSAGE = "Summarise the day"
MANY_S = 3 * WITHIN_S  # a dozen Python starts and more, on a machine that does other things as well


def install(folder: Path) -> Path:
    """The folder for PATH in which each fake has the name of what it stands for."""
    folder.mkdir(exist_ok=True)
    for name in PROGRAMS.values():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {FAKES / name}.py "$@"\n')
        program.chmod(0o755)
    return folder


def agent_job(bin_folder: Path, kind: str, part: str, name: str | None = None, **keys: object) -> Job:
    """A job whose agent plays that part."""
    agent: dict[str, object] = {"kind": kind, "message": MESSAGE}
    if kind == AgentKind.COMMAND:
        agent["program"] = "turn"
    env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "FAKE": part}
    return Job(name or part.replace("_", "-"), agent=agent, env=env, **{"grace": "1s", **keys})  # type: ignore[arg-type]


def run_all(cli: Cli, jobs: list[Job]) -> dict[str, Run]:
    """Every job once, by a scheduler; the runs once their slots are free, by the names of the jobs."""
    cli.folder.create()
    journal = SqliteJournal(cli.folder.journal)
    try:
        engine = Engine(journal)
        for job in jobs:
            engine.define(job)
            engine.request(job.name)
        with cli.serving():
            return wait_for(journal, [job.name for job in jobs])
    finally:
        journal.close()


def wait_for(journal: SqliteJournal, names: list[str]) -> dict[str, Run]:
    """Their first runs, once they are over and nothing of them is alive."""
    give_up = time.monotonic() + MANY_S
    while True:
        runs = {name: run for name in names if (run := journal.run(name, 1)) is not None}
        left = [name for name in names if not runs[name].state.terminal or runs[name].slot is SlotState.HELD]
        if not left:
            return runs
        assert time.monotonic() < give_up, f"not over: {left}"
        time.sleep(0.05)
