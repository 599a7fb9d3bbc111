"""``cronfsm verify``: is the journal whole, and is everything in it allowed?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import click

from fsm.cli.context import Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.tables import plain
from fsm.errors import BadValue, JournalUnusable
from fsm.plural import many

if TYPE_CHECKING:
    from fsm.journal.heads import Head
    from fsm.journal.verify import Checker, Violation

SHOWN = 100
"""Violations that are shown: who has a hundred needs no more to know that something is wrong."""

MAX_LINE = 64 << 20
"""Bytes of one exported entry; the longest that is ever written is a hundredth of it."""

_WANTED = "say cronfsm journal --json > FILE, or name a journal.db"
_SQLITE = b"SQLite format 3\x00"


@click.command(
    "verify",
    cls=Command,
    examples=[
        "cronfsm verify",
        "cronfsm journal --json | cronfsm verify -",
        "cronfsm verify backup-of-a-journal.jsonl",
        "cronfsm journal heads --json > heads.jsonl && cronfsm verify --heads heads.jsonl",
    ],
)
@click.argument("file", metavar="[FILE|-]", required=False)
@click.option("--heads", metavar="FILE", help="Heads that were exported before: a cut tail is found against them.")
@click.pass_obj
def verify_command(session: Session, file: str | None, heads: str | None) -> int:
    """Check the journal: hash chain, legality of every transition, invariants, and that the projection fits.

    FILE is an exported journal (JSON Lines, see cronfsm journal --json; - for stdin) or another journal.db. Without it,
    the data folder's own is checked, also while a scheduler is up. The exit code is 1 where anything is wrong.

    What was cut off at the end nothing in a journal tells. Keep its heads elsewhere (cronfsm journal heads --json),
    and say --heads.
    """
    import gc

    from fsm.journal.verify import Checker

    gc.freeze()  # what is loaded stays; millions of small values come and go, none in a circle
    checked = Checker(_read_heads(heads))
    found = list(islice(_violations(session, file, checked), SHOWN + 1))
    if found and not checked.entries and all(v.requirement == "format" for v in found):
        raise JournalUnusable(str(file), "none of its lines is an entry: it is no exported journal", _WANTED)
    more = len(found) > SHOWN
    found = found[:SHOWN]
    where = session.folder_path if file is None else "stdin" if file == "-" else file
    if session.as_json:
        session.output.document(
            {
                "ok": not found,
                "journal": where,
                "entries": checked.entries,
                "violations": [_json(violation) for violation in found],
                "more": more,
            }
        )
    elif not found:
        session.output.text(f"{many(checked.entries, 'entry', 'entries')} in {where}: nothing is wrong.")
    else:
        lines = [plain(str(violation)) for violation in found]
        how_many = (
            f"More than {SHOWN} things are" if more else "1 thing is" if len(found) == 1 else f"{len(found)} things are"
        )
        session.output.text("\n".join([*lines, f"{how_many} wrong in {where}."]))
    return Exit.FAILED if found else Exit.DONE


def _read_heads(file: str | None) -> dict[str, Head]:
    from fsm.journal.heads import read_heads

    if file is None:
        return {}
    with open(file, "rb") as opened:
        try:
            return read_heads(_lines(opened))
        except BadValue as error:
            raise BadValue(f"{file}: {error}") from None


def _violations(session: Session, file: str | None, checked: Checker) -> Iterator[Violation]:
    from fsm.journal.verify import verify_lines
    from fsm.journal.verify_store import verify_journal

    if file is None:
        yield from verify_journal(session.journal, checked)
    elif file == "-":
        yield from verify_lines(_lines(sys.stdin.buffer), checked)
    elif _is_sqlite(file):
        from fsm.journal.sqlite import SqliteJournal

        journal = SqliteJournal(file, read_only=True)
        try:
            yield from verify_journal(journal, checked)
        finally:
            journal.close()
    else:
        with open(file, "rb") as opened:
            yield from verify_lines(_lines(opened), checked)


def _is_sqlite(file: str) -> bool:
    with open(file, "rb") as opened:
        return os.path.isfile(file) and opened.read(len(_SQLITE)) == _SQLITE


def _lines(file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise BadValue(f"line {number} is longer than {MAX_LINE >> 20} MiB: this is no exported journal")
        yield line


def _json(violation: Violation) -> dict[str, object]:
    return {
        "requirement": violation.requirement,
        "why": violation.why,
        "job": violation.job,
        "seq": violation.seq,
        "entry": violation.id,
        "line": violation.line,
    }
