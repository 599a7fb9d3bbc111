"""A data folder with a scheduler on it in another process, and this process as its client."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from attrs import frozen

from benchmarks.registry import ROOT
from fsm.client.engine import Engine
from fsm.client.settings import change_max_running
from fsm.journal.sqlite import SqliteJournal
from fsm.model.commands import Put, Request
from fsm.model.job import Job
from fsm.supervise.folder import DataFolder
from fsm.supervise.poke import Sent, send

PATIENCE_S = 60.0
"""How long to wait for the next event: far longer than any run here takes, so that a hang is an error, not a figure."""

_READ = 1 << 16


@frozen(slots=True)
class Event:
    """What a subscriber heard, and when (CLOCK_MONOTONIC, ns)."""

    phase: str
    run_id: str
    at_ns: int

    @property
    def job(self) -> str:
        """Whose run it is."""
        return self.run_id.rpartition("/")[0]

    @property
    def ended(self) -> bool:
        """Whether the end of its run is recorded."""
        return self.phase in ("end", "error")


class Stand:
    """One data folder being served. Jobs are defined before the scheduler starts."""

    def __init__(self, path: str, jobs: Iterable[Job], max_running: int, profile: str | None = None) -> None:
        self.folder = DataFolder(path)
        self.folder.create()
        self.engine = Engine(SqliteJournal(self.folder.journal), poke=self._poke)
        self.define(jobs)
        change_max_running(self.engine, max_running)
        command = [sys.executable, "-m", "benchmarks.served", path]
        if profile is not None:
            command += ["--profile", os.path.abspath(profile)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        self._rest = b""

    def _poke(self) -> bool:
        return send(self.folder.poke, {"about": "journal"}) is Sent.YES

    def define(self, jobs: Iterable[Job]) -> None:
        """All of them in one transaction."""
        self.engine.do_all([(job.name, [Put(job, "benchmark")]) for job in jobs])

    def request(self, jobs: list[str]) -> list[str]:
        """Ask for a run of each, in one transaction; those that were refused (the slot is held still)."""
        answers = self.engine.do_all([(job, [Request()]) for job in jobs])
        return [job for job, answer in zip(jobs, answers, strict=True) if answer.refusal is not None]

    def events(self, wait_s: float = PATIENCE_S) -> list[Event]:
        """What has come, at least one event unless `wait_s` is over before. Raises RuntimeError when it ended."""
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        if not select.select([fd], [], [], wait_s)[0]:
            if wait_s >= PATIENCE_S:
                raise RuntimeError(f"no event came for {wait_s:.0f} s")
            return []
        data = os.read(fd, _READ)
        if not data:
            raise RuntimeError(f"the scheduler ended, code {self.process.wait()}")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._event(line.decode()) for line in lines]

    def _event(self, line: str) -> Event:
        phase, run_id, at_ns = line.split()
        if phase == "error":
            raise RuntimeError(f"{run_id} did not succeed: {self.engine.find(run_id)}")
        return Event(phase, run_id, int(at_ns))

    def ends(self, times: int) -> list[Event]:
        """The next so many ends."""
        found: list[Event] = []
        while len(found) < times:
            found += [event for event in self.events() if event.ended]
        return found

    def wait_until_served(self) -> None:
        """Until its scheduler listens."""
        give_up = time.monotonic() + PATIENCE_S
        while not self._poke():
            if time.monotonic() > give_up or self.process.poll() is not None:
                raise RuntimeError("the scheduler did not come up")
            time.sleep(0.01)

    def close(self) -> None:
        """End the scheduler. Raises RuntimeError where it did not end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        while os.read(self.process.stdout.fileno(), _READ):
            pass  # what its subscriber still has to say
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.engine.journal.close()
        if code:
            raise RuntimeError(f"the scheduler ended with code {code}")


@contextmanager
def stand(path: str, jobs: Iterable[Job], max_running: int, profile: str | None = None) -> Iterator[Stand]:
    """A stand that ends with the block."""
    served = Stand(path, jobs, max_running, profile)
    try:
        yield served
    except BaseException:
        served.process.kill()
        served.process.wait()
        raise
    served.close()
