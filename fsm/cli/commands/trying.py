"""``cronfsm try``: what a crontab or a jobs file would do in the days to come; nothing is executed or written down."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fsm.cli.context import Session
from fsm.cli.group import Command
from fsm.cli.output import complain, note
from fsm.cli.runjson import Json, instant
from fsm.cli.tables import plain
from fsm.cli.times import read_time
from fsm.errors import BadValue
from fsm.instants import MINUTE, SECOND, Instant, parse_instant
from fsm.plural import many

if TYPE_CHECKING:
    from fsm.cli.trysum import Sum
    from fsm.model.job import Job
    from fsm.model.settings import Settings
    from fsm.testing.rehearsal import Plan, Rehearsal

MOST_DAYS = 3_660
MOST_TICKS = 1_000_000
"""Of one rehearsal, over all jobs: some twenty seconds and 400 MB."""

MOST_SIMULATED = 2_000
"""Up to so many ticks the scheduler itself goes through it, which takes a few seconds; more are reckoned."""

MOST_EXACT = 50_000
"""Where it has to be the scheduler itself, with more ticks: minutes."""


@click.command(
    "try",
    cls=Command,
    examples=[
        "cronfsm try my-crontab     # crontab -l > my-crontab",
        "cronfsm try jobs.toml --days 7 --durations lengths.toml",
        "cronfsm try jobs.toml --from 2027-03-22 --days 31 --svg march.svg",
        "cronfsm try jobs.toml --days 2 --runs",
    ],
)
@click.argument("file", metavar="CRONTAB|JOBS.toml|-")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=7, show_default=True, help="How long.")
@click.option("--from", "from_", metavar="TIME", help="Begin at this time, of this machine [default: now].")
@click.option("--durations", metavar="FILE", help='How long runs take: TOML (backup = "45m") or CSV (backup,45m).')
@click.option("--max-running", type=click.IntRange(1, 100_000), help="Runs at once [default: the file's, else 8].")
@click.option("--timezone", metavar="ZONE", help="Of a crontab, and of what is shown [default: this machine's].")
@click.option("--system", "system_form", is_flag=True, help="A crontab whose lines name a user, as /etc/crontab does.")
@click.option("--user", metavar="NAME", help="Whose lines of such a crontab to take [default: you].")
@click.option("--runs", "each_run", is_flag=True, help="Every run, with its times.")
@click.option("--exact", is_flag=True, help="By the scheduler itself, however many ticks there are (up to 50,000).")
@click.option("--svg", metavar="FILE", help="Write the picture there.")
@click.option("--html", metavar="FILE", help="Write picture and tables there.")
@click.pass_obj
def try_command(
    session: Session,
    file: str,
    days: int,
    from_: str | None,
    durations: str | None,
    max_running: int | None,
    timezone: str | None,
    system_form: bool,
    user: str | None,
    each_run: bool,
    exact: bool,
    svg: str | None,
    html: str | None,
) -> None:
    """What a crontab or a jobs file would do: when each job runs, which ticks are refused and why, how many run at
    once.

    Nothing is executed, and nothing in the data folder changes. The scheduler itself goes through it on a simulated
    clock; of many ticks it is reckoned by the same rules. Runs succeed after the length that --durations gives, else
    one that the job took before (its last 100 successes), else a minute. In the file, a list of lengths is taken in
    turn, and "*" stands for all jobs that are not named.
    """
    from attrs import evolve

    from fsm.importing.localzone import local_zone
    from fsm.planning.zones import zone

    where = timezone or local_zone()
    zone(where)
    jobs, settings = _read(file, where, user, system_form=system_form, quiet=session.as_json)
    if max_running is not None:
        settings = evolve(settings, max_running=max_running)
    now = session.now()
    start = Instant(now // MINUTE * MINUTE) if from_ is None else read_time(from_, now, ahead=True)
    plan = _plan(session, jobs, settings, start, _later(start, days, where), durations)
    rehearsal = _through(plan, exact=exact)
    from fsm.cli.trysum import add_up

    total = add_up(rehearsal, where)
    _files(rehearsal, total, where, svg, html)
    if session.as_json:
        session.output.document(_json(rehearsal, total, where, each_run=each_run))
    else:
        _print(session, rehearsal, total, where, each_run=each_run)


def _read(
    file: str, where: str, user: str | None, *, system_form: bool, quiet: bool
) -> tuple[tuple[Job, ...], Settings]:
    """Jobs and bounds; what of a crontab makes no job is said on stderr."""
    from fsm.model.settings import DEFAULT_MAX_RUNNING, Settings

    if file.lower().endswith(".toml"):
        from fsm.scheduler.serve import read_jobs_file

        if system_form or user is not None:
            raise BadValue("--system and --user are for a crontab")
        read = read_jobs_file(Path(file))
        return read.jobs, Settings(read.max_running or DEFAULT_MAX_RUNNING, read.groups)
    from fsm.cli.crontabfile import crontab_text
    from fsm.codec.jobkeys import make_job
    from fsm.importing.crontab import read_crontab
    from fsm.importing.crontab_jobs import make_jobs

    text, _, of_system = crontab_text(file)
    made = make_jobs(read_crontab(text, system=system_form or user is not None or of_system), zone=where, user=user)
    left = [str(line) for line in made.report.lines if line.text.startswith("not imported")]
    if left and not quiet:
        complain("\n".join(["not every line makes a job", *map(plain, left)]))
    jobs = tuple(make_job(one.name, need_command=True, **one.keys) for one in made.jobs)
    if not jobs:
        raise BadValue(f"{file}: there is no job in it (a crontab, or a jobs file whose name ends in .toml)")
    return jobs, Settings()


def _later(start: Instant, days: int, where: str) -> Instant:
    """The same local time so many days later."""
    from fsm.planning.zones import to_local

    try:
        return parse_instant(to_local(start, where) + timedelta(days=days))
    except OverflowError:
        raise BadValue("the calendar ends before that") from None


def _plan(
    session: Session, jobs: tuple[Job, ...], settings: Settings, start: Instant, until: Instant, durations: str | None
) -> Plan:
    from fsm.cli.trylengths import all_lengths, from_history, read_lengths
    from fsm.testing.rehearsal import Plan

    names = [job.name for job in jobs]
    given = {} if durations is None else read_lengths(durations, names)
    lengths, otherwise = all_lengths(given, from_history(session.journal, names))
    plan = Plan(jobs, start, until, settings, lengths, otherwise)
    ticks = {job.name: plan.ticks(job) for job in jobs}
    if sum(ticks.values()) > MOST_TICKS:
        most = max(ticks, key=lambda name: ticks[name])
        raise BadValue(
            f"{sum(ticks.values()):,} ticks are more than the {MOST_TICKS:,} that one rehearsal takes "
            f"({most} has {ticks[most]:,} of them); take fewer days, with --days and --from a part at a time, or leave "
            f"{most} out of a copy of the file"
        )
    return plan


def _through(plan: Plan, *, exact: bool) -> Rehearsal:
    """By the scheduler where that takes seconds, or is wanted, or nothing else can tell; else reckoned."""
    from fsm.testing.reckoning import NotReckoned, reckon
    from fsm.testing.rehearsal import simulate

    ticks = sum(plan.ticks(job) for job in plan.jobs)
    if ticks <= MOST_SIMULATED:
        return simulate(plan)
    if exact and ticks > MOST_EXACT:
        raise BadValue(
            f"{ticks:,} ticks are more than the {MOST_EXACT:,} that the scheduler itself goes through (--exact); take "
            "fewer days, or leave --exact out: then they are reckoned by the same rules"
        )
    why = "--exact"
    if not exact:
        try:
            return reckon(plan)
        except NotReckoned as surprise:
            why = str(surprise)
    if ticks > MOST_EXACT:
        raise BadValue(
            f"these ticks cannot be reckoned, only simulated ({why}), and {ticks:,} are more than the {MOST_EXACT:,} "
            "that one rehearsal simulates; take fewer days"
        )
    note(f"the scheduler itself goes through {ticks:,} ticks ({why}); that takes about {max(1, ticks // 400)} s")
    return simulate(plan)


# ---- the answer


def _print(session: Session, rehearsal: Rehearsal, total: Sum, where: str, *, each_run: bool) -> None:
    from fsm.cli import trytext

    out = session.output
    out.text("\n".join(trytext.head(rehearsal, total, where)) + "\n")
    out.table(*trytext.job_table(rehearsal, total))
    out.text("\n" + "\n".join(trytext.picture(trytext.rows(rehearsal, total, where))))
    if rehearsal.refused:
        out.text("")
        shown = trytext.some_refusals(rehearsal.refused)
        out.table(*trytext.refusal_table(shown, where))
        more = sum(one.count for one in rehearsal.refused) - sum(one.count for one in shown)
        if more:
            out.text(f"and {many(more, 'tick')} more; --json has all")
    if total.changes:
        out.text("\n" + "\n".join(trytext.changes(total)))
    if each_run:
        out.text("")
        out.table(*trytext.run_table(rehearsal.runs, where))
    by = (
        "The scheduler went through it on a simulated clock"
        if rehearsal.simulated
        else "Reckoned by the scheduler's rules"
    )
    out.text(f"\n{by}; nothing was executed.")


def _files(rehearsal: Rehearsal, total: Sum, where: str, svg: str | None, html: str | None) -> None:
    from fsm.cli import trysvg, trytext

    if svg is None and html is None:
        return
    rows = trytext.rows(rehearsal, total, where)
    title = f"{trytext.local(rehearsal.plan.start, where)} to {trytext.local(rehearsal.plan.until, where)} ({where})"
    if svg is not None:
        _write(svg, trysvg.svg(title, rows))
    if html is not None:
        tables = [("Jobs", *trytext.job_table(rehearsal, total))]
        if rehearsal.refused:
            shown = rehearsal.refused[: 10 * trytext.REFUSALS_SHOWN]
            tables.append(("Ticks that are refused", *trytext.refusal_table(shown, where)))
        sentences = [*trytext.head(rehearsal, total, where), *trytext.changes(total)]
        _write(html, trysvg.page(title, sentences, rows, tables))


def _write(path: str, text: str) -> None:
    """The file has its name only once it is whole."""
    part = f"{path}.part"
    try:
        with open(part, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _json(rehearsal: Rehearsal, total: Sum, where: str, *, each_run: bool) -> Json:
    from fsm.cli import trytext

    plan = rehearsal.plan
    document: Json = {
        "from": instant(plan.start),
        "until": instant(plan.until),
        "timezone": where,
        "simulated": rehearsal.simulated,
        "max_running": plan.settings.max_running,
        "peak": {"count": total.peak, "at": instant(total.peak_at), "jobs": list(total.peak_jobs)},
        "jobs": [
            {
                "job": one.job.name,
                "schedule": one.job.schedule,
                "timezone": one.job.timezone,
                "enabled": one.job.enabled,
                "ticks": one.ticks,
                "runs": one.runs,
                "refused": one.refused,
                "waited": one.waited,
                "longest_wait_s": one.longest_us / SECOND,
                "timed_out": one.timed_out,
                "gave_up_waiting": one.gave_up,
                "replaced": one.replaced,
                "lengths_from": plan.of(one.job.name).source,
            }
            for one in total.jobs
        ],
        "refused": [
            {
                "job": one.job,
                "reason": one.reason,
                "count": one.count,
                "first": instant(one.first),
                "last": instant(one.last),
                "blocked_by": None if one.blocker is None else f"{one.job}/{one.blocker}",
                "why": trytext.why(one),
            }
            for one in rehearsal.refused
        ],
        "clock_changes": [
            {
                "at": instant(one.at),
                "timezone": one.zone,
                "offset_before_s": one.before,
                "offset_after_s": one.after,
                "jobs": [{"job": job, "note": told, "ticks": count} for job, told, count in one.jobs],
            }
            for one in total.changes
        ],
        "hours": [
            {
                "day": row.label,
                "peak": [None if hour is None else hour.peak for hour in row.hours],
                "refused": [None if hour is None else hour.refused for hour in row.hours],
                "waited": [None if hour is None else hour.waited for hour in row.hours],
            }
            for row in trytext.rows(rehearsal, total, where)
        ],
    }
    if each_run:
        document["runs"] = [
            {
                "run": f"{one.job}/{one.number}",
                "scheduled_for": instant(one.tick),
                "due": instant(one.due),
                "started_at": instant(one.started),
                "ended_at": instant(one.ended),
                "reason": one.reason,
            }
            for one in rehearsal.runs
        ]
    return document
