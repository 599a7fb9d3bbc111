"""The files of supervision: layout, locks, mailbox, channel, chunks, orders."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsm.lifecycle.table import TABLE
from fsm.model.states import Reason, State, Trigger
from fsm.supervise import mailbox, poke
from fsm.supervise.arming import Armed, NotArmed, TakenBack, arm
from fsm.supervise.armingfile import (
    COMMAND,
    EMPTIED,
    FRAME,
    HEADER,
    SIZE,
    VERDICT,
    ArmingFile,
    Part,
    Unreadable,
    emptied_part,
    json_text,
    verdict_part,
)
from fsm.supervise.capture import Capture, chunks
from fsm.supervise.locks import lock_open_file, names_file, try_lock
from fsm.supervise.report import read_contents
from fsm.supervise.sent import MAX_ORDER, PACKET, SentOrder, packets, receive
from fsm.supervise.waiting import boot_us

PARTS = (HEADER, VERDICT, EMPTIED, COMMAND)


# ---- the arming file


def test_parts_are_whole_sectors_that_do_not_meet() -> None:
    ends = 0
    for part in sorted(PARTS, key=lambda part: part.offset):
        assert part.offset % 512 == 0
        assert part.offset >= ends
        ends = part.offset + part.size
    assert ends <= SIZE
    assert VERDICT.size == EMPTIED.size == 512, "a sector each"
    assert VERDICT.offset + VERDICT.size == EMPTIED.offset, "written at once where both are known"


@given(st.text(max_size=2000))
def test_any_error_text_fits_and_reads_back_as_far_as_it_goes(error: str) -> None:
    part = verdict_part("time_out", "run_timeout", 2**62, started_at_us=2**62, exit_code=255, signal=64, error=error)
    file = bytes(VERDICT.offset) + part
    read = VERDICT.unpack(file)
    assert read is not None
    text = read["error"]
    assert isinstance(text, str)
    assert text == error or (text.endswith("…") and error.startswith(text[:-1]))


def test_json_text_is_not_cut_more_than_it_must_be() -> None:
    assert json_text("ab", 4) == '"ab"'
    for room in range(10, 40):
        cut = json_text("x" * 100, room)
        assert room - 2 <= len(cut) <= room


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="don't fit"):
        EMPTIED.pack(b"x" * 501)


@given(st.binary(max_size=600), st.integers(0, SIZE - 1))
def test_garbage_is_unreadable_or_never_written(garbage: bytes, at: int) -> None:
    file = (bytes(at) + garbage)[:SIZE].ljust(SIZE, b"\0")
    for part in PARTS:
        try:
            assert part.unpack(file) is None
            assert not any(file[part.offset : part.offset + part.size])
        except Unreadable:
            pass


def test_a_part_that_is_no_object_or_of_another_version(tmp_path: Path) -> None:
    part = Part(b"test", 0, 512)
    for payload in (b"[]", b"{", b"1"):
        with pytest.raises(Unreadable):
            part.unpack(part.pack(payload))
    newer = bytearray(part.pack(b"{}"))
    newer[4] += 1
    with pytest.raises(Unreadable, match="version 2"):
        part.unpack(bytes(newer))
    with pytest.raises(Unreadable, match="cut"):
        part.unpack(part.pack(b"{}")[:100])


def test_a_report_is_written_in_place_and_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "a.arming")
    file = ArmingFile(path, b'{"nonce":"n","home":"h"}')
    assert os.path.getsize(path) == SIZE
    assert try_lock(path, shared=True) is None, "the life lock is held from the first moment"
    file.command(77, 5)
    file.write(verdict_part("reap", "cancelled", 10, started_at_us=5), None)
    fd = os.open(path, os.O_RDONLY)
    contents = read_contents(fd, "n")
    assert contents.report is not None
    assert contents.report.verdict is not None
    assert (contents.report.verdict.trigger, contents.report.verdict.reason) == (Trigger.REAP, Reason.CANCELLED)
    assert contents.report.emptied is None
    assert (contents.command_pid, contents.command_forked_at_boot_us, contents.home) == (77, 5, "h")
    file.write(None, emptied_part(11, -9, 123))
    contents = read_contents(fd, "n")
    assert contents.report is not None
    assert contents.report.emptied is not None
    assert (contents.report.emptied.at, contents.report.emptied.signal, contents.output_bytes) == (11, 9, 123)
    assert os.path.getsize(path) == SIZE
    with pytest.raises(Unreadable, match="another arming"):
        read_contents(fd, "m")
    file.close()
    os.close(fd)
    with pytest.raises(FileExistsError):
        ArmingFile(path, b"{}")


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [("start", "completed"), ("succeed", "signal"), ("lose", "no_such_reason"), ("time_out", "queue_timeout")],
)
def test_a_verdict_that_the_table_does_not_have_is_unreadable(tmp_path: Path, trigger: str, reason: str) -> None:
    path = str(tmp_path / "a.arming")
    file = ArmingFile(path, b'{"nonce":"n"}')
    file.write(verdict_part(trigger, reason, 1), None)
    file.close()
    fd = os.open(path, os.O_RDONLY)
    with pytest.raises(Unreadable):
        read_contents(fd, "n")
    os.close(fd)


def test_fields_of_the_wrong_kind_are_unreadable(tmp_path: Path) -> None:
    for number, payload in enumerate(
        (
            b'{"trigger":"succeed","reason":"completed"}',
            b'{"trigger":"succeed","reason":"completed","ended_at_us":"1"}',
            b'{"trigger":"succeed","reason":"completed","ended_at_us":true}',
            b'{"trigger":"fail","reason":"exit_code","ended_at_us":1,"exit_code":1.5}',
            b'{"trigger":"fail","reason":"signal","ended_at_us":1,"error":7}',
        )
    ):
        path = str(tmp_path / str(number))
        ArmingFile(path, b'{"nonce":"n"}').close()
        fd = os.open(path, os.O_RDWR)
        os.pwrite(fd, VERDICT.pack(payload), VERDICT.offset)
        with pytest.raises(Unreadable):
            read_contents(fd, "n")
        os.close(fd)


def test_a_damaged_command_part_costs_its_help_and_no_more(tmp_path: Path) -> None:
    path = str(tmp_path / "a.arming")
    file = ArmingFile(path, b'{"nonce":"n"}')
    file.command(1, 2)
    file.write(verdict_part("succeed", "completed", 1), None)
    file.close()
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, b"\xff", COMMAND.offset + FRAME)
    contents = read_contents(fd, "n")
    os.close(fd)
    assert contents.report is not None
    assert contents.report.verdict is not None
    assert contents.command_pid is None


# ---- locks


def test_a_lock_keeps_others_out_until_it_is_closed(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with pytest.raises(FileNotFoundError):
        try_lock(path)
    first = try_lock(path, create=True)
    assert first is not None
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0
    assert not os.get_inheritable(first)
    assert try_lock(path) is None
    assert try_lock(path, shared=True) is None
    os.close(first)
    one, two = try_lock(path, shared=True), try_lock(path, shared=True)
    assert one is not None
    assert two is not None
    assert try_lock(path) is None
    os.close(one)
    os.close(two)


def test_a_lock_on_a_file_that_was_replaced_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever removed the file between open and lock left us with a lock that nobody else sees."""
    path = tmp_path / "lock"
    path.touch()
    real, replaced = fcntl.flock, []

    def flock(fd: int, how: int) -> None:
        real(fd, how)
        if not replaced:
            replaced.append(os.fstat(fd).st_ino)
            path.unlink()
            path.touch()

    monkeypatch.setattr(fcntl, "flock", flock)
    fd = try_lock(str(path))
    assert fd is not None
    assert names_file(fd, str(path))
    os.close(fd)


