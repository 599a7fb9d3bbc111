"""What people ask of a scheduler in the course of a simulated day, and how they get at its runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fsm.client.answers import SupervisorMute
from fsm.errors import CallerError, StoreError
from fsm.model.states import ErrorClass, Reason, State
from fsm.testing import (
    Behaviour,
    Simulation,
    cannot_start,
    child,
    err,
    fail,
    hang,
    ignore_term,
    refuse,
    say_nothing,
    succeed,
    vanish,
)

RETRY = {"attempts": 3, "backoff": "20s", "on": ["failed", "timed_out", "lost"]}

JOBS: dict[str, dict[str, Any]] = {
    "tick": {"schedule": "*/30 * * * *", "timeout": "5m"},
    "often": {"schedule": "every 45m", "timeout": "2m", "overlap": "queue", "queue_limit": 2},
    "hourly": {"schedule": "0 */2 * * *", "catch_up": "all", "catch_up_limit": 3, "timeout": "10m", "jitter": "4m"},
    "night": {"schedule": "30 2 * * *", "timezone": "Europe/Berlin", "retry": RETRY, "timeout": "5m"},
    "newest": {"overlap": "replace", "timeout": "5m", "idle_timeout": "3m"},
    "kept": {"keep": {"runs": 2}, "timeout": "1m", "start_within": "1m"},
    "plain": {"timeout": "5m"},
}
"""Ticks for some seventy runs a day, whatever becomes of the half of them; every policy in some job."""

EDITS: list[dict[str, Any]] = [
    {"timeout": "40s"},
    {"timeout": "5m"},
    {"grace": "0s"},
    {"grace": "30s"},
    {"retry": RETRY},
    {"retry": None},
    {"breaker": {"failures": 3, "cooldown": "10m"}},
    {"breaker": None},
    {"overlap": "skip"},
    {"overlap": "queue", "queue_limit": 3},
    {"queue_limit": 1},
    {"leftovers": "keep"},
    {"leftovers": "end"},
    {"priority": 1},
    {"keep": {"runs": 1}},
    {"idle_timeout": "1m"},
    {"idle_timeout": None},
    {"schedule": "*/20 * * * *"},
    {"start_within": "10m"},
    {"enabled": False},
    {"enabled": True},
]

GRACES = ["5s", "0s", "30s"]


class Actor:
    """Acts on one simulation; what is drawn comes from `random` alone, so that a seed says it all."""

    def __init__(self, sim: Simulation, rng: random.Random) -> None:
        self.sim, self.random = sim, rng

    # ---- jobs and runs

    def define_all(self) -> None:
        """Every job that is not there."""
        for name in JOBS:
            self.need(name)

    def need(self, name: str) -> str:
        """The job, defined if it is not."""
        if self.sim.store.state(name).definition is None:
            self.attempt(lambda: self.sim.add_job(name, grace=self.random.choice(GRACES), **JOBS[name]))
            self.sim.script(name, [self.behaviour() for _ in range(40)])
        return name

    def job(self) -> str:
        """Any of them."""
        return self.need(self.random.choice(list(JOBS)))

    def behaviour(self) -> Behaviour:
        """What a run does: half of them succeed."""
        rng = self.random
        after = rng.choice(["0s", "1s", "10s", "45s", "2m"])
        if rng.random() < 0.5:
            return succeed(after)
        loose = rng.random() < 0.3
        left = (child(rng.choice([None, "5s", "3m"]), ignores_term=rng.random() < 0.5, hidden=rng.random() < 0.1),)
        odd: list[Callable[[], Behaviour]] = [
            lambda: succeed(after, detached=loose, leaves=left),
            lambda: fail(rng.choice([1, 75]), after),
            lambda: fail(1, after, signal=11),
            lambda: refuse(after),
            lambda: err(ErrorClass.OVERLOADED, after),
            lambda: say_nothing(after),
            lambda: cannot_start(armed=loose),
            lambda: hang(detached=loose),
            lambda: ignore_term(leaves=left),
            lambda: vanish(after),
        ]
        return rng.choice(odd)()

    def attempt(self, act: Callable[[], object]) -> bool:
        """A client's call. Where it is told that the disk failed, or that a run has ended, it leaves it at that."""
        try:
            act()
        except (SupervisorMute, StoreError, CallerError):
            return False
        return True

    def request(self, name: str, behaviour: Behaviour | None = None, *, force: bool = True) -> bool:
        """Ask for a run. Whether it is in the history."""
        if behaviour is not None:
            self.sim.script(name, [behaviour, succeed()])
        before = self.sim.store.state(name).last_number
        self.attempt(lambda: self.sim.request(name, force=force))
        return self.sim.store.state(name).last_number > before

    def executing(self, name: str, behaviour: Behaviour) -> bool:
        """Have a run of the job executed, whatever else it does. False where that cannot be now."""
        self.bring_back()
        self.need(name)
        if self.sim.store.state(name).runs:
            self.sim.advance("6m")  # what is there ends by its timeout
        self.request(name, behaviour)
        self.sim.advance("2s")
        return any(one.tree_alive and one.alive for one in self.sim.world.of_job(name))

    def cancel(self, name: str) -> bool:
        """Cancel the job's oldest open run."""
        runs = self.sim.store.state(name).open_runs
        return bool(runs) and self.attempt(lambda: self.sim.cancel(runs[0].id))

    def bring_back(self) -> None:
        """A scheduler, where none is up."""
        if not self.sim.up:
            self.sim.restart(self.random.choice(["0s", "1s", "2m"]))

    def ask_until(self, runs: int) -> None:
        """Ask on until so many have been."""
        self.sim.calm()
        for _ in range(runs * 4):
            if sum(len(stream.stories) for stream in self.sim.witness.streams.values()) >= runs:
                return
            self.bring_back()
            self.request(self.need("plain"), succeed())
            self.sim.advance("2m")

    # ---- what people do

    def ask(self) -> None:
        """A run by hand, once in a while by force."""
        self.request(self.job(), force=self.random.random() < 0.3)

    def ask_twice(self) -> None:
        """And again before it has ended: replaced, queued or refused, as the job says."""
        name = self.need(self.random.choice(["newest", "often", "tick"]))
        self.request(name, hang())
        self.sim.advance(self.random.choice(["1s", "30s"]))
        self.request(name)

    def edit(self) -> None:
        """Some keys change."""
        name = self.job()
        self.attempt(lambda: self.sim.edit_job(name, **self.random.choice(EDITS)))

    def crowd_out(self) -> None:
        """An edit leaves less room than is taken."""
        name = self.need("often")
        self.attempt(lambda: self.sim.edit_job(name, overlap="queue", queue_limit=3))
        for _ in range(4):
            self.request(name, hang())
        self.attempt(lambda: self.sim.edit_job(name, queue_limit=1))

    def pause(self) -> None:
        """No ticks for a while."""
        name = self.need(self.random.choice(["tick", "hourly"]))
        self.attempt(lambda: self.sim.pause(name))
        self.sim.advance("21m")
        self.attempt(lambda: self.sim.resume(name))

    def remove(self) -> None:
        """A job is taken away with what is open, and comes again."""
        name = self.job()
        if self.random.random() < 0.8:
            self.request(name, hang())
            if self.random.random() < 0.5:  # else it is queued still
                self.sim.advance("5s")
        self.attempt(lambda: self.sim.remove_job(name))
        self.sim.advance("10s")
        self.need(name)

    def cancel_any(self) -> None:
        """Queued or running."""
        name = self.job()
        self.request(name, hang())
        if self.random.random() < 0.5:  # else it is queued still
            self.sim.advance("5s")
        self.cancel(name)

    def prune(self) -> None:
        """By hand, of any job."""
        name = self.job()
        self.attempt(lambda: self.sim.prune(name))

    def decline(self) -> None:
        """A program that asked for a run declines the work before it starts."""
        name = self.need("plain")
        if self.request(name):
            run = self.sim.store.state(name).open_runs[-1]
            self.attempt(lambda: self.sim.engine.fail(run, Reason.REFUSED))

    def let_wait(self) -> None:
        """Nothing has room, and whoever waits too long is told so."""
        before = self.sim.store.state("@scheduler")
        assert before.seq  # a scheduler has been up
        if not self.executing("plain", hang()):
            return
        self.sim.set_max_running(1)
        self.request(self.need("kept"), succeed())
        self.sim.advance("90s")
        self.sim.set_max_running(8)
        self.cancel("plain")

    def expire(self) -> None:
        """Another machine says that this node's run is over: all of it is dead, and no scheduler looks."""
        if self.executing("plain", hang()) and self.sim.life is not None:
            self.sim.crash()
            self.sim.kill_supervisor("plain", whole_tree=True)
            run = self.sim.store.state("plain").holder
            if run is not None and run.state is State.RUNNING:
                self.attempt(lambda: self.sim.engine.lose(run, Reason.NODE_EXPIRED))

    def room(self) -> None:
        """How many may run at once."""
        self.attempt(lambda: self.sim.set_max_running(self.random.choice([8, 3, 2])))

    def settle(self) -> None:
        """Clients clear up while no scheduler is up."""
        name = self.job()
        if self.executing(name, vanish("1m")):
            self.sim.crash()
            self.sim.advance("2m")
            with suppress(StoreError):
                self.sim.settle(name)


PEOPLE: list[Callable[[Actor], None]] = [
    *[Actor.ask] * 6,
    Actor.ask_twice,
    Actor.ask_twice,
    Actor.edit,
    Actor.edit,
    Actor.crowd_out,
    Actor.pause,
    Actor.remove,
    Actor.cancel_any,
    Actor.prune,
    Actor.decline,
    Actor.let_wait,
    Actor.expire,
    Actor.room,
    Actor.settle,
]
"""As often as people do them, about."""
