"""A process that appends to a journal and says what was acknowledged: for disks that fail under it.

Usage: appender.py JOURNAL TRANSACTIONS. Each line of its output is "ack ID", "again ERROR" or "busy". A transaction
that fails is tried again, as a scheduler does it, until it is taken; after MAX_TRIES it gives up.
"""

from __future__ import annotations

import sys
import time

from fsm.errors import JournalBusy, StoreError
from fsm.instants import HOUR, Instant
from fsm.journal.sqlite import SqliteJournal
from fsm.testing.scribe import START, Scribe

MAX_TRIES = 2_000
PAUSE_S = 0.005


def main(path: str, transactions: int) -> None:
    """Append that many transactions, whatever the disk does."""
    journal = opened(path)
    journal._store.execute("PRAGMA wal_autocheckpoint = 8").fetchall()
    for number in range(transactions):
        scribe = Scribe(journal, start=Instant(START + (journal.last_id() + number) * HOUR))
        for _ in range(MAX_TRIES):
            try:
                one(scribe)
            except JournalBusy:
                say("busy")
            except StoreError as error:
                say(f"again {type(error).__name__} {error}")
            else:
                say(f"ack {journal.last_id()}")
                break
            time.sleep(PAUSE_S)  # a scheduler waits a second
        else:
            raise SystemExit("it never came to an end")
    journal.close()


def opened(path: str) -> SqliteJournal:
    """The journal, made if it has to be, as soon as the disk lets it."""
    for _ in range(MAX_TRIES):
        try:
            return SqliteJournal(path, node="here")
        except StoreError as error:
            say(f"again {type(error).__name__} {error}")
            time.sleep(PAUSE_S)
    raise SystemExit("it never opened")


def one(scribe: Scribe) -> None:
    """The next transaction in the life of the job's run."""
    state = scribe.journal.state("a")
    if state.definition is None:
        scribe.define("a", schedule="*/5 * * * *", env={"LONG": "x" * 3_000})
    elif not state.runs:
        scribe.queue("a")
    elif state.slot is None:
        scribe.start("a", state.runs[0].number)
    elif not state.runs[0].state.terminal:
        scribe.end("a", state.runs[0].number)
    else:
        scribe.release("a", state.runs[0].number)


def say(line: str) -> None:
    """At once: what was said before a death counts."""
    print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
