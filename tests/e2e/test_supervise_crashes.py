"""What is left after a kill, and how it is found out: locks before reports, survivors, adoption."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve
from supervise_kit import CLOCK, MINUTE, Bench, in_us, lives, processes_with, python, wait_gone

from fsm.model.facts import Armed, ArmFailed, Changed, Execution, Finding, StopAnswer
from fsm.model.run import Arming
from fsm.model.states import Evidence, Reason
from fsm.supervise import examine
from fsm.supervise.armingfile import EMPTIED, FRAME, HEADER, VERDICT
from fsm.supervise.examine import look
from fsm.supervise.locks import try_lock
from fsm.supervise.processes import all_pids, own_start, send_signal, stat_of


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def file_of(bench: Bench, execution: Execution) -> str:
    return bench.folder.arming_file(execution.job, execution.number, execution.arming.nonce)


def kill_supervisor(execution: Execution) -> None:
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGKILL)


def reason_of(finding: Finding) -> Reason | None:
    assert finding.report is not None
    return finding.report.verdict.reason if finding.report.verdict else None


# ---- the supervisor is killed

# Started by the command: has its cookie, left its session, keeps no descriptor.
FAR = """
import os, signal, sys
if os.fork():
    while True: signal.pause()
os.setsid()
if os.fork():
    os._exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
said = os.open(sys.argv[1], os.O_WRONLY)
os.closerange(0, said); os.closerange(said + 1, 256)
os.write(said, b"%d\\n" % os.getpid())
os.close(said)
while True: signal.pause()
"""

# The same without the cookie: in the command's session, or with the slot lock inherited, and nothing else.
SCRUBBED = """
import os, signal, sys
sources = '''
import os, signal, sys
if sys.argv[2] == "session":
    os.closerange(0, 256)
else:
    os.setsid()
said = os.open(sys.argv[1], os.O_WRONLY)
os.write(said, b"%d\\\\n" % os.getpid())
os.close(said)
while True: signal.pause()
'''
if os.fork() == 0:
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", sources, *sys.argv[1:]], {})
while True: signal.pause()
"""


def test_kill_of_the_supervisor_takes_the_command_along_and_the_search_ends_the_rest(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(FAR, said.path), grace_us=MINUTE)
    survivor = int(said.line())
    main = [pid for pid in processes_with(bench.folder.token(execution.arming.nonce)) if pid != survivor]
    assert len(main) == 1
    kill_supervisor(execution)
    wait_gone(main[0])
    finding = bench.ended(execution)
    assert finding.report is None
    assert not finding.unreadable
    assert lives(survivor)
    searched = bench.searched(execution)
    assert (searched.evidence, searched.hindrance) == (Evidence.SCAN, None)
    assert not lives(survivor)


@pytest.mark.parametrize("by", ["session", "slot lock"])
def test_survivors_without_the_cookie(bench: Bench, by: str) -> None:
    said = bench.channel()
    execution = bench.started(*python(SCRUBBED, said.path, by), grace_us=MINUTE)
    survivor = int(said.line())
    kill_supervisor(execution)
    bench.ended(execution)
    assert bench.searched(execution).evidence is Evidence.SCAN
    assert not lives(survivor)


def test_the_search_leaves_strangers_alone(bench: Bench) -> None:
    """One older than the run, one newer, one of another run: none of them is the run's."""
    older = subprocess.Popen(["/bin/sleep", "60"])
    said = bench.channel()
    execution = bench.started("/bin/sh", "-c", f"echo up > {said.path}; sleep 60", grace_us=MINUTE)
    said.line()
    other = bench.started("/bin/sh", "-c", f"echo up > {said.path}; exec sleep 60", job="other")
    said.line()
    newer = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    try:
        kill_supervisor(execution)
        bench.ended(execution)
        assert bench.searched(execution).evidence is Evidence.SCAN
        assert older.poll() is None
        assert newer.poll() is None
        assert bench.look(other).alive
        assert processes_with(bench.folder.token(other.arming.nonce))
    finally:
        for process in (older, newer):
            process.kill()
            process.wait()


