"""Each rule under "Evidence" in the design, with real processes: once as it is, and once with the rule taken out, to
see that what it is there to prevent then happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from chaos.jobs import command
from chaos.kit import CLOCK, Fifo, Stand, stop_and_wait, until
from chaos.lines import Line, overlaps, read_lines
from chaos.processes import Process, process
from chaos.tickets import KILL, SAY, STOP

from fsm.client.engine import Engine
from fsm.model.facts import Execution, Report, StopAnswer
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import Evidence, Reason, RefusalReason, SlotState, State
from fsm.ports import Examination
from fsm.supervise import mailbox
from fsm.supervise.examine import look

LONG_S = 600.0


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    stand = Stand(tmp_path)
    try:
        yield stand
    finally:
        stand.close()


def taken_out(*rules: str) -> pytest.MarkDecorator:
    """The test runs as things are, and once without each of these rules."""
    return pytest.mark.parametrize(
        "without", [(), *((rule,) for rule in rules)], ids=["as it is", *(f"without {rule}" for rule in rules)]
    )


Without = tuple[str, ...]


# ---- what the tests share


def log(stand: Stand) -> Path:
    return stand.root / "job.log"


def lines(stand: Stand) -> list[Line]:
    return read_lines(log(stand))


def defined(stand: Stand, lasts_s: float, *ways: str, code: int = 0, timeout: str = "1h", grace: str = "100ms") -> None:
    """The job that it is about, and another one, whose runs show that the scheduler had its turn."""
    line = command(log(stand), lasts_s, code, *ways)
    stand.define(Job("job", command=line, timeout=timeout, grace=grace), Job("marker", command=("/bin/true",)))


def wrote(stand: Stand, what: str, run: int = 1) -> Line:
    """Wait until a process of that run has written such a line."""
    return until(
        lambda: next((line for line in lines(stand) if (line.what, line.run) == (what, run)), None), f"a line {what}"
    )


def child(stand: Stand, run: int = 1) -> Process:
    """The grandchild of a run, once it lives in its own session."""
    found = process(wrote(stand, "child", run).pid)
    assert found is not None
    return found


def a_fifo(stand: Stand) -> Fifo:
    fifo = Fifo(stand.root / "go on")
    stand.at_end(fifo.close)
    return fifo


def report(stand: Stand, execution: Execution) -> Report:
    """What a supervisor left."""
    found = look(stand.folder, execution, CLOCK.now().boot_id)
    found.close()
    assert found.finding.report is not None
    return found.finding.report


# ---- all that belongs to an execution is named by its arming


@pytest.mark.requirement("R-19")
@taken_out("own_report")
def test_two_armings_of_one_run(stand: Stand, without: Without) -> None:
    """The first one disarms and says so. That is not how the run ended."""
    fifo = a_fifo(stand)
    defined(stand, 0.0, f"wait:{fifo.path}")
    stand.serve()
    stand.ticket("armed", KILL)
    run = stand.requested("job")
    stand.in_window("armed")
    [first] = stand.armings("job", 1)
    Process(first.arming.pid, first.arming.pid_start).wait_gone()
    verdict = report(stand, first).verdict
    assert verdict is not None
    assert verdict.reason is Reason.START_FAILED

    second = stand.serve(without=without)
    executed = wrote(stand, "start")
    second.kill()
    stand.serve(without=without)
    if without:
        ended = stand.until_ended(run.id)
        assert (ended.state, ended.reason) == (State.FAILED, Reason.START_FAILED)
        assert process(executed.pid) is not None, "and it lives"
        return
    assert stand.run(run.id).state is State.RUNNING
    fifo.write("go on")
    assert stand.until_ended(run.id).state is State.SUCCEEDED
    assert len(stand.armings("job", 1)) == 2
    assert not overlaps(lines(stand))


# ---- the life lock first, then the report


@pytest.mark.requirement("R-24")
@taken_out("lock_before_report")
def test_a_run_ends_while_it_is_looked_at(stand: Stand, without: Without) -> None:
    """It is alive when a scheduler begins to look, and has ended with a report when it looks again."""
    fifo = a_fifo(stand)
    defined(stand, 0.0, f"wait:{fifo.path}")
    first = stand.serve()
    run = stand.requested("job")
    wrote(stand, "start")
    supervisor = stand.supervisor(run.id)
    first.kill()
    stand.ticket("looking", STOP)
    second = stand.launch(without=without)
    looking = stand.in_window("looking")
    fifo.write("go on")
    supervisor.wait_gone()
    looking.signal(signal.SIGCONT)
    stand.wait_up(second)
    assert stand.until_ended(run.id).state is (State.LOST if without else State.SUCCEEDED)
    wrote(stand, "end")


# ---- two locks


@pytest.mark.requirement("R-25")
@taken_out("two_locks")
def test_a_supervisor_is_killed_and_the_slot_lock_is_inherited(stand: Stand, without: Without) -> None:
    """What holds the slot lock is no supervisor: the run has nobody to end it, so it is searched for and ended."""
    defined(stand, LONG_S, "heir")
    stand.serve(without=without)
    run = stand.requested("job")
    heir = child(stand)
    stand.supervisor(run.id).kill()
    if without:
        stand.a_run_passes()
        stand.a_run_passes()
        assert stand.run(run.id).state is State.RUNNING
        assert heir.alive
        return
    ended = stand.until_ended(run.id)
    assert (ended.state, ended.reason) == (State.LOST, Reason.VANISHED)
    assert stand.until_released(run.id).evidence is Evidence.SCAN
    assert not heir.alive
    stand.requested("job")
    wrote(stand, "start", 2)
    assert not overlaps(lines(stand))


# ---- every slot that is not released


@pytest.mark.requirement("R-23")
@taken_out("all_slots")
def test_a_verdict_then_a_crash_then_the_slot(stand: Stand, without: Without) -> None:
    """The verdict is journaled, what is left of the run lives on, and scheduler and supervisor are killed."""
    defined(stand, LONG_S, "ignore-term", "child", timeout="500ms", grace="1h")
    first = stand.serve()
    run = stand.requested("job")
    left = child(stand)
    ended = stand.until_ended(run.id)
    assert (ended.state, ended.slot) == (State.TIMED_OUT, SlotState.HELD)
    refused = stand.request("job")
    assert not isinstance(refused, Run)
    assert refused.reason is RefusalReason.SLOT_HELD
    first.kill()
    stand.supervisor(run.id).kill()

    stand.serve(without=without)
    if without:
        stand.a_run_passes()
        stand.a_run_passes()
        assert stand.run(run.id).slot is SlotState.HELD
        assert left.alive
        return
    assert stand.until_released(run.id).evidence is Evidence.SCAN
    assert not left.alive
    assert stand.run(run.id).state is State.TIMED_OUT
    stand.requested("job")


# ---- stop goes before a foreign verdict, and beats go


class Liar:
    """Says that a stop was put, and puts none."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand

    def examine(self, execution: Execution) -> Examination:
        return look(self._stand.folder, execution, CLOCK.now().boot_id)

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        return StopAnswer.PUT

    def kill(self, execution: Execution) -> None:
        raise AssertionError("nobody is mute")


