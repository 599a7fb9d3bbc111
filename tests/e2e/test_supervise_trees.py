"""Process trees: nothing of a run is left, whatever it did to get away; and what is said meanwhile."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervise_kit import MINUTE, Bench, in_us, lives, processes_with, python, wait_gone, wait_stopped

from fsm.model.facts import Execution, Finding
from fsm.model.states import Reason, Trigger
from fsm.supervise.execution import TIMED_OUT
from fsm.supervise.processes import send_signal
from fsm.supervise.waiting import boot_us

# A process that leaves its session, its parents and its descriptors behind, ignores TERM, and says its pid.
ESCAPE = """
import os, signal, sys
if os.fork():
    {after}
os.setsid()
if os.fork():
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
said = os.open(sys.argv[1], os.O_WRONLY)
os.closerange(0, said); os.closerange(said + 1, 256)
os.write(said, b"%d\\n" % os.getpid())
os.close(said)
while True:
    signal.pause()
"""
STUBBORN = ESCAPE.format(after="signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True: signal.pause()")
LEAVES = ESCAPE.format(after="os.wait(); open(sys.argv[2]).read(); os._exit(0)")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def reason_of(finding: Finding) -> tuple[Trigger, Reason] | None:
    if finding.report is None or finding.report.verdict is None:
        return None
    return finding.report.verdict.trigger, finding.report.verdict.reason


def judged(bench: Bench, execution: Execution) -> Finding:
    return bench.until(execution, lambda finding: reason_of(finding) is not None)


def test_a_timeout_leaves_nothing_of_a_stubborn_tree(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(STUBBORN, said.path), timeout_us=1_500_000, grace_us=300_000)
    escaped = int(said.line())
    finding = judged(bench, execution)
    assert reason_of(finding) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.error == TIMED_OUT
    assert finding.report.emptied is None, "the verdict waits for nobody"
    assert finding.alive
    end = bench.ended(execution)
    assert end.report is not None
    assert end.report.emptied is not None
    assert end.report.emptied.signal == signal.SIGKILL, "how it really ended stands beside the verdict"
    assert end.report.verdict == finding.report.verdict
    assert not lives(escaped)
    assert processes_with(bench.folder.token(execution.arming.nonce)) == []


def test_a_timeout_lets_a_command_that_hears_term_end_in_order(bench: Bench) -> None:
    said = bench.channel()
    script = f"trap 'echo end > {said.path}; exit 9' TERM; echo up > {said.path}; while :; do sleep 0.01; done"
    execution = bench.started("/bin/sh", "-c", script, timeout_us=500_000, grace_us=MINUTE)
    assert said.line() == "up"
    assert said.line() == "end"
    finding = bench.ended(execution)
    assert reason_of(finding) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)
    assert finding.report is not None
    assert finding.report.emptied is not None
    assert finding.report.emptied.exit_code == 9


def test_a_stopped_process_is_continued_to_hear_term(bench: Bench) -> None:
    said = bench.channel()
    script = f"trap 'exit 8' TERM; echo $$ > {said.path}; kill -STOP $$; sleep 60"
    execution = bench.started("/bin/sh", "-c", script, timeout_us=700_000, grace_us=MINUTE)
    said.line()
    finding = bench.ended(execution)
    assert finding.report is not None
    assert finding.report.emptied is not None
    assert finding.report.emptied.exit_code == 8


def test_leftovers_of_a_finished_command_are_ended(bench: Bench) -> None:
    said = bench.channel()
    leave = bench.root / "leave"
    os.mkfifo(leave)
    execution = bench.started(*python(LEAVES, said.path, leave), grace_us=400_000)
    escaped = int(said.line())
    leave.write_text("")
    finding = judged(bench, execution)
    assert reason_of(finding) == (Trigger.SUCCEED, Reason.COMPLETED)
    assert finding.report is not None
    assert finding.report.emptied is None, "succeeded is said while a leftover is being ended"
    assert lives(escaped)
    assert bench.ended(execution).report is not None
    assert not lives(escaped)


def test_term_to_the_supervisor_is_host_stop(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started("/bin/sh", "-c", f"echo $$ > {said.path}; exec sleep 60")
    main = int(said.line())
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGTERM)
    finding = bench.ended(execution)
    assert reason_of(finding) == (Trigger.REAP, Reason.HOST_STOP)
    assert finding.report is not None
    assert finding.report.emptied is not None
    assert finding.report.emptied.signal == signal.SIGTERM
    assert not lives(main)


FORKS = """
import os, time
while True:
    if os.fork():
        os._exit(0)
    time.sleep(0.002)
"""


def test_a_process_that_forks_and_ends_all_the_time_is_caught(bench: Bench) -> None:
    execution = bench.started(*python(FORKS), grace_us=50_000)
    finding = bench.ended(execution)
    assert reason_of(finding) == (Trigger.SUCCEED, Reason.COMPLETED)
    assert processes_with(bench.folder.token(execution.arming.nonce)) == []


BOMB = """
import os, sys, time
said = os.open(sys.argv[1], os.O_WRONLY)
for generation in range(5):
    os.fork()
