"""Goal 6: the engine alone, in memory: decide and evolve, and the machine inside them."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.figures import Beside, Figure, Sample, at_most
from benchmarks.registry import Setting, benchmark
from fsm.engine.decide import decide
from fsm.engine.evolve import evolve
from fsm.instants import Instant, Moment
from fsm.lifecycle.machine import fire, machine
from fsm.model.commands import Command, Judge, Put, Release, Request, Start
from fsm.model.entries import Ended
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import Actor, Evidence, Reason, State, Trigger
from fsm.model.stream import JobState

NOW = Moment(Instant(1_800_000_000_000_000), 1_000_000_000, "boot")
ARMING = Arming("nonce", "boot", 1, 1)
VERDICT = Ended(Trigger.SUCCEED, Reason.COMPLETED, NOW.utc, started_at=NOW.utc, exit_code=0)

_NOTE = (
    "request, start, judge and release of a run, each through decide and evolve on a fold in memory; all four are "
    "charged to the three transitions among them"
)


class _Light:
    """What `transitions` is fired on."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = "queued"


@benchmark("engine", goals="6")
def engine(setting: Setting) -> list[Figure]:
    """Microseconds for a transition: decide and evolve, and the machine's trigger by itself."""
    runs = setting.size(5_000, 500)
    found = setting.in_turns(
        {"trigger": partial(_trigger_us, runs), "fire": partial(_fire_us, runs), "engine": partial(_engine_us, runs)}
    )
    trigger = Sample(found["trigger"], "µs")
    beside = (Beside("`transitions`, one trigger on a light model", trigger),)
    return [
        Figure("6", "engine without a store, a transition", Sample(found["engine"], "µs"), at_most(15), beside, _NOTE),
        Figure("6", "the lifecycle machine with its reasons (`fire`)", Sample(found["fire"], "µs"), None, beside),
    ]


def defined(name: str) -> JobState:
    """The fold of a job that has just been defined."""
    state = JobState(name)
    for draft in decide(state, Put(Job(name, command=("/bin/true",)), "benchmark"), NOW, Actor.API).drafts:
        state = evolve(state, draft)
    return state


def after(state: JobState, command: Command) -> JobState:
    """The fold after the answer to `command`."""
    for draft in decide(state, command, NOW, Actor.SCHEDULER).drafts:
        state = evolve(state, draft)
    return state


def _engine_us(runs: int) -> float:
    state = defined("job")
    begin = time.perf_counter()
    for _ in range(runs):
        state = after(state, Request())
        number = state.last_number
        state = after(state, Start(number, ARMING))
        state = after(state, Judge(number, VERDICT))
        state = after(state, Release(number, ARMING.nonce, Evidence.REPORT, NOW.utc, 0))
    return (time.perf_counter() - begin) / (3 * runs) * 1e6


def _fire_us(runs: int) -> float:
    begin = time.perf_counter()
    for _ in range(runs):
        fire(None, Trigger.QUEUE)
        fire(State.QUEUED, Trigger.START)
        fire(State.RUNNING, Trigger.SUCCEED, Reason.COMPLETED)
    return (time.perf_counter() - begin) / (3 * runs) * 1e6


def _trigger_us(runs: int) -> float:
    model = _Light()
    trigger = machine().events[str(Trigger.START)].trigger
    begin = time.perf_counter()
    for _ in range(3 * runs):
        model.state = "queued"
        trigger(model)
    return (time.perf_counter() - begin) / (3 * runs) * 1e6