@pytest.mark.requirement("R-21")
@pytest.mark.parametrize("lies", [False, True], ids=["as it is", "without stop_first"])
def test_a_go_comes_after_the_verdict(stand: Stand, lies: bool) -> None:
    """A scheduler stands still between start and go; the run is cancelled; then the scheduler goes on."""
    defined(stand, 0.0)
    served = stand.serve()
    stand.ticket("started", STOP)
    run = stand.requested("job")
    stand.in_window("started")
    supervisor = stand.supervisor(run.id)
    stop_and_wait(supervisor)  # so that it hears of the stop no sooner than of the go
    if lies:
        with stand.journal(read_only=False) as journal:
            Engine(journal, clock=CLOCK, stopper=Liar(stand)).cancel(run.id)
    else:
        stand.cancel(run.id)
    assert stand.run(run.id).reason is Reason.CANCELLED
    _go_comes(stand, served.process)
    supervisor.signal(signal.SIGCONT)
    if lies:
        wrote(stand, "start")
        assert stand.run(run.id).state is State.REAPED, "it is over, and it was executed"
        return
    assert stand.until_released(run.id).evidence is Evidence.REPORT
    assert lines(stand) == []


@pytest.mark.requirement("R-21")
@taken_out("stop_beats_go")
def test_a_stop_whose_signal_was_lost(stand: Stand, without: Without) -> None:
    """The same, and nothing but the mailbox tells the supervisor."""
    defined(stand, 0.0)
    served = stand.serve(without=without)
    stand.ticket("started", STOP)
    run = stand.requested("job")
    stand.in_window("started")
    execution = stand.execution(run.id)
    assert mailbox.put_stop(stand.folder.mailbox("job", 1, execution.arming.nonce), Reason.CANCELLED)
    with stand.journal(read_only=False) as journal:
        Engine(journal, clock=CLOCK, stopper=Liar(stand)).cancel(run.id)
    _go_comes(stand, served.process)
    if without:
        wrote(stand, "start")
        assert stand.run(run.id).state is State.REAPED, "it is over, and it was executed"
        return
    stand.until_released(run.id)
    assert lines(stand) == []


