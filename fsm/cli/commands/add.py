"""``cronfsm add``: one job without a file. Its options are the keys of a jobs file, and so are its mistakes."""

from __future__ import annotations

import os
import shutil

import click

from fsm.agents.commandline import command_line
from fsm.cli.again import again
from fsm.cli.changes import change_json, change_lines
from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.output import note
from fsm.cli.runjson import instant
from fsm.cli.times import relative, stamp
from fsm.cli.words import quoted
from fsm.engine.due import next_due
from fsm.errors import BadJobs
from fsm.model.job import Job
from fsm.ports import Journal

SOURCE = "cli"
"""Where a job comes from that was added here."""

_TIMEOUT = "Running longer: TERM, then KILL; timed_out (run_timeout)."
_START = "Queued longer: timed_out (queue_timeout)."
_OVERLAP = "A tick while a run is open: it is refused, waits, or ends that run and takes its place."
_RETRY = (
    "How a failed run is tried again: attempts=3, backoff=30s, factor=2, max_backoff=1h, jitter=0s, "
    "on=failed,timed_out,lost; may be repeated."
)
_BREAKER = "No runs after failures=5 in a row until cooldown=15m is over; may be repeated."


@click.command(
    "add",
    cls=Command,
    examples=[
        "cronfsm add backup --schedule '0 3 * * *' --timeout 30m -- restic backup /home",
        "cronfsm add pulse --schedule 'every 90s' --shell 'date | tee -a /tmp/pulse'",
        "cronfsm add brief --schedule '0 7 * * *' --agent claude --message 'Summarise my mail' -- --allowedTools Read",
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
@click.option(
    "--agent", metavar="KIND", help="claude, codex, openclaw or command: it takes a turn, with COMMAND as args."
)
@click.option("--message", metavar="TEXT", help="What the agent is to do.")
@click.option("--model", metavar="NAME", help="The agent's model [default: as the agent is set up].")
@click.option("--program", metavar="PATH", help="What is executed as the agent [default: its name].")
@click.option("--timeout", metavar="LENGTH", help=f"{_TIMEOUT} [default: 24h]")
@click.option("--start-within", metavar="LENGTH", help=f"{_START} [default: 1h]")
@click.option("--grace", metavar="LENGTH", help="Between TERM and KILL [default: 10s].")
@click.option("--env", metavar="NAME=TEXT", multiple=True, help="A variable of its environment; may be repeated.")
@click.option("--env-file", metavar="FILE", help="NAME=TEXT lines, read at each start: the place for secrets.")
@click.option("--cwd", metavar="FOLDER", help="Where it is executed, from here [default: where serve was started].")
@click.option("--output-limit", metavar="SIZE", help="Kept of its output, head and tail [default: 10MB].")
@click.option("--overlap", metavar="skip|queue|replace", help=f"{_OVERLAP} [default: skip]")
@click.option("--queue-limit", metavar="N", type=int, help="With queue: how many runs may wait [default: 1].")
@click.option("--catch-up", metavar="once|skip|all", help="Ticks that nobody was there to answer [default: once].")
@click.option("--catch-up-within", metavar="LENGTH", help="How late a tick is still caught up [default: 1h].")
@click.option("--idle-timeout", metavar="LENGTH", help="Silent for so long: timed_out [default: never].")
@click.option("--leftovers", metavar="end|keep", help="What its command leaves behind [default: end].")
@click.option("--jitter", metavar="LENGTH", help="Each tick is due up to so much later [default: 0s].")
@click.option("--priority", type=int, metavar="N", help="Of those that wait, higher ones start first [default: 0].")
@click.option("--group", metavar="NAME", help="A group of the jobs file, which bounds how many of it run at once.")
@click.option("--expect-success-within", metavar="LENGTH", help="`check` complains of it otherwise [default: never].")
@click.option("--catch-up-limit", metavar="N", type=int, help="With all: how many are, the newest [default: 10].")
@click.option("--retry", metavar="KEY=VALUE", multiple=True, help=f"{_RETRY} [default: none]")
@click.option("--breaker", metavar="KEY=VALUE", multiple=True, help=f"{_BREAKER} [default: none]")
@click.option("--keep", metavar="KEY=VALUE", multiple=True, help="runs=N, for=LENGTH [default: runs=1000, for=400d].")
@click.option("--on-failure", metavar="WHOM", help="Told of the first failed run: https://…, ${NAME}, or a shell line.")
@click.option("--on-recovery", metavar="WHOM", help="Told of the first success after it [default: nobody].")
@click.option("--on-end", metavar="WHOM", help="Told of every end [default: nobody].")
@click.option("--ping", metavar="ADDRESS", help="Called at /start, at the end, or at /fail [default: none].")
@click.option("--enabled/--disabled", default=None, help="A disabled job has no ticks [default: enabled].")
@click.pass_obj
def add_command(
    session: Session,
    /,
    name: str,
    command: tuple[str, ...],
    env: tuple[str, ...],
    retry: tuple[str, ...],
    breaker: tuple[str, ...],
    keep: tuple[str, ...],
    **keys: object,
) -> None:
    """Add one job, or change the one of that name.

    COMMAND is executed as it is, without a shell; put -- in front of it. What is left out has its default, also where
    the job is there already; what changes is shown, and the old definition stays in the journal.
    """
    job = _job(name, command, {"env": env, "retry": retry, "breaker": breaker, "keep": keep}, keys)
    _hint(job)
    engine = session.engine(create=True)
    _check_group(engine.journal, job)
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


def _job(name: str, command: tuple[str, ...], tables: dict[str, tuple[str, ...]], keys: dict[str, object]) -> Job:
    """The job, or `BadJobs` with every mistake in the words and the order of a jobs file."""
    from fsm.codec.jobkeys import read_job
    from fsm.codec.mistakes import Mistakes

    path = ("jobs", name)
    mistakes = Mistakes()
    given = {key: value for key, value in keys.items() if value is not None}
    for key in ("env_file", "cwd"):
        if given.get(key):
            given[key] = os.path.abspath(os.path.expanduser(str(given[key])))
    agent: dict[str, object] = {key: given.pop(key) for key in ("message", "model", "program") if key in given}
    if "agent" in given:
        turn: dict[str, object] = {"kind": given["agent"], **agent}
        if command:
            turn["args"] = list(command)
        given["agent"] = turn
    else:
        for key in agent:
            mistakes.add((*path, key), "belongs to an agent; say --agent claude, codex, openclaw or command")
        if command:
            given["command"] = list(command)
    for table, items in tables.items():
        pairs: dict[str, object] = {}
        for item in items:
            variable, equals, text = item.partition("=")
            if equals:
                pairs[variable] = text if table == "env" else _value(variable, text)
            else:
                mistakes.add((*path, table), f'"{item}" {_PAIR_TEXT[table]}')
        if pairs:
            given[table] = pairs
    if not given.keys() & {"command", "shell", "agent"}:
        mistakes.add(path, "says not what to run; put the command behind --, or say --shell LINE, or --agent KIND")
    job = read_job(name, given, path, mistakes, need_command=False)
    mistakes.refuse({"jobs": {name: given}})
    assert job is not None  # without a mistake there is a job
    return job


def _check_group(journal: Journal, job: Job) -> None:
    from fsm.client.settings import settings
    from fsm.codec.jobsfile import unknown_group

    known = [group.name for group in settings(journal).groups]
    if job.group is not None and job.group not in known:
        said = unknown_group(job.group, known)
        raise BadJobs((f"jobs.{job.name}.group: {said}; groups are set by a jobs file, see: cronfsm apply --help",))


_PAIR_TEXT = {
    "env": "is not a variable with its text (say LANG=C)",
    "retry": "is not a key with its value (say attempts=3)",
    "breaker": "is not a key with its value (say failures=5)",
    "keep": "is not a key with its value (say runs=100)",
}


def _value(key: str, text: str) -> object:
    """As it would stand in a file."""
    if key == "on":
        return [word.strip() for word in text.split(",") if word.strip()]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _hint(job: Job) -> None:
    """What may not be meant as it is written; nobody is kept from writing it."""
    words = job.command or ()
    if job.agent is not None:
        words = (*command_line(job.agent, "", "")[:1], "")
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
    due, job = next_due(state), state.definition
    if due is None:
        by_hand = again(f"cronfsm run {quoted(name)}")
        if job is None or job.schedule is None:
            return f"It runs by hand only: {by_hand}"
        if not job.enabled:
            return f"It is disabled, and has no ticks; by hand: {by_hand}"
        return f"It will not be due: none of its times is left ({job.schedule}); by hand: {by_hand}"
    served = session.served() is not None
    return f"It is due next at {stamp(due)} ({relative(due, session.now())})" + (
        "." if served else f"; no scheduler is up to run it: {again('cronfsm serve')}"
    )
