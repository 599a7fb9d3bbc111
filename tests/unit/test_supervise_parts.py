"""Parts of supervision without commands: clocks, waiting, processes, events, what a search takes for the run's."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsm.realtime import SystemClock, read_boot_id
from fsm.supervise import survivors
from fsm.supervise.child import start
from fsm.supervise.events import END, READ, Events
from fsm.supervise.handshake import make_order
from fsm.supervise.locks import try_lock
from fsm.supervise.processes import Stat, all_pids, is_alive, open_process, own_start, send_signal, stat_of, ticks
from fsm.supervise.sent import SentOrder
from fsm.supervise.survivors import Target, scan
from fsm.supervise.waiting import SIGNALS, Waiter, boot_us

# ---- clocks


def test_the_clocks_agree_with_the_system() -> None:
    import time

    now = SystemClock().now()
    assert abs(now.utc - time.time_ns() // 1000) < 10_000_000
    assert abs(now.boot - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000) < 10_000_000
    assert now.boot_id == read_boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_system_without_a_boot_id_has_one_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    def refuse(*_: object, **__: object) -> object:
        raise FileNotFoundError

    monkeypatch.setattr(builtins, "open", refuse)
    assert read_boot_id() != read_boot_id()


# ---- processes


def test_odd_names_do_not_confuse(tmp_path: Path) -> None:
    odd = "a) b (c) Z 7 "[:15]
    source = f"import time; open('/proc/self/comm', 'w').write({odd!r}); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", source], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        stat = stat_of(process.pid)
        assert stat is not None
        assert (stat.name, stat.ppid, stat.dead) == (odd, os.getpid(), False)
        assert is_alive(stat.pid, stat.start)
        assert not is_alive(stat.pid, stat.start + 1)
        assert stat.pid in all_pids()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(stat.pid, stat.start), "a zombie is dead"
        assert open_process(stat.pid, stat.start) is None
    finally:
        process.kill()
        process.communicate()
    assert stat_of(process.pid) is None
    assert not send_signal(stat.pid, stat.start, signal.SIGKILL)


def test_a_number_alone_is_no_process() -> None:
    assert open_process(os.getpid(), own_start() + 1) is None
    assert open_process(0, 0) is None
    assert open_process(-1, 0) is None


def test_times_of_the_boot_clock_are_start_times() -> None:
    before = ticks(boot_us())
    process = subprocess.Popen(["/bin/sleep", "60"])
    after = ticks(boot_us())
    stat = stat_of(process.pid)
    process.kill()
    process.wait()
    assert stat is not None
    assert before - 1 <= stat.start <= after + 1


# ---- waiting


def waits_in_a_child(source: str) -> str:
    """Run in a process of its own, for signals are blocked there."""
    start = (
        "import os, signal, sys, time; sys.path.append(sys.argv[1])\n"
        "from fsm.supervise.kernel import signal_descriptor\n"
        "from fsm.supervise.waiting import SIGNALS, Waiter, boot_us\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)\n"
        "waiter = Waiter(signal_descriptor(SIGNALS))\n"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", start + source, str(root)], capture_output=True, text=True, check=True)
    return said.stdout.strip()


def test_a_wait_is_over_at_its_time_and_not_before() -> None:
    source = (
        "for delay in (0, 1_500, 150_000, 230_000, -5):\n"
        "    until = boot_us() + delay\n"
        "    ready = waiter.wait(until)\n"
        "    print(boot_us() >= until, set(waiter.signals), ready)\n"
        "print(waiter.wait(boot_us() - 1))"
    )
    assert waits_in_a_child(source).splitlines() == ["True set() []"] * 5 + ["[]"]


def test_signals_and_descriptors_are_heard_also_when_it_is_late() -> None:
    source = (
        "read, write = os.pipe(); waiter.add(read)\n"
        "for until in (boot_us() - 1, boot_us() + 10**12):\n"
        "    os.kill(os.getpid(), signal.SIGUSR1); os.kill(os.getpid(), signal.SIGTERM); os.write(write, b'x')\n"
        "    seen, fds = set(), set()\n"
        "    while len(seen) < 2 or not fds:\n"
        "        fds |= set(waiter.wait(until)); seen |= waiter.signals\n"
        "    print(sorted(map(int, seen)), fds == {read}); os.read(read, 1)\n"
        "    waiter.wait(boot_us() + 300_000)\n"  # long enough for the timer to be used from here on
        "waiter.remove(read); os.write(write, b'x'); print(waiter.wait(boot_us() + 1000))"
    )
    assert waits_in_a_child(source).splitlines() == ["[10, 15] True"] * 2 + ["[]"]


def test_a_forked_process_hears_its_own_signals_through_an_inherited_descriptor() -> None:
    source = (
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "    waiter.wait(boot_us() + 10**7); os._exit(0 if waiter.signals == {signal.SIGUSR1} else 1)\n"
        "waiter.wait(boot_us() + 10**7); print(os.waitpid(pid, 0)[1], waiter.signals == {signal.SIGCHLD})"
    )
    assert waits_in_a_child(source) == "0 True"


def test_all_signals_that_end_are_among_those_listened_to() -> None:
    assert {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGCHLD} == SIGNALS
    assert Waiter is not None


# ---- events


def test_events_and_times_behind_one_descriptor() -> None:
    events = Events()
    said: list[str] = []
    read, write = os.pipe()

    def ready(within_s: float) -> bool:
        return bool(select.select([events], [], [], within_s)[0])

    assert not ready(0)
    events.watch(read, READ, lambda: said.append(os.read(read, 1).decode()))
    events.watch(write, END, lambda: said.append("end"))
    events.run()
    assert not said, "a pipe that can be written to is no event"
    os.write(write, b"a")
    assert ready(10)
    events.run()
    assert said == ["a"]
    events.nudge()
    assert ready(0)
    events.run()
    assert not ready(0)
    now = boot_us()
    for delay in (30_000, 10_000, 20_000):
        events.call_at(now + delay, lambda delay=delay: said.append(str(delay)))
    while len(said) < 4:
        assert ready(10)
        events.run()
    assert said[1:] == ["10000", "20000", "30000"]
    events.unwatch(read)
    events.unwatch(read)
    os.close(read)
    assert ready(10)
    events.run()
    assert said[-1] == "end", "nobody reads the pipe any more"
    events.unwatch(write)
    os.close(write)
    events.close()


def test_a_callback_may_take_away_another_that_is_due() -> None:
    events = Events()
    pipes = [os.pipe() for _ in range(2)]
    called: list[int] = []

    def first_come(mine: int) -> None:
        called.append(mine)
        for read, _ in pipes:
            events.unwatch(read)

    for read, write in pipes:
        events.watch(read, READ, lambda read=read: first_come(read))
        os.write(write, b"x")
    events.run()
    assert len(called) == 1
    events.close()
    for pair in pipes:
        for fd in pair:
            os.close(fd)


# ---- what a search takes for the run's


TOKEN = f"{secrets.token_hex(8)}-nonce"  # other tests search at the same time


def target(**more: object) -> Target:
    return Target("nonce", TOKEN, own_start(), **more)  # type: ignore[arg-type]


def child(environ: dict[str, str], **more: object) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["/bin/sleep", "60"], env=environ, **more)  # type: ignore[call-overload]
    # A process's environment can be read a moment after its pipes were closed by exec: until it sleeps it has none.
    until_s = time.monotonic() + 60
    while (stat := stat_of(process.pid)) is None or (stat.name, stat.state) != ("sleep", "S"):
        assert time.monotonic() < until_s, stat
        time.sleep(0.001)
    return process  # type: ignore[no-any-return]


def test_the_cookie_is_taken_whole() -> None:
    wanted = target()
    processes = [
        child({"CRONFSM_RUN_TOKEN": TOKEN}),
        child({"A": "1", "CRONFSM_RUN_TOKEN": TOKEN + "2"}),
        child({"OTHER": f"CRONFSM_RUN_TOKEN={TOKEN}"}),
        child({"XCRONFSM_RUN_TOKEN": TOKEN}),
    ]
    try:
        scan([wanted])
        assert set(wanted.found) == {processes[0].pid}
        assert wanted.hindrance is None
    finally:
        for process in processes:
            process.kill()
            process.wait()


IN_A_SESSION_WITHOUT_LEADER = """
import os, subprocess, sys, time
from fsm.supervise.processes import own_start, stat_of
from fsm.supervise.survivors import Target, scan
token, answer = sys.argv[1:]
while stat_of(os.getsid(0)) is not None:
    time.sleep(0.005)
