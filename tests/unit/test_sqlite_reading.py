"""Reading a journal: readers that leave no trace, questions that cost what they return, words that are held equal."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from sqlite_kit import journal_in, raw

from fsm.codec import entries as codec
from fsm.codec.entries import GENESIS
from fsm.errors import BadValue, IllegalEntry, JournalUnusable
from fsm.journal import sqlite_reads, sqlite_store
from fsm.journal.export import export_lines
from fsm.journal.memory import MemoryJournal
from fsm.journal.open import open_journal
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.statements import sql_file, statements
from fsm.lifecycle.machine import compiled
from fsm.model.states import TERMINAL, Actor, Kind, State
from fsm.ports import RunQuery
from fsm.testing.journal_base import everything, tell_a_long_story
from fsm.testing.scribe import Scribe

# ---- readers


def test_a_reader_of_a_journal_nobody_has_open_leaves_no_trace(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    tell_a_long_story(Scribe(journal))
    said = everything(journal)
    journal.close()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert before.keys() == {"journal.db"}
    reader = journal_in(tmp_path, read_only=True)
    assert everything(reader) == said
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    reader.close()
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_reader_sees_what_a_writer_commits_meanwhile(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a")
    reader = journal_in(tmp_path, read_only=True)
    for _ in range(3):
        scribe.run_through("a")
        assert everything(reader) == everything(journal)
    reader.close()
    scribe.run_through("a")  # and the writer was not disturbed
    journal.close()


@pytest.mark.parametrize("how", ["a page that is half written", "a row that is none", "an old answer"])
def test_a_reader_that_a_writer_overtakes_does_not_cry_damage(how: str, tmp_path: Path) -> None:
    """It reads the file as it lies there; a writer comes, and writes its log into the file at the same time."""
    with closing(journal_in(tmp_path)) as journal:
        Scribe(journal).define("a")
    reader = journal_in(tmp_path, read_only=True)
    asked: list[int] = []

    def question(store: sqlite_store.Store) -> int:
        asked.append(sqlite_reads.number(store, "last_id"))
        if len(asked) == 1:
            with closing(journal_in(tmp_path)) as journal:
                Scribe(journal).run_through("a")
            if how != "an old answer":
                raise apsw.CorruptError("half") if how == "a page that is half written" else TypeError("no row")
        return asked[-1]

    assert reader._ask(question) == 5
    assert len(asked) == 2
    reader.close()


def test_what_nobody_wrote_meanwhile_is_damage_at_once(tmp_path: Path) -> None:
    with closing(journal_in(tmp_path)) as journal:
        Scribe(journal).define("a")
    reader = journal_in(tmp_path, read_only=True)
    asked: list[int] = []

    def question(_: sqlite_store.Store) -> int:
        asked.append(1)
        raise apsw.CorruptError("for good")

    with pytest.raises(JournalUnusable, match="damaged"):
        reader._ask(question)
    assert asked == [1]
    reader.close()


def test_a_reader_that_came_first_sees_a_writer_that_comes_later(tmp_path: Path) -> None:
    journal_in(tmp_path).close()
    reader = journal_in(tmp_path, read_only=True)
    assert reader.last_id() == 0
    journal = journal_in(tmp_path)
    Scribe(journal).define("a")
    assert reader.job_names() == ["a"]
    assert [entry.id for entry in reader.entries()] == [1]
    reader.close()
    journal.close()


def test_a_reader_that_pages_through_sees_what_comes_while_it_does(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a")
    reader = journal_in(tmp_path, read_only=True)
    reading = reader.entries()
    first = next(reading)
    scribe.run_through("a")
    assert [first.id, *(entry.id for entry in reading)] == [1, 2, 3, 4, 5]  # the second page was read after it
    assert [entry.id for entry in reader.entries(after_id=5)] == []
    reader.close()
    journal.close()


def test_pages_join_without_a_gap_or_a_repeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsm.journal import sqlite_entries

    journal = journal_in(tmp_path)
    tell_a_long_story(Scribe(journal))
    whole = everything(journal)
    monkeypatch.setattr(sqlite_entries, "FIRST_PAGE", 2)
    monkeypatch.setattr(sqlite_entries, "PAGE", 3)
    monkeypatch.setattr(sqlite_reads, "DUE_PAGE", 1)
    assert everything(journal) == whole
    for job in (None, "a"):
        forward = [entry.id for entry in journal.entries(job=job)]
        assert [entry.id for entry in journal.entries(job=job, newest_first=True)] == forward[::-1]
    journal.close()


def test_a_reader_appends_nothing_and_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="no such file"):
        journal_in(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []
    journal_in(tmp_path).close()
    reader = journal_in(tmp_path, read_only=True)
    for change in (lambda: Scribe(reader).define("a"), reader.rebuild):
        with pytest.raises(JournalUnusable, match="reading only"):
            change()
    reader.close()


@pytest.mark.parametrize("name", ["a b.db", "ä?mode=memory.db", "50%.db", "#1.db", "file:x.db", "'quote'.db"])
def test_a_path_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / name)
    Scribe(journal).define("a")
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    reader = SqliteJournal(tmp_path / name, read_only=True)
    assert reader.job_names() == ["a"]
    assert reader.path == str(tmp_path / name)
    reader.close()


# ---- opening by address


def test_an_address_names_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_journal("memory:"), MemoryJournal)
    monkeypatch.chdir(tmp_path)
    journal = open_journal("sqlite:here.db", node="n")
    assert (tmp_path / "here.db").exists()
    Scribe(journal).define("a")
    assert [entry.node for entry in journal.entries()] == ["n"]
    journal.close()
    reader = open_journal(f"sqlite:{tmp_path / 'here.db'}", read_only=True)
    assert reader.job_names() == ["a"]
    reader.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://host/db", "not there yet"),
        ("postgresql://host/db", "not there yet"),
        ("mysql:x", "say memory: or sqlite:PATH"),
        ("sqlite:", "say memory: or sqlite:PATH"),
        ("memory:x", "say memory: or sqlite:PATH"),
        ("memory", "say memory: or sqlite:PATH"),
        ("", "say memory: or sqlite:PATH"),
    ],
)
def test_another_address_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        open_journal(url)


LOADED = """
import sys
from fsm.journal.open import open_journal
journal = open_journal("sqlite:" + sys.argv[1], read_only=True)
journal.jobs(), journal.state("a"), list(journal.due_times())
print(*(name for name in ("cattrs", "croniter", "transitions", "ctypes", "hypothesis") if name in sys.modules))
"""


def test_a_list_of_jobs_loads_neither_calendar_nor_machine_nor_codec(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a", schedule="* * * * *")
    scribe.run_through("a")
    journal.close()
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "journal.db")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


# ---- what a question costs

_SCANS = {  # statements that read a whole table because they answer with one row for each of its rows
    "folds": {"SCAN jobs"},
    "last_ended": {"SCAN jobs"},
    "job_names": {"SCAN jobs"},
    "last_numbers": {"SCAN jobs"},
    "streams": {"SCAN jobs"},
    "epoch": {"SCAN meta"},
}
_LIVE = {"SCAN runs USING INDEX runs_open", "SCAN jobs USING INDEX jobs_held"}  # as many rows as are open or held
_SORTED = {"runs_of_job_since", "open_runs"}  # as many rows as they answer with


@pytest.mark.parametrize("name", [name for name in statements("read") if name not in ("begin", "end")])
def test_every_question_has_its_index(name: str, tmp_path: Path) -> None:
    journal_in(tmp_path).close()
    shell = raw(tmp_path)
    text = statements("read")[name]
    bindings = (1,) * (1 if "?1" in text else text.count("?"))
    plan = [row[3] for row in shell.execute(f"EXPLAIN QUERY PLAN {text}", bindings)]
    scans = {step for step in plan if step.startswith("SCAN")}
    assert scans <= _SCANS.get(name, set()) | _LIVE, plan
    assert ("USE TEMP B-TREE FOR ORDER BY" in plan) == (name in _SORTED), plan
    shell.close()


def _steps(journal: SqliteJournal, ask: Callable[[SqliteJournal], object]) -> int:
    """How many steps SQLite's machine takes for it: a clock that no other process disturbs."""
    taken: list[int] = []

    def count(event: dict[str, Any]) -> None:
        taken.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    with closing(SqliteJournal(journal.path)) as fresh:  # its statements have counted nothing yet
        fresh._store.connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)
        ask(fresh)
        fresh._store.connection.trace_v2(0, None)
    assert taken, ask
    return sum(taken)