def _go_comes(stand: Stand, scheduler: Process) -> None:
    stand.ticket("gone", SAY)
    scheduler.signal(signal.SIGCONT)
    stand.in_window("gone")


# ---- a mute supervisor


@pytest.mark.requirement("R-11")
@taken_out("backstop", "mute_killed")
def test_a_mute_supervisor(stand: Stand, without: Without) -> None:
    """It stands still past the run's last deadline: judged, then killed, then searched for."""
    defined(stand, LONG_S, timeout="1s")
    stand.serve(without=without, times_us=(("REAP_MARGIN", 300_000),))
    run = stand.requested("job")
    wrote(stand, "start")
    supervisor, executed = stand.supervisor(run.id), stand.command(run.id)
    stop_and_wait(supervisor)
    if without == ("backstop",):
        stand.ticket("would_reap", SAY)
        stand.in_window("would_reap")
        stand.a_run_passes()
        assert stand.run(run.id).state is State.RUNNING
        assert executed.alive
        return
    if without == ("mute_killed",):
        stand.ticket("would_kill", SAY)
        stand.in_window("would_kill")
        stand.a_run_passes()
        assert stand.run(run.id).slot is SlotState.HELD
        assert executed.alive
        return
    ended = stand.until_ended(run.id)
    assert (ended.state, ended.reason) == (State.REAPED, Reason.OVERDUE)
    assert stand.until_released(run.id).evidence is Evidence.SCAN
    assert not supervisor.alive
    assert not executed.alive


# ---- the search


@pytest.mark.requirement("R-14")
@pytest.mark.requirement("R-15")
@taken_out("search_by_cookie", "free_proves_nothing")
def test_a_grandchild_that_is_far_away(stand: Stand, without: Without) -> None:
    """It has a session of its own and none of the run's descriptors, and its supervisor is killed."""
    defined(stand, LONG_S, "child")
    stand.serve(without=without)
    run = stand.requested("job")
    far = child(stand)
    stand.supervisor(run.id).kill()
    assert stand.until_released(run.id).evidence is Evidence.SCAN
    assert stand.run(run.id).state is State.LOST
    stand.requested("job")
    wrote(stand, "start", 2)
    if without:
        found = until(lambda: overlaps(lines(stand)), "an overlap")
        assert "a process of run 1 writes 'child' after run 2 began" in found
        return
    assert not far.alive
    wrote(stand, "beat", 2)
    assert not overlaps(lines(stand))


