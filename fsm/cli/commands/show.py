"""``cronfsm show``: everything about one job or one run."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, known_run


@click.command(
    "show", cls=Command, examples=["cronfsm show backup", "cronfsm show backup/42", "cronfsm show backup --json"]
)
@click.argument("target", metavar="JOB|RUN")
@click.pass_obj
def show_command(session: Session, target: str) -> None:
    """Everything about JOB (backup) or RUN (backup/42)."""
    if "/" in target:
        from fsm.cli.showrun import show_run

        show_run(session, known_run(session.journal, target))
    else:
        from fsm.cli.showjob import show_job

        show_job(session, known_job(session.journal, target))