def test_a_lock_that_is_replaced_for_ever_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    path.touch()
    real = fcntl.flock

    def flock(fd: int, how: int) -> None:
        real(fd, how)
        path.unlink()
        path.touch()

    monkeypatch.setattr(fcntl, "flock", flock)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="replaced"):
        try_lock(str(path))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_lock_file_may_not_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "lock").symlink_to("target")
    with pytest.raises(OSError, match="symbolic"):
        try_lock(str(tmp_path / "lock"))


# ---- the mailbox


def test_the_reasons_of_a_stop_are_the_tables() -> None:
    reasons = {str(r) for e in TABLE if e.source is State.RUNNING and e.trigger is Trigger.REAP for r in e.reasons}
    assert reasons == mailbox.REASONS


def test_stop_then_go(tmp_path: Path) -> None:
    path = str(tmp_path / "m.stop")
    mailbox.create(path)
    assert mailbox.stop_in(path) is None
    assert mailbox.put_stop(path, "overdue")
    assert mailbox.put_stop(path, "cancelled")
    assert mailbox.stop_in(path) == "overdue"
    assert mailbox.begin(path) == (False, "overdue")


def test_go_then_stop(tmp_path: Path) -> None:
    path = str(tmp_path / "m.stop")
    mailbox.create(path)
    assert mailbox.begin(path) == (True, None)
    assert mailbox.put_stop(path, "cancelled")
    assert mailbox.stop_in(path) == "cancelled"
    with pytest.raises(mailbox.Damaged):
        mailbox.begin(str(tmp_path / "nowhere"))