os.write(said, b"x\\n")
while True:
    time.sleep(0.05)
    if os.fork() == 0:
        time.sleep(0.2)
        os._exit(0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
"""


def test_a_tree_of_many_that_goes_on_forking(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(BOMB, said.path), timeout_us=1_500_000, grace_us=50_000)
    for _ in range(32):
        assert said.line() == "x"
    finding = bench.ended(execution)
    assert reason_of(finding) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)
    assert processes_with(bench.folder.token(execution.arming.nonce)) == []


def test_an_exit_before_the_deadline_counts_though_the_supervisor_looked_late(bench: Bench) -> None:
    """A supervisor that stood still finds deadline and exit at once: the command did end by itself."""
    for timeout_us in (1_000_000, 8_000_000, 60_000_000):  # until this machine is fast enough to halt it before that
        said = bench.channel(f"said.{timeout_us}")
        go = bench.root / f"go.{timeout_us}"
        os.mkfifo(go)
        execution = bench.armed("/bin/sh", "-c", f"echo $$ > {said.path}; read word < {go}; exit 0")
        arming, deadline = execution.arming, in_us(timeout_us)
        bench.launcher.go(execution, deadline)
        while not said.has_line(0.1) and bench.look(execution).alive:
            continue
        send_signal(arming.pid, arming.pid_start, signal.SIGSTOP)
        wait_stopped(arming.pid)
        if reason_of(bench.look(execution)) is None:
            break
        send_signal(arming.pid, arming.pid_start, signal.SIGCONT)  # it was too late: its deadline had passed
        assert reason_of(bench.ended(execution)) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)
    main = int(said.line())
    go.write_text("now\n")
    wait_gone(main)  # a zombie from here on, which only its supervisor can collect
    while boot_us() <= deadline.boot:
        time.sleep((deadline.boot - boot_us()) / 1e6 + 0.001)  # the deadline itself is the event
    send_signal(arming.pid, arming.pid_start, signal.SIGCONT)
    assert reason_of(bench.ended(execution)) == (Trigger.SUCCEED, Reason.COMPLETED)


def test_output_held_open_by_an_outsider_is_not_waited_for(bench: Bench) -> None:
    """Another process has the command's output open (as a debugger would): the end of the tree is the end."""
    said = bench.channel()
    go = bench.root / "go"
    os.mkfifo(go)
    execution = bench.started("/bin/sh", "-c", f"echo hello; echo $$ > {said.path}; read word < {go}")
    held = os.open(f"/proc/{said.line()}/fd/1", os.O_WRONLY)
    try:
        go.write_text("now\n")
        assert reason_of(bench.ended(execution)) == (Trigger.SUCCEED, Reason.COMPLETED)
    finally:
        os.close(held)
    assert bench.output(execution) == b"hello\n"


def test_a_megabyte_is_kept_by_head_and_tail(bench: Bench) -> None:
    source = "import sys; sys.stdout.write(''.join(f'{i:07d}\\n' for i in range(131072)))"
    execution = bench.started(*python(source), output_limit=100_000)
    assert reason_of(bench.ended(execution)) == (Trigger.SUCCEED, Reason.COMPLETED)
    whole = "".join(f"{i:07d}\n" for i in range(131072)).encode()
    chunks = {int(path.name.removeprefix("out.")): path.read_bytes() for path in bench.path(execution).glob("out.*")}
    for offset, data in chunks.items():
        assert data == whole[offset : offset + len(data)]
    assert len(chunks[0]) == 50_000
    last = max(chunks)
    assert last + len(chunks[last]) == len(whole)
    assert len(chunks) == 3
    assert 75_000 < sum(map(len, chunks.values())) <= 100_000


def test_output_that_never_ends_does_not_keep_the_deadline_away(bench: Bench) -> None:
    execution = bench.started("/usr/bin/yes", timeout_us=700_000, output_limit=10_000)
    assert reason_of(bench.ended(execution)) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)
    assert len(bench.output(execution)) <= 10_000


def test_stdout_and_stderr_come_in_order(bench: Bench) -> None:
    execution = bench.started("/bin/sh", "-c", "for i in 1 2 3; do echo out$i; echo err$i >&2; done")
    bench.ended(execution)
    assert bench.output(execution).split() == [b"out1", b"err1", b"out2", b"err2", b"out3", b"err3"]


def test_output_that_no_file_takes_harms_neither_run_nor_report(bench: Bench) -> None:
    """RLIMIT_FSIZE of the supervisor stands for a full disk: 8 KiB a file, and the report lies within."""
    import resource

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, old[1]))
    try:
        bench.launcher.listen()  # the fork server inherits the limit
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    source = "import sys; sys.stdout.write('x' * 100_000); sys.exit(5)"
    execution = bench.started(*python(source))
    finding = bench.ended(execution)
    assert reason_of(finding) == (Trigger.FAIL, Reason.EXIT_CODE)
    assert finding.report is not None
    assert finding.report.emptied is not None
    examination = bench.launcher.examine(execution)
    contents = examination.contents  # type: ignore[attr-defined]
    examination.close()
    assert contents.output_bytes == 100_000
    assert contents.output_dropped > 0
    assert len(bench.output(execution)) <= 100_000 - contents.output_dropped
