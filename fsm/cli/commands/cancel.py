"""``cronfsm cancel``: end a run and its processes, with or without a scheduler."""

from __future__ import annotations

import click

from fsm.cli.again import again
from fsm.cli.context import Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, known_run, stream_of
from fsm.cli.output import complain
from fsm.cli.runjson import run_json
from fsm.cli.settling import canceller, see_off, settler
from fsm.cli.words import ending, quoted
from fsm.client.settle import Look
from fsm.model.run import Run
from fsm.model.states import Reason, SlotState, State
from fsm.ports import Journal


@click.command("cancel", cls=Command, examples=["cronfsm cancel backup/42", "cronfsm cancel backup"])
@click.argument("target", metavar="RUN|JOB")
@click.option("--no-wait", is_flag=True, help="Do not wait until its processes are gone.")
@click.pass_obj
def cancel_command(session: Session, target: str, no_wait: bool) -> int:
    """End RUN (backup/42), or whatever run of JOB is open.

    Its processes get TERM, after the job's grace KILL, all of them, whether a scheduler is up or not. Waits until they
    are gone. Where nothing is open, nothing is done, and the exit code is 75.
    """
    journal = session.journal_to_change()
    runs = [known_run(journal, target)] if "/" in target else _of_job(journal, target)
    if session.served() is None:
        for job in {run.job for run in runs}:
            settler(session).take_verdict(job)  # it may have ended by itself, and nobody was there to write it down
        runs = [journal.run(run.job, run.number) or run for run in runs]
    ended: list[Run] = []
    gone: list[Look] = []
    for run in runs:
        if not run.state.terminal:
            ended.append(canceller(session).cancel(run))
        elif run.slot is SlotState.HELD:
            ended.append(run)
        else:
            continue
        gone.append(Look(free=False, alive=True) if no_wait else see_off(session, ended[-1]))
    ended = [journal.run(run.job, run.number) or run for run in ended]
    return _answer(session, target, runs, ended, gone)


def _of_job(journal: Journal, job: str) -> list[Run]:
    """The open runs of a job, and the ended one that still holds its slot."""
    state = stream_of(journal, job)
    if state is None:
        state = known_job(journal, job)
    return list(state.runs)


def _answer(session: Session, target: str, runs: list[Run], ended: list[Run], gone: list[Look]) -> int:
    cancelled = any(run.state is State.REAPED and run.reason is Reason.CANCELLED for run in ended)
    done = cancelled or bool(ended)
    if session.as_json:
        session.output.document(
            {
                "ok": True,
                "cancelled": cancelled,
                "reason": None if done else ("already_ended" if runs else "no_open_run"),
                "runs": [run_json(run) for run in (ended or runs)],
                "hindrance": next((look.hindrance for look in gone if look.hindrance), None),
            }
        )
    elif not done:
        complain(_nothing(target, runs))
    else:
        session.output.text("\n".join(_done(run, look) for run, look in zip(ended, gone, strict=True)))
    return Exit.DONE if done else Exit.REFUSED


def _nothing(target: str, runs: list[Run]) -> str:
    if not runs:
        return f"{target} has no open run; there is nothing to cancel."
    return f"{runs[0].id} {ending(runs[0])} already; there is nothing to cancel."


def _done(run: Run, look: Look) -> str:
    if run.state is State.REAPED and run.reason is Reason.CANCELLED:
        text = f"{run.id} is cancelled"
    else:
        text = f"{run.id} had ended before: it {ending(run)}"
    if run.slot is SlotState.FREE:
        return f"{text}." if run.arming is None else f"{text}; nothing of it is alive."
    if look.hindrance is not None:
        return f"{text}, but something of it is still alive and keeps its slot: {look.hindrance}."
    return (
        f"{text}; its processes are being ended. To see when they are gone: {again(f'cronfsm show {quoted(run.id)}')}"
    )
