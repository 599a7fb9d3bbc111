"""The database itself refuses what cannot follow, also from a hand that has nothing but SQL. Nothing changes by it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import attrs
import orjson
import pytest
from sqlite_kit import dump, insert, journal_in, next_row, raw, transition

from fsm.errors import IllegalEntry
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.lifecycle.table import by_input
from fsm.model.states import Evidence, State, Trigger
from fsm.ports import Append
from fsm.testing.journal_base import everything
from fsm.testing.journal_laws import ILLEGAL, LEGAL, name
from fsm.testing.scribe import Scribe

STATES = (None, *State)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = journal_in(tmp_path)
    yield journal
    journal.close()


@pytest.fixture
def scribe(journal: SqliteJournal) -> Scribe:
    return Scribe(journal)


@pytest.fixture
def shell(tmp_path: Path, journal: SqliteJournal) -> Iterator[apsw.Connection]:
    connection = raw(tmp_path)
    yield connection
    connection.close()


@pytest.mark.requirement("R-1")
@pytest.mark.parametrize("state", STATES)
def test_transitions_that_the_lifecycle_does_not_have(
    state: State | None, scribe: Scribe, journal: SqliteJournal, shell: apsw.Connection
) -> None:
    scribe.define("a")
    number = scribe.bring("a", state)
    before, said = dump(shell), everything(journal)
    tried = 0
    for source, trigger, reason in ILLEGAL:
        if source is state:
            with pytest.raises(apsw.ConstraintError, match="the lifecycle has no such transition"):
                insert(shell, transition(shell, "a", number, source, trigger, reason))
            tried += 1
    assert tried >= 100
    assert dump(shell) == before
    assert everything(journal) == said


@pytest.mark.parametrize("state", STATES)
def test_transitions_that_lie_about_where_they_come_from(
    state: State | None, scribe: Scribe, shell: apsw.Connection
) -> None:
    scribe.define("a")
    number = scribe.bring("a", state)
    before = dump(shell)
    for source, trigger, reason in LEGAL:
        row = transition(shell, "a", number, source, trigger, reason)
        if source is not state:
            with pytest.raises(apsw.ConstraintError, match="not in the state"):
                insert(shell, row)
    assert dump(shell) == before


@pytest.mark.parametrize("triple", LEGAL, ids=name)
def test_the_same_hand_may_append_what_is_legal(triple: Any, scribe: Scribe, shell: apsw.Connection) -> None:
    # so that the refusals above are for the lifecycle, and not for a slip of the hand
    state, trigger, reason = triple
    scribe.define("a")
    number = scribe.bring("a", state)
    insert(shell, transition(shell, "a", number, state, trigger, reason))
    assert by_input()[state, trigger].target == shell.execute("SELECT target FROM entries ORDER BY id DESC LIMIT 1").get


def test_a_wrong_target(scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    number = scribe.bring("a", State.RUNNING)
    row = transition(shell, "a", number, State.RUNNING, Trigger.FAIL, LEGAL[5][2])
    body = orjson.loads(row["body"]) | {"to": "succeeded"}
    with pytest.raises(apsw.ConstraintError, match="no such transition"):
        insert(shell, row | {"target": "succeeded", "body": orjson.dumps(body).decode()})


def test_a_start_while_the_slot_is_held(scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    holder, waiting = scribe.bring("a", State.RUNNING), scribe.bring("a", State.QUEUED)
    for verdict in (None, State.TIMED_OUT):
        if verdict is not None:
            scribe.end("a", holder, verdict)
        with pytest.raises(apsw.ConstraintError, match="no two runs of a job overlap"):
            insert(shell, transition(shell, "a", waiting, State.QUEUED, Trigger.START, None))


def test_a_number_that_was_given(scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    scribe.write("a", scribe.queued("a"), 5)
    for number in (1, 4):
        with pytest.raises(apsw.ConstraintError, match="never given twice"):
            insert(shell, transition(shell, "a", number, None, Trigger.QUEUE, None))


def _release(shell: apsw.Connection, run: int, nonce: str) -> dict[str, Any]:
    body = orjson.dumps({"nonce": nonce, "evidence": str(Evidence.REPORT)}).decode()
    return next_row(shell, "a", kind="released", run=run, body=body)


def test_a_release_by_someone_else_too_early_or_twice(scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    holder, waiting = scribe.bring("a", State.RUNNING), scribe.bring("a", State.QUEUED)
    nonce = f"{holder:016x}"
    with pytest.raises(apsw.ConstraintError, match="the verdict comes first"):
        insert(shell, _release(shell, holder, nonce))
    scribe.end("a", holder)
    for run in (waiting, 99):
        with pytest.raises(apsw.ConstraintError, match="only the run that holds the slot"):
            insert(shell, _release(shell, run, nonce))
    with pytest.raises(apsw.ConstraintError, match="by the arming that holds it"):
        insert(shell, _release(shell, holder, "f" * 16))
    scribe.release("a", holder)
    with pytest.raises(apsw.ConstraintError, match="only the run that holds the slot"):
        insert(shell, _release(shell, holder, nonce))


WRONG_PLACES = {
    "seq too low": {"seq": 1},
    "seq too high": {"seq": 9},
    "seq of nothing": {"seq": 0},
    "id that is there": {"id": 1},
    "id with a gap": {"id": 99},
    "id below": {"id": -5},
    "no id": {"id": None},
    "prev_hash of another": {"prev_hash": "f" * 64},
    "prev_hash that is none": {"prev_hash": "f"},
    "hash that is none": {"hash": ""},
    "another stream": {"job": "nobody"},
    "no stream": {"job": None},
    "an epoch that never was": {"epoch": 3},
    "an epoch that is over": {"epoch": 1},
    "an unknown actor": {"actor": "ghost"},
    "an unknown kind": {"kind": "omen"},
    "a run where there is none": {"run": 1},
    "a trigger where there is none": {"trigger": "queue"},
    "a reason where there is none": {"reason": "completed"},
    "a body that is no JSON": {"body": "{"},
    "no body": {"body": None},
    "an instant as text": {"at": "now"},
}


@pytest.mark.parametrize("wrong", WRONG_PLACES)
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "REPLACE"])
def test_an_entry_out_of_place(wrong: str, verb: str, scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.up()
    scribe.up()
    scribe.define("a")
    insert_ok = next_row(shell, "a")
    before = dump(shell)
    with pytest.raises((apsw.ConstraintError, apsw.MismatchError)):
        insert(shell, insert_ok | WRONG_PLACES[wrong], verb)
    assert dump(shell) == before
    insert(shell, insert_ok, verb)


@pytest.mark.parametrize("word", ["trigger", "source", "target", "reason"])
def test_columns_that_say_other_than_the_body(word: str, scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    number = scribe.bring("a", State.RUNNING)
    row = transition(shell, "a", number, State.RUNNING, Trigger.FAIL, LEGAL[5][2])
    key = {"source": "from", "target": "to"}.get(word, word)
    for body in ({key: "succeed"}, {key: None}):
        with pytest.raises(apsw.ConstraintError):
            insert(shell, row | {"body": orjson.dumps(orjson.loads(row["body"]) | body).decode()})


CHANGES = [
    "UPDATE entries SET body = '{}'",
    "UPDATE entries SET id = id + 100",
    "UPDATE OR REPLACE entries SET id = 1 WHERE id = 2",
    "UPDATE entries SET at = at WHERE id = 1",
    "DELETE FROM entries",
    "DELETE FROM entries WHERE id = 1",
    "DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)",
    "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE id = 2",
    "REPLACE INTO entries SELECT * FROM entries",
    "INSERT INTO entries SELECT * FROM entries WHERE id = 1 ON CONFLICT DO UPDATE SET body = '{}'",
    "INSERT OR REPLACE INTO entries (id, job, seq, at, actor, node, kind, body, prev_hash, hash) "
    "SELECT id, job, seq, at, actor, 'else', kind, body, prev_hash, hash FROM entries WHERE id = 1",
    "INSERT OR REPLACE INTO entries (id, job, seq, at, actor, node, kind, body, prev_hash, hash) "
    "SELECT 99, job, seq, at, actor, 'else', kind, body, prev_hash, hash FROM entries WHERE id = 1",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_entries_are_never_changed_deleted_or_replaced(
    change: str, recursive: str, scribe: Scribe, journal: SqliteJournal, shell: apsw.Connection
) -> None:
    scribe.define("a")
    scribe.run_through("a")
    before, said = dump(shell), everything(journal)
    shell.execute(f"PRAGMA recursive_triggers = {recursive}")
    with pytest.raises(apsw.ConstraintError):
        shell.execute(change)
    assert dump(shell) == before
    assert everything(journal) == said


def test_nor_is_an_entry_replaced_that_the_projection_knows_nothing_of(
    scribe: Scribe, journal: SqliteJournal, shell: apsw.Connection
) -> None:
    scribe.define("a")
    insert(shell, next_row(shell, "a"))  # legal, and the projection does not move: the next one has the same seq
    row = next_row(shell, "a", body='{"event":"removed"}')
    before = dump(shell)
    with pytest.raises(apsw.ConstraintError, match="never replaced"):
        insert(shell, row, "INSERT OR REPLACE")
    with pytest.raises(IllegalEntry, match="never replaced"):
        scribe.queue("a")
    assert dump(shell) == before


def test_ignoring_a_refusal_inserts_nothing(scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    before = dump(shell)
    for wrong in ({"id": 1}, {"seq": 1}, {"actor": "ghost"}):
        with suppress(apsw.ConstraintError):
            insert(shell, next_row(shell, "a") | wrong, "INSERT OR IGNORE")
        assert dump(shell) == before


def test_the_python_that_everybody_has_is_refused_as_well(tmp_path: Path, scribe: Scribe) -> None:
    scribe.define("a")
    scribe.run_through("a")
    connection = sqlite3.connect(tmp_path / "journal.db")
    for change in CHANGES:
        with pytest.raises(sqlite3.DatabaseError):  # an SQLite too old for STRICT tables cannot even read the schema
            connection.execute(change)
    connection.close()


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell on this machine")
def test_the_shell_itself_is_refused_as_well(tmp_path: Path, scribe: Scribe, journal: SqliteJournal) -> None:
    scribe.define("a")
    scribe.run_through("a")
    said = everything(journal)
    for change in CHANGES:
        done = subprocess.run(
            ["sqlite3", str(tmp_path / "journal.db"), change], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
    assert everything(journal) == said


def test_a_fold_that_is_not_the_streams_is_refused_by_the_database(scribe: Scribe, journal: SqliteJournal) -> None:
    scribe.define("a")
    scribe.bring("a", State.RUNNING)
    second = scribe.bring("a", State.QUEUED)
    state = attrs.evolve(journal.state("a"), slot=None)  # somebody claims that the slot is free
    said = everything(journal)
    with pytest.raises(IllegalEntry, match="overlap") as refused:
        journal.append([Append(state, (scribe.draft("a", scribe.started(second), second),))])
    assert refused.value.requirement == "database"
    assert everything(journal) == said


def test_a_sealed_prefix_may_go_from_its_first_entry_on(scribe: Scribe, shell: apsw.Connection) -> None:
    scribe.define("a")
    scribe.define("b")
    scribe.run_through("a")
    with pytest.raises(apsw.ConstraintError, match="sealed"):
        shell.execute("DELETE FROM entries WHERE job = 'a' AND seq = 1")
    scribe.mark("a")
    scribe.queue("a")
    for refused in ("seq = 2", "seq > 3", "seq = 6", "seq <= 6", "seq = 7"):
        with pytest.raises(apsw.ConstraintError):
            shell.execute(f"DELETE FROM entries WHERE job = 'a' AND {refused}")
    with pytest.raises(apsw.ConstraintError):
        shell.execute("DELETE FROM entries WHERE job = 'b'")
    shell.execute("DELETE FROM entries WHERE job = 'a' AND seq <= 2")
    shell.execute("DELETE FROM entries WHERE job = 'a' AND seq <= 5")
    assert [entry.seq for entry in scribe.journal.entries(job="a")] == [6, 7]
    number = scribe.journal.state("a").last_number
    scribe.start("a", number)  # and the stream goes on
    assert [entry.seq for entry in scribe.journal.entries(job="a", run=number)] == [7, 8]


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.TIMED_OUT])
def test_a_run_that_is_not_over_keeps_its_entries_and_all_after_them(
    scribe: Scribe, shell: apsw.Connection, state: State
) -> None:
    scribe.define("a")
    number = scribe.bring("a", state)
    scribe.mark("a")
    shell.execute("DELETE FROM entries WHERE job = 'a' AND seq = 1")
    with pytest.raises(apsw.ConstraintError, match="open, or holds the slot"):
        shell.execute("DELETE FROM entries WHERE job = 'a' AND seq = 2")
    if state is State.TIMED_OUT:
        scribe.release("a", number)
        shell.execute("DELETE FROM entries WHERE job = 'a' AND seq = 2")


def test_what_was_inserted_behind_our_back_is_found(
    scribe: Scribe, journal: SqliteJournal, shell: apsw.Connection
) -> None:
    scribe.define("a")
    assert list(verify_journal(journal)) == []
    insert(shell, next_row(shell, "a"))
    found = {violation.requirement for violation in verify_journal(journal)}
    assert {"hash", "projection"} <= found
