"""Rules of the design, taken out of a scheduler: what a test then sees go wrong is what the rule is there for."""

from __future__ import annotations

import binascii
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsm.supervise.examine as examine
import fsm.supervise.launcher as launcher
import fsm.supervise.search as search
import fsm.supervise.survivors as survivors
from chaos.tickets import Make, Tickets, replace
from fsm.model.facts import Execution, Finding
from fsm.scheduler.strangers import Strangers
from fsm.scheduler.watcher import Watcher
from fsm.supervise.armingfile import FRAME, HEADER, SIZE, Part
from fsm.supervise.examine import Look
from fsm.supervise.folder import DataFolder
from fsm.supervise.handshake import Handshake
from fsm.supervise.launcher import ProcessLauncher
from fsm.supervise.locks import lock_open_file, try_lock
from fsm.supervise.report import Contents, read_contents


def _own_report(tickets: Tickets) -> None:
    """A report belongs to the run, whichever of its armings has written it first."""
    own = DataFolder.arming_file

    def of_the_run(self: DataFolder, job: str, number: int, nonce: str) -> str:
        files = sorted(Path(self.run_folder(job, number)).glob("*.arming"), key=lambda path: path.stat().st_mtime_ns)
        return str(files[0]) if files else own(self, job, number, nonce)

    def whoever_wrote_it(fd: int, nonce: str) -> Contents:
        header = HEADER.unpack(os.pread(fd, SIZE, 0))
        return read_contents(fd, nonce if header is None else str(header["nonce"]))

    def make(real: Make) -> Make:
        def look(*arguments: Any) -> Look:
            DataFolder.arming_file = of_the_run  # type: ignore[method-assign]
            try:
                found: Look = real(*arguments)
            finally:
                DataFolder.arming_file = own  # type: ignore[method-assign]
            return found

        return look

    replace(launcher, "look", make)
    examine.read_contents = whoever_wrote_it  # type: ignore[attr-defined]


def _lock_before_report(tickets: Tickets) -> None:
    """It reads the report first, and then looks whether the supervisor lives."""

    def make(real: Make) -> Make:
        def look(folder: DataFolder, execution: Execution, boot_id: str) -> Look:
            nonce = execution.arming.nonce
            with open(folder.arming_file(execution.job, execution.number, nonce), "rb") as file:
                contents = read_contents(file.fileno(), nonce)
            tickets.at("looking")
            found: Look = real(folder, execution, boot_id)
            if found.finding.alive:
                return found
            report = contents.report
            said_anything = report is not None and report.verdict is not None
            return Look(Finding(alive=False, report=report if said_anything else None), found._fd, contents)

        return look

    replace(launcher, "look", make)


def _two_locks(tickets: Tickets) -> None:
    """There is but the slot lock: while somebody has it, the supervisor is taken to live."""

    def lock(fd: int, *, shared: bool = False) -> bool:
        folder = Path(os.readlink(f"/proc/self/fd/{fd}")).parent
        data = DataFolder(folder.parents[2])
        held = try_lock(data.slot_lock(folder.parent.name), shared=True)
        if held is None:
            return False
        os.close(held)
        return lock_open_file(fd, shared=shared)

    examine.lock_open_file = lock  # type: ignore[attr-defined]


def _all_slots(tickets: Tickets) -> None:
    """Recovery and sweep look at open runs only."""

    def make(real: Make) -> Make:
        def holder(self: Watcher, job: str) -> Execution | None:
            found: Execution | None = real(self, job)
            run = self.book.state(job).holder
            ended = run is not None and run.state.terminal
            return None if found is not None and ended and found.arming.nonce not in self._watched else found

        return holder

    replace(Watcher, "_holder", make)


def _mute_killed(tickets: Tickets) -> None:
    """A mute supervisor is left alone after its verdict."""

    def kill(self: ProcessLauncher, execution: Execution) -> None:
        tickets.at("would_kill")

    ProcessLauncher.kill = kill  # type: ignore[method-assign]


def _backstop(tickets: Tickets) -> None:
    """Nobody but its supervisor ends a run that is past its deadline."""

    def end_overdue(*_: object) -> list[object]:
        tickets.at("would_reap")
        return []

    Watcher._end_overdue = end_overdue  # type: ignore[method-assign, assignment]


def _search(tickets: Tickets) -> None:
    """What a dead supervisor left is not looked for, and its slot stays held."""

    def search(self: ProcessLauncher, execution: Execution) -> None:
        return None

    ProcessLauncher.search = search  # type: ignore[method-assign]


def _search_by_cookie(tickets: Tickets) -> None:
    """Survivors are known by their session and by the slot lock only."""

    def make(real: Make) -> Make:
        def cookies(pid: int) -> list[bytes] | None:
            return None if real(pid) is None else []

        return cookies

    replace(survivors, "_cookies", make)


def _free_proves_nothing(tickets: Tickets) -> None:
    """A slot lock that is free is taken for proof that nothing lives."""

    def scan(targets: list[survivors.Target]) -> None:
        for target in targets:
            target.found, target.hindrance = {}, None

    search.scan = scan  # type: ignore[attr-defined, assignment]


def _checksums(tickets: Tickets) -> None:
    """What can be parsed is believed."""

    def make(real: Make) -> Make:
        def unpack(self: Part, file: bytes) -> object:
            payload = file[self.offset + FRAME :][: int.from_bytes(file[self.offset + 6 : self.offset + 8], "little")]
            checksum = binascii.crc32(payload).to_bytes(4, "little") if payload else bytes(4)
            return real(self, file[: self.offset + 8] + checksum + file[self.offset + FRAME :])

        return unpack

    replace(Part, "unpack", make)


def _strangers(tickets: Tickets) -> None:
    """What the journal does not know is not looked for."""
    Strangers.find = lambda self: {}  # type: ignore[method-assign]


def _no_leak(tickets: Tickets) -> None:
    """Another process has the writing end of every go pipe, too."""

    def make(real: Make) -> Make:
        def send(self: Handshake, *arguments: Any) -> None:
            real(self, *arguments)
            assert self.pipe is not None
            sleeper = "import time; time.sleep(600)"
            own = tickets.folder + "/"  # by which the test finds it
            subprocess.Popen([sys.executable, "-I", "-S", "-c", sleeper, own], pass_fds=[self.pipe])

        return send

    replace(Handshake, "send", make)


RULES: dict[str, Callable[[Tickets], None]] = {
    "own_report": _own_report,
    "lock_before_report": _lock_before_report,
    "two_locks": _two_locks,
    "all_slots": _all_slots,
    "mute_killed": _mute_killed,
    "backstop": _backstop,
    "search": _search,
    "search_by_cookie": _search_by_cookie,
    "free_proves_nothing": _free_proves_nothing,
    "checksums": _checksums,
    "strangers": _strangers,
    "no_leak": _no_leak,
}