wanted = Target("nonce", token, own_start() + 1)  # begun after this process, as a run that it supervises
mine = subprocess.Popen(["/bin/sleep", "60"], env={"CRONFSM_RUN_TOKEN": token})
stranger = subprocess.Popen(["/bin/sleep", "60"], env={})
try:
    scan([wanted])
    found = set(wanted.found)
finally:
    for one in (mine, stranger):
        one.kill()
        one.wait()
with open(answer, "w") as file:
    file.write(str(found == {mine.pid}))
"""


def test_a_session_whose_leader_is_gone_is_judged_by_its_oldest_member(tmp_path: Path) -> None:
    """As where the tests were started in a session whose leader has left, or lives outside of the pid namespace."""
    os.mkfifo(tmp_path / "answer")
    leave = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]])"
    arguments = [sys.executable, "-c", leave, IN_A_SESSION_WITHOUT_LEADER, TOKEN, str(tmp_path / "answer")]
    subprocess.run(arguments, start_new_session=True, check=True, cwd=Path(__file__).parents[2])
    assert (tmp_path / "answer").read_text() == "True"


def test_a_session_that_the_run_has_begun_is_its_own() -> None:
    leader = child({"CRONFSM_RUN_TOKEN": TOKEN}, start_new_session=True)
    stranger = child({}, start_new_session=True)
    try:
        wanted = target()
        scan([wanted])
        assert set(wanted.found) == {leader.pid}, "another session, another owner"
        assert leader.pid in wanted.sessions
    finally:
        for one in (leader, stranger):
            one.kill()
            one.wait()


def test_nothing_older_than_the_run_is_taken() -> None:
    process = child({"CRONFSM_RUN_TOKEN": TOKEN})
    try:
        later = Target("nonce", TOKEN, own_start() + 10**6)
        scan([later])
        assert later.found == {}
    finally:
        process.kill()
        process.wait()


def test_a_session_whose_number_passed_to_strangers_is_left_alone() -> None:
    leader = child({}, start_new_session=True)
    stat = stat_of(leader.pid)
    assert stat is not None
    try:
        wanted = target()
        wanted.sessions[leader.pid] = stat.start - 100  # whoever led it then is not this process
        scan([wanted])
        assert wanted.found == {}
        wanted.sessions[leader.pid] = stat.start
        scan([wanted])
        assert set(wanted.found) == {leader.pid}
    finally:
        leader.kill()
        leader.wait()


def test_processes_that_hold_the_slot_lock_are_the_runs(tmp_path: Path) -> None:
    lock = tmp_path / "x.slot"
    with lock.open("w") as file:
        process = child({}, pass_fds=(file.fileno(),))
        others = child({"CRONFSM_RUN_TOKEN": "another"}, pass_fds=(file.fileno(),))
    try:
        wanted = target(slot_lock=str(lock))
        scan([wanted])
        assert set(wanted.found) == {process.pid}
    finally:
        for one in (process, others):
            one.kill()
            one.wait()


def test_what_can_be_neither_read_nor_ended_is_a_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set-user-ID program that a run has left behind, as seen by a user who may do nothing about it."""
    process = child({})
    stat = stat_of(process.pid)
    assert stat is not None
    orphan = Stat(stat.pid, "sudo", "S", 1, stat.group, stat.session, 0, stat.start)
    real = survivors._cookies
    monkeypatch.setattr(survivors, "stat_of", lambda pid: orphan if pid == orphan.pid else stat_of(pid))
    monkeypatch.setattr(survivors, "_cookies", lambda pid: None if pid == orphan.pid else real(pid))
    monkeypatch.setattr(survivors, "_can_signal", lambda stat: False)
    try:
        wanted = target(home=survivors.home_of("self"))
        scan([wanted])
        assert wanted.hindrance == (
            f"process {orphan.pid} (sudo) may belong to the run and can be neither read nor ended"
        )
        elsewhere = target(home="another control group")
        scan([elsewhere])
        assert elsewhere.hindrance is None
        older = Target("n", "t", orphan.start + 1)
        scan([older])
        assert older.hindrance is None
        monkeypatch.setattr(survivors, "_can_signal", lambda stat: True)
        scan([wanted])
        assert wanted.hindrance is None
    finally:
        process.kill()
        process.wait()


