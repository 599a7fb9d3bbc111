"""Control groups (cgroup v2), where one can be made: the only complete proof that a process tree is gone.

Never a reason to fail a run: where a group can't be made, the run goes without.
"""

from __future__ import annotations

import contextlib
import os
import signal

MAX_PATH = 200  # characters, so that the path fits the header of an arming file whatever they are


class Cgroup:
    """One group by its path. The supervisor stays outside of it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def make(self) -> bool:
        """Make it; False if it can't be made."""
        try:
            os.mkdir(self.path, 0o755)
        except OSError:
            return False
        return True

    def enter(self) -> None:
        """Move the calling process into it. Raises OSError."""
        _write(os.path.join(self.path, "cgroup.procs"), b"0")

    def populated(self) -> bool | None:
        """Whether a process lives in it or below; False also when it is gone, for only an empty one can be removed.

        None where it can't be told.
        """
        try:
            fd = os.open(os.path.join(self.path, "cgroup.events"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return None
        try:
            return b"populated 1" in os.read(fd, 4096)
        except OSError as error:
            # ENODEV: removed while it was open
            return False if error.errno == 19 else None
        finally:
            os.close(fd)

    def members(self) -> list[int]:
        """The pids in it (not below it), as this process sees them."""
        try:
            with open(os.path.join(self.path, "cgroup.procs"), "rb") as file:
                return [int(line) for line in file.read().split()]
        except (OSError, ValueError):
            return []

    def kill(self) -> None:
        """SIGKILL to all that is in it or below, at once; before Linux 5.14 to each member."""
        try:
            _write(os.path.join(self.path, "cgroup.kill"), b"1")
        except OSError:
            for pid in self.members():
                if pid > 1:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Remove it and what the command made below it, if all of that is empty; else leave it."""
        for folder, _, _ in os.walk(self.path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def find_parent(setting: str | None) -> str | None:
    """Where groups may be made, or None. `setting` is CRONFSM_CGROUP: a path, ``off``, or None for what can be found.

    Found is the own group, unless it is the root: that one belongs to the system, not to us.
    """
    if setting == "off":
        return None
    path = setting or _own_group()
    if not path or len(path) > MAX_PATH - 60:
        return None
    procs = os.path.join(path, "cgroup.procs")
    return path if os.access(path, os.W_OK | os.X_OK) and os.access(procs, os.W_OK) else None


def _own_group() -> str | None:
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            own = next((line.rstrip("\n")[3:] for line in file if line.startswith("0::")), "/")
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = [
                left.split() for left, _, right in (line.partition(" - ") for line in file) if right[:7] == "cgroup2"
            ]
    except OSError:
        return None
    if own == "/" or not mounts:
        return None
    root, point = mounts[0][3], mounts[0][4]
    if root != "/" and own.startswith(root):
        own = own[len(root) :]
    return point + own if own not in ("", "/") else None
