"""Let a stream begin with one of its checkpoints: the only delete there is, in one transaction.

If this process stops before the commit, nothing was done; afterwards the stream begins with the checkpoint for whoever
reads it next. A reader that is in the middle has read a page, and goes on with the first entry that is left after it.
"""

from __future__ import annotations

import apsw
import orjson

from fsm.journal.sealing import no_mark, still_live
from fsm.journal.sqlite_projection import Execute
from fsm.journal.statements import statements
from fsm.planning.retention import Mark
from fsm.ports import Pruned

_SQL = statements("append")


def prune(execute: Execute, job: str, mark: Mark) -> Pruned:
    """See `fsm.ports.Journal.prune`; within the caller's transaction."""
    text = execute(_SQL["begin_with"], (job, mark.seq)).get
    if text is None:
        raise no_mark(job, mark)
    state = orjson.loads(text)["state"]
    last_number, version = state["last_number"], state["version"]
    live = execute(statements("read")["oldest_live"], (job,)).get
    if live is not None and live <= last_number:
        raise still_live(job, mark, live)
    # Runs that went on when the checkpoint was set are over by now; it holds how they began, so they stay.
    stay = orjson.dumps([run["number"] for run in state["runs"]]).decode()
    entries = _count(execute, "prune_entries", (job, mark.seq))
    runs = _count(execute, "prune_runs", (job, last_number, stay))
    execute(_SQL["moved_runs"], (job, mark.seq, last_number))
    execute(_SQL["prune_definitions"], (job, version + ("definition" not in state)))
    execute(_SQL["begins_at"], (mark.seq - 1, job))
    return Pruned(entries, runs)


def _count(execute: Execute, name: str, bindings: tuple[object, ...]) -> int:
    cursor: apsw.Cursor = execute(_SQL[name], bindings)
    cursor.fetchall()
    changes: int = cursor.connection.changes()
    return changes
