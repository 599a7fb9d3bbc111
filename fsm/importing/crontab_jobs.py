"""Jobs out of the lines of a crontab. What cron does by itself and this does not is said: mail, reboot, other users."""

from __future__ import annotations

import os
import pwd
import re
import shlex
from typing import Any

from attrs import define, field, frozen

from fsm.client.apply import apply, compare
from fsm.client.engine import Engine
from fsm.codec.jobkeys import make_job
from fsm.errors import BadJobs, BadValue
from fsm.importing.crontab import CronLine, Kind
from fsm.importing.names import Names, job_name
from fsm.importing.report import Report
from fsm.model.job import Job
from fsm.planning.schedule import timetable

_ZONE, _MAIL = ("CRON_TZ",), ("MAILTO", "MAILFROM")
_NOT_ENV = frozenset({"CRON_TZ", "MAILTO", "MAILFROM", "SHELL", "HOME", "LOGNAME", "USER", "RANDOM_DELAY"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_WRAPPERS = frozenset(
    {
        "env",
        "nice",
        "ionice",
        "exec",
        "sudo",
        "nohup",
        "time",
        "cd",
        "test",
        "[",
        "chronic",
        "flock",
        "timeout",
        "systemd-run",
    }
    | {"sh", "bash", "dash", "zsh", "python", "python3", "perl", "ruby", "node", "php"}
)
_END = "CRONTAB_INPUT"


@frozen(slots=True)
class Imported:
    """A job, the line that it comes from, and remarks that go above it in a jobs file."""

    name: str
    line: CronLine
    keys: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def remarks(self) -> list[str]:
        """What stands above it in a jobs file: the remark above its line, the line itself, and the notes."""
        own = [self.line.remark] if self.line.remark else []
        return [*own, f"line {self.line.number}: {self.line.text}", *self.notes]


@define(slots=True)
class Made:
    """The jobs of a crontab, and a report that has a line for every line that became none."""

    jobs: list[Imported] = field(factory=list)
    report: Report = field(factory=Report)

    def described(self) -> list[tuple[str, dict[str, Any], list[str]]]:
        """As `fsm.importing.jobstoml` wants them."""
        return [(job.name, job.keys, job.remarks) for job in self.jobs]


def make_jobs(lines: list[CronLine], *, zone: str, user: str | None) -> Made:
    """`zone`: of schedules for which no CRON_TZ is set; `user`: whose lines of a system crontab count (None: the
    caller's)."""
    made = Made()
    names = Names(())
    owner = user or _me()
    for line in lines:
        made.report.jobs.found += 1
        try:
            job = _job(line, zone, owner, names)
        except _Left as left:
            made.report.jobs.left += 1
            made.report.say(f"line {line.number} ({_short(line.text)})", str(left))
            continue
        made.jobs.append(job)
        for note in job.notes:
            made.report.say(job.name, note)
    _about_mail(made, lines)
    return made


class _Left(Exception):
    """Why a line makes no job."""


def _me() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _home(user: str) -> str | None:
    try:
        return pwd.getpwnam(user).pw_dir
    except KeyError:
        return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _job(line: CronLine, zone: str, owner: str, names: Names) -> Imported:
    if line.kind is Kind.WRONG:
        raise _Left(f"not imported: {line.why}")
    if line.schedule.lower() == "@reboot":
        raise _Left('not imported: "@reboot" is no time; let systemd start it, or run it beside cronfsm serve')
    if line.user is not None and line.user.partition(":")[0] != owner:
        raise _Left(f"not imported: it runs as {line.user}; import it with --user {line.user}, where that user serves")
    settings = dict(line.settings)
    where = settings.get("CRON_TZ") or zone
    try:
        timetable(line.schedule, where)
    except BadValue as bad:
        raise _Left(f"not imported: {bad}") from None
    keys: dict[str, Any] = {"schedule": line.schedule, "timezone": where} | _what(line, settings)
    home = settings.get("HOME") or _home(owner)
    if home:
        keys["cwd"] = home  # cron starts everything there
    env = {name: text for name, text in settings.items() if name not in _NOT_ENV}
    if settings.get("HOME"):
        env["HOME"] = settings["HOME"]
    if env:
        keys["env"] = env
    name = job_name(_called(line), f"line {line.number}")
    try:
        make_job(name, need_command=True, **keys)
    except BadJobs as bad:
        raise _Left(f"not imported: {'; '.join(bad.mistakes)}") from None
    notes = []
    if settings.get("RANDOM_DELAY"):
        notes.append(f"RANDOM_DELAY={settings['RANDOM_DELAY']} is not carried over: it runs on time")
    return Imported(names.give(name), line, keys, tuple(notes))


def _what(line: CronLine, settings: dict[str, str]) -> dict[str, Any]:
    """`shell`, or `command` where it is another shell than /bin/sh. Input is given as a here-document."""
    text = line.command
    if not text:
        raise _Left("not imported: it has no command")
    if line.stdin:
        given = line.stdin.removesuffix("\n")  # what cron writes ends with one line break, and so does this
        lines = given.split("\n")
        mark = _END
        while mark in lines:
            mark += "_"
        text = f"{{ {text}\n}} <<'{mark}'\n{given}\n{mark}\n"
    shell = settings.get("SHELL", "")
    return {"command": [shell, "-c", text]} if shell and shell != "/bin/sh" else {"shell": text}


def _called(line: CronLine) -> str:
    """What a person would call it: the first program of the line that is not just a wrapper, without path and
    ending."""
    try:
        words = shlex.split(line.command, comments=True)
    except ValueError:  # a quote that only a shell understands
        words = line.command.split()
    skip_next = False
    for word in words:
        if skip_next:
            skip_next = False
            continue
        base = os.path.basename(word.rstrip("/"))
        if word in ("cd",):
            skip_next = True
        elif base in _WRAPPERS or word.startswith("-") or _ASSIGNMENT.match(word) or not re.search(r"[A-Za-z]", base):
            continue
        else:
            return os.path.splitext(base.rstrip(";&|"))[0]
    return os.path.basename(words[0]) if words else ""


def _about_mail(made: Made, lines: list[CronLine]) -> None:
    """cron mails what a command prints. Who was mailed for which jobs, one line an address."""
    mailed: dict[str, list[str]] = {}
    by_line = {job.line.number: job.name for job in made.jobs}
    for line in lines:
        to = dict(line.settings).get("MAILTO")
        if to and line.number in by_line:
            mailed.setdefault(to, []).append(by_line[line.number])
    for to, names in mailed.items():
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        made.report.say(
            f"MAILTO={to}", f"what {shown} printed was mailed; here nothing is mailed: see cronfsm logs, and on_failure"
        )


def bring(made: Made, engine: Engine, *, source: str, dry: bool) -> Report:
    """Define the jobs; those that came from the same crontab before are changed to what it says now. With `dry`, only
    count. A job of that name that came from elsewhere keeps it: the one from the crontab gets another."""
    journal, report = engine.journal, made.report
    ours = {s.state.job for s in journal.jobs() if s.state.source == source}
    names = Names(name for name in [*journal.streams(), *journal.job_names()] if name not in ours)
    jobs: list[Job] = []
    for each in made.jobs:
        name = names.give(each.name)
        report.names[f"line {each.line.number}"] = name
        jobs.append(make_job(name, need_command=True, **each.keys))
    changes = compare(engine, jobs, source=source, prune=False, prune_source=False)
    report.jobs.added, report.jobs.changed = len(changes.added), len(changes.changed)
    report.jobs.known = len(changes.unchanged)
    for name in sorted(ours - {job.name for job in jobs}):
        report.say(
            name, "it came from this crontab, which does not have it any more; it stays: cronfsm remove takes it away"
        )
    if not dry:
        apply(engine, jobs, source=source)
    return report
