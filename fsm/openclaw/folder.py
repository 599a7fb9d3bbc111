"""Where things lie in an OpenClaw state folder (by default ``~/.openclaw``)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from fsm.errors import StoreError

MAX_AGENTS = 10_000
"""Folders below agents/ that are looked at: some dozens are many."""


class NoOpenClaw(StoreError):
    """A folder that is none of OpenClaw's. Fields: `path`, `why`."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}; give the folder that holds cron/ and agents/ (by default ~/.openclaw)")


class StateFolder:
    """The paths below one folder. Raises `NoOpenClaw` for one that has none of them."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        if not os.path.isdir(self.path):
            raise NoOpenClaw(path, "it is not a folder" if os.path.lexists(self.path) else "there is no such folder")
        if not any(os.path.isdir(os.path.join(self.path, name)) for name in ("cron", "agents")):
            raise NoOpenClaw(path, "it has neither a cron nor an agents folder")

    def _in(self, *names: str) -> str:
        return os.path.join(self.path, *names)

    @property
    def jobs(self) -> str:
        """The jobs, and in older versions their state."""
        return self._in("cron", "jobs.json")

    @property
    def state(self) -> str:
        """The jobs' state, in later versions."""
        return self._in("cron", "jobs-state.json")

    @property
    def runs(self) -> str:
        """The folder of the histories, one file a job."""
        return self._in("cron", "runs")

    @property
    def database(self) -> str:
        """Where versions from about June 2026 on keep jobs and history: not read here."""
        return self._in("state", "openclaw.sqlite")

    def sessions(self) -> list[str]:
        """Every session store there is, by agent."""
        return sorted(self._sessions())

    def _sessions(self) -> Iterator[str]:
        try:
            with os.scandir(self._in("agents")) as found:
                names = [entry.name for _, entry in zip(range(MAX_AGENTS), found, strict=False)]
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            path = self._in("agents", name, "sessions", "sessions.json")
            if os.path.isfile(path):
                yield path

    def short(self, path: str) -> str:
        """A path as it is shown: from this folder on."""
        return os.path.relpath(path, self.path)
