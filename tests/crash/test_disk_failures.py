"""Disks that fail under load: nothing acknowledged is lost, the errors have their types, and it goes on by itself."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import apsw
import pytest
from recording_vfs import Kind, Op, Recorder, recording

import fsm
from fsm.errors import JournalFull, JournalUnusable, StoreError
from fsm.instants import HOUR, Instant, Moment
from fsm.journal.mend import Mender, salvage_in_place, salvage_to
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.states import State
from fsm.testing import Simulation, succeed
from fsm.testing.damage import ENTRIES
from fsm.testing.journal_base import everything, tell_a_long_story
from fsm.testing.scribe import BOOT, START, Scribe

Figure = Callable[[str], None]

SOURCE = str(Path(fsm.__file__).parent.parent)
APPENDER = str(Path(__file__).parent / "appender.py")
WITHIN_S = 120.0

# ---- the real disk, by strace


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=WITHIN_S, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="session")
def strace() -> str:
    """strace, where it is there and may trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("there is no strace on this machine")
    if not _works([found, "-o", os.devnull, "true"]):
        pytest.skip("strace may not trace here (ptrace is not permitted)")
    return found


def appended(path: Path, transactions: int, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, APPENDER, str(path), str(transactions)],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env={**os.environ, "PYTHONPATH": SOURCE},
        check=False,
    )


def acknowledged(done: subprocess.CompletedProcess[str]) -> int:
    """The newest entry that was acknowledged."""
    return max((int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("ack")), default=0)


def entries_of(path: Path) -> int:
    """How many entries there are; all of it must be well."""
    with closing(SqliteJournal(path)) as journal:
        assert list(verify_journal(journal)) == []
        assert journal.unsound() == []
        return journal.last_id()


TRANSACTIONS = 30
CALLS = {"fdatasync": 55, "pwrite64": 330}  # that so many transactions make, at least


@pytest.mark.parametrize(
    ("call", "error"), [("fdatasync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EROFS")]
)
def test_a_real_disk_that_fails_for_a_while(
    call: str, error: str, strace: str, tmp_path: Path, full: bool, figure: Figure
) -> None:
    """EROFS is what a file system says that the kernel has made read-only after an error."""
    refused = 0
    calls = CALLS[call]
    firsts = range(3, calls, calls // 20) if full else (3, calls // 2)
    windows = [(first, first + length) for first in firsts for length in ((0, 3) if full else (2,))]
    for number, (first, last) in enumerate(windows):
        path = tmp_path / f"{number}.db"
        inject = f"inject={call}:error={error}:when={first}..{last}"
        done = appended(path, TRANSACTIONS, strace, "-o", os.devnull, "-e", f"trace={call}", "-e", inject)
        assert done.returncode == 0, done.stderr
        kinds = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("again")}
        refused += bool(kinds)
        assert kinds <= ({"JournalFull"} if error == "ENOSPC" else {"JournalUnusable"})
        assert entries_of(path) == acknowledged(done) == TRANSACTIONS
    assert refused >= len(windows) // 2, "hardly any append has noticed it"
    figure(f"{call} failing with {error}: {len(windows)} windows, in {refused} of them appends were refused; none lost")


def test_a_process_that_is_killed_at_any_write_or_sync(strace: str, tmp_path: Path, full: bool, figure: Figure) -> None:
    killed = 0
    places = range(30, 330, 10 if full else 100)
    for place in places:
        path = tmp_path / f"{place}.db"
        calls = "pwrite64,fdatasync,ftruncate"
        inject = f"inject={calls}:signal=KILL:when={place}"
        done = appended(path, TRANSACTIONS, strace, "-o", os.devnull, "-e", f"trace={calls}", "-e", inject)
        killed += done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        there = entries_of(path)
        assert acknowledged(done) <= there <= acknowledged(done) + 1
        again = appended(path, 5)
        assert again.returncode == 0, again.stderr
        assert entries_of(path) == acknowledged(again) == there + 5
    assert killed > len(places) // 2
    figure(f"killed at a write or sync: {killed} times; no acknowledged entry lost, the next process goes on")


