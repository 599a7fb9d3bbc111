"""Goal 3: work done in process: what the engine and the SQLite journal cost, with a commit each and in groups."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from functools import partial

from benchmarks.figures import Beside, Figure, Sample, at_least
from benchmarks.limits import syncs_per_s
from benchmarks.registry import Setting, benchmark
from fsm.client.engine import Engine
from fsm.engine.decide import decide
from fsm.engine.steps import Step, step
from fsm.journal.sqlite import SqliteJournal
from fsm.model.commands import Command, Judge, Put, Release, Request, Start
from fsm.model.entries import Ended, Refused
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import Actor, Evidence, Reason, Trigger
from fsm.model.stream import JobState
from fsm.ports import Append
from fsm.realtime import SystemClock, this_process

GROUP = 100

_EACH = "Engine.request, .start, .succeed, one after the other: three durable commits a run, four entries"
_FOLDS = "the same three commits as a scheduler makes them: decide and evolve on folds that it keeps, Journal.append"
_GROUPS = (
    f"{GROUP} jobs side by side: decide and evolve for all of them, one Journal.append for all that are queued, one "
    f"for all that start, one for all that end with their slots: three durable commits and {4 * GROUP} entries for "
    f"{GROUP} runs"
)
_ENGINE_GROUPS = f"the same through Engine.do_all, which reads each of the {GROUP} streams anew every time"


@benchmark("commits", goals="3")
def commits(setting: Setting) -> list[Figure]:
    """Runs in process a second: a durable commit for each transition, and in groups of 100."""
    runs, grouped = setting.size(500, 60), setting.size(3000, 400)
    with setting.scratch() as folder:
        measures: dict[str, Callable[[], float]] = {
            "sync": partial(syncs_per_s, folder, setting.size(1500, 200)),
            "each": partial(_fresh, folder, _each, runs),
            "folds": partial(_fresh, folder, _folds, runs),
            "groups": partial(_fresh, folder, _groups, grouped),
            "engine groups": partial(_fresh, folder, _engine_groups, grouped),
        }
        found = setting.in_turns(measures)
    three = Sample([value / 3 for value in found["sync"]], "/s")
    group = Sample([value / 3 * GROUP for value in found["sync"]], "/s")
    syncs = (Beside("three write + fdatasync of a page", three),)
    shared = (Beside(f"the same for {GROUP} runs at once", group),)
    sample = {name: Sample(values, "runs/s") for name, values in found.items()}
    return [
        Figure("3", "in process, a commit for each transition", sample["each"], at_least(1000), syncs, _EACH),
        Figure("3", "the same on kept folds", sample["folds"], None, syncs, _FOLDS),
        Figure("3", f"in process, in groups of {GROUP}", sample["groups"], at_least(10_000), shared, _GROUPS),
        Figure("3", "the same through `Engine.do_all`", sample["engine groups"], None, shared, _ENGINE_GROUPS),
    ]


def _fresh(folder: str, measure: Callable[[SqliteJournal, int], float], runs: int) -> float:
    """Measured on a journal of its own."""
    path = os.path.join(folder, f"{secrets.token_hex(4)}.db")
    journal = SqliteJournal(path)
    try:
        Engine(journal).do_all([(name, [Put(Job(name), "benchmark")]) for name in _names()])
        measure(journal, GROUP)  # statements are prepared, the log has its size
        begin = time.perf_counter()
        done = measure(journal, runs)
        return done / (time.perf_counter() - begin)
    finally:
        journal.close()
        for end in ("", "-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)


def _names() -> list[str]:
    return [f"job-{number}" for number in range(GROUP)]


def _each(journal: SqliteJournal, runs: int) -> float:
    engine = Engine(journal)
    for _ in range(runs):
        run = engine.request("job-0")
        assert not isinstance(run, Refused)
        engine.succeed(engine.start(run))
    return runs


class Worker:
    """Takes streams through whole runs on folds that it keeps, as `fsm.scheduler.book` does.

    Every `failing`-th run of a stream fails; 0 for none.
    """

    def __init__(self, journal: SqliteJournal, names: list[str], *, failing: int = 0) -> None:
        self._journal, self._clock = journal, SystemClock()
        self._folds = {name: journal.state(name) for name in names}
        self._boot_id, self._failing = self._clock.now().boot_id, failing
        self._pid, self._pid_start = this_process()

    def whole_runs(self) -> int:
        """One run of every stream, in three commits."""
        self._step(lambda _: (Request(),))
        self._step(lambda state: (Start(state.last_number, self._arming()),))
        self._step(self._end)
        return len(self._folds)

    def _arming(self) -> Arming:
        return Arming(secrets.token_hex(8), self._boot_id, self._pid, self._pid_start, in_process=True)

    def _end(self, state: JobState) -> tuple[Command, ...]:
        run, now = state.runs[-1], self._clock.now().utc
        assert run.arming is not None
        verdict = Ended(Trigger.SUCCEED, Reason.COMPLETED, now)
        if self._failing and run.number % self._failing == 0:
            verdict = Ended(Trigger.FAIL, Reason.EXIT_CODE, now, exit_code=1)
        return Judge(run.number, verdict), Release(run.number, run.arming.nonce, Evidence.REPORT, now)

    def _step(self, commands: Callable[[JobState], tuple[Command, ...]]) -> None:
        """Decide for every stream, then append all of it in one transaction."""
        batch = [self._decide(state, commands(state)) for state in self._folds.values()]
        for appended in self._journal.append(batch):
            self._folds[appended.state.job] = appended.state

    def _decide(self, first: JobState, commands: tuple[Command, ...]) -> Append:
        state = first
        steps: list[Step] = []
        for command in commands:
            decision = decide(state, command, self._clock.now(), Actor.API)
            for draft in decision.drafts:
                steps.append(made := step(state, draft))
                state = made.after
        return Append(first, tuple(made.draft for made in steps), tuple(steps))


def _folds(journal: SqliteJournal, runs: int) -> float:
    worker = Worker(journal, ["job-0"])
    return sum(worker.whole_runs() for _ in range(runs))


def _groups(journal: SqliteJournal, runs: int) -> float:
    worker = Worker(journal, _names())
    return sum(worker.whole_runs() for _ in range(runs // GROUP))


def _engine_groups(journal: SqliteJournal, runs: int) -> float:
    engine, names = Engine(journal), _names()
    boot_id, (pid, pid_start) = engine.clock.now().boot_id, this_process()
    for _ in range(runs // GROUP):
        queued = engine.do_all([(name, [Request()]) for name in names])
        numbers = [answer.drafts[-1].run or 0 for answer in queued]
        armings = [Arming(secrets.token_hex(8), boot_id, pid, pid_start, in_process=True) for _ in names]
        engine.do_all([(name, [Start(n, arming)]) for name, n, arming in zip(names, numbers, armings, strict=True)])
        now = engine.clock.now().utc
        verdict = Ended(Trigger.SUCCEED, Reason.COMPLETED, now)
        ends: list[tuple[str, list[Command]]] = [
            (name, [Judge(number, verdict), Release(number, arming.nonce, Evidence.REPORT, now)])
            for name, number, arming in zip(names, numbers, armings, strict=True)
        ]
        engine.do_all(ends)
    return runs // GROUP * GROUP