# ---- the report


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stand]:
    """A stand on a file system of eight megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)]).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        stand = Stand(place)
        try:
            yield stand
        finally:
            stand.close()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.requirement("R-26")
@taken_out("preallocated_report")
def test_the_disk_is_full_at_the_report(small: Stand, without: Without) -> None:
    """Neither the supervisor nor the journal finds any room. What was given its room before is not lost."""
    fifo = a_fifo(small)
    defined(small, 0.0, f"wait:{fifo.path}")
    small.serve(without=without)
    run = small.requested("job")
    wrote(small, "start")
    supervisor = small.supervisor(run.id)
    filler = small.root / "filler"
    _fill(filler)
    fifo.write("go on")
    supervisor.wait_gone()
    ended_by = CLOCK.now().utc
    filler.unlink()
    ended = small.until_ended(run.id)
    if without:
        assert (ended.state, ended.reason) == (State.LOST, Reason.VANISHED)
        return
    assert (ended.state, ended.exit_code) == (State.SUCCEEDED, 0)
    assert ended.ended_at is not None
    assert ended.ended_at <= ended_by
    assert small.until_released(run.id).evidence is Evidence.REPORT


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.mark.requirement("R-26")
@taken_out("checksums")
def test_a_report_is_damaged(stand: Stand, without: Without) -> None:
    """While no scheduler is up, a byte of it changes: nobody judges by a guess, and the file is kept."""
    fifo = a_fifo(stand)
    defined(stand, 0.0, f"wait:{fifo.path}", code=7)
    first = stand.serve()
    run = stand.requested("job")
    wrote(stand, "start")
    supervisor, execution = stand.supervisor(run.id), stand.execution(run.id)
    first.kill()
    fifo.write("go on")
    supervisor.wait_gone()
    path = Path(stand.folder.arming_file("job", 1, execution.arming.nonce))
    whole = path.read_bytes()
    assert whole.count(b'"exit_code":7') == 2, "in the verdict, and beside the end of the tree"
    damaged = whole.replace(b'"exit_code":7', b'"exit_code":0', 1)
    path.write_bytes(damaged)
    stand.serve(without=without)
    ended = stand.until_ended(run.id)
    if without:
        assert (ended.reason, ended.exit_code) == (Reason.EXIT_CODE, 0), "what nobody has ever said"
        return
    assert (ended.state, ended.reason) == (State.LOST, Reason.UNREADABLE_REPORT)
    assert stand.until_released(run.id).evidence is Evidence.SCAN
    assert path.read_bytes() == damaged


# ---- what the journal does not know


def copied(stand: Stand) -> Path:
    """A copy of the journal, as a backup makes it."""
    path = stand.root / "copy.db"
    source, target = apsw.Connection(stand.folder.journal), apsw.Connection(str(path))
    try:
        with target.backup("main", source, "main") as backup:
            backup.step()
    finally:
        target.close()
        source.close()
    return path


def put_back(stand: Stand, copy: Path) -> None:
    """Restore it."""
    for suffix in ("-wal", "-shm"):
        Path(stand.folder.journal + suffix).unlink(missing_ok=True)
    copy.replace(stand.folder.journal)


@pytest.mark.requirement("R-6")
@taken_out("strangers")
def test_numbers_go_on_after_an_older_journal_was_put_back(stand: Stand, without: Without) -> None:
    """Runs 2 and 3 have folders that the journal does not know."""
    defined(stand, 0.0)
    first = stand.serve()
    stand.until_released(stand.requested("job").id)
    copy = copied(stand)
    for _ in range(2):
        stand.until_released(stand.requested("job").id)
    first.kill()
    put_back(stand, copy)
    stand.serve(without=without)
    with stand.journal(read_only=False) as journal:
        run = Engine(journal, clock=CLOCK, poke=stand.poke).request("job")  # who asks does not look at folders
    assert isinstance(run, Run)
    stand.until_released(run.id)
    found = overlaps(lines(stand))
    if without:
        assert run.number == 2
        assert any("run 2 was executed by two armings" in sentence for sentence in found), found
        return
    assert run.number == 4
    assert not found


def with_a_stranger(stand: Stand) -> Process:
    """A job whose run 2 is not in the journal that was put back; its supervisor is dead, and a grandchild of it
    lives. No scheduler is up."""
    defined(stand, 0.0)
    first = stand.serve()
    stand.until_released(stand.requested("job").id)
    defined(stand, LONG_S, "child")
    copy = copied(stand)
    run = stand.requested("job")
    far = child(stand, 2)
    first.kill()
    stand.supervisor(run.id).kill()
    put_back(stand, copy)
    return far


def never_beside(stand: Stand, far: Process, run: int) -> None:
    """The run has begun, and the stranger's processes were ended before."""
    wrote(stand, "start", run)
    assert not far.alive
    wrote(stand, "beat", run)
    assert not overlaps(lines(stand))


@pytest.mark.requirement("R-14")
@taken_out("strangers")
def test_what_a_stranger_left_holds_the_slot(stand: Stand, without: Without) -> None:
    far = with_a_stranger(stand)
    stand.serve(without=without)
    run = stand.requested("job")
    if without:
        wrote(stand, "start", run.number)
        found = until(lambda: overlaps(lines(stand)), "an overlap")
        assert f"a process of run 2 writes 'child' after run {run.number} began" in found
        return
    assert run.number == 3
    never_beside(stand, far, 3)


