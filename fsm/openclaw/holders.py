"""Is a gateway up on this folder? Files must not be swapped under one: it would write over them what it has in memory.

Known by three signs: an open descriptor on one of the files; a lock file, as OpenClaw writes them (``<file>.lock``
beside a session store, ``gateway.<hash>.lock`` in the temporary folder; JSON with pid and, on Linux, the process's
start time); and a process that is called as a gateway is and whose state folder is this one. Sources:
``src/infra/gateway-lock.ts``, ``src/agents/session-write-lock.ts`` of openclaw/openclaw. Processes of other users can
be told only where /proc shows them.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import tempfile
from collections.abc import Iterable, Iterator

from attrs import frozen

from fsm.errors import ConflictError

_MAX_LOCK = 64 << 10
"""Bytes of a lock file that are read: one is some hundred."""


@frozen(slots=True)
class Holder:
    """A process that is in the way, and how that is known."""

    pid: int
    how: str


class GatewayUp(ConflictError):
    """The files are in use. Fields: `path`, `pid`, `how`."""

    def __init__(self, path: str, holder: Holder) -> None:
        self.path, self.pid, self.how = path, holder.pid, holder.how
        super().__init__(
            f"{path}: process {holder.pid} uses it ({holder.how}); nothing was changed: stop the gateway "
            "(openclaw gateway stop), then say the same again"
        )


def holders(folder: str, files: Iterable[str]) -> list[Holder]:
    """Every process that uses one of `files`, or is the gateway of `folder`; each once."""
    found: dict[int, Holder] = {}
    for holder in _all(folder, list(files)):
        if holder.pid != os.getpid():
            found.setdefault(holder.pid, holder)
    return list(found.values())


def _all(folder: str, files: list[str]) -> Iterator[Holder]:
    for path in files:
        yield from _of_lock(f"{path}.lock")
    here = os.path.realpath(folder)
    for path in _gateway_locks():
        for holder in _of_lock(path):
            if _is_below(_lock(path).get("configPath"), here):
                yield holder
    names = {_identity(path): path for path in files if os.path.exists(path)}
    for pid in _pids():
        yield from _of_process(pid, here, names)


def _is_below(path: object, folder: str) -> bool:
    return isinstance(path, str) and os.path.realpath(path).startswith(folder + os.sep)


def _gateway_locks() -> list[str]:
    places = {tempfile.gettempdir(), "/tmp"}
    found: list[str] = []
    for place in places:
        for name in ("openclaw", "openclaw-[0-9]*"):
            found += glob.glob(os.path.join(glob.escape(place), name, "gateway.*.lock"))
    return sorted(set(found))


def _lock(path: str) -> dict[str, object]:
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read(_MAX_LOCK))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _of_lock(path: str) -> Iterator[Holder]:
    data = _lock(path)
    pid = data.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0 or not _alive(pid):
        return
    began = data.get("startTime", data.get("starttime"))
    if isinstance(began, int) and _start_of(pid) not in (None, began):
        return  # another process has that pid by now
    yield Holder(pid, f"by the lock {path}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _start_of(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat: clock ticks since boot."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # no such thing on this system
        return []


def _identity(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_dev, stat.st_ino


def _of_process(pid: int, folder: str, names: dict[tuple[int, int], str]) -> Iterator[Holder]:
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as open_files:
        for entry in open_files:
            with contextlib.suppress(OSError):
                held = names.get(_identity(entry.path))
                if held is not None:
                    yield Holder(pid, f"it has {held} open")
                    return
    words = _words(pid, "cmdline")
    called = any(word in ("gateway", "openclaw-gateway") for word in words) and any("openclaw" in w for w in words)
    if not called:
        return
    state = _state_folder(pid)
    if state is None or os.path.realpath(state) == folder:
        yield Holder(pid, f"it is called {' '.join(words)[:80]}")


def _words(pid: int, name: str) -> list[str]:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return [os.fsdecode(word) for word in file.read(1 << 20).split(b"\0") if word]
    except OSError:
        return []


def _state_folder(pid: int) -> str | None:
    """Where a gateway keeps its state, by its environment; None where that cannot be read."""
    variables = dict(word.partition("=")[::2] for word in _words(pid, "environ"))
    if "OPENCLAW_STATE_DIR" in variables:
        return variables["OPENCLAW_STATE_DIR"]
    home = variables.get("OPENCLAW_HOME") or variables.get("HOME")
    return os.path.join(home, ".openclaw") if home else None


@contextlib.contextmanager
def store_lock(path: str) -> Iterator[None]:
    """OpenClaw's own lock on a session store, held while it is swapped, so that a gateway that starts meanwhile waits.

    Raises `GatewayUp` where a living process holds it. One that a dead process left is OpenClaw's to clear, and no
    lock.
    """
    lock = f"{path}.lock"
    try:
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        for holder in _of_lock(lock):
            raise GatewayUp(path, holder) from None
        yield
        return
    try:
        payload: dict[str, object] = {"pid": os.getpid(), "createdAt": _now_text()}
        began = _start_of(os.getpid())
        os.write(descriptor, json.dumps(payload | ({} if began is None else {"starttime": began})).encode())
        yield
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock)


def _now_text() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
