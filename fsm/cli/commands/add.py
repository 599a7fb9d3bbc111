"""``cronfsm add``: one job without a file. Its options are the keys of a jobs file, and so are its mistakes."""

from __future__ import annotations

import shutil

import click

from fsm.cli.changes import change_json, change_lines
from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.output import note
from fsm.cli.runjson import instant
from fsm.cli.times import relative, stamp
from fsm.cli.words import quoted
from fsm.engine.due import next_due
from fsm.model.job import Job

SOURCE = "cli"
"""Where a job comes from that was added here."""

_TIMEOUT = "Running longer: TERM, then KILL; timed_out (run_timeout)."
_START = "Queued longer: timed_out (queue_timeout)."


@click.command(
    "add",
    cls=Command,
    examples=[
        "cronfsm add backup --schedule '0 3 * * *' --timeout 30m -- restic backup /home",
        "cronfsm add pulse --schedule 'every 90s' --shell 'date | tee -a /tmp/pulse'",
        "cronfsm add report --env LANG=C --cwd /srv -- ./report.sh     # by hand only: cronfsm run report",
    ],
)
@click.argument("name", metavar="NAME")
@click.argument("command", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--schedule", metavar="WHEN", help='Cron fields, @daily, "every 90s" or "at INSTANT" [default: by hand only].'
)
@click.option("--timezone", metavar="ZONE", help="In which its schedule is read [default: UTC].")
@click.option("--shell", metavar="LINE", help="A line for /bin/sh, instead of COMMAND.")
@click.option("--timeout", metavar="LENGTH", help=f"{_TIMEOUT} [default: 24h]")
@click.option("--start-within", metavar="LENGTH", help=f"{_START} [default: 1h]")
@click.option("--grace", metavar="LENGTH", help="Between TERM and KILL [default: 10s].")
@click.option("--env", metavar="NAME=TEXT", multiple=True, help="A variable of its environment; may be repeated.")
@click.option("--cwd", metavar="FOLDER", help="Where it is executed [default: where serve was started].")
@click.option("--output-limit", metavar="SIZE", help="Kept of its output, head and tail [default: 10MB].")
@click.option("--overlap", metavar="skip", help="A tick while a run is open [default: skip: it is refused].")
@click.option("--catch-up", metavar="once|skip", help="Ticks that nobody was there to answer [default: once].")
@click.option("--catch-up-within", metavar="LENGTH", help="How late a tick is still caught up [default: 1h].")
@click.option("--keep-runs", type=int, metavar="NUMBER", help="Runs of it that stay in the history [default: 1000].")
@click.option("--keep-for", metavar="LENGTH", help="How long they stay at most [default: 400d].")
@click.option("--enabled/--disabled", default=None, help="A disabled job has no ticks [default: enabled].")
@click.pass_obj
def add_command(session: Session, /, name: str, command: tuple[str, ...], env: tuple[str, ...], **keys: object) -> None:
    """Add one job, or change the one of that name.

    COMMAND is executed as it is, without a shell; put -- in front of it. What is left out has its default, also where
    the job is there already; what changes is shown, and the old definition stays in the journal.
    """
    job = _job(name, command, env, keys)
    _hint(job)
    engine = session.engine(create=True)
    old = engine.journal.state(name).definition
    engine.define(job, source=SOURCE)
    if session.as_json:
        state = engine.journal.state(name)
        session.output.document(
            {
                "ok": True,
                "name": name,
                "result": "added" if old is None else "unchanged" if old == job else "changed",
                "changes": change_json(old, job),
                "next_due": instant(next_due(state)),
            }
        )
    else:
        session.output.text("\n".join([*_told(old, job), _next(session, name)]))


def _job(name: str, command: tuple[str, ...], env: tuple[str, ...], keys: dict[str, object]) -> Job:
    """The job, or `BadJobs` with every mistake in the words and the order of a jobs file."""
    from fsm.codec.jobkeys import read_job
    from fsm.codec.mistakes import Mistakes

    path = ("jobs", name)
    mistakes = Mistakes()
    pairs: dict[str, str] = {}
    for item in env:
        variable, equals, text = item.partition("=")
        if equals:
            pairs[variable] = text
        else:
            mistakes.add((*path, "env"), f'"{item}" is not a variable with its text (say LANG=C)')
    keep = {"runs": keys.pop("keep_runs", None), "for": keys.pop("keep_for", None)}
    keys["keep"] = {key: value for key, value in keep.items() if value is not None} or None
    given = {key: value for key, value in keys.items() if value is not None}
    given |= {key: value for key, value in (("command", list(command)), ("env", pairs)) if value}
    job = read_job(name, given, path, mistakes)
    mistakes.refuse({"jobs": {name: given}})
    assert job is not None  # without a mistake there is a job
    return job


def _hint(job: Job) -> None:
    """What may not be meant as it is written; nobody is kept from writing it."""
    words = job.command or ()
    if len(words) == 1 and any(char.isspace() or char in "|&;<>$" for char in words[0]):
        note(f"the command is the one word {quoted(words[0])}, executed without a shell; for a line of shell: --shell")
    elif words and "/" not in words[0] and shutil.which(words[0]) is None:
        note(f"there is no program {quoted(words[0])} in the PATH of this shell; serve needs it in its own")


def _told(old: Job | None, job: Job) -> list[str]:
    if old is None:
        return [f"{job.name} is added."]
    if old == job:
        return [f"{job.name} is as it was; nothing changed."]
    return [f"{job.name} is changed:", *change_lines(old, job)]


def _next(session: Session, name: str) -> str:
    state = session.journal.state(name)
    due = next_due(state)
    if due is None:
        return f"It runs by hand only: cronfsm run {quoted(name)}"
    served = session.served() is not None
    return f"It is due next at {stamp(due)} ({relative(due, session.now())})" + (
        "." if served else "; no scheduler is up to run it: cronfsm serve"
    )