JOBS = """
[jobs.tick]
command = ["true"]
schedule = "every 1s"

[jobs.long]
command = ["sleep", "2"]
schedule = "every 4s"

[jobs.manual]
command = ["true"]
"""


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": SOURCE, "TZ": "UTC"}


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "fsm.cli", "--data-dir", str(folder), *arguments]


def cronfsm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments), capture_output=True, text=True, timeout=WITHIN_S, env=environment(), check=False
    )


@contextmanager
def serving(folder: Path, jobs: Path, *before: str) -> Iterator[Callable[[str], str]]:
    """A scheduler that is up; gives a function that waits for a sentence of its. At the end it is told to stop."""
    process = subprocess.Popen(
        [*before, *command(folder, "serve", str(jobs), "--plain")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    watchdog = threading.Timer(WITHIN_S, process.kill)
    watchdog.start()
    assert process.stderr is not None
    lines = iter(process.stderr)
    try:
        yield lambda words: next(line for line in lines if words in line)
    finally:
        pid = json.loads(cronfsm(folder, "status", "--json").stdout)["pid"]
        if pid is not None:
            os.kill(pid, signal.SIGTERM)  # the scheduler itself, not what traces it
        process.wait(WITHIN_S)
        watchdog.cancel()
        process.stderr.close()


def test_a_scheduler_whose_disk_fails_for_a_while(strace: str, tmp_path: Path, figure: Figure) -> None:
    """The real one, with real runs: it says so, goes on, says when it is over, and everything has landed."""
    data, jobs = tmp_path / "data", tmp_path / "jobs.toml"
    jobs.write_text(JOBS)
    inject = "inject=fdatasync:error=EIO:when=14..16"  # one more try each second
    with serving(data, jobs, strace, "-o", os.devnull, "-e", "trace=fdatasync", "-e", inject) as until:
        assert "Runs go on" in until("the disk fails")
        until("the journal takes entries again")
        done = cronfsm(data, "run", "manual", "--wait")
        assert done.returncode == 0, done.stderr
    for run in json.loads(cronfsm(data, "runs", "--json", "--state", "running").stdout):
        cronfsm(data, "cancel", run["id"])
    runs = json.loads(cronfsm(data, "runs", "--json", "--limit", "1000").stdout)
    over = [run["state"] for run in runs if run["state"] not in ("queued", "running")]
    assert len(over) > 3
    assert set(over) <= {"succeeded", "reaped"}
    assert over.count("reaped") <= 2
    verified = cronfsm(data, "verify")
    assert verified.returncode == 0, verified.stdout
    figure(f"serve with fdatasync failing three times: {len(over)} runs over, the journal verifies")


# ---- a disk that is really full

FULL_DISK = """
set -e
mount -t tmpfs -o size=512k tmpfs "$1"
head -c 200000 /dev/zero > "$1/filler"
"$2" "$3" "$1/journal.db" 400 > "$4/out" 2> "$4/err" &
pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q JournalFull "$4/out"; do sleep 0.05; done
: > "$1/filler"
wait $pid
cp "$1"/journal.db "$4/"
"""


def _namespace() -> list[str] | None:
    """How to get a file system of one's own that goes with the process; None where that cannot be had."""
    for command in (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"]):
        if shutil.which("unshare") and _works([*command, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]):
            return command
    return None


def test_a_disk_that_is_really_full_and_has_room_again(tmp_path: Path, figure: Figure) -> None:
    namespace = _namespace()
    if namespace is None:
        pytest.skip("a file system of one's own cannot be mounted here (no root, no user namespaces)")
    (tmp_path / "disk").mkdir()
    arguments = [str(tmp_path / "disk"), sys.executable, APPENDER, str(tmp_path)]
    done = subprocess.run(
        [*namespace, "sh", "-c", FULL_DISK, "sh", *arguments],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env={**os.environ, "PYTHONPATH": SOURCE},
        check=False,
    )
    out = (tmp_path / "out").read_text()
    assert done.returncode == 0, (done.stderr, out[-500:], (tmp_path / "err").read_text())
    refused = [line for line in out.splitlines() if line.startswith("again")]
    assert refused
    assert {line.split()[1] for line in refused} == {"JournalFull"}
    newest = max(int(line.split()[1]) for line in out.splitlines() if line.startswith("ack"))
    assert newest == 400
    assert entries_of(tmp_path / "journal.db") == 400
    figure(f"a full tmpfs of 512 KiB: {len(refused)} appends refused, 400 of 400 transactions there in the end")


# ---- a disk as the test wants it


@pytest.fixture
def disk() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def failing(kind: Kind, error: type[apsw.Error]) -> Callable[[Op], None]:
    def before(op: Op) -> None:
        if op.kind is kind:
            raise error("as the test wants it")

    return before


FAILURES = {
    "full": (Kind.WRITE, apsw.FullError, JournalFull),
    "writes fail": (Kind.WRITE, apsw.IOError, JournalUnusable),
    "syncs fail": (Kind.SYNC, apsw.IOError, JournalUnusable),
    "read-only": (Kind.WRITE, apsw.ReadOnlyError, JournalUnusable),
}


@pytest.mark.parametrize("what", FAILURES)
def test_each_append_is_taken_as_a_whole_or_not_at_all(what: str, disk: Recorder, tmp_path: Path) -> None:
    kind, raised, expected = FAILURES[what]
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        before = everything(journal)
        disk.before = failing(kind, raised)
        for _ in range(3):
            with pytest.raises(expected):
                scribe.queue("c")
            assert everything(journal) == before, "it can be read, and nothing has changed"
        disk.before = None
        scribe.queue("c")
        assert len(list(journal.entries())) == len(before["entries"]) + 1
        assert list(verify_journal(journal)) == []


@pytest.mark.parametrize("what", FAILURES)
def test_a_scheduler_over_a_disk_that_fails(what: str, disk: Recorder, tmp_path: Path) -> None:
    """Runs go on, none is lost, and what happened meanwhile is recorded with the times at which it happened."""
    kind, raised, expected = FAILURES[what]
    with closing(SqliteJournal(tmp_path / "journal.db")) as journal:
        sim = Simulation(journal=journal)
        sim.add_job("job", schedule="every 10m", timeout="1h")
        sim.script("job", [succeed(after="5m")])
        sim.advance("10m1s")
        disk.before = failing(kind, raised)
        sim.advance("12m")  # the run ends meanwhile, and a tick comes
        assert sim.life is not None
        assert isinstance(sim.life.scheduler.trouble, expected)
        assert [run.state for run in sim.runs("job")] == [State.RUNNING]
        disk.before = None
        sim.advance("6m")
        assert sim.life.scheduler.trouble is None
        runs = sim.runs("job")
        assert [run.state for run in runs] == [State.SUCCEEDED, State.SUCCEEDED]
        assert [str(run.scheduled_for)[11:19] for run in runs] == ["22:20:00", "22:10:00"]
        assert runs[1].ended_at == "2026-03-28T22:15:00Z"
        sim.check()
        assert list(verify_journal(journal)) == []


@pytest.mark.parametrize("in_place", [False, True])
def test_a_disk_that_has_no_room_for_a_second_journal(in_place: bool, disk: Recorder, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path)) as journal:
        tell_a_long_story(Scribe(journal))
    ENTRIES["an entry changed"](path)
    content, new = path.read_bytes(), str(tmp_path / "new.db")
    by = Mender(Moment(Instant(START + HOUR), HOUR, BOOT), 1, "0")
    written = 0

    def before(op: Op) -> None:
        nonlocal written
        if op.kind is Kind.WRITE and ("new" in op.name or "salvaged" in op.name):
            written += 1
            if written > 40:
                raise apsw.FullError("no room")

    disk.before = before
    work = partial(salvage_in_place, str(path), by) if in_place else partial(salvage_to, str(path), new, by)
    with pytest.raises(JournalFull):
        work()
    assert written > 40
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"journal.db": content}
    disk.before = None
    done, _ = salvage_in_place(str(path), by)
    assert entries_of(path) == done.entries


# ---- a folder that may not be written any more

READ_ONLY = """
import os, sys
from fsm.errors import StoreError
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.testing.scribe import Scribe

path = sys.argv[1]
journal = SqliteJournal(path)
scribe = Scribe(journal)
scribe.define("a")
acknowledged = 1
folder = os.path.dirname(path)
for name, mode in ((folder, 0o555), (path, 0o444)):
    os.chmod(name, mode)
for _ in range(50):
    try:
        scribe.run_through("a")
    except StoreError as error:
        print(type(error).__name__)
    acknowledged = journal.last_id()
try:
    SqliteJournal(path)
except StoreError as error:
    print("a second one:", type(error).__name__, error)
for name, mode in ((folder, 0o755), (path, 0o644)):
    os.chmod(name, mode)
scribe.run_through("a")
assert journal.last_id() == acknowledged + 4
second = SqliteJournal(path)
Scribe(second).run_through("a")
assert not list(verify_journal(second))
second.close()
journal.close()
print("there in the end:", SqliteJournal(path, read_only=True).last_id())
"""


@pytest.fixture
def bound_by_rights(tmp_path: Path) -> list[str]:
    """What to put before a command so that a folder's rights bind it: root without the power to pass them by."""
    if os.geteuid() != 0:
        return []
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    if not _works([*command, "true"]) or _works([*command, "touch", str(shut / "file")]):
        pytest.skip("root may write everywhere, and setpriv cannot take that away here")
    return command


def test_a_folder_made_read_only_under_load(bound_by_rights: list[str], tmp_path: Path) -> None:
    """Who has the journal open goes on: its files are there. Who comes new is told; afterwards all is as before."""
    folder = tmp_path / "data"
    folder.mkdir()
    done = subprocess.run(
        [*bound_by_rights, sys.executable, "-c", READ_ONLY, str(folder / "journal.db")],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env={**os.environ, "PYTHONPATH": SOURCE},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, second, last = done.stdout.splitlines()
    assert second.startswith("a second one: JournalUnusable")
    assert "may only be read" in second or "not writable" in second
    assert last == "there in the end: 209"


def test_a_scheduler_whose_folder_is_made_read_only(bound_by_rights: list[str], tmp_path: Path, figure: Figure) -> None:
    """The real one, with real runs: what cannot be started says why, and once one may write again all goes on."""
    data, jobs = tmp_path / "data", tmp_path / "jobs.toml"
    jobs.write_text(JOBS)

    def states() -> list[tuple[str, str]]:
        told = json.loads(cronfsm(data, "runs", "--json", "--limit", "1000").stdout)
        return [(run["state"], run["reason"]) for run in told]

    with serving(data, jobs, *bound_by_rights):
        _until(lambda: ("succeeded", "completed") in states())
        folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        _until(lambda: ("failed", "start_failed") in states())
        before = len(states())
        for path in folders:
            path.chmod(0o700)
        done = cronfsm(data, "run", "manual", "--wait")
        assert done.returncode == 0, done.stderr
    told = json.loads(cronfsm(data, "runs", "--json", "--limit", "1000").stdout)
    why = {run["error"] for run in told if run["reason"] == "start_failed"}
    assert all("Permission denied" in error for error in why), why
    assert len(states()) > before, "nothing that was acknowledged is gone"
    verified = cronfsm(data, "verify")
    assert verified.returncode == 0, verified.stdout
    figure(f"a folder made read-only under serve: {len(told)} runs, {len(why)} sort of failed start, all there")


def _until(fits: Callable[[], bool]) -> None:
    give_up = time.monotonic() + WITHIN_S
    while not fits():
        assert time.monotonic() < give_up
        time.sleep(0.1)  # another process tells nobody


def test_no_room_is_told_from_a_failing_disk() -> None:
    """What strace injects above has its own error; these are the numbers that stand for no room."""
    from fsm.journal.sqlite_trouble import trouble

    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        assert isinstance(trouble(apsw.IOError("x"), "/x", number), JournalFull)
    for number in (errno.EIO, errno.EROFS, 0):
        found: StoreError = trouble(apsw.IOError("x"), "/x", number)
        assert isinstance(found, JournalUnusable)
