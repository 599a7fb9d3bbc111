"""A damaged journal is exchanged for a salvaged one: whoever is killed in between, and whoever else wants the file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from fsm.errors import JournalBusy, JournalUnusable, StoreError
from fsm.instants import HOUR, Instant, Moment
from fsm.journal import swap
from fsm.journal.diagnosis import Remedy, diagnose
from fsm.journal.export import export_lines
from fsm.journal.mend import Mender, salvage_in_place, treat
from fsm.journal.salvage import salvage
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.swap import Held
from fsm.journal.verify_store import verify_journal
from fsm.testing.damage import ENTRIES, FILE, without_rules
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import BOOT, START, Scribe

BY = Mender(Moment(Instant(START), 0, BOOT), 4711, "0.0.0")
DAMAGED = ENTRIES["an entry removed"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "journal.db"
    with closing(SqliteJournal(path, node="here")) as journal:
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        for number in range(12):
            scribe.define("d", env={"LONG": "x" * 3_000}, timeout=f"{number + 1}m")
            scribe.run_through("d")
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "journal.db"))


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def lines(path: Path) -> list[bytes]:
    with closing(SqliteJournal(path, read_only=True)) as journal:
        assert list(verify_journal(journal)) == []
        return list(export_lines(journal))


@pytest.mark.parametrize("what", ENTRIES | FILE)
def test_the_new_one_is_in_place_and_the_old_one_kept_byte_for_byte(what: str, path: Path) -> None:
    (ENTRIES | FILE)[what](path)
    damaged = path.read_bytes()
    done, kept = salvage_in_place(str(path), BY)
    assert len(lines(path)) == done.entries
    assert kept == [f"{path}.damaged-20260328T220000Z"]
    assert Path(kept[0]).read_bytes() == damaged
    expected = {path.name, Path(kept[0]).name} | ({Path(done.aside_path).name} if done.aside_path else set())
    assert set(files(path.parent)) == expected, "something was left lying about"
    assert diagnose(str(path), lambda: True).remedy is Remedy.NONE


def _crashed_copy(path: Path) -> None:
    """The journal as a scheduler leaves it that is killed: newer entries stand in the log only."""
    journal = SqliteJournal(path)
    Scribe(journal, start=Instant(START + HOUR)).refuse("a")
    with without_rules(path) as connection:
        connection.execute("UPDATE entries SET node = 'x' WHERE job = 'b' AND seq = 9")
        saved = {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal", "-shm")}
    journal.close()
    for suffix, data in saved.items():
        Path(f"{path}{suffix}").write_bytes(data)


def test_a_log_that_was_left_is_read_and_kept_and_meets_no_other_file(path: Path) -> None:
    _crashed_copy(path)
    before = files(path.parent)
    assert before["journal.db-wal"]
    told = diagnose(str(path), lambda: True)
    done = treat(told, None, BY)
    assert done is not None
    after = files(path.parent)
    stamp = ".damaged-20260328T220000Z"
    for suffix in ("", "-wal"):
        assert after[f"journal.db{stamp}{suffix}"] == before[f"journal.db{suffix}"]
    assert not after.get("journal.db-wal")
    assert done.entries == len(lines(path))
    again = diagnose(f"{path}{stamp}", lambda: True)
    assert again.good == told.good, "what is kept is as good as what was"


# ---- others who have it open


def test_nothing_is_done_while_somebody_has_it_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "BUSY_TIMEOUT_MS", 50)
    DAMAGED(path)
    code = (
        "import sys; from fsm.journal.sqlite import SqliteJournal; j = SqliteJournal(sys.argv[1]);"
        "print('open', flush=True); sys.stdin.readline()"
    )
    with _other(code, path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        before = files(path.parent)
        with pytest.raises(JournalBusy):
            salvage_in_place(str(path), BY)
        assert files(path.parent).keys() == before.keys()
        assert files(path.parent)["journal.db"] == before["journal.db"]
        other.communicate("\n", timeout=120)
    done, _ = salvage_in_place(str(path), BY)
    assert len(lines(path)) == done.entries


def test_nobody_else_can_open_it_meanwhile(path: Path) -> None:
    with Held(str(path)) as held:
        assert held.readable
        with pytest.raises(JournalBusy):
            SqliteJournal(path, busy_timeout_us=10_000)
    SqliteJournal(path).close()


WAITS = """
import sys
import tempfile
from fsm.errors import StoreError
from fsm.journal.sqlite import SqliteJournal
from fsm.testing.scribe import Scribe

print("waiting", flush=True)
try:
    journal = SqliteJournal(sys.argv[1], busy_timeout_us=20_000_000)
    Scribe(journal).define("mine")
    print("appended", flush=True)
except StoreError as error:
    print("refused:", error, flush=True)