def test_a_living_supervisor_is_not_searched_under(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started("/bin/sh", "-c", f"echo $$ > {said.path}; exec sleep 60")
    main = int(said.line())
    searched = bench.searched(execution)
    assert searched.evidence is None
    assert searched.hindrance == f"its supervisor, process {execution.arming.pid}, is alive"
    assert lives(main)


def test_a_held_slot_lock_keeps_the_search_from_its_end(bench: Bench) -> None:
    execution = bench.started("/bin/sleep", "60", grace_us=MINUTE)
    kill_supervisor(execution)
    bench.ended(execution)
    for _ in range(200):
        fd = try_lock(bench.folder.slot_lock("job"))
        if fd is not None:
            break
        select.select([], [], [], 0.01)  # the command is dying with its supervisor
    else:
        raise AssertionError("the slot lock stays held")
    try:
        searched = bench.searched(execution)
        assert searched.evidence is None
        assert searched.hindrance is not None
        assert "slot lock" in searched.hindrance
    finally:
        os.close(fd)
    assert bench.searched(execution).evidence is Evidence.SCAN


def test_another_boot_is_evidence_enough(bench: Bench) -> None:
    execution = bench.started("/bin/true")
    bench.ended(execution)
    old = evolve(execution, arming=evolve(execution.arming, boot_id="before"))
    assert reason_of(bench.look(old)) is Reason.COMPLETED, "what was reported before a reboot still counts"
    assert bench.searched(old).evidence is Evidence.REBOOT


def test_killed_while_armed_nothing_was_executed(bench: Bench) -> None:
    execution = bench.armed("/bin/sh", "-c", "echo ran")
    kill_supervisor(execution)
    finding = bench.ended(execution)
    assert finding.report is None
    bench.launcher.go(execution, in_us(MINUTE))
    bench.changed(execution)
    assert bench.searched(execution).evidence is Evidence.SCAN
    assert not list(bench.path(execution).glob("out.*"))


def test_a_verdict_survives_the_kill_that_follows_it(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(FAR, said.path), timeout_us=900_000, grace_us=10 * MINUTE)
    survivor = int(said.line())
    bench.until(execution, lambda finding: finding.report is not None and finding.report.verdict is not None)
    assert lives(survivor)
    bench.launcher.kill(execution)
    finding = bench.ended(execution)
    assert reason_of(finding) is Reason.RUN_TIMEOUT
    assert finding.report is not None
    assert finding.report.emptied is None
    assert bench.searched(execution).evidence is Evidence.SCAN
    assert not lives(survivor)


def test_a_mute_supervisor_is_killed(bench: Bench) -> None:
    execution = bench.started("/bin/sleep", "60")
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGSTOP)
    assert bench.look(execution).alive
    bench.launcher.kill(execution)
    assert bench.ended(execution).report is None


