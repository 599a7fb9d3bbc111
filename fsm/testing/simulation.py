"""A whole scheduler on a simulated machine: real scheduler, engine and journal; simulated clock, disk and processes.

>>> from fsm.testing import Simulation, fail, succeed
>>> sim = Simulation(start="2026-03-28T22:00:00Z")
>>> sim.add_job(name="backup", schedule="0 3 * * *", timezone="Europe/Berlin", timeout="30m")
True
>>> sim.script("backup", [fail(code=3), succeed(after="10m")])
>>> sim.advance("2d")
>>> for run in sim.runs("backup"):
...     print(run.id, run.state, run.scheduled_for, run.exit_code)
backup/2 succeeded 2026-03-30T01:00:00.000000Z 0
backup/1 failed 2026-03-29T01:00:00.000000Z 3
>>> sim.check()

Time jumps from event to event, and nothing takes time unless `lag` says so. What a call of a client brings about is
answered by the scheduler when time goes on, be it by ``advance("0s")``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from fsm.client.cancel import Canceller
from fsm.client.engine import Engine
from fsm.client.prune import Pruner, set_checkpoint
from fsm.client.settings import change_max_running, change_settings, with_groups
from fsm.client.settle import Settler
from fsm.engine.events import event_of
from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.errors import UnknownJob
from fsm.instants import SECOND
from fsm.model.entries import Entry, Refused
from fsm.model.events import LifecycleEvent
from fsm.model.job import Job
from fsm.model.settings import Group
from fsm.model.states import Actor
from fsm.model.stream import JobState
from fsm.ports import Journal, Pruned, RunQuery
from fsm.testing.evidence import ContradictedHost
from fsm.testing.interruptions import LAUNCHER_EFFECTS, Crash, Interruptions, crash
from fsm.testing.launcher import SimLauncher
from fsm.testing.views import Answer, BlockedBy, Refusal, RunView


class Simulation(ContradictedHost):
    """Jobs and runs on a simulated machine.

    `start` is what the wall clock says, `seed` decides nonces and nothing else, `max_running` is the scheduler's.
    Clients (`request`, `cancel`, `pause`, …) go through `fsm.Engine`, as the command line does, and work whether or
    not a scheduler is up. All else that can be done to the machine is in `ContradictedHost`, `FaultyHost` and `Host`.
    """

    def __init__(
        self,
        start: str = "2026-03-28T22:00:00Z",
        seed: int = 0,
        *,
        max_running: int = 8,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(start, seed, max_running=max_running, journal=journal)
        self.client_interruptions = points = Interruptions()
        self.client_crashes: Counter[str] = Counter()  # how often a client was killed, by the window
        journal = self.seen_by(points, self.disk.client_appends)
        launcher = points.wrap(SimLauncher(self.world, self.behaviour), LAUNCHER_EFFECTS)
        self.settler = Settler(journal, launcher, self.world, pause=self._pause, poke=self._poke)
        self.engine = Engine(
            journal, clock=self.world, stopper=launcher, poke=self._poke, actor=Actor.CLI, pause=self._pause
        )
        self.pruner = Pruner(journal, self.world, None, Actor.CLI)
        self._journal = journal  # as clients see it
        self.canceller = Canceller(journal, launcher, self.world, pause=self._pause, poke=self._poke)

    def _pause(self, seconds: float) -> None:
        self.advance(round(seconds * SECOND))

    def _poke(self) -> None:
        if self.world.hints_to_lose > 0:
            self.world.hints_to_lose -= 1
            return
        for life in self._lives:
            life.poked = True

    # ---- what people do

    def add_job(self, name: str, **keys: Any) -> bool:  # the keys of the jobs file: each is checked by `Job`
        """Define a job, or change it. False where nothing changed."""
        return self.engine.define(Job(name, **keys), source="simulation")

    def edit_job(self, name: str, **keys: Any) -> bool:  # as for `add_job`
        """Change these keys of a job and leave the others. False where nothing changed. Raises `UnknownJob`."""
        job = self.store.state(name).definition
        if job is None:
            raise UnknownJob(name)
        return self.engine.define(attrs.evolve(job, **keys), source="simulation")

    def remove_job(self, job: str) -> None:
        """Take a job away; its runs end."""
        self.engine.remove(job)

    def pause(self, job: str) -> bool:
        """Refuse its ticks from now on."""
        return self.engine.pause(job)

    def resume(self, job: str) -> bool:
        """Let its ticks make runs again."""
        return self.engine.resume(job)

    def set_max_running(self, most: int) -> bool:
        """How many runs may hold a slot at once, from now on. False where that was so already."""
        return change_max_running(self.engine, most)

    def set_group(self, name: str, most: int) -> bool:
        """How many runs of jobs with this group may hold a slot at once. False where that was so already."""
        return change_settings(self.engine, lambda now: with_groups(now, [Group(name, most)]))

    def set_checkpoint(self, job: str) -> bool:
        """Mark the place, as if a checkpoint had come due, where this is a moment for one (`wants_mark`)."""
        state = self.store.state(job)
        others = any(run.version != state.version or state.definition is None for run in state.runs)
        return not others and set_checkpoint(self._journal, state, self.world, Actor.CLI)

    def prune(self, job: str) -> Pruned:
        """Delete what is beyond the job's `keep`, as ``cronfsm prune`` does, after `set_checkpoint`. What went."""
        self.set_checkpoint(job)
        entries, runs = 0, 0
        while (cut := self.pruner.cut(job)) is not None:
            entries, runs = entries + cut.entries, runs + cut.runs
        return Pruned(entries, runs)

    def request(self, job: str, *, force: bool = False) -> Answer:
        """Ask for a run now; with `force`, past its breaker and its budget."""
        answer = self.engine.request(job, force=force)
        if isinstance(answer, Refused):
            by = BlockedBy.of(job, answer.blocked_by)
            return Answer(True, ran=False, reason=answer.reason, blocked_by=by)
        return Answer(True, True, answer.id, answer.state)

    def cancel(self, run: str | RunView, *, dies_at: int | None = None) -> RunView | None:
        """End an open run: the run as it is then, reaped, or ended by itself if that came first.

        With `dies_at`, the client is killed at that point between its calls to the world; the answer is None then.
        """
        run_id = run.id if isinstance(run, RunView) else run
        found = self.engine.find(run_id)
        if dies_at is not None:
            self.client_interruptions.at(dies_at, crash)
        try:
            return RunView.of(self.canceller.cancel(found))
        except Crash:
            self.client_crashes[self.client_interruptions.window] += 1
            self.world.note(f"a client is killed while it cancels {run_id}")
            return None
        finally:
            self.client_interruptions.clear()

    def settle(self, job: str) -> None:
        """What clients do where no scheduler is up: bring the journal in line with what is left of the job's run."""
        for run in self.store.state(job).open_runs:
            self.settler.tend(run)
        self.settler.look(job)

    # ---- what can be seen

    def runs(self, job: str | None = None) -> list[RunView]:
        """Runs of a job, or of all, newest first, as ``cronfsm runs`` lists them."""
        return [RunView.of(run) for run in self.store.runs(RunQuery(job))]

    def run(self, run_id: str) -> RunView:
        """One run. Raises `UnknownRun`."""
        return RunView.of(self.engine.find(run_id))

    def refusals(self, job: str) -> list[Refusal]:
        """What was refused and written down, oldest first."""
        bodies = (entry.body for entry in self.store.entries(job=job))
        return [Refusal.of(job, body) for body in bodies if isinstance(body, Refused)]

    def journal(self, job: str) -> list[Entry]:
        """The entries of a job's stream, oldest first."""
        return list(self.store.entries(job=job))

    def events(self, job: str) -> list[LifecycleEvent]:
        """The lifecycle events of a job, oldest first, as one who follows the journal hears them.

        `check` holds what the scheduler published to the same list.
        """
        state, events = JobState(job), []
        for entry in self.store.entries(job=job):
            after = evolve(state, entry)
            run = run_after(state, entry, after)
            event = event_of(entry, run) if run is not None else None
            if event is not None:
                events.append(event)
            state = after
        return events
