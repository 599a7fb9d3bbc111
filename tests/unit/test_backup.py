"""Backup and restore: a consistent copy whoever writes meanwhile, and a way back on which nothing is done twice."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from fsm.cli.main import run
from fsm.client.engine import Engine
from fsm.client.settings import change_settings, settings
from fsm.engine.decide import decide
from fsm.errors import JournalUnusable
from fsm.instants import HOUR, Instant, Moment
from fsm.journal import backup as backup_module
from fsm.journal import restore as restore_module
from fsm.journal.backup import backup
from fsm.journal.export import export_lines
from fsm.journal.mend import Mender
from fsm.journal.restore import Restored, restore
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.commands import Ticks
from fsm.model.settings import Group, Settings
from fsm.model.states import Actor, Reason, State, Trigger
from fsm.realtime import SystemClock
from fsm.scheduler.lock import SchedulerLock
from fsm.supervise.folder import DataFolder
from fsm.testing.damage import ENTRIES
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import BOOT, START, Scribe

LATER = 3 * HOUR
BY = Mender(Moment(Instant(START + LATER), LATER, BOOT), 4711, "0.0.0")


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "journal.db")
    with closing(SqliteJournal(path, node="here")) as journal:
        tell_a_long_story(Scribe(journal))
    return path


def lines(path: str) -> list[bytes]:
    with closing(SqliteJournal(path, read_only=True)) as journal:
        assert list(verify_journal(journal)) == []
        return list(export_lines(journal))


def test_a_backup_is_the_journal_in_one_private_file(path: str, tmp_path: Path) -> None:
    done = backup(path, str(tmp_path / "b.db"))
    assert lines(done.path) == lines(path)
    assert done.last_id == len(lines(path))
    assert {file.name for file in tmp_path.iterdir()} == {"journal.db", "b.db"}
    assert os.stat(done.path).st_mode & 0o777 == 0o600


def test_a_backup_while_somebody_writes_is_one_state_of_it(path: str, tmp_path: Path) -> None:
    stop, failed = threading.Event(), []
    begun = threading.Event()

    def write() -> None:
        with closing(SqliteJournal(path, node="here")) as journal:
            scribe = Scribe(journal, start=Instant(START + HOUR))
            scribe.define("busy")
            while not stop.is_set():
                scribe.run_through("busy")
                begun.set()

    def guarded() -> None:
        try:
            write()
        except BaseException as error:
            failed.append(error)
            begun.set()

    writer = threading.Thread(target=guarded)
    writer.start()
    try:
        assert begun.wait(120)
        backups = [backup(path, str(tmp_path / f"{number}.db")) for number in range(3)]
    finally:
        stop.set()
        writer.join()
    assert failed == []
    whole = lines(path)
    for done in backups:
        assert lines(done.path) == whole[: done.last_id], "it is a prefix of the journal, in commit order"
    assert backups[0].last_id < len(whole)


def test_what_stands_in_the_log_only_is_in_it(path: str, tmp_path: Path) -> None:
    journal = SqliteJournal(path)
    try:
        Scribe(journal, start=Instant(START + HOUR)).refuse("a")
        assert os.path.getsize(f"{path}-wal") > 0
        done = backup(path, str(tmp_path / "b.db"))
        assert done.last_id == journal.last_id()
    finally:
        journal.close()


def test_nothing_is_replaced(path: str, tmp_path: Path) -> None:
    (tmp_path / "b.db").write_text("dear")
    with pytest.raises(JournalUnusable, match="a file of this name already"):
        backup(path, str(tmp_path / "b.db"))
    assert (tmp_path / "b.db").read_text() == "dear"


@pytest.mark.parametrize("what", ENTRIES)
def test_a_damaged_journal_gives_no_backup(what: str, path: str, tmp_path: Path) -> None:
    ENTRIES[what](Path(path))
    with pytest.raises(JournalUnusable):
        backup(path, str(tmp_path / "b.db"))
    assert not (tmp_path / "b.db").exists()
    assert not (tmp_path / "b.db.part").exists()


def test_no_folder_no_journal(path: str, tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="there is no folder"):
        backup(path, str(tmp_path / "nowhere" / "b.db"))
    with pytest.raises(JournalUnusable, match="there is no such file"):
        backup(str(tmp_path / "nothing.db"), str(tmp_path / "b.db"))


# ---- and back


def restored(backed: str, path: str, folders: dict[str, int] | None = None) -> Restored:
    done = restore(backed, path, BY, lambda: folders or {})
    assert len(lines(path)) >= done.entries
    return done


def test_restore_keeps_the_old_journal_and_every_entry_of_the_backup(path: str, tmp_path: Path) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    with closing(SqliteJournal(path, node="here")) as journal:
        Scribe(journal, start=Instant(START + HOUR)).define("later")
    before = Path(path).read_bytes()
    done = restored(old, path)
    assert lines(path)[: done.entries] == lines(old)
    (kept,) = done.kept
    assert Path(kept).read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"journal.db", "b.db", os.path.basename(kept)}


def test_numbers_are_never_given_twice(path: str, tmp_path: Path) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal, start=Instant(START + HOUR))
        scribe.define("e")
        scribe.run_through("e")
        last = scribe.run_through("e")
    done = restored(old, path, {"e": 1, "only-a-folder": 7})
    assert done.numbers["e"] == last.number
    assert done.numbers["only-a-folder"] == 7
    with closing(SqliteJournal(path)) as journal:
        assert journal.state("e").last_number == last.number
        assert journal.state("only-a-folder").last_number == 7


def test_ticks_that_had_their_answer_make_no_second_run(path: str, tmp_path: Path) -> None:
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal, start=Instant(START + HOUR))
        scribe.define("t", schedule="every 10m", catch_up_within="1d")
    old = backup(path, str(tmp_path / "b.db")).path
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal, start=Instant(START + HOUR + 35 * HOUR // 60))
        state = journal.state("t")
        scribe.append(state, *decide(state, Ticks(), scribe.now(), Actor.SCHEDULER).drafts)
        answered = journal.state("t").accounted_to
    done = restored(old, path)
    assert done.ticks == {"t": 3}
    with closing(SqliteJournal(path)) as journal:
        assert journal.state("t").accounted_to == answered


def test_a_run_that_ended_since_is_not_executed_again(path: str, tmp_path: Path) -> None:
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal, start=Instant(START + HOUR))
        for job in ("cancelled", "executed", "executing"):
            scribe.define(job)
            scribe.queue(job)
    old = backup(path, str(tmp_path / "b.db")).path
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal, start=Instant(START + 2 * HOUR))
        scribe.write("cancelled", scribe.ended(Trigger.REAP, Reason.CANCELLED), 1)
        scribe.start("executed", 1)
        scribe.end("executed", 1)
        scribe.release("executed", 1)
        scribe.start("executing", 1)
    done = restored(old, path)
    assert done.runs == ("cancelled/1", "executed/1", "executing/1")
    with closing(SqliteJournal(path)) as journal:
        states = {job: journal.run(job, 1) for job in ("cancelled", "executed", "executing")}
        assert {job: found.state for job, found in states.items() if found} == {
            "cancelled": State.REAPED,
            "executed": State.SUCCEEDED,
            "executing": State.RUNNING,
        }
        assert journal.state("executing").slot == 1, "its processes may be alive"


def test_no_epoch_is_given_twice(path: str, tmp_path: Path) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal, start=Instant(START + HOUR))
        scribe.up()
        scribe.up()
        seen = journal.epoch()
    restored(old, path)
    with closing(SqliteJournal(path)) as journal:
        assert journal.epoch() == seen + 1


def test_a_journal_that_cannot_be_read_is_replaced_and_kept(path: str, tmp_path: Path) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    Path(path).write_bytes(b"no journal any more" * 1000)
    done = restored(old, path, {"a": 99})
    assert not done.read
    assert done.numbers == {"a": 99}
    assert Path(done.kept[0]).read_bytes() == b"no journal any more" * 1000


def test_where_there_is_none(path: str, tmp_path: Path) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    other = tmp_path / "other"
    other.mkdir()
    (other / "journal.db-wal").write_bytes(b"of a journal that is gone")
    done = restored(old, str(other / "journal.db"))
    assert lines(done.path) == lines(old)
    assert [os.path.basename(kept) for kept in done.kept] == ["journal.db.before-restore-" + BY.stamp + "-wal"]


@pytest.mark.parametrize("what", ENTRIES)
def test_a_backup_that_is_damaged_changes_nothing(what: str, path: str, tmp_path: Path) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    ENTRIES[what](Path(old))
    before = Path(path).read_bytes()
    with pytest.raises(JournalUnusable):
        restore(old, path, BY, dict)
    assert Path(path).read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} <= {"journal.db", "b.db", "b.db-wal", "b.db-shm"}


def test_a_crash_before_the_new_one_has_its_name_changes_nothing(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = backup(path, str(tmp_path / "b.db")).path
    before = lines(path)

    def crash(*_: object) -> None:
        raise MemoryError

    for module, name in ((backup_module, "_copy"), (restore_module, "_carry_over"), (restore_module.Held, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, crash)
            with pytest.raises(MemoryError):
                restore(old, path, BY, dict)
        assert lines(path) == before
        for file in tmp_path.glob("*.before-restore-*"):
            file.unlink()
    assert {file.name for file in tmp_path.iterdir()} == {"journal.db", "b.db"}


# ---- by the command line


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["--data-dir", str(tmp_path / "data"), *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    call("add", "a", "--", "true")
    return call


def test_the_commands(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    file = str(tmp_path / "b.db")
    code, out, err = call("backup", file)
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: 1 entry, ")
    assert out.endswith(" kB, verified.\n")
    assert call("run", "a")[0] == 0
    code, out, err = call("restore", file)
    assert (code, err) == (0, "")
    assert "is the backup" in out
    assert "a up to 1" in out
    assert call("run", "a")[1] == "a/2 is queued.\n"
    assert call("backup", file)[0] == 2
    assert call("restore", str(tmp_path / "data" / "journal.db"))[2].endswith("say the name of a backup\n")
    assert call("--json", "restore", file)[0] == 0


def test_restore_refuses_while_a_scheduler_is_up(call: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    file = str(tmp_path / "b.db")
    assert call("backup", file)[0] == 0
    before = (tmp_path / "data" / "journal.db").read_bytes()
    with closing(SchedulerLock(DataFolder(tmp_path / "data"), SystemClock().now())):
        code, out, err = call("restore", file)
    assert (code, out) == (75, "")
    assert f"process {os.getpid()} serves" in err
    assert (tmp_path / "data" / "journal.db").read_bytes() == before


def test_bounds_over_all_jobs_are_those_of_the_backup(path: str, tmp_path: Path) -> None:
    with closing(SqliteJournal(path, node="here")) as journal:
        engine = Engine(journal)
        change_settings(engine, lambda now: attrs.evolve(now, max_running=3, groups=(Group("disks", 2),)))
    old = backup(path, str(tmp_path / "b.db")).path
    with closing(SqliteJournal(path, node="here")) as journal:
        Scribe(journal, start=Instant(START + HOUR)).up()
    restored(old, path)
    with closing(SqliteJournal(path)) as journal:
        assert settings(journal) == Settings(3, (Group("disks", 2),))