def test_kill_never_hits_a_process_that_only_has_the_number(bench: Bench) -> None:
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        stat = stat_of(stranger.pid)
        assert stat is not None
        boot = CLOCK.now().boot_id
        for arming in (
            Arming("n", boot, stranger.pid, stat.start - 1),
            Arming("n", "another boot", stranger.pid, stat.start),
        ):
            bench.launcher.kill(Execution("job", 1, arming))
        os.kill(stranger.pid, 0)
        assert lives(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


# ---- who looks


def test_two_who_look_do_not_take_each_other_for_the_supervisor(bench: Bench) -> None:
    execution = bench.started("/bin/true")
    bench.ended(execution)
    first = bench.launcher.examine(execution)
    second = look(bench.folder, execution, CLOCK.now().boot_id)
    assert not first.finding.alive
    assert not second.finding.alive
    first.close()
    second.close()
    second.close()


@pytest.mark.requirement("R-24")
def test_a_run_that_ends_while_it_is_looked_at_is_not_taken_for_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lock first, then the report: read the other way round, the report that comes in between would be missed."""
    go = bench.root / "go"
    os.mkfifo(go)
    execution = bench.started("/bin/sh", "-c", f"read word < {go}; exit 3")
    real = examine.lock_open_file

    def ends_first(fd: int, *, shared: bool = False) -> bool:
        go.write_text("now\n")
        wait_gone(execution.arming.pid)
        return real(fd, shared=shared)

    monkeypatch.setattr(examine, "lock_open_file", ends_first)
    finding = bench.look(execution)
    assert not finding.alive
    assert reason_of(finding) is Reason.EXIT_CODE


@pytest.mark.requirement("R-24")
def test_the_life_lock_is_kept_while_the_examination_is_open(bench: Bench) -> None:
    execution = bench.started("/bin/true")
    bench.ended(execution)
    examination = bench.launcher.examine(execution)
    assert try_lock(file_of(bench, execution)) is None
    examination.close()
    fd = try_lock(file_of(bench, execution))
    assert fd is not None
    os.close(fd)


def test_a_missing_file_is_gone_without_a_report(bench: Bench) -> None:
    execution = bench.started("/bin/true")
    bench.ended(execution)
    shutil.rmtree(bench.path(execution))
    assert bench.look(execution) == Finding(alive=False)


def test_files_that_are_removed_under_a_living_supervisor_make_nothing_lost(bench: Bench) -> None:
    go = bench.root / "go"
    os.mkfifo(go)
    said = bench.channel()
    execution = bench.started("/bin/sh", "-c", f"echo up > {said.path}; read word < {go}")
    assert said.line() == "up"
    shutil.rmtree(bench.path(execution))
    assert bench.look(execution) == Finding(alive=True)
    assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.BUSY
    go.write_text("now\n")
    assert bench.ended(execution) == Finding(alive=False)
    assert bench.searched(execution).evidence is Evidence.SCAN


def test_every_damaged_byte_of_a_report_is_unreadable_or_harmless(bench: Bench) -> None:
    execution = bench.started("/bin/false")
    good = bench.ended(execution)
    whole = Path(file_of(bench, execution)).read_bytes()
    found = []
    for at in [*range(300), *range(VERDICT.offset, VERDICT.offset + 200), *range(EMPTIED.offset, EMPTIED.offset + 99)]:
        damaged = bytearray(whole)
        damaged[at] ^= 0x41
        Path(file_of(bench, execution)).write_bytes(damaged)
        found.append(bench.look(execution))
        assert found[-1] in (good, Finding(alive=False, unreadable=True)), at
    payloads = [
        int.from_bytes(whole[part.offset + 6 : part.offset + 8], "little") for part in (HEADER, VERDICT, EMPTIED)
    ]
    assert found.count(good) == len(found) - sum(payloads) - 3 * FRAME, "only the zeros behind a payload don't matter"


@pytest.mark.requirement("R-19")
def test_a_newer_or_foreign_or_cut_report_is_unreadable(bench: Bench) -> None:
    execution = bench.started("/bin/false")
    bench.ended(execution)
    path = Path(file_of(bench, execution))
    whole = path.read_bytes()
    newer = bytearray(whole)
    newer[VERDICT.offset + 4] = 2
    without_verdict = whole[:2048] + bytes(512) + whole[2560:]
    for bad in (bytes(newer), whole[:2700], without_verdict, bytes(2048) + whole[2048:], b"\xff" * 4096):
        path.write_bytes(bad)
        assert bench.look(execution).unreadable
    other = bench.started("/bin/true", number=execution.number)
    bench.ended(other)
    shutil.copy(file_of(bench, other), path)
    assert bench.look(execution).unreadable, "what another arming says is never taken for this one's"
    path.write_bytes(bytes(4096))
    assert bench.look(execution) == Finding(alive=False), "made, and never filled"


# ---- adoption


def test_a_second_launcher_adopts(bench: Bench) -> None:
    said = bench.channel()
    go = bench.root / "go"
    os.mkfifo(go)
    execution = bench.started("/bin/sh", "-c", f"echo up > {said.path}; read word < {go}; exit 11")
    assert said.line() == "up"
    bench.launcher.close()
    bench.launcher = bench.new_launcher()
    bench.launcher.listen()
    bench.launcher.watch(execution)
    bench.launcher.watch(execution)
    assert bench.look(execution).alive
    go.write_text("now\n")
    finding = bench.ended(execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.exit_code == 11


def test_the_end_of_an_adopted_supervisor_is_an_event_without_the_channel(bench: Bench) -> None:
    execution = bench.started("/bin/sleep", "60")
    bench.launcher.close()
    bench.launcher = bench.new_launcher()  # it doesn't listen: nothing but the pidfd can tell
    bench.launcher.watch(execution)
    kill_supervisor(execution)
    bench.changed(execution)
    assert bench.ended(execution).report is None


def test_what_has_ended_when_it_is_adopted_is_told_at_once(bench: Bench) -> None:
    execution = bench.started("/bin/true")
    bench.ended(execution)
    bench.launcher.close()
    bench.seen.clear()
    bench.launcher = bench.new_launcher()
    bench.launcher.watch(execution)
    assert list(bench.launcher.facts()) == [Changed(execution.arming.nonce)]


# ---- the fork server


def test_a_killed_fork_server_is_replaced_and_runs_go_on(bench: Bench) -> None:
    running = bench.started("/bin/sleep", "60")
    first = bench.launcher.fork_server_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    finding = bench.ran("/bin/true", job="other")
    assert reason_of(finding) is Reason.COMPLETED
    assert bench.launcher.fork_server_pid != first
    assert bench.look(running).alive


def test_orders_lost_with_the_fork_server_are_sent_again(bench: Bench) -> None:
    """It stands still with orders in its socket, and is killed."""
    bench.launcher.listen()
    server = bench.launcher.fork_server_pid
    assert server is not None
    os.kill(server, signal.SIGSTOP)
    orders = [bench.order("/bin/true", job=f"job{i}") for i in range(5)]
    for order in orders:
        bench.launcher.arm(order)
    os.kill(server, signal.SIGKILL)
    for order in orders:
        assert isinstance(bench.wait_answer(order), Armed)


def test_a_fork_server_that_hangs_is_replaced_after_an_arm_deadline(bench: Bench) -> None:
    bench.launcher.listen()
    server = bench.launcher.fork_server_pid
    assert server is not None
    os.kill(server, signal.SIGSTOP)
    lost = bench.order("/bin/true", job="lost", arm_by=in_us(100_000))
    waits = bench.order("/bin/true", job="waits", arm_by=in_us(MINUTE))
    bench.launcher.arm(lost)
    bench.launcher.arm(waits)
    answer = bench.wait_answer(lost)
    assert isinstance(answer, ArmFailed)
    assert not answer.busy
    assert isinstance(bench.wait_answer(waits), Armed)
    wait_gone(server)


def test_more_orders_than_the_socket_holds(bench: Bench) -> None:
    bench.launcher.listen()
    server = bench.launcher.fork_server_pid
    assert server is not None
    os.kill(server, signal.SIGSTOP)
    orders = [bench.order("/bin/true", "x" * 90_000, job=f"job{i}") for i in range(8)]
    for order in orders:
        bench.launcher.arm(order)
    os.kill(server, signal.SIGCONT)
    for order in orders:
        assert isinstance(bench.wait_answer(order), Armed)


def test_a_supervisor_killed_before_it_is_armed_is_an_arm_failure(bench: Bench) -> None:
    first = bench.armed("/bin/true")
    order = bench.order("/bin/true")
    bench.launcher.arm(order)  # it waits for the slot lock
    pid = supervisor_that_waits(bench, first)
    os.kill(pid, signal.SIGKILL)
    answer = bench.wait_answer(order)
    assert isinstance(answer, ArmFailed)
    assert not answer.busy


def supervisor_that_waits(bench: Bench, first: Execution) -> int:
    """The child of the fork server that is not the armed one. It tells nobody of itself, so it is looked for."""
    for _ in range(3000):
        for pid in all_pids():
            stat = stat_of(pid)
            if stat and stat.ppid == bench.launcher.fork_server_pid and pid != first.arming.pid and not stat.dead:
                return pid
        select.select([], [], [], 0.01)
    raise AssertionError("no second supervisor was forked")


# ---- descriptors


def descriptors(pid: int) -> dict[int, str]:
    """What a living process has open; not what it has closed since it was listed."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def kinds(found: dict[int, str]) -> list[str]:
    return sorted(text if text.startswith("/") else text.partition(":")[0] for text in found.values())


LISTS = """
import os, signal, sys
names = os.listdir("/proc/self/fd")
said = []
for name in names:
    try: said.append(f"{name} {os.readlink('/proc/self/fd/' + name)}")
    except OSError: pass  # the listing itself
with open(sys.argv[1], "w") as file:
    file.write("\\n".join([*said, "end\\n"]))
signal.pause()
"""


def test_every_descriptor_of_every_child(bench: Bench) -> None:
    """A leaked end of a go pipe would keep a supervisor armed for ever; a leaked lock would hold a slot for ever."""
    leak = os.open(bench.root, os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        armed = bench.armed("/bin/true", job="armed")
    finally:
        os.close(leak)
    said = bench.channel()
    execution = bench.started(*python(LISTS, said.path))
    main = dict(line.split(" ", 1) for line in iter(said.line, "end"))
    command = {int(fd): text for fd, text in main.items()}
    slot = bench.folder.slot_lock("job")
    assert kinds(command) == sorted(["/dev/null", "pipe", "pipe", slot])
    assert command[1] == command[2]
    assert command[0] == "/dev/null"
    server = bench.launcher.fork_server_pid
    assert server is not None
    assert kinds(descriptors(server)) == sorted(["/dev/null"] * 3 + ["socket", "anon_inode"])
    waits = {fd: text for fd, text in descriptors(armed.arming.pid).items() if text != bench.folder.poke}  # said again
    assert kinds(waits) == sorted(
        ["/dev/null"] * 3 + ["anon_inode", "pipe", bench.folder.slot_lock("armed"), file_of(bench, armed)]
    )
    supervisor = descriptors(execution.arming.pid)
    assert kinds({fd: text for fd, text in supervisor.items() if text != "anon_inode:[timerfd]"}) == sorted(
        ["/dev/null"] * 3 + ["anon_inode", "pipe", slot, file_of(bench, execution)]
    )
    assert command[1] in supervisor.values(), "the one pipe that it reads"


def test_what_the_fork_server_imports(bench: Bench) -> None:
    """It imports nothing that could fail late, and little enough that a supervisor costs little."""
    root = Path(__file__).parents[2]
    source = "import sys; sys.path.append(sys.argv[1]); import fsm.supervise.forkserver; print(*sorted(sys.modules))"
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source, str(root)], capture_output=True, check=True, text=True
    )
    modules = set(said.stdout.split())
    heavy = {
        "asyncio",
        "attr",
        "attrs",
        "cattrs",
        "apsw",
        "transitions",
        "croniter",
        "subprocess",
        "threading",
        "logging",
    }
    assert not heavy & modules
    assert len(modules) < 130


def test_own_start_is_what_others_see() -> None:
    stat = stat_of(os.getpid())
    assert stat is not None
    assert own_start() == stat.start
