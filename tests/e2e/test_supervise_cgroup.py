"""With a control group of its own a run can't get away at all. Skipped where none can be made."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from supervise_kit import MINUTE, Bench, lives, python, wait_gone

from fsm.model.states import Evidence, Reason
from fsm.supervise.cgroup import Cgroup, find_parent
from fsm.supervise.processes import send_signal


def parent_group() -> str | None:
    """A cgroup v2 that this user may make groups in."""
    asked = find_parent(os.environ.get("CRONFSM_CGROUP"))
    if asked is not None:
        return asked
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            if right.startswith("cgroup2 ") and find_parent(left.split()[4]):
                return left.split()[4]
    return None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    parent = parent_group()
    if parent is None:
        pytest.skip("no control group can be made here")
    group = Cgroup(os.path.join(parent, f"cronfsm-test-{os.getpid()}-{tmp_path.name}"))
    assert group.make()
    bench = Bench(tmp_path, {**os.environ, "CRONFSM_CGROUP": group.path})
    yield bench
    bench.close()
    group.kill()
    for pid in group.members():
        wait_gone(pid)
    group.remove()


# Leaves session, parents, descriptors and cookie behind: only the group knows it.
LOST = """
import os, signal, sys
sources = '''
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
said = os.open(sys.argv[1], os.O_WRONLY)
os.closerange(0, said); os.closerange(said + 1, 256)
os.write(said, b"%d\\\\n" % os.getpid())
os.close(said)
while True: signal.pause()
'''
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", sources, *sys.argv[1:]], {})
while True: signal.pause()
"""


def test_a_run_has_its_group_and_leaves_none(bench: Bench) -> None:
    execution = bench.started("/bin/cat", "/proc/self/cgroup")
    group = execution.arming.cgroup
    assert group is not None
    bench.ended(execution)
    assert f"/{os.path.basename(group)}\n".encode() in bench.output(execution)
    assert not os.path.exists(group)


def test_a_timeout_empties_the_group(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(LOST, said.path), timeout_us=900_000, grace_us=100_000)
    lost = int(said.line())
    finding = bench.ended(execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.reason is Reason.RUN_TIMEOUT
    assert not lives(lost)


def test_the_search_by_group_finds_what_lost_everything_else(bench: Bench) -> None:
    said = bench.channel()
    execution = bench.started(*python(LOST, said.path), grace_us=MINUTE)
    lost = int(said.line())
    send_signal(execution.arming.pid, execution.arming.pid_start, signal.SIGKILL)
    bench.ended(execution)
    assert lives(lost)
    assert bench.searched(execution).evidence is Evidence.CGROUP
    assert not lives(lost)
    assert execution.arming.cgroup is not None
    assert not os.path.exists(execution.arming.cgroup)


def test_a_process_moved_into_the_group_is_ended_too(bench: Bench) -> None:
    """No descendant of the supervisor: ECHILD alone would not be enough."""
    said = bench.channel()
    go = bench.root / "go"
    os.mkfifo(go)
    execution = bench.started("/bin/sh", "-c", f"echo up > {said.path}; read word < {go}", grace_us=100_000)
    said.line()
    group = execution.arming.cgroup
    assert group is not None
    moved = subprocess.Popen(["/bin/sleep", "60"])
    try:
        Path(group, "cgroup.procs").write_text(str(moved.pid))
        go.write_text("now\n")
        finding = bench.ended(execution)
        assert finding.report is not None
        assert finding.report.emptied is not None
        assert moved.wait(120) == -signal.SIGTERM
    finally:
        moved.kill()
        moved.wait()


def test_a_group_that_cannot_be_made_fails_no_run(bench: Bench, tmp_path: Path) -> None:
    bench.launcher._cgroup_parent = str(tmp_path / "nowhere")  # it was there when the launcher looked
    execution = bench.started("/bin/true")
    assert execution.arming.cgroup is None
    finding = bench.ended(execution)
    assert finding.report is not None
    assert finding.report.verdict is not None
    assert finding.report.verdict.reason is Reason.COMPLETED