# ---- between fork and exec


def test_a_child_that_is_not_yet_the_command_does_not_hold_the_life_lock(tmp_path: Path) -> None:
    """If the supervisor is killed just then and the child hangs on its way, nobody may take it for a supervisor."""
    life, slot = try_lock(str(tmp_path / "life"), create=True), try_lock(str(tmp_path / "slot"), create=True)
    assert life is not None
    assert slot is not None
    pipes = [os.pipe() for _ in range(2)]
    (reached, says), (waits, go_on) = pipes

    class OnTheWay(list[tuple[bytes, bytes]]):
        def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
            os.write(says, b"x")
            os.read(waits, 1)
            return iter(())

    sent = SentOrder(b"n", b"", b"", b"", b"", b"", b"", [b"true"], [b"/bin/true"], OnTheWay(), None, 1, 1, 1, None)
    started = start(sent, slot, life, None)
    pid, output, failed = started.pid, started.output, started.failed
    assert os.read(reached, 1) == b"x"
    os.close(life)
    os.close(slot)
    alone = try_lock(str(tmp_path / "life"), shared=True)
    assert alone is not None
    assert try_lock(str(tmp_path / "slot"), shared=True) is None, "the slot is the command's"
    os.write(go_on, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    free = try_lock(str(tmp_path / "slot"), shared=True)
    assert free is not None
    for fd in (alone, free, output, failed, *pipes[0], *pipes[1]):
        os.close(fd)


def test_programs_are_looked_for_along_the_path_that_counts(tmp_path: Path) -> None:
    from fsm.instants import Deadline
    from fsm.model.facts import Order
    from fsm.supervise.folder import DataFolder

    folder = DataFolder(tmp_path / "data")
    folder.create()

    def programs(command: str, env: tuple[tuple[str, str], ...], path: str | None) -> list[bytes]:
        deadline = Deadline.after(SystemClock().now(), 10**6)
        order = Order("j", 1, "n", 1, None, "k", (command,), None, env, None, 1, 1024, deadline)  # type: ignore[arg-type]
        inherited = {} if path is None else {"PATH": path}
        return make_order(folder, order, "boot", inherited=inherited, cgroup_parent=None, home="h").programs

    assert programs("x", (), "/a:/b") == [b"/a/x", b"/b/x"]
    assert programs("x", (("PATH", "/c"),), "/a:/b") == [b"/c/x"]
    assert programs("x", (), "/a::/b") == [b"/a/x", b"./x", b"/b/x"]
    assert programs("x", (), None) == [b"/usr/local/bin/x", b"/usr/bin/x", b"/bin/x"]
    assert programs("./x", (), "/a") == [b"./x"]
