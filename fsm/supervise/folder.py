"""The data folder: what lies where, and whether it can be used.

A folder that does not exist is an empty one: readers ask `exists`, and only `create` makes anything.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable

from fsm.errors import FolderUnusable
from fsm.model.job import fold_name
from fsm.supervise.filesystem import check_locks, check_not_network

_ID = re.compile(r"[0-9a-f]{16}")
_NONCE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ARMING_SUFFIX, _MAILBOX_SUFFIX = ".arming", ".stop"


class DataFolder:
    """One data folder by its absolute path. Nothing is touched until a method is called."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path)))
        self.journal = self._at("journal.db")
        self.scheduler_lock = self._at("scheduler.lock")
        self.poke = self._at("poke")
        self.locks = self._at("locks")
        self.runs = self._at("runs")
        self._id_file = self._at("id")
        self._id: str | None = None

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def __repr__(self) -> str:
        return f"DataFolder({self.path!r})"

    @property
    def exists(self) -> bool:
        """Whether it has been created; if not, it is an empty one."""
        return os.path.isfile(self._id_file)

    @property
    def id(self) -> str:
        """16 random hex digits, given once. Raises `FolderUnusable` where there is none or it is damaged."""
        if self._id is None:
            try:
                with open(self._id_file, encoding="ascii", errors="replace") as file:
                    text = file.read(64).strip()
            except OSError as error:
                raise FolderUnusable(self.path, f"it is no data folder: id: {error.strerror}") from error
            if not _ID.fullmatch(text):
                raise FolderUnusable(
                    self._id_file, "it does not hold 16 hex digits", "restore the file, or use another data folder"
                )
            self._id = text
        return self._id

    def token(self, nonce: str) -> str:
        """The cookie by which the processes of an arming are known (`CRONFSM_RUN_TOKEN`)."""
        return f"{self.id}-{nonce}"

    def slot_lock(self, job: str) -> str:
        """The slot lock of a job: names that differ only in case share it, as they would share a folder elsewhere."""
        return os.path.join(self.locks, hashlib.sha256(fold_name(job).encode()).hexdigest()[:32] + ".slot")

    def run_folder(self, job: str, number: int) -> str:
        """Where everything of one run lies."""
        return os.path.join(self.runs, job, str(number))

    def arming_file(self, job: str, number: int, nonce: str) -> str:
        """Life lock and report of one arming. Raises ValueError for what cannot be a nonce."""
        return self._of_arming(job, number, nonce, _ARMING_SUFFIX)

    def mailbox(self, job: str, number: int, nonce: str) -> str:
        """The stop mailbox of one arming. Raises ValueError for what cannot be a nonce."""
        return self._of_arming(job, number, nonce, _MAILBOX_SUFFIX)

    def _of_arming(self, job: str, number: int, nonce: str, suffix: str) -> str:
        if not _NONCE.fullmatch(nonce):
            raise ValueError(f"{nonce!r} is no nonce")
        return os.path.join(self.run_folder(job, number), nonce + suffix)

    def run_numbers(self, job: str) -> list[int]:
        """The numbers that have a folder, ascending: none of them may be given again, whatever the journal says."""
        try:
            names = os.listdir(os.path.join(self.runs, job))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def job_folders(self) -> list[str]:
        """The jobs that have a folder, by name, known to the journal or not."""
        try:
            return sorted(os.listdir(self.runs))
        except FileNotFoundError:
            return []

    def has_runs(self) -> bool:
        """Whether any run has left a folder, known to the journal or not."""
        return any(self.run_numbers(job) for job in self.job_folders())

    def armings(self, job: str, number: int) -> list[str]:
        """The nonces that have a file in a run's folder: what a restored journal may not know of."""
        try:
            names = os.listdir(self.run_folder(job, number))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name.removesuffix(_ARMING_SUFFIX) for name in names if name.endswith(_ARMING_SUFFIX))

    def create(self) -> None:
        """Make what is missing of it, private to its owner, and check that it can be used.

        Raises `FolderUnusable`, with nothing half made that a later `create` would not complete.
        """
        self._or_unusable(lambda: os.makedirs(self.path, mode=0o700, exist_ok=True))
        self.check()
        self._or_unusable(self._make_parts)
        self._id = None
        _ = self.id

    def check(self) -> None:
        """Raises `FolderUnusable` unless it is ours, writable, local, and has locks that work."""
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise FolderUnusable(self.path, error.strerror or "it cannot be looked at") from error
        if not stat.S_ISDIR(status.st_mode):
            raise FolderUnusable(self.path, "it is not a folder")
        if status.st_uid != os.geteuid():
            raise FolderUnusable(
                self.path, f"it belongs to user {status.st_uid}, not to user {os.geteuid()}", "use a folder of your own"
            )
        if status.st_mode & stat.S_IWOTH:
            raise FolderUnusable(self.path, "everybody may write to it", f"chmod 700 {self.path}")
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise FolderUnusable(self.path, "it is not writable")
        check_not_network(self.path)
        check_locks(self.path)

    def _make_parts(self) -> None:
        for folder in (self.locks, self.runs):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        try:
            os.mkfifo(self.poke, 0o600)
        except FileExistsError:
            if not stat.S_ISFIFO(os.stat(self.poke, follow_symlinks=False).st_mode):
                raise FolderUnusable(self.poke, "it is not a FIFO", "remove it") from None
        if not self.exists:
            self._give_id()

    def _give_id(self) -> None:
        """Two who create at once: one id wins, and both read it. A crash leaves no half an id."""
        draft = f"{self._id_file}.{os.getpid()}.{secrets.token_hex(4)}"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, secrets.token_hex(8).encode() + b"\n")
            os.fsync(fd)
            try:
                os.link(draft, self._id_file)
            except FileExistsError:
                return
        finally:
            os.close(fd)
            os.unlink(draft)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _or_unusable(self, make: Callable[[], None]) -> None:
        try:
            make()
        except OSError as error:
            raise FolderUnusable(error.filename or self.path, error.strerror or str(error)) from error