QUESTIONS: dict[str, Callable[[SqliteJournal], object]] = {
    "the last 20 failed": lambda j: j.runs(RunQuery("a", frozenset({State.FAILED}), limit=20)),
    "the last 20 that did not succeed": lambda j: j.runs(RunQuery("a", TERMINAL - {State.SUCCEEDED}, limit=20)),
    "the last 20": lambda j: j.runs(RunQuery("a", limit=20)),
    "the newest 20": lambda j: j.runs(RunQuery(limit=20)),
    "the newest 20 that failed": lambda j: j.runs(RunQuery(states=frozenset({State.FAILED}), limit=20)),
    "the newest 20 that were lost": lambda j: j.runs(RunQuery(states=frozenset({State.LOST}), limit=20)),
    "what is open": lambda j: j.runs(RunQuery(states=frozenset({State.QUEUED, State.RUNNING}))),
    "the fold": lambda j: j.state("a"),
    "all jobs": lambda j: j.jobs(),
    "busy jobs": lambda j: j.busy_jobs(),
    "due times": lambda j: list(j.due_times()),
    "one run": lambda j: j.run("a", 20),
    "the entries of a run": lambda j: list(j.entries(job="a", run=20)),
    "the newest entries of a job": lambda j: next(iter(j.entries(job="a", newest_first=True))),
    "the end": lambda j: (j.head("a"), j.last_id(), j.epoch()),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_is_prepared_anew_for_other_values(name: str, tmp_path: Path) -> None:
    """What SQLite does where it may look at bound values, and what costs more than most answers."""
    journal = journal_in(tmp_path)
    tell_a_long_story(Scribe(journal))
    prepared: list[object] = []

    def authorize(*about: object) -> int:  # asked while a statement is prepared
        prepared.append(about)
        return apsw.SQLITE_OK

    journal._store.connection.authorizer = authorize
    QUESTIONS[name](journal)
    assert prepared
    prepared.clear()
    QUESTIONS[name](journal)
    assert prepared == []
    journal.close()


def test_a_question_costs_what_it_returns_and_not_what_the_history_holds(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal._store.execute("PRAGMA synchronous = OFF")
    scribe = Scribe(journal)
    scribe.define("b", schedule="* * * * *")
    scribe.bring("b", State.RUNNING)
    scribe.define("a", schedule="* * * * *")
    scribe.run_through("a", State.LOST)
    costs: list[dict[str, int]] = []
    for runs in (40, 200):
        for number in range(runs):
            scribe.run_through("a", State.FAILED if number % 2 else State.SUCCEEDED)
        scribe.refuse("a")
        costs.append({name: _steps(journal, ask) for name, ask in QUESTIONS.items()})
    journal.close()
    few, many = costs
    assert {name for name in QUESTIONS if many[name] > 1.2 * few[name] + 60} == set(), costs


# ---- one truth in two places


def _words_of_check(table: str, column: str) -> set[str]:
    text = sql_file("schema")
    body = text[text.index(f"CREATE TABLE {table} (") :]
    check = re.search(rf"\n  {column} TEXT NOT NULL CHECK \((.*?)\n  \)", body, re.DOTALL)
    assert check is not None
    return set(re.findall(rf"{column} = '(\w+)'", check[1]))


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [("entries", "actor", Actor), ("entries", "kind", Kind), ("runs", "state", State)],
)
def test_the_words_of_the_schema_are_those_of_the_model(table: str, column: str, words: Any) -> None:
    assert _words_of_check(table, column) == set(words)


def test_the_edges_of_the_database_are_what_the_machine_answers(tmp_path: Path) -> None:
    journal_in(tmp_path).close()
    shell = raw(tmp_path)
    rows = set(shell.execute("SELECT source, trigger, reason, target FROM edges"))
    assert rows == {(s or "", t, r or "", target) for (s, t, r), target in compiled().items()}
    shell.close()


def test_constants_that_readers_keep_for_themselves_are_the_codecs() -> None:
    assert sqlite_reads.NO_HASH == codec.GENESIS
    assert sqlite_store.FORMAT == codec.FORMAT


def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    journal_in(tmp_path).close()
    head = (tmp_path / "journal.db").read_bytes()[:100]
    assert head[68:72] == b"cfsm"  # https://sqlite.org/fileformat2.html: application_id, and user_version
    assert int.from_bytes(head[60:64], "big") == sqlite_store.SCHEMA_VERSION


def test_no_question_keeps_an_old_state_of_the_file_alive(tmp_path: Path) -> None:
    # or else its log could never be folded back into it, and would grow for as long as the reader lives
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a", schedule="* * * * *")
    scribe.run_through("a")
    reader = journal_in(tmp_path, read_only=True)
    asks = [lambda: everything(reader), lambda: next(iter(reader.entries())), lambda: reader.run("a", 1)]
    asks += [lambda: reader.state("a"), lambda: next(iter(reader.due_times())), reader.last_id, reader.epoch]
    for ask in asks:
        scribe.run_through("a")
        ask()
        scribe.run_through("a")
        busy, in_log, folded = journal._store.execute("PRAGMA wal_checkpoint(FULL)").get
        assert (busy, in_log) == (0, folded)
    reader.close()
    journal.close()


def test_an_export_names_a_row_that_no_version_wrote() -> None:
    """As a damaged page may hold one, without SQLite noticing."""

    class Torn:
        def rows(self, after_id: int = 0) -> Iterator[tuple[object, ...]]:
            yield 1, "backup", 7, None, "cli", "here", None, "job", None, "{}", GENESIS, GENESIS

    with pytest.raises(IllegalEntry, match="written out") as error:
        list(export_lines(Torn()))  # type: ignore[arg-type]
    assert (error.value.job, error.value.seq, error.value.requirement) == ("backup", 7, "format")
