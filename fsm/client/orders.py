"""What a launcher is told to arm a supervisor for a queued run: the job as it was then, and what was asked with it."""

from __future__ import annotations

from fsm.agents.commandline import command_line, environment
from fsm.instants import SECOND, Deadline, Duration, Moment
from fsm.model.entries import Queued
from fsm.model.facts import Order
from fsm.model.job import Job, Leftovers
from fsm.model.run import Run
from fsm.model.states import Cause
from fsm.ports import Journal

ARM_WITHIN = Duration(30 * SECOND)
"""How long an arming waits for its slot lock and for its go. Long enough for a disk that is busy; an arming that ends
by it harms nobody, the run stays queued and is armed anew."""

_ASKED = frozenset({Cause.MANUAL, Cause.RETRY})


def order_of(journal: Journal, run: Run, job: Job, nonce: str, now: Moment) -> Order:
    """The order for `run`; `job` is the definition that it was queued with."""
    agent = job.agent
    return Order(
        run.job,
        run.number,
        nonce,
        run.attempt,
        run.scheduled_for,
        run.session_key,
        job.command if agent is None else command_line(agent, run.session_key, nonce),
        job.shell,
        _env(journal, run, job) + (() if agent is None else environment(agent)),
        job.cwd,
        job.grace_us,
        job.output_limit,
        Deadline.after(now, ARM_WITHIN),
        job.idle_timeout_us,
        job.leftovers is Leftovers.KEEP,
        job.env_file,
        None if agent is None else agent.kind,
    )


def _env(journal: Journal, run: Run, job: Job) -> tuple[tuple[str, str], ...]:
    """The job's variables, and before them those that were asked for with this run."""
    asked = asked_env(journal, run) if run.cause in _ASKED else ()
    return tuple(({**dict(job.env), **dict(asked)}).items()) if asked else job.env


def asked_env(journal: Journal, run: Run) -> tuple[tuple[str, str], ...]:
    """The variables that a run was asked for with; a planned retry has those of the run that it repeats.

    They stand in its first entry, which is there while it is open; of a run whose entries are pruned, none are known.
    """
    number: int | None = run.number
    for _ in range(run.attempt):  # each retry has one attempt less before it
        first = next(iter(journal.entries(job=run.job, run=number, limit=1)), None) if number is not None else None
        if first is None or not isinstance(first.body, Queued):
            return ()
        if first.body.env is not None or first.body.cause is not Cause.RETRY:
            return tuple((variable.name, variable.text) for variable in first.body.env or ())
        number = first.body.retry_of
    return ()