def test_a_client_has_taken_a_strangers_number(stand: Stand) -> None:
    """A run was asked for before the first scheduler looked at the folder: run 3 is in the journal, run 2 is not."""
    far = with_a_stranger(stand)
    assert stand.requested("job").number == 3
    stand.serve()
    never_beside(stand, far, 3)


def test_a_scheduler_is_killed_that_has_just_found_a_stranger(stand: Stand) -> None:
    """It has taken the number, and not ended what lives; the next one has to."""
    far = with_a_stranger(stand)
    first = stand.serve(without=("search",))
    until(lambda: stand.last_number("job") == 2, "its number is taken")
    assert far.alive
    first.kill()
    stand.serve()
    assert stand.requested("job").number == 3
    never_beside(stand, far, 3)


def test_a_live_stranger_is_waited_for(stand: Stand) -> None:
    """Its supervisor lives and does its work: nothing of the job is armed until it has ended."""
    fifo = a_fifo(stand)
    defined(stand, 0.0, f"wait:{fifo.path}")
    first = stand.serve()
    copy = copied(stand)
    stand.requested("job")
    wrote(stand, "start", 1)
    [stranger] = stand.armings("job", 1)
    first.kill()
    put_back(stand, copy)
    stand.serve()
    run = stand.requested("job")
    assert run.number == 2
    stand.a_run_passes()
    stand.a_run_passes()
    assert stand.run(run.id).state is State.QUEUED
    assert stand.armings("job", 2) == []
    fifo.write("go on")
    Process(stranger.arming.pid, stranger.arming.pid_start).wait_gone()
    wrote(stand, "start", 2)
    fifo.write("go on")
    assert stand.until_ended(run.id).state is State.SUCCEEDED
    assert not overlaps(lines(stand))


# ---- a leaked end of a go pipe


@pytest.mark.requirement("R-18")
@taken_out("no_leak")
def test_nobody_else_has_the_end_of_a_go_pipe(stand: Stand, without: Without) -> None:
    """The scheduler is killed: whoever waits for its go sees that at once."""
    defined(stand, 0.0)
    stand.serve(without=without)
    stand.ticket("armed", KILL)
    run = stand.requested("job")
    stand.in_window("armed")
    [first] = stand.armings("job", 1)
    waits = Process(first.arming.pid, first.arming.pid_start)
    stand.serve()
    if without:
        stand.a_run_passes()
        stand.a_run_passes()
        assert waits.alive, "it still waits, and keeps the slot lock"
        assert stand.run(run.id).state is State.QUEUED
        assert lines(stand) == []
        return
    assert stand.until_ended(run.id).state is State.SUCCEEDED
    assert not waits.alive
    verdict = report(stand, first).verdict
    assert verdict is not None
    assert verdict.error == "not told to go: whoever armed it took it back, or ended"


@pytest.mark.requirement("R-18")
@taken_out("arm_deadline")
def test_a_leaked_end_is_outlived_by_the_arm_deadline(stand: Stand, without: Without) -> None:
    """Somebody keeps the pipe of a killed scheduler open all the same."""
    defined(stand, 0.0)
    short = (("ARM_WITHIN", 2_000_000),)
    first = stand.serve(without=("no_leak", *without), times_us=short)
    stand.ticket("armed", KILL)
    run = stand.requested("job")
    stand.in_window("armed")
    first.wait()
    [arming] = stand.armings("job", 1)
    waits = Process(arming.arming.pid, arming.arming.pid_start)
    stand.serve(times_us=short)
    if without:
        stand.define(Job("later", command=command(stand.root / "later.log", 3.0)))
        stand.a_run_passes("later")
        assert waits.alive, "it waits for a go that never comes, and keeps the slot lock"
        assert stand.run(run.id).state is State.QUEUED
        return
    assert stand.until_ended(run.id).state is State.SUCCEEDED
    verdict = report(stand, arming).verdict
    assert verdict is not None
    assert verdict.error == "not told to go: no go came within its arm deadline"
