"""Completion of commands, options, names of jobs and ids of runs in a shell: quick, and without a word of trouble."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, ShellComplete, add_completion_class

from fsm.cli.context import Session

VARIABLE = "_CRONFSM_COMPLETE"
"""Set by the shell's function when it asks: what click expects for a program of this name."""

MOST = 100
"""Words that are offered at once; more nobody reads."""


if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:
    _Text = click.ParamType  # which takes no type where click is older


class Named(_Text):
    """A job by its name, a run by its id, or either; any text, but completed to one that is there."""

    name = "text"

    def __init__(self, *, jobs: bool, runs: bool) -> None:
        self._jobs, self._runs = jobs, runs

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Those that begin with what is typed."""
        journal = ctx.ensure_object(Session).journal
        found: list[str] = []
        if self._jobs:
            found += [name for name in journal.job_names() if name.startswith(incomplete)]
        if self._runs:
            from fsm.ports import RunQuery

            job, slash, _ = incomplete.rpartition("/")
            runs = journal.runs(RunQuery(job if slash else None, limit=MOST))
            found += [run.id for run in runs if run.id.startswith(incomplete)]
        return [CompletionItem(text) for text in found[:MOST]]


_TYPES = {
    "JOB": Named(jobs=True, runs=False),
    "RUN": Named(jobs=False, runs=True),
    "JOB|RUN": Named(jobs=True, runs=True),
    "RUN|JOB": Named(jobs=True, runs=True),
}


def complete_names(params: list[click.Parameter]) -> None:
    """Give every parameter that its help calls JOB or RUN the type that is completed."""
    for param in params:
        kind = _TYPES.get(param.metavar or "")
        if kind is not None and param.type is click.STRING:
            param.type = kind


class _Bash(BashComplete):
    """As click has it, but for names with blanks, which bash would take for several words."""

    def source(self) -> str:
        """The script; click would start a bash first, to ask for its version, and print what it thinks of it."""
        return ShellComplete.source(self)

    def format_completion(self, item: CompletionItem[str]) -> str:
        """One word as it has to be typed."""
        value = shlex.quote(item.value) if item.type == "plain" else item.value
        return f"{item.type},{value}"


def script(shell: str) -> str:
    """What a shell has to read, once."""
    from click.shell_completion import get_completion_class

    kind = _Bash if shell == "bash" else get_completion_class(shell)
    assert kind is not None  # of the three that the command takes
    return kind(click.Command("cronfsm"), {}, "cronfsm", VARIABLE).source()


def complete(cli: click.Command, session: Session) -> None:
    """Answer the shell that asks. Whatever goes wrong, nothing is offered and nothing is said."""
    add_completion_class(_Bash, "bash")
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    os.close(devnull)
    try:
        cli.main([], prog_name="cronfsm", complete_var=VARIABLE, obj=session, standalone_mode=False)
        sys.stdout.flush()
    except (Exception, SystemExit, KeyboardInterrupt):
        return
