"""What the tests of the command line share: a journal with a clock that stands still, and one call of a command."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from attrs import define, field

from fsm.cli.context import Session
from fsm.cli.main import run
from fsm.client.engine import Engine
from fsm.engine.decide import decide
from fsm.instants import Deadline, Instant, Moment, parse_duration, parse_instant
from fsm.journal.memory import MemoryJournal
from fsm.model.commands import Command, FailStart, Judge, QueueTimeout, Release, Start, Ticks
from fsm.model.entries import Draft, Ended, SchedulerAlive, SchedulerDown, SchedulerUp
from fsm.model.facts import Emptied, Execution, Fact, Finding, Order, Report, Searched, StopAnswer
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.run import Arming, Run
from fsm.model.states import Actor, Evidence, Reason, Trigger
from fsm.ports import Append
from fsm.scheduler.lock import Served

BOOT = "boot-1"


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self, at: str = "2026-11-20T02:00:00Z") -> None:
        self.moment = Moment(parse_instant(at), 1_000_000_000, BOOT)

    def now(self) -> Moment:
        return self.moment

    def to(self, at: str) -> None:
        """Go on to an instant, or by a length of time."""
        length = parse_instant(at) - self.moment.utc if "T" in at else parse_duration(at)
        assert length >= 0, "time goes forward"
        self.moment = Moment(Instant(self.moment.utc + length), self.moment.boot + length, BOOT)


@define
class Looked:
    """An examination; remembers whether it was closed."""

    finding: Finding
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@define
class FakeLauncher:
    """Supervisors as a test wants them: `alive` and `report` by nonce."""

    alive: set[str] = field(factory=set)
    reports: dict[str, Report] = field(factory=dict)
    unreadable: set[str] = field(factory=set)
    evidence: Evidence | None = Evidence.SCAN
    hindrance: str | None = None
    answer: StopAnswer | None = None
    on_stop: dict[str, Report] = field(factory=dict)  # what a supervisor reports once it is stopped
    stopped: list[tuple[str, Reason]] = field(factory=list)
    killed: list[str] = field(factory=list)
    searched: list[str] = field(factory=list)
    looks: list[Looked] = field(factory=list)
    meanwhile: Callable[[], None] | None = None  # happens right after a look
    _facts: list[Fact] = field(factory=list)

    def arm(self, order: Order) -> None:
        raise AssertionError("a client arms nothing")

    def go(self, execution: Execution, run_by: Deadline) -> None:
        raise AssertionError("a client starts nothing")

    def disarm(self, nonce: str) -> None: ...

    def watch(self, execution: Execution) -> None: ...

    def forget(self, nonce: str) -> None: ...

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        nonce = execution.arming.nonce
        self.stopped.append((nonce, reason))
        if self.answer is not None:
            return self.answer
        if nonce not in self.alive:
            return StopAnswer.GONE
        if nonce in self.on_stop:
            self.reports[nonce] = self.on_stop[nonce]
            if self.reports[nonce].emptied is not None:
                self.alive.discard(nonce)
        return StopAnswer.PUT

    def examine(self, execution: Execution) -> Looked:
        nonce = execution.arming.nonce
        look = Looked(Finding(nonce in self.alive, self.reports.get(nonce), nonce in self.unreadable))
        self.looks.append(look)
        if self.meanwhile is not None:
            self.meanwhile()
        return look

    def search(self, execution: Execution) -> None:
        assert execution.arming.nonce not in self.alive, "nobody searches beside a living supervisor"
        assert not self.looks[-1].closed, "the life lock is kept while one searches"
        self.searched.append(execution.arming.nonce)
        self._facts.append(Searched(execution.arming.nonce, self.evidence, self.hindrance))

    def kill(self, execution: Execution) -> None:
        self.killed.append(execution.arming.nonce)
        self.alive.discard(execution.arming.nonce)

    def numbers(self, above: Mapping[str, int]) -> Mapping[str, Sequence[int]]:
        return {}

    def living(self) -> Sequence[Execution]:
        return ()

    def armings(self, job: str, number: int) -> Sequence[Execution]:
        return ()

    def facts(self) -> Sequence[Fact]:
        facts, self._facts = self._facts, []
        return facts


class FakeSession(Session):
    """A session on a journal of its own; `serving` says whether a scheduler is up."""

    serving = False

    def served(self) -> Served | None:
        return Served(4242, 1, parse_instant("2026-11-20T00:00:00Z")) if self.serving else None

    def close(self) -> None:
        """Keep everything: the test goes on with it."""
        self.as_json = self.debug = False


class World:
    """A journal, its clock, its launcher, and what a scheduler does to it, step by step."""

    def __init__(self, capsys: pytest.CaptureFixture[str], start: str = "2026-11-20T02:00:00Z") -> None:
        self.clock = FakeClock(start)
        self.journal = MemoryJournal()
        self.launcher = FakeLauncher()
        self.session = FakeSession(journal=self.journal, clock=self.clock, launcher=self.launcher)
        self.engine = Engine(self.journal, clock=self.clock, actor=Actor.CLI)
        self._capsys, self._epoch = capsys, 0

    # ---- a person

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of one command."""
        self._capsys.readouterr()
        code = run(arguments, self.session)
        out, err = self._capsys.readouterr()
        return int(code), out, err

    def ok(self, *arguments: str) -> str:
        """The answer of a command that has to succeed without a word on stderr."""
        code, out, err = self.call(*arguments)
        assert (code, err) == (0, ""), (code, out, err)
        return out

    def json(self, *arguments: str) -> Any:
        """The one JSON document of a command."""
        return json.loads(self.ok("--json", *arguments))

    # ---- a scheduler

    def scheduler(self, body: SchedulerUp | SchedulerAlive | SchedulerDown) -> None:
        state = self.journal.state(SCHEDULER_STREAM)
        draft = Draft(SCHEDULER_STREAM, self.clock.now().utc, Actor.SCHEDULER, None, body)
        self.journal.append([Append(state, (draft,))], epoch=self._epoch)

    def up(self) -> None:
        """A scheduler comes up."""
        self._epoch += 1
        self.session.serving = True
        self.scheduler(SchedulerUp(self._epoch, 4242, BOOT, "0.1.0", 8))

    def down(self, reason: str = "SIGTERM") -> None:
        """It ends in good order."""
        self.scheduler(SchedulerDown(self._epoch, reason))
        self.session.serving = False

    def crash(self) -> None:
        """It ends without a word."""
        self.session.serving = False

    def decide(self, job: str, command: Command, actor: Actor = Actor.SCHEDULER) -> None:
        """What a scheduler appends for `command`."""
        state = self.journal.state(job)
        drafts = decide(state, command, self.clock.now(), actor).drafts
        if drafts:
            self.journal.append([Append(state, drafts)], epoch=self._epoch or None)

    def tick(self, job: str) -> None:
        """Answer the ticks that are due."""
        self.decide(job, Ticks())

    def start(self, job: str) -> Run:
        """Start the queued run."""
        run = next(run for run in self.journal.state(job).runs if run.state == "queued")
        nonce = f"nonce-{run.number}"
        self.launcher.alive.add(nonce)
        self.decide(job, Start(run.number, Arming(nonce, BOOT, 100 + run.number, 5)))
        return self._held(job)

    def _held(self, job: str) -> Run:
        run = self.journal.state(job).holder
        assert run is not None
        return run

    def end(self, job: str, verdict: Ended | None = None, *, release: bool = True) -> None:
        """End the running run, by default with exit 0, and free its slot."""
        run = self._held(job)
        assert run.arming is not None
        now = self.clock.now().utc
        self.decide(job, Judge(run.number, verdict or succeeded(now)), Actor.SUPERVISOR)
        if release:
            self.release(job)

    def release(self, job: str) -> None:
        run = self._held(job)
        assert run.arming is not None
        self.launcher.alive.discard(run.arming.nonce)
        self.decide(job, Release(run.number, run.arming.nonce, Evidence.REPORT, self.clock.now().utc), Actor.SUPERVISOR)

    def fail_start(self, job: str, error: str) -> None:
        run = self.journal.state(job).open_runs[0]
        self.decide(job, FailStart(run.number, error))

    def queue_timeout(self, job: str) -> None:
        self.decide(job, QueueTimeout(self.journal.state(job).open_runs[0].number), Actor.REAPER)

    def define(self, name: str, **keys: Any) -> None:
        """A job from a file."""
        keys.setdefault("command", ["true"])
        self.engine.define(Job(name, **keys), source="file:/etc/jobs.toml")


def succeeded(at: Instant) -> Ended:
    """Exit 0 at that time."""
    return Ended(Trigger.SUCCEED, Reason.COMPLETED, at, exit_code=0)


def report(nonce: str, verdict: Ended | None, emptied_at: Instant | None = None) -> Report:
    """What a supervisor leaves."""
    return Report(nonce, verdict, None if emptied_at is None else Emptied(emptied_at))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The machine's clock stands in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