def test_executing_is_marked_once(tmp_path: Path) -> None:
    path = str(tmp_path / "m.stop")
    mailbox.create(path)
    mailbox.begin(path)
    with pytest.raises(mailbox.Damaged):
        mailbox.begin(path)


def test_a_busy_mailbox_makes_nobody_wait(tmp_path: Path) -> None:
    path = str(tmp_path / "m.stop")
    mailbox.create(path)
    fd = try_lock(path)
    assert fd is not None
    assert not mailbox.put_stop(path, "cancelled")
    assert mailbox.begin(path) == (False, None)
    os.close(fd)
    assert mailbox.stop_in(path) is None


def test_a_reason_of_a_newer_version_is_still_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "m.stop"
    mailbox.create(str(path))
    with path.open("r+b") as file:
        file.seek(mailbox.HALF)
        file.write("bored_ä".encode())
    assert mailbox.begin(str(path)) == (False, "cancelled")
    with pytest.raises(ValueError, match="bored"):
        mailbox.put_stop(str(path), "bored")


def test_of_a_stop_and_a_go_at_once_exactly_one_wins(tmp_path: Path) -> None:
    for number in range(200):
        path = str(tmp_path / f"{number}.stop")
        mailbox.create(path)
        ready = threading.Barrier(2)
        found: list[tuple[bool, str | None]] = []

        def go(
            path: str = path, ready: threading.Barrier = ready, found: list[tuple[bool, str | None]] = found
        ) -> None:
            ready.wait()
            found.append(mailbox.begin(path))

        thread = threading.Thread(target=go)
        thread.start()
        ready.wait()
        while not mailbox.put_stop(path, "cancelled"):
            pass
        thread.join()
        data = Path(path).read_bytes()
        executing = data.startswith(mailbox.EXECUTING)
        assert found[0] in ((True, None), (False, "cancelled"), (False, None))
        assert executing is found[0][0]


# ---- the channel


def test_messages_arrive_whole_and_in_order(tmp_path: Path) -> None:
    path = str(tmp_path / "poke")
    assert poke.send(path, {"about": "x"}) is poke.Sent.NOBODY
    os.mkfifo(path)
    assert poke.send(path, {"about": "x"}) is poke.Sent.NOBODY
    reader = poke.PokeReader(path)
    for number in range(50):
        assert poke.send(path, {"about": "x", "n": number, "text": "ä\n"}) is poke.Sent.YES
    assert [message["n"] for message in reader.read()] == list(range(50))
    assert reader.read() == []
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, b'nonsense\n[1]\n{"half":')
    assert reader.read() == []
    os.write(fd, b" 1}\n")
    assert reader.read() == [{"half": 1}]
    os.write(fd, b"x" * 3000)
    assert reader.read() == []
    os.write(fd, b'{"after": 1}\n')
    assert reader.read() == [{"after": 1}]
    os.close(fd)
    with pytest.raises(ValueError, match="512"):
        poke.send(path, {"about": "x" * 600})
    while poke.send(path, {"about": "y" * 400}) is poke.Sent.YES:
        pass
    assert poke.send(path, {"about": "y" * 400}) is poke.Sent.FULL
    reader.close()
    assert poke.send(path, {}) is poke.Sent.NOBODY


