"""``cronfsm run``: a run by hand, through the same path as every other run."""

from __future__ import annotations

import time

import click

from fsm.cli.again import again
from fsm.cli.context import Session
from fsm.cli.exits import Exit, exit_of_state
from fsm.cli.group import Command
from fsm.cli.lookup import known_job
from fsm.cli.output import complain, note
from fsm.cli.runend import Interrupted, told_end
from fsm.cli.runjson import blocker_json, run_json
from fsm.cli.settling import settler
from fsm.cli.times import relative, span, stamp
from fsm.cli.words import REFUSAL_TEXT, quoted
from fsm.client.engine import Engine
from fsm.model.entries import Refused
from fsm.model.run import Run, run_id
from fsm.model.states import HELD_BACK

STARTED_WITHIN = 1.0
"""Seconds between two questions whether a scheduler is up, while one waits for a run."""


@click.command(
    "run",
    cls=Command,
    examples=[
        "cronfsm run backup",
        "cronfsm run backup --wait",
        "cronfsm run backup --here",
        "cronfsm run report --env DAY=2026-12-01 --wait",
        "cronfsm run backup --json",
    ],
)
@click.argument("job", metavar="JOB")
@click.option("--wait", is_flag=True, help="Wait for its end, and end with its result: 0, 1, or 124 (timed out).")
@click.option("--here", is_flag=True, help="The same, with its output in this terminal, and without a scheduler.")
@click.option("--env", metavar="NAME=TEXT", multiple=True, help="A variable for this run; may be repeated.")
@click.option("--force", is_flag=True, help="Also where its breaker is open, or its budget used up, after failures.")
@click.pass_obj
def run_command(session: Session, job: str, wait: bool, here: bool, env: tuple[str, ...], force: bool) -> int:
    """Ask for a run of JOB now, whatever its schedule says.

    The run is in the history before the answer is printed. Where another run of the job is in the way, the answer is a
    refusal that names it, and the exit code 75; a job with overlap = queue or replace lets it wait for its turn. A
    scheduler (cronfsm serve) starts it; without one, it waits.

    With --here it is started at once by this command if no scheduler is up, in this folder and with the environment of
    this shell, under a supervisor like every run; Ctrl-C cancels it. A variable of --env stands in the journal, so it
    is no place for a secret: see env_file.
    """
    if here and session.as_json:
        raise click.UsageError("--here shows the output of the run; for JSON say --wait")
    variables = _variables(env)
    engine = session.engine()
    known_job(engine.journal, job)
    answer = engine.request(job, env=variables, force=force)
    if here and isinstance(answer, Run):
        from fsm.cli.here import run_here

        return run_here(session, engine, answer)
    return answer_request(session, engine, job, answer, wait=wait)


def _variables(env: tuple[str, ...]) -> dict[str, str]:
    variables = {}
    for item in env:
        name, equals, text = item.partition("=")
        if not equals:
            raise click.UsageError(f"{item!r} is not a variable with its text (say LANG=C)")
        variables[name] = text
    return variables


def answer_request(session: Session, engine: Engine, job: str, answer: Run | Refused, *, wait: bool) -> int:
    """Say what came of asking for a run, wait for its end if that is wanted, and give the exit code."""
    if isinstance(answer, Refused):
        return _refused(session, job, answer)
    if session.served() is None:
        until = f"{stamp(answer.start_by.utc)} ({relative(answer.start_by.utc, session.now())})"
        note(
            f"no scheduler is up on {session.folder_path}; {answer.id} waits for one until {until}.\n"
            f"To start one: {again('cronfsm serve')}"
        )
    if wait:
        return _wait(session, engine, answer)
    if session.as_json:
        session.output.document(_enqueued(answer))
    else:
        session.output.text(f"{answer.id} is {session.output.paint_state(answer.state)}.")
    return Exit.DONE


def _enqueued(run: Run) -> dict[str, object]:
    return {"ok": True, "enqueued": True, "run_id": run.id, "state": run.state}


def _refused(session: Session, job: str, refusal: Refused) -> int:
    by = refusal.blocked_by
    if session.as_json:
        session.output.document(
            {"ok": True, "ran": False, "reason": refusal.reason, "blocked_by": blocker_json(job, refusal)}
        )
        return Exit.REFUSED
    text = f"{job} takes no run now ({refusal.reason}): {_now(refusal)}."
    if by is not None:
        blocker = run_id(job, by.number)
        if refusal.reason in HELD_BACK:
            complain(_held_back(job, refusal, blocker))
            return Exit.REFUSED
        if by.state.terminal:
            complain(
                f"{job} takes no run now ({refusal.reason}): {blocker} is over ({by.state}), but something of it may "
                f"still be alive.\nTo see what: cronfsm show {quoted(blocker)}"
            )
            return Exit.REFUSED
        until = f", until {stamp(by.deadline)} at the latest" if by.deadline is not None else ""
        text = (
            f"{job} takes no run now ({refusal.reason}): {blocker} has been {by.state} for {span(by.age_us)}{until}.\n"
            f"To end it: cronfsm cancel {quoted(blocker)}"
        )
    complain(text)
    return Exit.REFUSED


def _now(refusal: Refused) -> str:
    """Why, while it is so."""
    return REFUSAL_TEXT[refusal.reason].replace(" was ", " is ", 1)


def _held_back(job: str, refusal: Refused, blocker: str) -> str:
    by = refusal.blocked_by
    assert by is not None  # the last run that failed
    until = f" until {stamp(by.deadline)}" if by.deadline is not None else ""
    return (
        f"{job} takes no run{until} ({refusal.reason}): {_now(refusal)}; "
        f"{blocker} {by.state} {span(by.age_us)} ago.\n"
        f"To see why: cronfsm logs {quoted(blocker)}\nTo run it all the same: cronfsm run {quoted(job)} --force"
    )


def _wait(session: Session, engine: Engine, run: Run) -> int:
    from fsm.client.waiting import wait_for_end

    if not session.as_json:
        note(f"waiting for {run.id} (Ctrl-C stops waiting, not the run)")
    try:
        ended = wait_for_end(engine.journal, run.job, run.number, pause=time.sleep, tend=_Tending(session).tend)
    except KeyboardInterrupt:
        now = engine.find(run.id)
        if session.as_json:
            session.output.document({**_enqueued(now), "run": run_json(now)})
        raise Interrupted(f"stopped waiting; {run.id} is {now.state} and goes on") from None
    if session.as_json:
        session.output.document({**_enqueued(ended), "run": run_json(ended)})
    else:
        session.output.text(told_end(session, ended))
    return exit_of_state(ended.state)


class _Tending:
    """While no scheduler is up, a run that is waited for is tended here, so that the wait has an end, too."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._settler = settler(session)
        self._ask_at = 0.0

    def tend(self, run: Run) -> None:
        """Called every 100 ms; looks once a second."""
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + STARTED_WITHIN
            if self._session.served() is None:
                self._settler.tend(run)
