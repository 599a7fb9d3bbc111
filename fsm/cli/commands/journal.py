"""``cronfsm journal``: the entries themselves, in the order in which they were committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from fsm.cli.context import Session
from fsm.cli.entrytext import entry_line
from fsm.cli.group import Command
from fsm.cli.lookup import known_job, known_run, stream_of
from fsm.cli.output import note, pause
from fsm.cli.tables import Column
from fsm.model.entries import Entry


@click.command(
    "journal",
    cls=Command,
    examples=[
        "cronfsm journal --job backup",
        "cronfsm journal --follow --json --after 812",
        "cronfsm journal --json > journal.jsonl && cronfsm verify journal.jsonl",
        "cronfsm journal heads",
    ],
)
@click.option("--job", metavar="JOB", help="Of this job only; @scheduler for the schedulers' own.")
@click.option("--run", "run_text", metavar="RUN", help="About this run only.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is appended from now on.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="Entries after this one.")
@click.argument("what", metavar="[heads]", required=False, type=click.Choice(["heads"]))
@click.pass_obj
def journal_command(
    session: Session, job: str | None, run_text: str | None, follow: bool, after: int, what: str | None
) -> None:
    """The entries of the journal, the oldest first. With --json as JSON Lines, the form that verify reads.

    `journal heads`: only length and last hash of each stream, to be kept elsewhere for verify --heads.
    """
    journal = session.journal
    if what == "heads":
        if run_text is not None or follow or after:
            raise click.UsageError("heads are those of whole streams: leave --run, --follow and --after out")
        _heads(session, job)
        return
    number: int | None = None
    if run_text is not None:
        run = known_run(journal, run_text)
        if job is not None and job != run.job:
            raise click.UsageError(f"{run_text} is no run of {job}; leave --job out")
        job, number = run.job, run.number
    elif job is not None and not job.startswith("@") and stream_of(journal, job) is None:
        known_job(journal, job)
    if follow:
        from fsm.client.waiting import follow as follow_journal

        entries: Iterable[Entry] = follow_journal(journal, after, job=job, run=number, pause=pause)
    else:
        entries = journal.entries(job=job, run=number, after_id=after)
    if session.as_json and not follow and not after and job is None:
        from fsm.journal.export import export_lines

        _print_lines(session, (line + b"\n" for line in export_lines(journal)), _TOGETHER)
        return
    if after and number is None:
        entries = tell_pruned(session, entries, job, after)
    _print(session, entries, at_once=follow)


def tell_pruned(session: Session, entries: Iterable[Entry], job: str | None, after: int) -> Iterator[Entry]:
    """The entries; and a word to who goes on after an id when some that came after it have been pruned since."""
    if job is not None:
        begin = session.journal.span(job, 0).begin
        first = next(session.journal.entries(job=job, limit=1), None)
        if begin is not None and first is not None and first.id > after + 1:
            count = begin.seq - 1
            entries_have = "entry has" if count == 1 else f"{count:,} entries have"
            note(f"of {job} the first {entries_have} been pruned; the rest begins with id {first.id}")
        yield from entries
        return
    last, told = after, False
    for entry in entries:
        if entry.id != last + 1 and not told:
            told = True
            note(f"entries have been pruned, the first of them with id {last + 1}; the next one left is {entry.id}")
        last = entry.id
        yield entry


_TOGETHER = 500
"""Lines that are written at once where nobody waits for each."""


def _print(session: Session, entries: Iterable[Entry], *, at_once: bool) -> None:
    _print_lines(session, _lines(session, entries), 1 if at_once else _TOGETHER)


def _print_lines(session: Session, lines: Iterable[bytes], together: int) -> None:
    for batch in _batches(lines, together):
        session.output.raw(b"".join(batch))


def _heads(session: Session, job: str | None) -> None:
    from fsm.journal.heads import heads_of

    heads = [head for head in heads_of(session.journal) if job in (None, head.job)]
    if session.as_json:
        for head in heads:
            session.output.line(head.to_json())
    else:
        columns = [Column("STREAM", floor=8), Column("LENGTH", right=True), Column("LAST HASH", floor=16)]
        session.output.table(columns, [[head.job, f"{head.length:,}", head.hash] for head in heads])


def _lines(session: Session, entries: Iterable[Entry]) -> Iterator[bytes]:
    if session.as_json:
        from fsm.codec.entries import entry_to_line

        for entry in entries:
            yield entry_to_line(entry) + b"\n"
    else:
        for entry in entries:
            yield entry_line(entry).encode("utf-8", "backslashreplace") + b"\n"


def _batches(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