def test_a_channel_that_is_a_plain_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "poke"
    path.write_text("")
    assert poke.send(str(path), {"about": "x"}) is poke.Sent.NOBODY
    assert path.read_text() == ""
    with pytest.raises(OSError, match="FIFO"):
        poke.PokeReader(str(path))


# ---- captured output


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=30), st.integers(8, 1000))
def test_head_and_tail_fit_the_limit(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int) -> None:
    folder = tmp_path_factory.mktemp("run")
    capture = Capture(str(folder), limit)
    for piece in pieces:
        capture.keep(piece)
    capture.close()
    whole = b"".join(pieces)
    assert (capture.total, capture.dropped) == (len(whole), 0)
    kept = [(offset, Path(path).read_bytes()) for offset, path in chunks(str(folder))]
    for offset, data in kept:
        assert whole[offset : offset + len(data)] == data
    assert sum(len(data) for _, data in kept) <= limit
    if len(whole) <= limit // 2 + limit // 4:
        assert b"".join(data for _, data in kept) == whole, "what fits is kept as it is"
    elif whole:
        assert kept[0][0] == 0
        assert len(kept[0][1]) == limit // 2
        assert kept[-1][0] + len(kept[-1][1]) == len(whole)


def test_a_folder_that_takes_nothing_drops_and_counts(tmp_path: Path) -> None:
    capture = Capture(str(tmp_path / "nowhere"), 1000)
    capture.keep(b"x" * 500)
    assert (capture.total, capture.dropped) == (500, 500)
    (tmp_path / "nowhere").mkdir()
    capture.keep(b"y" * 100)
    capture.close()
    assert chunks(str(tmp_path / "nowhere")) == [(500, str(tmp_path / "nowhere" / "out.500"))]
    assert (capture.total, capture.dropped) == (600, 500)


def test_no_folder_no_chunks(tmp_path: Path) -> None:
    assert chunks(str(tmp_path / "nowhere")) == []
    (tmp_path / "out.x").touch()
    (tmp_path / "out.7").touch()
    assert [offset for offset, _ in chunks(str(tmp_path))] == [7]


# ---- orders on their way


def order(argv: list[bytes]) -> SentOrder:
    return SentOrder(b"n", b"{", b"f", b"a", b"m", b"s", b"p", argv, argv, [(b"A", b"\xff")], None, 1, 2, 3, None)


@given(st.lists(st.binary(), max_size=20))
def test_an_order_comes_back_as_it_was(argv: list[bytes]) -> None:
    sent = order(argv)
    back = SentOrder.decode(sent.encode())
    assert all(getattr(back, name) == getattr(sent, name) for name in SentOrder.__slots__)


@pytest.mark.parametrize("size", [0, 1, PACKET - 1, PACKET, PACKET + 1, 3 * PACKET + 7])
def test_packets_come_back_together(size: int) -> None:
    import socket

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        read, write = os.pipe()
        data = os.urandom(size)
        *first, last = packets(data)
        for packet in first:
            ours.send(packet)
        socket.send_fds(ours, [last], [read])
        received = receive(theirs)
        assert received is not None
        assert received[0] == data
        assert len(received[1]) == 1
        for fd in (read, write, *received[1]):
            os.close(fd)
        ours.close()
        assert receive(theirs) is None


