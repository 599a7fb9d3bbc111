"""``cronfsm remove``: a job is taken away, and what it runs is ended."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.lookup import known_job
from fsm.cli.output import note
from fsm.cli.runjson import run_json
from fsm.cli.settling import await_end, canceller, see_off
from fsm.cli.words import ending
from fsm.model.commands import Remove
from fsm.model.run import Run
from fsm.model.states import Reason, SlotState, State


@click.command("remove", cls=Command, examples=["cronfsm remove backup", "cronfsm remove backup --drain"])
@click.argument("job", metavar="JOB")
@click.option("--drain", is_flag=True, help="Let what runs go on to its own end, and wait for it.")
@click.pass_obj
def remove_command(session: Session, job: str, drain: bool) -> None:
    """Take JOB away: no more ticks, what is queued is reaped, what runs is ended.

    With --drain what runs is awaited instead; Ctrl-C ends the wait, and the run goes on.

    Its history stays, and its numbers go on if a job of this name is added again.
    """
    engine = session.engine()
    state = known_job(engine.journal, job)
    engine.do_all([(job, [Remove()])])
    # If this process stops here: the job is removed, and its run goes on to its own end, by its own deadlines.
    ended = [_end(session, run, drain=drain) for run in state.open_runs]
    if state.source.startswith("file:"):
        note(f"{job} came from {state.source[5:]}; applying that file again adds it again")
    if session.as_json:
        session.output.document({"ok": True, "removed": job, "runs": [run_json(run) for run in ended]})
    else:
        session.output.text("\n".join([f"{job} is removed.", *(_told(run) for run in ended)]))


def _end(session: Session, run: Run, *, drain: bool) -> Run:
    if drain and run.state is State.RUNNING:
        return await_end(session, run)
    run = canceller(session).cancel(run, Reason.JOB_REMOVED)
    see_off(session, run)
    return session.journal.run(run.job, run.number) or run


def _told(run: Run) -> str:
    text = f"{run.id} {ending(run)}"
    return f"{text}; its processes are being ended." if run.slot is SlotState.HELD else f"{text}."
