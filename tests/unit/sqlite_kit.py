"""A journal in a file, and a second hand on it that knows nothing of this program, like a plain sqlite3 shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import orjson

from fsm.codec.bodies import TARGETS
from fsm.journal.sqlite import SqliteJournal
from fsm.model.states import Reason, State, Trigger

TABLES = ("entries", "jobs", "runs", "definitions", "edges", "meta")


def journal_in(folder: Path, **options: Any) -> SqliteJournal:
    """The journal in `folder`."""
    return SqliteJournal(folder / "journal.db", node="here", **options)


def raw(folder: Path) -> apsw.Connection:
    """A connection as the sqlite3 shell has it: recursive triggers are off."""
    connection = apsw.Connection(str(folder / "journal.db"))
    connection.execute("PRAGMA recursive_triggers = OFF")
    return connection


def dump(connection: apsw.Connection) -> dict[str, list[Any]]:
    """Every row of every table."""
    return {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def next_row(connection: apsw.Connection, job: str, **columns: Any) -> dict[str, Any]:
    """The columns of an entry that is right in all that is not about its body."""
    ident = connection.execute("SELECT max(id) + 1 FROM entries").get
    seq, last_hash = connection.execute("SELECT seq, last_hash FROM jobs WHERE job = ?", (job,)).get
    row: dict[str, Any] = {
        "id": ident,
        "job": job,
        "seq": seq + 1,
        "at": 1,
        "actor": "cli",
        "node": "shell",
        "epoch": None,
        "kind": "job",
        "run": None,
        "trigger": None,
        "source": None,
        "target": None,
        "reason": None,
        "body": '{"event":"paused"}',
        "prev_hash": last_hash,
        "hash": "0" * 64,
    }
    return row | columns


def transition(
    connection: apsw.Connection, job: str, run: int, source: State | None, trigger: Trigger, reason: Reason | None
) -> dict[str, Any]:
    """The columns of a transition, its body in agreement with them."""
    words = {"trigger": trigger, "source": source, "target": TARGETS[trigger], "reason": reason}
    words = {key: None if word is None else str(word) for key, word in words.items()}
    body = {"trigger": words["trigger"], "from": words["source"], "to": words["target"], "reason": words["reason"]}
    return next_row(connection, job, kind="transition", run=run, body=orjson.dumps(body).decode(), **words)


def insert(connection: apsw.Connection, row: dict[str, Any], verb: str = "INSERT") -> None:
    """Put a row into `entries` as it is."""
    marks = ", ".join("?" * len(row))
    connection.execute(f"{verb} INTO entries ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
