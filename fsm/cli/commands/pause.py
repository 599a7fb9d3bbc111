"""``cronfsm pause`` and ``cronfsm resume``: whether a job's ticks make runs."""

from __future__ import annotations

import click

from fsm.cli.again import again
from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job
from fsm.cli.runjson import instant
from fsm.cli.times import relative, stamp
from fsm.cli.words import quoted
from fsm.engine.due import next_due
from fsm.model.stream import JobState


@click.command("pause", cls=Command, examples=["cronfsm pause backup"])
@click.argument("job", metavar="JOB")
@click.pass_obj
def pause_command(session: Session, job: str) -> None:
    """Refuse the ticks of JOB until it is resumed.

    What runs goes on, and a run asked for by hand is still taken. Each refused tick is in the journal.
    """
    engine = session.engine()
    known_job(engine.journal, job)
    changed = engine.pause(job)
    _answer(session, job, changed=changed, was="was paused already")


@click.command("resume", cls=Command, examples=["cronfsm resume backup"])
@click.argument("job", metavar="JOB")
@click.pass_obj
def resume_command(session: Session, job: str) -> None:
    """Let the ticks of JOB make runs again. What was refused meanwhile is not made up for."""
    engine = session.engine()
    known_job(engine.journal, job)
    changed = engine.resume(job)
    _answer(session, job, changed=changed, was="is not paused")


def _answer(session: Session, job: str, *, changed: bool, was: str) -> None:
    state = session.journal.state(job)
    due = next_due(state)
    if session.as_json:
        session.output.document(
            {"ok": True, "job": job, "changed": changed, "paused": state.paused, "next_due": instant(due)}
        )
    elif not changed:
        session.output.text(f"{job} {was}.")
    elif state.paused:
        session.output.text(
            f"{job} is paused. Its ticks are refused until: {again(f'cronfsm resume {quoted(job)}')}{_runs(state)}"
        )
    elif due is None:
        why = "It has no due time to come" if state.definition and state.definition.schedule else "It has no schedule"
        session.output.text(f"{job} is resumed. {why}; by hand: {again(f'cronfsm run {quoted(job)}')}")
    else:
        session.output.text(f"{job} is resumed. It is due next at {stamp(due)} ({relative(due, session.now())}).")


def _runs(state: JobState) -> str:
    """What a pause does not end."""
    open_runs = state.open_runs
    if not open_runs:
        return ""
    run = open_runs[0]
    return f"\n{run.id} is {run.state} and goes on; to end it: {again(f'cronfsm cancel {quoted(run.id)}')}"
