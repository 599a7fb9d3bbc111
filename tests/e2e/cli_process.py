"""The command line as a process of its own, and a scheduler beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsm
from fsm.scheduler.lock import who_serves
from fsm.supervise.folder import DataFolder

SOURCE = str(Path(fsm.__file__).parent.parent)
WITHIN_S = float(os.environ.get("CRONFSM_TEST_WITHIN_S", "120"))
"""What takes longer than this on any machine does not come any more."""

Finished = subprocess.CompletedProcess[str]


def until(what: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Wait until `what` holds; fails when it does not in time. For what another process does and tells nobody."""
    give_up = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.02)


class Cli:
    """Commands on one data folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.folder = DataFolder(folder)
        self._started: list[subprocess.Popen[str]] = []

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "fsm.cli", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """A plain one: nothing of what this machine happens to have set."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {**kept, "PYTHONPATH": SOURCE, "CRONFSM_HOME": str(self.path), "TZ": "UTC", "LC_ALL": "C.UTF-8", **more}

    def run(self, *arguments: str, **environment: str) -> Finished:
        """One command, to its end."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            encoding="utf-8",
            timeout=WITHIN_S,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        """Its answer; it has to succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Its answer as JSON."""
        return json.loads(self.ok("--json", *arguments))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """One command that goes on."""
        process = subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            env=self.environment(),
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what was started and has not ended: a test that failed leaves nothing behind."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait(WITHIN_S)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def served(self) -> bool:
        return who_serves(self.folder) is not None

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A scheduler that is up; told to stop at the end, and every run of the folder with it."""
        process = self.start("serve", "--json", *arguments)
        try:
            until(lambda: self.served() or process.poll() is not None)
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            stop(process)
            for run in self.json("runs", "--limit", "1000"):
                if run["state"] in ("queued", "running") or run["slot"] == "held":
                    self.run("cancel", run["id"])


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    """Signal it, wait for its end, and give what it printed."""
    if process.poll() is None:
        process.send_signal(number)
    return process.communicate(timeout=WITHIN_S)


def alive(cookie: str) -> list[int]:
    """Processes that carry this word on their command line or in their environment."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            text = Path(f"/proc/{name}/cmdline").read_bytes() + Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue
        if cookie.encode() in text:
            found.append(int(name))
    return found
