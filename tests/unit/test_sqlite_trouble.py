"""Files that are no journal, and everything that a disk and other processes can do to one: each has its sentence,
nothing is half done, and once the trouble is over the same object goes on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from sqlite_kit import dump, journal_in, raw

from fsm.errors import IllegalEntry, JournalBusy, JournalFull, JournalUnusable
from fsm.journal.verify_store import verify_journal
from fsm.model.states import State
from fsm.testing.journal_base import everything, tell_a_long_story
from fsm.testing.scribe import Scribe


def a_journal(folder: Path) -> None:
    """A journal with something in it, closed."""
    journal = journal_in(folder)
    tell_a_long_story(Scribe(journal))
    journal.close()


# ---- files that cannot be used


def _no_database(path: Path) -> None:
    path.write_bytes(b"To be or not to be, that is the question. " * 100)


def _random(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def _foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (id INTEGER)")
    connection.close()


def _foreign_by_id(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA application_id = 1")
    connection.close()


def _sql(statement: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        a_journal(path.parent)
        connection = apsw.Connection(str(path))
        connection.execute(statement)
        connection.close()

    return spoil


def _cut(path: Path) -> None:
    a_journal(path.parent)
    os.truncate(path, 6000)


def _folder(path: Path) -> None:
    path.mkdir()


UNUSABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "text": (_no_database, "not a journal"),
    "bytes": (_random, "not a journal"),
    "a database of another program": (_foreign, "of another program"),
    "an empty database of another program": (_foreign_by_id, "of another program"),
    "a newer schema": (_sql("PRAGMA user_version = 3"), "newer version of cronfsm"),
    "a version that never was": (_sql("PRAGMA user_version = 0"), "never was"),
    "a newer format": (_sql("UPDATE meta SET format = 2"), "format 2"),
    "another lifecycle": (_sql("DELETE FROM edges WHERE trigger = 'lose'"), "lifecycle table"),
    "one more edge": (_sql("INSERT INTO edges VALUES ('reap', 'lost', 'cancelled', 'reaped')"), "lifecycle table"),
    "no meta": (_sql("DROP TABLE meta"), "meta"),
    "a cut file": (_cut, "damaged"),
    "a folder": (_folder, "it is a folder"),
}


def _read_through(folder: Path, read_only: bool) -> None:
    journal = journal_in(folder, read_only=read_only)
    list(journal.entries())  # some damage shows only where it is


@pytest.mark.parametrize("what", UNUSABLE)
@pytest.mark.parametrize("read_only", [False, True], ids=["write", "read"])
def test_a_file_that_is_no_journal_is_refused_with_a_sentence(what: str, read_only: bool, tmp_path: Path) -> None:
    make, sentence = UNUSABLE[what]
    path = tmp_path / "journal.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(JournalUnusable) as refused:
        _read_through(tmp_path, read_only)
    assert refused.value.path == str(path)
    assert sentence in str(refused.value) or (what == "a folder" and read_only)
    assert (path.read_bytes() if path.is_file() else None) == before, "it was changed"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="there is no folder"):
        journal_in(tmp_path / "nowhere")


def test_an_empty_file_is_a_new_journal_for_a_writer_only(tmp_path: Path) -> None:
    (tmp_path / "journal.db").touch()
    with pytest.raises(JournalUnusable, match="no journal was made in it yet"):
        journal_in(tmp_path, read_only=True)
    journal = journal_in(tmp_path)
    Scribe(journal).define("a")
    assert journal.job_names() == ["a"]
    journal.close()


def test_a_file_that_was_left_before_its_schema_was_made_is_a_new_journal(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("PRAGMA journal_mode = WAL")  # as far as a process gets that is killed right there
    connection.close()
    journal = journal_in(tmp_path)
    assert journal.streams() == []
    journal.close()


@contextmanager
def _powerless() -> Iterator[None]:
    """As a user without rights, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        try:
            with _powerless(), pytest.raises(JournalUnusable, match="not writable"):
                journal_in(folder)
        finally:
            folder.chmod(0o755)


