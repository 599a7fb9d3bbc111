"""From a fresh fork to an armed supervisor: the slot lock, then the files, then the life lock, all before `armed`."""

from __future__ import annotations

import contextlib
import errno
import os

from fsm.supervise import mailbox
from fsm.supervise.armingfile import SIZE, SIZE_OF_AGENT, ArmingFile, json_text
from fsm.supervise.cgroup import Cgroup
from fsm.supervise.locks import try_lock
from fsm.supervise.processes import own_start
from fsm.supervise.sent import SentOrder
from fsm.supervise.waiting import Waiter, boot_us

MAX_CGROUP = 1200  # bytes of JSON in the header; a longer path would not name the group any more
_FIRST_PAUSE_US, _LONGEST_PAUSE_US = 1_000, 50_000  # flock can't be waited for beside other things: ask again


class NotArmed(Exception):
    """No supervisor is armed. `busy`: the slot lock was not to be had in time, which is no failure."""

    def __init__(self, error: str, *, busy: bool = False) -> None:
        self.error, self.busy = error, busy
        super().__init__(error)


class TakenBack(Exception):
    """Whoever ordered the arming has closed the go pipe: nobody waits for an answer."""


class Armed:
    """What an armed supervisor holds."""

    __slots__ = ("cgroup", "file", "pid_start", "slot")

    def __init__(self, slot: int, file: ArmingFile, pid_start: int, cgroup: Cgroup | None) -> None:
        self.slot, self.file, self.pid_start, self.cgroup = slot, file, pid_start, cgroup


def arm(order: SentOrder, go: int, waiter: Waiter) -> Armed:
    """Take the slot lock, make the files, take the life lock. Raises `NotArmed` or `TakenBack`."""
    if not order.argv:
        raise NotArmed("there is nothing to execute")
    slot = _take_slot(order, go, waiter)
    try:
        return _make_files(order, slot)
    except (OSError, ValueError) as error:
        os.close(slot)  # before anybody is told: the next arming may come at once
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise NotArmed(f"cannot make the run's files: {why} ({order.folder.decode('utf-8', 'replace')})") from error


def _take_slot(order: SentOrder, go: int, waiter: Waiter) -> int:
    """Wait for the slot lock until the arm deadline: the run before may need a moment to let it go."""
    pause = _FIRST_PAUSE_US
    while True:
        try:
            slot = try_lock(order.slot_lock, create=True)
        except OSError as error:
            raise NotArmed(f"cannot use the slot lock: {error.strerror}") from error
        if slot is not None:
            return slot
        now = boot_us()
        if now >= order.arm_by_us:
            raise NotArmed("the slot lock of the job was not let go in time", busy=True)
        ready = waiter.wait(min(now + pause, order.arm_by_us))
        if waiter.told_to_end:
            raise NotArmed("its supervisor was told to end before it was armed")
        if go in ready:
            raise TakenBack
        pause = min(2 * pause, _LONGEST_PAUSE_US)


def _make_files(order: SentOrder, slot: int) -> Armed:
    pid_start = own_start()
    cgroup = Cgroup(order.cgroup) if order.cgroup else None
    if cgroup is not None and not cgroup.make():
        cgroup = None
    file = None
    try:
        first = _make_folder(order.folder)
        group = json_text(cgroup.path, MAX_CGROUP) if cgroup else "null"
        last = b',"pid":%d,"pid_start":%d,"cgroup":%b}' % (os.getpid(), pid_start, group.encode("ascii"))
        size = SIZE if order.agent is None else SIZE_OF_AGENT
        file = ArmingFile(order.arming_file, order.header + last, size)
        mailbox.create(order.mailbox)
        os.fsync(file.fd)
        _sync_folders(order.folder, 3 if first else 2)
    except BaseException:
        # nothing was armed: leave nothing that looks as if something had been
        if cgroup is not None:
            cgroup.remove()
        if file is not None:
            for path in (order.arming_file, order.mailbox):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            file.close()
        raise
    return Armed(slot, file, pid_start, cgroup)


def _make_folder(path: bytes) -> bool:
    """Make the run's folder; True where more than that one had to be made."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        os.makedirs(path, 0o700, exist_ok=True)  # the job's first run
        return True
    return False


def _sync_folders(folder: bytes, levels: int) -> None:
    """A new file is safe once the folder that names it is, up to one that was there before: run, job, runs/."""
    for _ in range(levels):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        folder = os.path.dirname(folder)
