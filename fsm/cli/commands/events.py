"""``cronfsm events``: the lifecycle of every run as events, from any point of the journal on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from fsm.cli.commands.journal import tell_pruned
from fsm.cli.context import Session
from fsm.cli.eventtext import EventLines, event_json
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, stream_of
from fsm.cli.output import pause
from fsm.model.entries import Entry
from fsm.model.events import LifecycleEvent
from fsm.ports import Journal


@click.command(
    "events",
    cls=Command,
    examples=["cronfsm events --job backup", "cronfsm events --follow --json", "cronfsm events --json --after 812"],
)
@click.option("--job", metavar="JOB", help="Of this job only.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="Events after the one with this id.")
@click.pass_obj
def events_command(session: Session, job: str | None, follow: bool, after: int) -> None:
    """What happened to runs: queued, start, end or error, each with the id of its entry.

    Whoever keeps the last id it has seen, and goes on with --after ID, misses nothing and hears nothing twice, however
    often it or the scheduler was restarted meanwhile.
    """
    journal = session.journal
    if job is not None and stream_of(journal, job) is None:
        known_job(journal, job)
    if follow:
        from fsm.client.waiting import follow as follow_journal

        entries: Iterable[Entry] = follow_journal(journal, after, job=job, pause=pause)
    else:
        entries = journal.entries(job=job, after_id=after)
    if after:
        entries = tell_pruned(session, entries, job, after)
    lines = EventLines(session.output.paint)
    for event in _events(journal, entries):
        if session.as_json:
            session.output.line(event_json(event))
        else:
            session.output.text(lines.line(event))


def _events(journal: Journal, entries: Iterable[Entry]) -> Iterator[LifecycleEvent]:
    from fsm.engine.events import event_of

    for entry in entries:
        run = journal.run(entry.job, entry.run) if entry.run is not None else None
        event = event_of(entry, run) if run is not None else None
        if event is not None:
            yield event