def test_a_file_that_may_only_be_read_can_be_read(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        a_journal(folder)
        (folder / "journal.db").chmod(0o444)
        folder.chmod(0o555)
        try:
            with _powerless():
                with pytest.raises(JournalUnusable, match=r"may only be read|not writable"):
                    journal_in(folder)
                journal = journal_in(folder, read_only=True)
                assert journal.job_names() == ["a", "b", "c"]
                journal.close()
        finally:
            folder.chmod(0o755)


# ---- damage within


def test_a_damaged_page_is_named_and_verify_finds_it(tmp_path: Path) -> None:
    a_journal(tmp_path)
    path = tmp_path / "journal.db"
    data = bytearray(path.read_bytes())
    connection = raw(tmp_path)
    page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").get
    connection.close()
    start = (page - 1) * 4096
    data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)
    journal = journal_in(tmp_path, read_only=True)
    with pytest.raises(JournalUnusable, match="damaged") as refused:
        list(journal.entries())
    assert refused.value.remedy
    assert journal.damage()
    found = list(verify_journal(journal))
    assert {violation.requirement for violation in found} == {"store"}
    assert "cannot be read on" in str(found[-1])
    journal.close()


def test_a_missing_or_changed_rule_is_found(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    assert journal.damage() == []
    journal._store.execute("DROP TRIGGER entries_no_update")
    journal._store.execute("DROP INDEX runs_open")
    journal._store.execute("CREATE INDEX runs_open ON runs (number)")
    journal._store.execute("CREATE TRIGGER mine AFTER INSERT ON entries BEGIN SELECT 1; END")
    assert journal.damage() == [
        "the trigger entries_no_update is missing",
        "the index runs_open is not as this version makes it",
        "the trigger mine is none of ours",
    ]
    journal.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE runs SET state = 'lost' WHERE number = 1 AND job = 'a'",
        "UPDATE runs SET error = 'x' WHERE number = 1 AND job = 'a'",
        "DELETE FROM runs WHERE number = 1 AND job = 'a'",
        "INSERT INTO runs SELECT job, 99, state, cause, version, "
        "attempt, queued_at, start_by_utc, start_by_boot, start_by_boot_id, scheduled_for, retry_of, reason, "
        "started_at, ended_at, run_by_utc, run_by_boot, run_by_boot_id, reap_by_utc, reap_by_boot, reap_by_boot_id, "
        "arming_nonce, arming_boot_id, arming_pid, arming_pid_start, arming_in_process, arming_cgroup, exit_code, "
        "signal, error, forced, agent, first_seq FROM runs WHERE number = 1 AND job = 'a'",
        "UPDATE jobs SET slot = NULL WHERE job = 'b'",
        "UPDATE jobs SET paused = 1 WHERE job = 'b'",
        "UPDATE jobs SET last_hash = prev_hash FROM entries WHERE entries.job = jobs.job AND entries.seq = 3",
        "UPDATE jobs SET next_due = next_due + 1 WHERE job = 'b'",
        "UPDATE jobs SET refusal = NULL WHERE job = 'a'",
        "DELETE FROM jobs WHERE job = 'b'",
        "UPDATE definitions SET definition = json_set(definition, '$.timeout', '1s') WHERE job = 'a'",
        "DELETE FROM definitions WHERE job = 'c' AND version = 1",
    ],
)
def test_a_projection_that_is_not_the_fold_is_found_and_rebuilt(change: str, tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    tell_a_long_story(Scribe(journal))
    shell = raw(tmp_path)
    before, said = dump(shell), everything(journal)
    assert list(verify_journal(journal)) == []
    shell.execute(change)
    assert dump(shell) != before
    assert {violation.requirement for violation in verify_journal(journal)} & {"projection", "store"}
    journal.rebuild()
    assert list(verify_journal(journal)) == []
    assert dump(shell) == before
    assert everything(journal) == said
    journal.close()


def test_a_rebuild_that_meets_an_illegal_entry_leaves_the_projection(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a")
    scribe.bring("a", State.RUNNING)
    shell = raw(tmp_path)
    shell.execute("DROP TRIGGER entries_legal")
    shell.execute(
        "INSERT INTO entries SELECT 4, job, 4, at, actor, node, epoch, kind, run, trigger, source, target, reason, "
        "body, hash, hash FROM entries WHERE id = 3"
    )
    before = dump(shell)
    with pytest.raises(IllegalEntry):
        journal.rebuild()
    assert dump(shell) == before
    journal.close()


# ---- a full disk


def _fill(scribe: Scribe) -> None:
    """Append until the disk is full."""
    for _ in range(10_000):
        scribe.refuse("a")


def test_a_full_disk_leaves_everything_as_it_was_and_more_room_helps(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a", schedule="* * * * *")
    pages = journal._store.execute("PRAGMA page_count").get
    journal._store.execute(f"PRAGMA max_page_count = {pages + 8}")
    with pytest.raises(JournalFull) as full:
        _fill(scribe)
    assert full.value.path == str(tmp_path / "journal.db")
    said = everything(journal)
    for _ in range(3):
        with pytest.raises(JournalFull):
            _fill(scribe)
    assert everything(journal)["streams"].keys() == said["streams"].keys()
    assert list(verify_journal(journal)) == []
    journal._store.execute("PRAGMA max_page_count = 1000000")
    scribe.run_through("a")
    assert list(verify_journal(journal)) == []
    journal.close()


LIMITED = """
import resource, sys
from fsm.errors import JournalFull
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.testing.journal_base import everything
from fsm.testing.scribe import Scribe

journal = SqliteJournal(sys.argv[1])
scribe = Scribe(journal)
scribe.define("a", schedule="* * * * *")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    for n in range(10_000):
        before = everything(journal) if n % 10 == 0 else None
        length = journal.last_id()
        scribe.refuse("a")
except JournalFull:
    assert journal.last_id() == length
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert not list(verify_journal(journal))
    scribe.run_through("a")
    assert not list(verify_journal(journal))
    print("went on after", length)
"""


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "journal.db")], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("went on after"), done.stderr


# ---- a disk that fails


class _Disk(apsw.VFS):
    """The ordinary file system, but for what `fails` names."""

    def __init__(self) -> None:
        self.fails: str | None = None
        self.real = apsw.vfs_names()[0]
        super().__init__("failing", self.real, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802  # apsw's names
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(disk.real, name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.fails == "sync":
            raise apsw.IOError("the disk does not answer")
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.fails == "write":
            raise apsw.IOError("the disk does not answer")
        super().xWrite(data, offset)


@pytest.fixture
def disk() -> Iterator[_Disk]:
    disk = _Disk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("what", ["sync", "write"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_disk_that_fails_costs_the_append_and_nothing_else(what: str, disk: _Disk, tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    scribe = Scribe(journal)
    scribe.define("a")
    said = everything(journal)
    disk.fails = what
    for _ in range(2):
        with pytest.raises(JournalUnusable, match="disk"):
            scribe.queue("a")
    disk.fails = None
    assert everything(journal) == said
    scribe.run_through("a")
    assert list(verify_journal(journal)) == []
    journal.close()
    again = journal_in(tmp_path)
    assert list(verify_journal(again)) == []
    assert again.state("a").last_number == 1
    again.close()


# ---- others

HOLD = """
import apsw, sys
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_store_that_another_process_keeps_locked(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, busy_timeout_us=50_000)
    scribe = Scribe(journal)
    scribe.define("a")
    said = everything(journal)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "journal.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    try:
        with pytest.raises(JournalBusy) as busy:
            scribe.queue("a")
        assert busy.value.holder is not None
        assert f"process {holder.pid} (" in busy.value.holder
        assert everything(journal) == said  # one may read meanwhile
    finally:
        holder.communicate("go\n")
    scribe.queue("a")
    journal.close()


def test_a_store_that_this_process_keeps_locked(tmp_path: Path) -> None:
    journal = journal_in(tmp_path, busy_timeout_us=1000)
    shell = raw(tmp_path)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalBusy, match=f"this process \\({os.getpid()}\\)"):
        Scribe(journal).define("a")
    shell.execute("ROLLBACK")
    Scribe(journal).define("a")
    journal.close()


def test_a_journal_that_was_closed_says_so(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.close()
    journal.close()
    for ask in (lambda: journal.state("a"), journal.jobs, lambda: Scribe(journal).define("a"), journal.rebuild):
        with pytest.raises(JournalUnusable, match="closed"):
            ask()
