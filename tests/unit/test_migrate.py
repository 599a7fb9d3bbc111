"""Every schema that was ever released can be gone on with: opened, brought up to date, verified, appended to."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from fsm.cli.main import run
from fsm.client.engine import Engine
from fsm.errors import JournalFull, JournalUnusable
from fsm.journal import migrate as migrate_module
from fsm.journal.backup import schema_of
from fsm.journal.migrate import OLDEST, migrate
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.sqlite_store import SCHEMA_VERSION
from fsm.journal.verify_store import verify_journal
from fsm.model.run import Run
from fsm.model.states import State
from fsm.scheduler.serve import Server
from fsm.supervise.folder import DataFolder

STORES = sorted((Path(__file__).parent.parent / "stores").glob("schema-*.sql"))
KNOWN = {
    "schema-1": {
        "Sicherung täglich/1": State.FAILED,
        "gone/1": State.SUCCEEDED,
        "hello/1": State.SUCCEEDED,
        "slow/1": State.TIMED_OUT,
        "slow/2": State.TIMED_OUT,
        "waits/1": State.SUCCEEDED,
        "waits/2": State.QUEUED,
    }
}
BEFORE = SCHEMA_VERSION - 1


def load(store: Path, path: Path) -> Path:
    """The file that the dump was made of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(store.read_text(encoding="utf-8"))
    return path


def runs(path: Path) -> dict[str, State]:
    with closing(SqliteJournal(path, read_only=True)) as journal:
        assert list(verify_journal(journal)) == []
        found: list[Run] = Engine(journal).runs()
        return {run.id: run.state for run in found}


def test_a_store_of_every_schema_is_kept() -> None:
    """Whoever raises SCHEMA_VERSION adds one of the schema before: `sqlite3 journal.db .dump`, and the two pragmas."""
    assert {store.stem for store in STORES} == {f"schema-{version}" for version in range(OLDEST, SCHEMA_VERSION)}
    assert {store.stem for store in STORES} == set(KNOWN)


@pytest.mark.parametrize("store", STORES, ids=lambda store: store.stem)
def test_it_is_gone_on_with(store: Path, tmp_path: Path) -> None:
    path = load(store, tmp_path / "journal.db")
    version = schema_of(str(path))
    assert store.stem == f"schema-{version}"
    migrated = migrate(str(path), "now")
    assert migrated is not None
    assert (migrated.source, migrated.target) == (version, SCHEMA_VERSION)
    assert runs(path) == KNOWN[store.stem]
    with closing(SqliteJournal(path)) as journal:
        engine = Engine(journal)
        assert engine.cancel("waits/2").state is State.REAPED
        again = engine.request("waits")
        assert isinstance(again, Run)
        assert again.number == 3
        assert list(verify_journal(journal)) == []


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of the schema before this one."""
    return load(STORES[-1], tmp_path / "data" / "journal.db")


def test_it_is_brought_up_to_date_in_place_and_kept_as_it_was(old: Path) -> None:
    with closing(apsw.Connection(str(old))) as connection:
        before = connection.execute("SELECT * FROM entries ORDER BY id").fetchall()
    migrated = migrate(str(old), "now")
    assert migrated is not None
    assert (migrated.source, migrated.target) == (BEFORE, SCHEMA_VERSION)
    assert (schema_of(str(old)), schema_of(migrated.kept)) == (SCHEMA_VERSION, BEFORE)
    assert runs(old) == KNOWN[STORES[-1].stem]
    with closing(apsw.Connection(str(old))) as connection:
        assert connection.execute("SELECT * FROM entries ORDER BY id").fetchall() == before
    assert migrate(str(old), "again") is None
    with closing(SqliteJournal(old)) as journal:
        assert journal.damage() == [], "its rules are those of the schema"


def test_an_old_table_and_a_changed_rule_are_made_anew(old: Path) -> None:
    with closing(apsw.Connection(str(old))) as connection:
        connection.execute("DROP VIEW fold_rows; DROP INDEX runs_newest; DROP TRIGGER entries_no_update;")
        connection.execute("CREATE TABLE once (x); DELETE FROM edges WHERE trigger = 'reap'; DROP TABLE runs;")
    assert migrate(str(old), "now") is not None
    assert runs(old) == KNOWN[STORES[-1].stem]
    with closing(SqliteJournal(old)) as journal:
        assert journal.damage() == []


def test_readers_and_clients_leave_it_alone(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = old.read_bytes()
    for command in (["list"], ["pause", "hello"], ["run", "hello"], ["backup", str(old.parent / "b.db")]):
        assert run(["--data-dir", str(old.parent), *command]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert "it was written by an older version of cronfsm" in err
        assert "the next cronfsm serve brings it up to date, after a backup" in err
    assert old.read_bytes() == before


def test_serve_brings_it_up_to_date_first(old: Path) -> None:
    said: list[str] = []
    with closing(apsw.Connection(str(old))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    Server(DataFolder(old.parent), until_idle=True, run_for=1_000_000, say=said.append).run()
    assert any("the journal was brought from schema" in sentence for sentence in said)
    assert runs(old)["waits/2"] is not State.QUEUED


def test_a_newer_one_is_refused_clearly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = load(STORES[-1], tmp_path / "data" / "journal.db")
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    assert migrate(str(path), "now") is None
    for command in (["list"], ["serve", "--until-idle"]):
        assert run(["--data-dir", str(path.parent), *command]) == 2
        assert "it was written by a newer version of cronfsm" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("step", ["_make_anew", "_take_over", "rebuild"])
@pytest.mark.parametrize("error", [MemoryError, JournalFull])
def test_a_crash_in_between_leaves_the_old_one(
    old: Path, step: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old.read_bytes()

    def crash(*_: object) -> None:
        raise error("there")

    with monkeypatch.context() as patch:
        patch.setattr(migrate_module, step, crash)
        with pytest.raises(MemoryError if error is MemoryError else JournalFull):
            migrate(str(old), "now")
    assert schema_of(str(old)) == BEFORE
    with closing(apsw.Connection(str(old))) as connection:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
    assert old.read_bytes() == before
    assert migrate(str(old), "then") is not None
    assert runs(old) == KNOWN[STORES[-1].stem]


def test_entries_that_cannot_follow_are_not_migrated(old: Path) -> None:
    with closing(apsw.Connection(str(old))) as connection:
        connection.execute("DROP TRIGGER entries_no_delete; DELETE FROM entries WHERE id = 20;")
    with pytest.raises(JournalUnusable, match="cannot be brought up to date"):
        migrate(str(old), "now")
    assert schema_of(str(old)) == BEFORE


def test_a_step_changes_the_entries_table_first(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        migrate_module,
        "STEPS",
        {BEFORE: lambda execute: asked.append(execute("SELECT count(*) FROM entries").get)},
    )
    assert migrate(str(old), "now") is not None
    assert asked == [37]


def test_an_old_backup_is_restored_as_a_new_one(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = shutil.copy(old, tmp_path / "backup.db")
    assert run(["--data-dir", str(tmp_path / "other"), "restore", str(file)]) == 0
    assert schema_of(str(file)) == BEFORE
    assert schema_of(str(tmp_path / "other" / "journal.db")) == SCHEMA_VERSION
    assert runs(tmp_path / "other" / "journal.db") == KNOWN[STORES[-1].stem]
    capsys.readouterr()