def test_an_order_that_is_too_long_comes_empty() -> None:
    import socket

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        thread = threading.Thread(target=lambda: [ours.send(packet) for packet in packets(bytes(MAX_ORDER + 1))])
        thread.start()
        assert receive(theirs) == (b"", [])
        thread.join()


def test_locking_where_locks_do_not_work_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def flock(fd: int, how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with open(tmp_path / "x", "w") as file, pytest.raises(OSError, match="No locks"):
        lock_open_file(file.fileno())


# ---- waiting for the slot lock


class Waits:
    """In place of a `Waiter`: something happens at the second wait."""

    def __init__(self, happens: Callable[[Waits], None]) -> None:
        self.happens, self.times = happens, 0
        self.ready: list[int] = []
        self.told_to_end = False

    def wait(self, until_us: int) -> list[int]:
        self.times += 1
        if self.times == 2:
            self.happens(self)
        assert self.times < 5
        return self.ready


def arm_with_a_busy_slot(tmp_path: Path, happens: Callable[[Waits, int], None], arm_by_us: int) -> tuple[Armed, int]:
    sent = order([b"/bin/true"])
    folder = bytes(tmp_path / "run")
    sent.slot_lock, sent.folder, sent.arm_by_us = bytes(tmp_path / "slot"), folder, arm_by_us
    sent.arming_file, sent.mailbox = folder + b"/n.arming", folder + b"/n.stop"
    sent.header = b'{"nonce":"n"'
    busy = try_lock(sent.slot_lock, create=True)
    assert busy is not None
    waits = Waits(lambda waits: happens(waits, busy))
    return arm(sent, 99, waits), waits.times  # type: ignore[arg-type]


def test_a_slot_lock_that_is_let_go_is_taken(tmp_path: Path) -> None:
    armed, times = arm_with_a_busy_slot(tmp_path, lambda _, busy: os.close(busy), boot_us() + 10**9)
    assert times == 2
    os.close(armed.slot)
    armed.file.close()


def test_a_slot_lock_is_not_waited_for_beyond_the_arm_deadline(tmp_path: Path) -> None:
    with pytest.raises(NotArmed) as caught:
        arm_with_a_busy_slot(tmp_path, lambda *_: None, boot_us() - 1)
    assert caught.value.busy


def test_who_waits_for_a_slot_lock_hears_that_it_is_taken_back_or_told_to_end(tmp_path: Path) -> None:
    with pytest.raises(TakenBack):
        arm_with_a_busy_slot(tmp_path, lambda waits, _: waits.ready.append(99), boot_us() + 10**9)
    (tmp_path / "slot").unlink()
    with pytest.raises(NotArmed, match="told to end") as caught:
        arm_with_a_busy_slot(tmp_path, lambda waits, _: setattr(waits, "told_to_end", True), boot_us() + 10**9)
    assert not caught.value.busy
    assert not (tmp_path / "run").exists()


# ---- what is safe before armed is said


def test_files_and_folders_are_synced_before_anything_is_armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()
    folder = tmp_path / "runs" / "job" / "1"
    synced: list[str] = []
    held: list[bool] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        held.append(try_lock(str(folder / "n.arming"), shared=True) is None)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    go, _ = os.pipe()
    sent = order([b"/bin/true"])
    sent.folder, sent.slot_lock = bytes(folder), bytes(tmp_path / "slot")
    sent.arming_file, sent.mailbox = bytes(folder / "n.arming"), bytes(folder / "n.stop")
    sent.header, sent.arm_by_us = b'{"nonce":"n"', 0
    armed = arm(sent, go, None)  # type: ignore[arg-type]  # it does not wait: the lock is free
    assert synced == [str(folder / "n.arming"), str(folder), str(folder.parent), str(tmp_path / "runs")]
    assert all(held), "the life lock is held while the file is still being made safe"
    assert (folder / "n.arming").stat().st_blocks * 512 >= SIZE, "its room is taken"
    assert try_lock(sent.slot_lock) is None
    armed.file.close()
    for fd in (armed.slot, go, _):
        os.close(fd)
