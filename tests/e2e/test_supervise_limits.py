"""Silence, and what a command leaves behind, with real processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervise_kit import SECOND, Bench, lives, python, wait_gone

from fsm.model.facts import Execution, Finding, StopAnswer
from fsm.model.states import Evidence, Reason, Trigger
from fsm.supervise.processes import send_signal


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def ended(finding: Finding) -> tuple[Trigger, Reason]:
    assert finding.report is not None
    assert finding.report.verdict is not None
    return finding.report.verdict.trigger, finding.report.verdict.reason


IDLE = (Trigger.TIME_OUT, Reason.IDLE_TIMEOUT)

SPEAKS_ONCE = "import time; print('a', flush=True); time.sleep(600)"

DAEMON = """
import os, subprocess, sys
null = subprocess.DEVNULL
left = subprocess.Popen(["sleep", "600"], stdin=null, stdout=null, stderr=null, start_new_session=True)
open(sys.argv[1], "w").write(f"{left.pid}\\n")
"""
"""Leaves a process behind, in a session of its own, and says which."""


# ---- idle_timeout


@pytest.mark.requirement("R-50")
def test_a_silent_command_is_ended_with_all_that_it_started(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(DAEMON + "\nimport time; time.sleep(600)", said.path), idle_timeout_us=300_000)
    child = int(said.line())
    finding = bench.ended(execution)
    assert ended(finding) == IDLE
    assert finding.report is not None
    assert finding.report.emptied is not None
    wait_gone(child)


def test_output_starts_the_silence_anew(bench: Bench) -> None:
    finding = bench.ran(*python("import time; time.sleep(0.4); " + SPEAKS_ONCE), idle_timeout_us=SECOND)
    assert ended(finding) == IDLE
    assert finding.report is not None
    verdict = finding.report.verdict
    assert verdict is not None
    assert verdict.started_at is not None
    assert verdict.ended_at - verdict.started_at >= 1_400_000, "the silence before its output was counted, too"


def test_silence_ends_a_run_while_no_scheduler_is_up(bench: Bench) -> None:
    execution = bench.started(*python(SPEAKS_ONCE), idle_timeout_us=300_000)
    bench.launcher.close()
    supervisor = execution.arming.pid
    wait_gone(supervisor)
    bench.launcher = bench.new_launcher()
    assert ended(bench.look(execution)) == IDLE


def test_an_idle_timeout_that_is_longer_than_the_timeout_changes_nothing(bench: Bench) -> None:
    finding = bench.ended(bench.started("sleep", "600", timeout_us=300_000, idle_timeout_us=60 * SECOND))
    assert ended(finding) == (Trigger.TIME_OUT, Reason.RUN_TIMEOUT)


def test_an_exit_is_judged_as_one_however_silent_it_was(bench: Bench) -> None:
    assert ended(bench.ran("/bin/true", idle_timeout_us=60 * SECOND)) == (Trigger.SUCCEED, Reason.COMPLETED)


# ---- leftovers


def kept(bench: Bench, name: str = "kept") -> tuple[Execution, int]:
    """A run that is over, and the process that it left."""
    said = bench.channel(name)
    execution = bench.started(*python(DAEMON, said.path), keep_leftovers=True)
    left = int(said.line())
    finding = bench.ended(execution)
    assert ended(finding) == (Trigger.SUCCEED, Reason.COMPLETED)
    assert finding.report is not None
    assert finding.report.emptied is not None, "the slot is free once the command has ended"
    return execution, left


@pytest.mark.requirement("R-51")
def test_what_is_left_behind_stays_and_the_slot_is_free(bench: Bench) -> None:
    execution, left = kept(bench)
    wait_gone(execution.arming.pid)
    assert lives(left)
    assert ended(bench.ran("/bin/true")) == (Trigger.SUCCEED, Reason.COMPLETED)  # it waits for no lock
    assert lives(left)


def test_without_keep_it_is_ended(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(DAEMON, said.path))
    left = int(said.line())
    assert ended(bench.ended(execution)) == (Trigger.SUCCEED, Reason.COMPLETED)
    wait_gone(left)


def test_the_search_of_a_later_run_leaves_it_alone(bench: Bench) -> None:
    _, left = kept(bench)
    execution = bench.started("sleep", "600", keep_leftovers=True)
    bench.until(execution, lambda finding: finding.alive)
    send_signal(execution.arming.pid, execution.arming.pid_start, 9)
    assert bench.ended(execution).report is None
    assert bench.searched(execution).evidence is Evidence.SCAN
    assert lives(left)


def test_a_stop_ends_all_of_the_run_also_what_it_meant_to_leave(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(DAEMON + "\nimport time; time.sleep(600)", said.path), keep_leftovers=True)
    left = int(said.line())
    assert bench.launcher.stop(execution, Reason.CANCELLED) is StopAnswer.PUT
    assert ended(bench.ended(execution)) == (Trigger.REAP, Reason.CANCELLED)
    wait_gone(left)


def test_an_output_that_is_still_held_open_is_not_waited_for(bench: Bench) -> None:
    said = bench.channel()
    source = DAEMON.replace("stdout=null, stderr=null, ", "")
    execution = bench.started(*python(source + "print('done')", said.path), keep_leftovers=True)
    left = int(said.line())
    assert ended(bench.ended(execution)) == (Trigger.SUCCEED, Reason.COMPLETED)
    assert bench.output(execution) == b"done\n"
    assert lives(left)


def test_a_kept_process_does_not_hold_the_slot_lock(bench: Bench) -> None:
    _, left = kept(bench)
    lock = os.stat(bench.folder.slot_lock("job"))
    for name in os.listdir(f"/proc/{left}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed, a library of its own
            assert not os.path.samestat(os.stat(f"/proc/{left}/fd/{name}"), lock)