"""


def _other(code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _waits_for_a_lock(pid: int, path: Path) -> bool:
    """Whether a process has the file open: it can only be waiting then, for it is locked."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
        return str(path) in {os.readlink(f"/proc/{pid}/fd/{name}") for name in names}
    except OSError:
        return False


def test_whoever_waits_for_the_old_file_writes_neither_to_it_nor_to_the_new_ones_log(path: Path) -> None:
    """SQLite knows a log by its name: a process that has opened the old file would go on with the new one's log."""
    DAMAGED(path)
    new = path.parent / "new.db"
    with Held(str(path)) as held, _other(WAITS, path) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
        while not _waits_for_a_lock(other.pid, path):  # ends when it has opened the file, or when it ends
            assert other.poll() is None
        with held.read() as reading:
            salvage(reading, str(new), f"{new}.jsonl", now=BY.now, pid=1, version="0")
        held.replace(str(new))
        with closing(SqliteJournal(path)) as journal:  # the new one is used at once, log and all
            Scribe(journal).define("ours")
            expected = list(export_lines(journal))
            held.__exit__(None, None, None)
            out, _ = other.communicate(timeout=120)
    assert out.startswith("refused:"), out
    assert lines(path) == expected


# ---- killed in between


STEPS = ("replace", "unlink", "fsync", "pwrite")


def _killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do it in a process of its own that is killed right before its n-th step on the disk. False where it has fewer."""
    pid = os.fork()
    if pid == 0:
        try:
            _count_steps(number)
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status)
    return os.WEXITSTATUS(status) == 9


def _count_steps(number: int) -> None:
    passed = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed == number:
                os._exit(9)
            return real(*args, **kwargs)

        return step

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: what is tried here many times is no test of the disk."""
    if not os.access("/dev/shm", os.W_OK | os.X_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="cronfsm-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("damage", [_crashed_copy, FILE["the header damaged"]], ids=["with a log", "no database"])
def test_whoever_is_killed_in_between_leaves_the_old_one_or_the_new_one(
    damage: Callable[[Path], None], template: Path, quick: Path
) -> None:
    expected: tuple[int, Any] | None = None
    outcomes = set()
    for number in range(1, 60):
        folder = quick / str(number)
        folder.mkdir()
        path = Path(shutil.copy(template, folder / "journal.db"))
        damage(path)
        told = diagnose(str(path), lambda: True)
        if not _killed_at(number, partial(salvage_in_place, str(path), BY)):
            break
        now = diagnose(str(path), lambda: True)
        if now.remedy is Remedy.NONE:
            outcomes.add("new")
            expected = expected or (now.good, lines(path))
            assert (now.good, lines(path)) == expected
            assert (folder / "journal.db.damaged-20260328T220000Z").exists()
        else:
            outcomes.add("old")
            assert (now.remedy, now.good, now.aside, now.cuts) == (told.remedy, told.good, told.aside, told.cuts)
            if number % 4:
                continue
            later = Mender(Moment(Instant(START + 1_000_000), 0, BOOT), 4711, "0.0.0")
            assert treat(now, None, later) is not None, "it can be done once more"
            assert diagnose(str(path), lambda: True).remedy is Remedy.NONE
    assert outcomes == {"old", "new"}
    assert 8 < number < 59


# ---- a file that is moved while it is open


def _removed(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def _replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.rename(path.with_name("elsewhere"))
    path.with_name("copy").rename(path)


def _log_removed(path: Path) -> None:
    log = Path(f"{path}-wal")
    log.rename(path.with_name("log-elsewhere"))


@pytest.mark.parametrize("move", [_removed, _replaced, _log_removed])
def test_nothing_is_acknowledged_by_a_file_that_has_moved(move: Callable[[Path], None], path: Path) -> None:
    journal = SqliteJournal(path)
    scribe = Scribe(journal)
    before = list(export_lines(journal))
    names = {"elsewhere": path, "log-elsewhere": Path(f"{path}-wal")}
    move(path)
    for _ in range(2):
        with pytest.raises(JournalUnusable, match="moved, removed or replaced"):
            scribe.define("new")
    for name, place in names.items():
        if path.with_name(name).exists():
            path.with_name(name).rename(place)
    scribe.define("new")  # it goes on by itself
    assert len(list(export_lines(journal))) == len(before) + 1
    assert list(verify_journal(journal)) == []
    journal.close()


def test_a_journal_that_may_not_be_written_is_not_mended(path: Path) -> None:
    DAMAGED(path)
    path.unlink()
    with pytest.raises(StoreError):
        salvage_in_place(str(path), BY)
    assert files(path.parent) == {}


def test_a_plain_shell_sees_the_lock_too(path: Path) -> None:
    with Held(str(path)):
        shell = apsw.Connection(str(path))
        with pytest.raises(apsw.BusyError):
            shell.execute("SELECT count(*) FROM entries").fetchall()
        shell.close()
