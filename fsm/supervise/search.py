"""The search for survivors: find, end, wait, until two scans in a row find nothing. In a thread of its own."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence

from fsm.model.facts import Execution, Searched
from fsm.model.states import Evidence
from fsm.supervise.cgroup import Cgroup
from fsm.supervise.examine import look
from fsm.supervise.folder import DataFolder
from fsm.supervise.locks import try_lock
from fsm.supervise.processes import open_process, ticks
from fsm.supervise.survivors import Target, describe, open_found, scan

_QUIET_SCANS = 2
_PAUSE_S = 0.005  # between two scans: what was between fork and exec shows its environment in the next
_DEATH_WAIT_MS = 500  # what was sent a SIGKILL is gone in less, unless it sits in the kernel
_LONGEST_S = 10.0  # then the answer is what is in the way; whoever asked may ask again
_STUCK_ROUNDS = 20  # the same for what neither dies nor can be ended


class Searcher:
    """Searches for any number of executions at once. `done` is called in its thread, once for each."""

    def __init__(self, folder: DataFolder, boot_id: str, done: Callable[[Searched], None]) -> None:
        self._folder, self._boot_id, self._done = folder, boot_id, done
        self._lock = threading.Lock()
        self._waiting: dict[str, Execution] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def close(self) -> None:
        """No answers from now on; a search under way ends with its next round."""
        with self._lock:
            self._closed = True
            self._waiting.clear()

    def search(self, execution: Execution) -> None:
        """Begin; harmless when repeated while it waits its turn."""
        with self._lock:
            self._waiting[execution.arming.nonce] = execution
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="cronfsm-search", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                batch = list(self._waiting.values())
                self._waiting.clear()
                if not batch:
                    self._thread = None
                    return
            self._search(batch)

    def _search(self, batch: Sequence[Execution]) -> None:
        """Every execution gets an answer, whatever goes wrong."""
        open_ = {execution.arming.nonce for execution in batch}

        def answer(searched: Searched) -> None:
            open_.discard(searched.nonce)
            with self._lock:
                if not self._closed:
                    self._done(searched)

        try:
            targets = []
            for execution in batch:
                known, target = self._begin(execution)
                if known is not None:
                    answer(known)
                if target is not None:
                    targets.append(target)
            _search_all(targets, answer, lambda: self._closed)
        except Exception as error:
            for nonce in list(open_):
                answer(Searched(nonce, None, f"the search failed: {error}"))

    def _supervisor_gone(self, execution: Execution) -> bool:
        """A process lets its locks go a moment before it counts as dead: that moment is waited for."""
        fd = open_process(execution.arming.pid, execution.arming.pid_start)
        if fd is None:
            return True
        try:
            examination = look(self._folder, execution, self._boot_id)
            examination.close()
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            return bool(poll.poll(0 if examination.finding.alive else _DEATH_WAIT_MS))
        finally:
            os.close(fd)

    def _begin(self, execution: Execution) -> tuple[Searched | None, Target | None]:
        arming = execution.arming
        if arming.boot_id != self._boot_id:
            return Searched(arming.nonce, Evidence.REBOOT), None
        if not self._supervisor_gone(execution):
            return Searched(arming.nonce, None, f"its supervisor, process {arming.pid}, is alive"), None
        folder = self._folder
        target = Target(
            arming.nonce,
            folder.token(arming.nonce),
            arming.pid_start,
            slot_lock="" if arming.in_process else folder.slot_lock(execution.job),
            cgroup=arming.cgroup,
        )
        with contextlib.suppress(OSError):
            examination = look(folder, execution, self._boot_id)
            examination.close()
            if examination.contents is not None:
                target.home = examination.contents.home
                command, forked = examination.contents.command_pid, examination.contents.command_forked_at_boot_us
                if command is not None:
                    target.sessions[command] = None if forked is None else ticks(forked)
        return None, target


def _search_all(targets: Sequence[Target], answer: Callable[[Searched], None], given_up: Callable[[], bool]) -> None:
    quiet = dict.fromkeys((target.nonce for target in targets), 0)
    until = time.monotonic() + _LONGEST_S
    left = list(targets)
    stuck = 0
    while left and not given_up():
        for target in left:
            if target.cgroup and Cgroup(target.cgroup).populated():
                Cgroup(target.cgroup).kill()
        scan(left)
        ended = _end(left)
        stuck = 0 if ended else stuck + 1
        for target in list(left):
            quiet[target.nonce] = 0 if _in_the_way(target) else quiet[target.nonce] + 1
            if quiet[target.nonce] >= _QUIET_SCANS:
                answer(_answer(target))
                left.remove(target)
        if left and (stuck > _STUCK_ROUNDS or time.monotonic() >= until):
            for target in left:
                answer(Searched(target.nonce, None, _in_the_way(target) or "it was found again and again"))
            return
        if left:
            time.sleep(_PAUSE_S * min(1 + stuck, 10))


def _end(targets: Sequence[Target]) -> bool:
    """SIGKILL to all that was found, and a wait for their ends; whether any of them ended."""
    poll = select.poll()
    opened: list[int] = []
    try:
        for target in targets:
            for stat in target.found.values():
                try:
                    fd = open_found(stat)
                    if fd is None:
                        continue
                    opened.append(fd)
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                    poll.register(fd, select.POLLIN)
                except ProcessLookupError:
                    continue
                except OSError as error:  # not ours to end, or no descriptor left for it
                    target.hindrance = describe(stat, f"belongs to the run and can't be ended: {error.strerror}")
        return _wait_for_one(poll, len(opened))
    finally:
        for fd in opened:
            os.close(fd)


def _wait_for_one(poll: select.poll, count: int) -> bool:
    return bool(count and poll.poll(_DEATH_WAIT_MS))


def _in_the_way(target: Target) -> str | None:
    """What shows that something of it lives, in the last scan."""
    if target.hindrance:
        return target.hindrance
    if target.found:
        return describe(next(iter(target.found.values())), "belongs to the run and was just found")
    if target.cgroup and Cgroup(target.cgroup).populated():
        return f"its control group {target.cgroup} is not empty"
    return _slot_lock_held(target)


def _slot_lock_held(target: Target) -> str | None:
    """The slot lock is inherited by what a run executes: held, it says that something of it, or another run, lives."""
    if not target.slot_lock:
        return None
    try:
        fd = try_lock(target.slot_lock, shared=True)
    except OSError:
        return None  # no such lock: nobody holds it
    if fd is None:
        return f"the slot lock {target.slot_lock} is still held"
    os.close(fd)
    return None


def _answer(target: Target) -> Searched:
    if target.cgroup:
        Cgroup(target.cgroup).remove()
        return Searched(target.nonce, Evidence.CGROUP)
    return Searched(target.nonce, Evidence.SCAN)
