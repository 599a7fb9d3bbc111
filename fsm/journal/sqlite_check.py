"""What is wrong with a journal's file, apart from its entries: SQLite's own check, the schema, counts."""

from __future__ import annotations

import apsw

from fsm.journal.sqlite_store import Store
from fsm.journal.statements import sql_file

MAX_SENTENCES = 100
"""A file that is damaged in a hundred places is described well enough."""


def damage(store: Store, *, projection: bool = True) -> list[str]:
    """One sentence for each thing that is wrong, with the projection or apart from it. Costs a pass over the file."""
    found: list[str] = []
    for look in (file_damage, schema_damage, count_damage) if projection else (file_damage, schema_damage):
        try:
            found += look(store)
        except apsw.CorruptError as error:
            found.append(f"SQLite cannot read all of it: {error}")
            break  # what comes after would stumble over the same page
    return found


def file_damage(store: Store) -> list[str]:
    """SQLite's own check of its pages."""
    sentences = store.execute(f"PRAGMA quick_check({MAX_SENTENCES})").fetchall()
    return [str(sentence) for (sentence,) in sentences if sentence != "ok"]


def schema_damage(store: Store) -> list[str]:
    """The rules in the file are this version's: no table, index or trigger is missing, changed, or one too many."""
    scratch = apsw.Connection(":memory:")
    try:
        scratch.execute(sql_file("schema"))
        wanted = _objects(scratch)
    finally:
        scratch.close()
    there = _objects(store.connection)
    found = [f"the {kind} {name} is missing" for kind, name in wanted if (kind, name) not in there]
    found += [
        f"the {kind} {name} is not as this version makes it"
        for (kind, name), text in wanted.items()
        if there.get((kind, name), text) != text
    ]
    return found + [
        f"the trigger {name} is none of ours"
        for kind, name in there
        if kind == "trigger" and (kind, name) not in wanted
    ]


def _objects(connection: apsw.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {(str(kind), str(name)): str(text) for kind, name, text in rows}


def count_damage(store: Store) -> list[str]:
    """As many runs in the projection as were ever queued."""
    runs = store.execute("SELECT count(*) FROM runs").get
    queued = store.execute("SELECT count(*) FROM entries WHERE trigger = 'queue'").get
    queued += store.execute(_BEGUN).get
    return [f"the projection has {runs} runs, and {queued} were queued; rebuilding it helps"] if runs != queued else []


_BEGUN = """
SELECT coalesce(sum(json_array_length(body, '$.state.runs')), 0) FROM jobs CROSS JOIN entries
 WHERE sealed_seq > 0 AND entries.job = jobs.job AND entries.seq = sealed_seq + 1
"""
"""Runs that had begun before streams that were pruned now begin."""
