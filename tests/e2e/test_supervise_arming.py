"""Arm, journal, go: whatever comes in between, a run that was judged or taken back never executes."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervise_kit import CLOCK, MINUTE, Bench, in_us, lives, wait_gone

from fsm.model.facts import Armed, ArmFailed, Execution, Finding, StopAnswer
from fsm.model.run import Arming
from fsm.model.states import Reason, Trigger
from fsm.realtime import this_process
from fsm.supervise import mailbox, poke
from fsm.supervise.locks import try_lock
from fsm.supervise.processes import send_signal
from fsm.supervise.waiting import STOP_SIGNAL


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def mailbox_of(bench: Bench, execution: Execution) -> str:
    return bench.folder.mailbox(execution.job, execution.number, execution.arming.nonce)


def verdict(finding: Finding) -> tuple[Trigger, Reason, str]:
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.emptied is not None, "nothing was executed, so nothing is left"
    ended = finding.report.verdict
    assert ended.started_at is None
    assert ended.exit_code is None
    return ended.trigger, ended.reason, ended.error or ""


def not_started(finding: Finding) -> str:
    trigger, reason, error = verdict(finding)
    assert (trigger, reason) == (Trigger.FAIL, Reason.START_FAILED)
    assert error.startswith("not told to go: ")
    return error.removeprefix("not told to go: ")


@pytest.mark.requirement("R-18")
def test_armed_holds_slot_and_life_and_executes_nothing(bench: Bench) -> None:
    execution = bench.armed("/bin/sh", "-c", "echo ran")
    assert try_lock(bench.folder.slot_lock("job"), shared=True) is None
    finding = bench.look(execution)
    assert finding.alive
    assert finding.report is not None
    assert finding.report.verdict is None
    bench.launcher.disarm(execution.arming.nonce)
    assert not_started(bench.ended(execution)) == "whoever armed it took it back, or ended"
    assert not list(bench.path(execution).glob("out.*"))
    fd = try_lock(bench.folder.slot_lock("job"))
    assert fd is not None
    os.close(fd)


def test_the_scheduler_gone_disarms(bench: Bench) -> None:
    execution = bench.armed("/bin/true")
    bench.launcher.close()
    bench.launcher = bench.new_launcher()
    bench.launcher.listen()
    bench.launcher.watch(execution)
    assert not_started(bench.ended(execution)) == "whoever armed it took it back, or ended"


def test_a_go_to_the_next_scheduler_s_launcher_changes_nothing(bench: Bench) -> None:
    execution = bench.armed("/bin/true")
    bench.launcher.close()
    bench.launcher = bench.new_launcher()
    bench.launcher.go(execution, in_us(MINUTE))
    bench.changed(execution)
    bench.launcher.watch(execution)
    not_started(bench.ended(execution))


def test_no_go_within_the_arm_deadline(bench: Bench) -> None:
    execution = bench.armed("/bin/true", arm_by=in_us(600_000))
    assert not_started(bench.ended(execution)) == "no go came within its arm deadline"


def test_a_go_after_the_arm_deadline(bench: Bench) -> None:
    """The supervisor stands still over its deadline and finds the go when it is continued."""
    execution = bench.armed("/bin/sh", "-c", "echo ran", arm_by=in_us(700_000))
    arming = execution.arming
    send_signal(arming.pid, arming.pid_start, signal.SIGSTOP)
    bench.launcher.go(execution, in_us(MINUTE))
    late = in_us(800_000).boot
    _sleep_until(late)
    send_signal(arming.pid, arming.pid_start, signal.SIGCONT)
    assert not_started(bench.ended(execution)) in (
        "the go came after its arm deadline",
        "no go came within its arm deadline",
    )
    assert not list(bench.path(execution).glob("out.*"))


def _sleep_until(boot_us: int) -> None:
    while (left := boot_us - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000) > 0:
        time.sleep(left / 1e6)


@pytest.mark.requirement("R-21")
def test_stop_before_go_beats_it(bench: Bench) -> None:
    """Go is in the pipe already when the supervisor is continued: it still does not execute."""
    execution = bench.armed("/bin/sh", "-c", "echo ran")
    arming = execution.arming
    send_signal(arming.pid, arming.pid_start, signal.SIGSTOP)
    bench.launcher.go(execution, in_us(MINUTE))
    assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.PUT
    send_signal(arming.pid, arming.pid_start, signal.SIGCONT)
    assert verdict(bench.ended(execution)) == (Trigger.REAP, Reason.CANCELLED, "")
    assert not list(bench.path(execution).glob("out.*"))


@pytest.mark.requirement("R-21")
def test_a_stop_in_the_mailbox_alone_beats_go(bench: Bench) -> None:
    """The stopper ended before it could send its signal."""
    execution = bench.armed("/bin/sh", "-c", "echo ran")
    assert mailbox.put_stop(mailbox_of(bench, execution), "replaced")
    bench.launcher.go(execution, in_us(MINUTE))
    assert verdict(bench.ended(execution)) == (Trigger.REAP, Reason.REPLACED, "")
    assert not list(bench.path(execution).glob("out.*"))


def test_a_stop_ends_an_armed_supervisor_at_once(bench: Bench) -> None:
    execution = bench.armed("/bin/true")
    assert bench.launcher.stop(execution, Reason.JOB_REMOVED) is StopAnswer.PUT
    assert verdict(bench.ended(execution)) == (Trigger.REAP, Reason.JOB_REMOVED, "")
    assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.GONE


def test_a_stop_without_a_scheduler_ends_what_executes(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started("/bin/sh", "-c", f"echo $$ > {said.path}; exec sleep 60", timeout_us=10 * MINUTE)
    main = int(said.line())
    bench.launcher.close()
    client = bench.launcher = bench.new_launcher()
    assert client.stop(execution, Reason.CANCELLED) is StopAnswer.PUT
    assert client.fork_server_pid is None, "a client starts no fork server"
    wait_gone(execution.arming.pid)
    finding = bench.look(execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert (finding.report.verdict.trigger, finding.report.verdict.reason) == (Trigger.REAP, Reason.CANCELLED)
    assert finding.report.emptied is not None
    assert not lives(main)


def test_the_first_stop_s_reason_stays(bench: Bench) -> None:
    execution = bench.armed("/bin/true")
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGSTOP)
    assert bench.launcher.stop(execution, Reason.REPLACED) is StopAnswer.PUT
    assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.PUT
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGCONT)
    assert verdict(bench.ended(execution))[1] is Reason.REPLACED


def test_a_mailbox_that_is_not_let_go_answers_busy_and_keeps_go_away(bench: Bench) -> None:
    execution = bench.armed("/bin/sh", "-c", "echo ran", arm_by=in_us(900_000))
    fd = os.open(mailbox_of(bench, execution), os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.BUSY
        bench.launcher.go(execution, in_us(MINUTE))
        assert not_started(bench.ended(execution)) == "the go came after its arm deadline"
    finally:
        os.close(fd)
    assert not list(bench.path(execution).glob("out.*"))


def test_a_damaged_mailbox_is_never_executed_by(bench: Bench) -> None:
    execution = bench.armed("/bin/sh", "-c", "echo ran")
    with open(mailbox_of(bench, execution), "r+b") as file:
        file.write(b"nonsense")
    bench.launcher.go(execution, in_us(MINUTE))
    assert not_started(bench.ended(execution)) == "its stop mailbox is damaged"


def test_a_removed_mailbox_is_never_executed_by(bench: Bench) -> None:
    execution = bench.armed("/bin/sh", "-c", "echo ran")
    os.unlink(mailbox_of(bench, execution))
    assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.BUSY
    bench.launcher.go(execution, in_us(MINUTE))
    assert "mailbox" in not_started(bench.ended(execution))


def test_a_signal_without_a_stop_means_nothing(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.armed("/bin/sh", "-c", f"echo up > {said.path}; exit 6")
    send_signal(execution.arming.pid, execution.arming.pid_start, STOP_SIGNAL)
    bench.launcher.go(execution, in_us(MINUTE))
    assert said.line() == "up"
    finding = bench.ended(execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.exit_code == 6


def test_term_while_armed_is_host_stop(bench: Bench) -> None:
    execution = bench.armed("/bin/true")
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGTERM)
    assert verdict(bench.ended(execution)) == (Trigger.REAP, Reason.HOST_STOP, "")


def test_a_busy_slot_lock_is_waited_for(bench: Bench) -> None:
    """Two armings of one run, as after a crash: the second one waits for the first."""
    first = bench.armed("/bin/true", number=1)
    order = bench.order("/bin/true", number=1)
    bench.launcher.arm(order)
    bench.launcher.go(first, in_us(MINUTE))
    bench.ended(first)
    second = bench.wait_answer(order)
    assert isinstance(second, Armed)
    bench.launcher.go(second.execution, in_us(MINUTE))
    finding = bench.ended(second.execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.reason is Reason.COMPLETED


@pytest.mark.requirement("R-22")
def test_a_slot_lock_that_stays_busy_is_no_failure(bench: Bench) -> None:
    bench.armed("/bin/true")
    answer = bench.answer(bench.order("/bin/true", arm_by=in_us(300_000)))
    assert isinstance(answer, ArmFailed)
    assert answer.busy
    assert answer.error == "the slot lock of the job was not let go in time"
    assert not bench.folder.armings("job", answer.number), "it has made no files"


def test_a_waiting_arming_can_be_taken_back(bench: Bench) -> None:
    first = bench.armed("/bin/true")
    order = bench.order("/bin/true", arm_by=in_us(MINUTE))
    bench.launcher.arm(order)
    bench.launcher.disarm(order.nonce)
    bench.launcher.disarm(first.arming.nonce)
    third = bench.armed("/bin/true")
    assert third.number == order.number + 1


def test_jobs_whose_names_differ_in_case_share_a_slot(bench: Bench) -> None:
    bench.armed("/bin/true", job="Backup")
    answer = bench.answer(bench.order("/bin/true", job="backup", arm_by=in_us(200_000)))
    assert isinstance(answer, ArmFailed)
    assert answer.busy


def test_armed_is_said_again_when_the_channel_was_full(bench: Bench) -> None:
    bench.launcher.listen()
    while poke.send(bench.folder.poke, {"about": "journal", "filler": "x" * 400}) is not poke.Sent.FULL:
        pass
    order = bench.order("/bin/true")
    bench.launcher.arm(order)
    wait_for_file(bench, order.job, order.number)
    answer = bench.wait_answer(order)
    assert isinstance(answer, Armed)
    assert bench.launcher.hints()


def wait_for_file(bench: Bench, job: str, number: int) -> None:
    """Until the supervisor has its files: it is about to say so. Nothing tells of a new file without reading facts."""
    for _ in range(3000):
        if bench.folder.armings(job, number):
            return
        time.sleep(0.01)
    raise AssertionError("no arming file was made")


def test_a_lost_armed_is_said_again(bench: Bench) -> None:
    """Another reader of the channel (a scheduler that was taken over and continued) took the message away."""
    bench.launcher.listen()
    thief = os.open(bench.folder.poke, os.O_RDONLY | os.O_NONBLOCK)
    try:
        order = bench.order("/bin/true")
        bench.launcher.arm(order)
        assert select.select([thief], [], [], 20)[0]
        stolen = os.read(thief, 4096)
        assert order.nonce.encode() in stolen
    finally:
        os.close(thief)
    assert isinstance(bench.wait_answer(order), Armed)


def test_no_room_for_the_files_is_said(bench: Bench) -> None:
    os.rmdir(bench.folder.runs)
    Path(bench.folder.runs).write_text("in the way")
    answer = bench.answer(bench.order("/bin/true"))
    assert isinstance(answer, ArmFailed)
    assert "cannot make the run's files" in answer.error
    assert not answer.busy
    fd = try_lock(bench.folder.slot_lock("job"))
    assert fd is not None, "the slot lock is free again"
    os.close(fd)


def test_work_in_process_is_alive_while_its_process_is(bench: Bench) -> None:
    pid, start = this_process()
    arming = Arming("inprocess", CLOCK.now().boot_id, pid, start, in_process=True)
    mine = Execution("job", 1, arming)
    assert bench.look(mine).alive
    assert bench.launcher.stop(mine, Reason.CANCELLED) is StopAnswer.BUSY
    bench.launcher.kill(mine)  # which must not end this test
    gone = Execution("job", 1, Arming("inprocess", arming.boot_id, pid, start - 1, in_process=True))
    assert not bench.look(gone).alive
    assert bench.launcher.stop(gone, Reason.CANCELLED) is StopAnswer.GONE
