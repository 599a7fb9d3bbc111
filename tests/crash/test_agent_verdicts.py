"""Who is killed where, and what an agent's run is then: its verdict is one, whoever reads it and whenever.

The supervisor is killed before, in the middle of, and after each write and each sync of its report, one after the
other; it is the real one, forked from here, with a real command. What it leaves is read again and again.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from attrs import evolve

from fsm.client.engine import Engine
from fsm.client.settle import Settler
from fsm.instants import MINUTE, Deadline, Duration
from fsm.journal.memory import MemoryJournal
from fsm.model.agent import AgentEvidence, AgentKind
from fsm.model.entries import Ended
from fsm.model.facts import Execution, Finding, Order
from fsm.model.job import Job
from fsm.model.run import Arming, Run
from fsm.model.states import ErrorClass, Reason, State, Trigger
from fsm.realtime import SystemClock
from fsm.supervise import armingfile, forkserver
from fsm.supervise.examine import look
from fsm.supervise.folder import DataFolder
from fsm.supervise.handshake import make_order
from fsm.supervise.launcher import ProcessLauncher
from fsm.supervise.supervisor import supervise

CLOCK = SystemClock()
FAKE = Path(__file__).parent.parent / "fakes" / "turn.py"
MOST_POINTS = 60  # a report has a dozen writes and syncs; more means that it never ends

PARTS = {
    "success": (Trigger.SUCCEED, Reason.COMPLETED, None),
    "refusal": (Trigger.FAIL, Reason.REFUSED, None),
    "rate_limit": (Trigger.FAIL, Reason.ERROR, ErrorClass.RATE_LIMITED),
    "silence": (Trigger.FAIL, Reason.NO_RESULT, None),
}

Hook = Callable[[str, Callable[[float], None]], None]


class Killed:
    """Ends this process by SIGKILL at the n-th point. A point is reached before, in, and after every write to an
    arming file and every sync."""

    def __init__(self, at: int) -> None:
        self._left = at

    def point(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def install(self) -> None:
        write, sync, pwrite = armingfile.ArmingFile._write, os.fdatasync, os.pwrite

        def written(file: armingfile.ArmingFile, offset: int, data: bytes) -> None:
            self.point()
            if self._left == 0:  # a write that is cut in its middle
                pwrite(file.fd, data[: len(data) // 2], offset)
            self.point()
            write(file, offset, data)
            self.point()

        def synced(fd: int) -> None:
            self.point()
            sync(fd)
            self.point()

        armingfile.ArmingFile._write = written  # type: ignore[method-assign]
        os.fdatasync = synced


class Bench:
    """One data folder and runs in it, each by a supervisor of its own."""

    def __init__(self, root: Path) -> None:
        self.folder = DataFolder(root)
        self.folder.create()
        self.number = 0

    def supervised(self, part: str, kill_at: int | None) -> tuple[Execution, bool]:
        """One run to the end of its supervisor, and whether that ended by itself."""
        self._wait_for_the_slot()
        self.number += 1
        now = CLOCK.now()
        order = Order(
            "agent",
            self.number,
            secrets.token_hex(8),
            1,
            None,
            f"cron:agent:run:{self.number}",
            (sys.executable, "-S", str(FAKE)),
            None,
            (("FAKE", part), ("CRONFSM_AGENT_MESSAGE", "hello")),
            None,
            Duration(200_000),
            100_000,
            Deadline.after(now, MINUTE),
            agent=AgentKind.COMMAND,
        )
        sent = make_order(self.folder, order, now.boot_id, inherited={}, cgroup_parent=None, home="h")
        read, write = os.pipe()
        os.write(write, f"go {order.nonce} {now.boot + MINUTE}\n".encode())
        os.close(write)
        pid = os.fork()
        if pid == 0:
            _supervise(sent.encode(), read, kill_at)
        os.close(read)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, -signal.SIGKILL)
        return Execution("agent", self.number, Arming(order.nonce, now.boot_id, pid, 1)), code == 0

    def _wait_for_the_slot(self) -> None:
        """A command that dies with its supervisor dies after it. Here the go is in the pipe from the beginning: a
        supervisor that had to wait for its slot would take it for the word that it was taken back."""
        fd = os.open(self.folder.slot_lock("agent"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        finally:
            os.close(fd)

    def found(self, execution: Execution) -> Finding:
        examination = look(self.folder, execution, CLOCK.now().boot_id)
        examination.close()
        return examination.finding


def _supervise(order: bytes, go: int, kill_at: int | None) -> NoReturn:
    try:
        signals = forkserver._prepare_signals()
        if kill_at is not None:
            Killed(kill_at).install()
        supervise(order, go, signals)
    finally:
        os._exit(1)


def verdict_of(finding: Finding) -> Ended | None:
    return None if finding.report is None else finding.report.verdict


def without_times(verdict: Ended) -> tuple[object, ...]:
    return (verdict.trigger, verdict.reason, verdict.exit_code, verdict.error, verdict.error_class)


def told_of(agent: AgentEvidence | None) -> AgentEvidence | None:
    """Evidence without its session, which every run has its own of."""
    if agent is None:
        return None
    return evolve(agent, session_id=None)


@pytest.mark.requirement("R-63")
@pytest.mark.parametrize("part", PARTS)
def test_a_supervisor_killed_at_any_point_has_said_all_or_nothing(part: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "data")
    execution, whole = bench.supervised(part, None)
    assert whole
    reference = verdict_of(bench.found(execution))
    assert reference is not None
    assert (reference.trigger, reference.reason, reference.error_class) == PARTS[part]
    seen: set[bool] = set()
    for point in range(MOST_POINTS):
        execution, whole = bench.supervised(part, point)
        finding = bench.found(execution)
        assert not finding.alive
        verdict = verdict_of(finding)
        if verdict is not None:
            assert without_times(verdict) == without_times(reference), point
            assert told_of(verdict.agent) == told_of(reference.agent), point
        shutil.rmtree(bench.folder.run_folder("agent", execution.number) + "/output", ignore_errors=True)
        for chunk in Path(bench.folder.run_folder("agent", execution.number)).glob("out.*"):
            chunk.unlink()  # what was captured says nothing more
        assert verdict_of(bench.found(execution)) == verdict
        seen.add(verdict is not None)
        if whole:
            break
    else:
        pytest.fail("it was never left alone to its end")
    assert seen == {True, False}, "there are points before the verdict and points after it"


def damage(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 64)


@pytest.mark.requirement("R-63")
@pytest.mark.parametrize("how", ["as it is", "zeros", "damaged"])
def test_evidence_that_is_lost_costs_the_verdict_nothing(how: str, tmp_path: Path) -> None:
    """As after a power loss between the two: they are synced together, and only the verdict is needed."""
    bench = Bench(tmp_path / "data")
    execution, _ = bench.supervised("rate_limit", None)
    path = Path(bench.folder.arming_file("agent", execution.number, execution.arming.nonce))
    assert path.stat().st_size == armingfile.SIZE_OF_AGENT, "made in full before it was armed"
    if how == "damaged":
        damage(path, armingfile.AGENT.offset + 20)
    elif how == "zeros":
        with path.open("r+b") as file:
            file.truncate(armingfile.SIZE)
    verdict = verdict_of(bench.found(execution))
    assert verdict is not None
    assert (verdict.reason, verdict.error_class) == (Reason.ERROR, ErrorClass.RATE_LIMITED)
    assert verdict.agent is not None
    assert (verdict.agent.session_id is None) == (how != "as it is")


@pytest.mark.requirement("R-63")
def test_two_readers_who_know_nothing_of_each_other_write_down_the_same(tmp_path: Path) -> None:
    """A journal and its older copy: each is settled by a reader of its own, one of them after the output is gone."""
    bench = Bench(tmp_path / "data")
    execution, _ = bench.supervised("rate_limit", None)
    verdicts = []
    for _ in range(2):
        journal = MemoryJournal()
        engine = Engine(journal)
        engine.define(Job("agent", agent={"kind": "command", "program": "turn"}))
        asked = engine.request("agent")
        assert isinstance(asked, Run)
        engine.start(asked, execution.arming)
        launcher = ProcessLauncher(bench.folder, CLOCK, environ={})
        try:
            settled = Settler(journal, launcher, CLOCK, pause=lambda _: None).look("agent")
        finally:
            launcher.close()
        assert settled.free
        run = engine.find("agent/1")
        assert run.state is State.FAILED
        verdicts.append((run.reason, run.agent, run.error, run.ended_at, run.exit_code))
        for chunk in Path(bench.folder.run_folder("agent", execution.number)).glob("out.*"):
            chunk.unlink()
    assert verdicts[0] == verdicts[1]
