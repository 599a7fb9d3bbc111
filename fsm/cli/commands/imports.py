"""``cronfsm import``: the jobs and the history of another scheduler, brought into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fsm.cli.context import Session
from fsm.cli.crontabfile import crontab_text
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.tables import plain
from fsm.errors import BadValue
from fsm.plural import many

if TYPE_CHECKING:
    from fsm.importing.report import Report, Tally


@click.command(
    "import",
    cls=Command,
    examples=[
        "cronfsm import openclaw ~/.openclaw --dry-run",
        "cronfsm import openclaw ~/.openclaw",
        "cronfsm import crontab my-crontab --print > jobs.toml     # crontab -l > my-crontab",
        "cronfsm import crontab /etc/crontab --system --user root",
    ],
)
@click.argument("system", metavar="openclaw|crontab", type=click.Choice(["openclaw", "crontab"]))
@click.argument("source", metavar="DIR|FILE|-")
@click.option("--dry-run", is_flag=True, help="Only show what would be imported.")
@click.option("--print", "as_file", is_flag=True, help="Print a jobs file with the jobs instead, for you to look at.")
@click.option("--timezone", metavar="ZONE", help="Of schedules that name none [default: this machine's].")
@click.option("--system", "system_form", is_flag=True, help="A crontab whose lines name a user, as /etc/crontab does.")
@click.option("--user", metavar="NAME", help="Whose lines of such a crontab to import [default: you].")
@click.pass_obj
def import_command(
    session: Session,
    /,
    system: str,
    source: str,
    dry_run: bool,
    as_file: bool,
    timezone: str | None,
    system_form: bool,
    user: str | None,
) -> int:
    """Bring in the jobs and the history of another scheduler. A second time nothing changes.

    openclaw DIR: cron/jobs.json, cron/jobs-state.json and cron/runs/*.jsonl of OpenClaw's state folder, by default
    ~/.openclaw. Runs keep the times that they had. crontab FILE: a crontab, from stdin with -. Every job and every
    run is imported or has a line that says why not, and so has everything of a job that is not carried over: where
    results were sent to, who was mailed. The other scheduler is left as it is: stop it before you serve the same jobs
    here.
    """
    from fsm.importing.localzone import local_zone

    if timezone is not None:
        from fsm.planning.zones import zone

        zone(timezone)
    if system == "openclaw" and (system_form or user is not None):
        raise BadValue("--system and --user are for a crontab")
    where = timezone or local_zone()
    if system == "openclaw":
        _openclaw(session, source, where, dry=dry_run, as_file=as_file)
    else:
        _crontab(session, source, where, user, dry=dry_run, as_file=as_file, system_form=system_form)
    return Exit.DONE


def _openclaw(session: Session, path: str, zone: str, *, dry: bool, as_file: bool) -> None:
    from fsm.importing.openclaw import bring, load
    from fsm.importing.openclaw_jobs import Setting

    source = load(path, Setting(zone, session.now()))
    if as_file:
        _print(
            [(made.name, made.keys, made.notes) for found in source.jobs if (made := found.made) is not None],
            source.report,
        )
        return
    if dry:
        from fsm.client.engine import Engine

        engine, numbers = Engine(session.journal, clock=session.clock), None
    else:
        engine = session.engine(create=True)
        numbers = session.run_numbers
    _answer(session, bring(source, engine, numbers=numbers, dry=dry), dry=dry)


def _print(jobs: list[tuple[str, dict[str, object], list[str]]], report: Report) -> None:
    from fsm.importing.jobstoml import jobs_toml
    from fsm.importing.names import Names

    names = Names(())
    head = [str(line) for line in report.lines]
    click.echo(jobs_toml([(names.give(name), keys, notes) for name, keys, notes in jobs], head), nl=False)


def _crontab(
    session: Session, path: str, zone: str, user: str | None, *, dry: bool, as_file: bool, system_form: bool
) -> None:
    from fsm.importing.crontab import read_crontab
    from fsm.importing.crontab_jobs import bring, make_jobs

    text, name, of_system = crontab_text(path)
    system_form = system_form or user is not None or of_system
    made = make_jobs(read_crontab(text, system=system_form), zone=zone, user=user)
    if as_file:
        _print(made.described(), made.report)
        return
    if dry:
        from fsm.client.engine import Engine

        engine = Engine(session.journal, clock=session.clock)
    else:
        engine = session.engine(create=True)
    _answer(session, bring(made, engine, source=f"crontab:{name}", dry=dry), dry=dry)


# ---- the answer


def _answer(session: Session, report: Report, *, dry: bool) -> None:
    if session.as_json:
        session.output.document(
            {
                "ok": True,
                "dry_run": dry,
                "jobs": _tally_json(report.jobs),
                "runs": _tally_json(report.runs),
                "names": report.names,
                "lines": [{"subject": line.subject, "text": line.text} for line in report.lines],
            }
        )
        return
    lines = [plain(str(line)) for line in report.lines]
    if lines:
        lines.append("")
    lines.append(_tally_text("job", report.jobs))
    if report.runs.found:
        lines.append(_tally_text("run", report.runs))
    if dry:
        lines.append("Nothing was changed (--dry-run).")
    session.output.text("\n".join(lines))


def _tally_json(tally: Tally) -> dict[str, int]:
    return {
        "found": tally.found,
        "added": tally.added,
        "changed": tally.changed,
        "known": tally.known,
        "left": tally.left,
    }


def _tally_text(what: str, tally: Tally) -> str:
    parts = [f"{tally.added:,} imported"]
    parts += [f"{tally.changed:,} changed"] if tally.changed else []
    parts += [f"{tally.known:,} known already"] if tally.known else []
    parts += [f"{tally.left:,} not imported (see above)"] if tally.left else []
    return f"{many(tally.found, what)}: {', '.join(parts)}."
