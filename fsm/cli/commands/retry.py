"""``cronfsm retry``: a new run in the place of one that did not succeed."""

from __future__ import annotations

import click

from fsm.cli.commands.run import answer_request
from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, known_run


@click.command("retry", cls=Command, examples=["cronfsm retry backup/42", "cronfsm retry backup/42 --wait"])
@click.argument("run", metavar="RUN")
@click.option("--wait", is_flag=True, help="Wait for its end, and end with its result: 0, 1, or 124 (timed out).")
@click.pass_obj
def retry_command(session: Session, run: str, wait: bool) -> int:
    """A new run of RUN's job, which says whose retry it is (retry_of) and which attempt.

    RUN has to be over and must not have succeeded; otherwise the exit code is 75. The job is taken as it is now;
    variables that RUN was asked for with (run --env) are taken over.
    """
    engine = session.engine()
    old = known_run(engine.journal, run)
    known_job(engine.journal, old.job)
    return answer_request(session, engine, old.job, engine.retry(old), wait=wait)
