"""One simulated day of a scheduler, from a seed: people who ask, and a fault again and again.

A plain seeded generator over what the stateful machine has as rules, for numbers that Hypothesis is too slow for. The
witness holds every entry, arming and execution to its laws as they happen; the laws that hold at any time are held at
every simulated hour and at the end of the day, when everything must come to rest.
"""

from __future__ import annotations

import random
from collections import Counter

from acts import PEOPLE, Actor
from faults import FAULTS
from rest import come_to_rest
from tally import Tally, edge_name

from fsm.instants import DAY, HOUR, MINUTE
from fsm.testing import Simulation

LEAST_RUNS = 50
LEAST_FAULTS = 10

FAULTS_A_DAY = 14
REQUESTS_A_DAY = 30

STARTS = ("2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-06-01T00:00:00Z", "2026-12-31T06:00:00Z")
"""Days with a change of the clock in them, and others."""


class Day:
    """A day in which at least `LEAST_RUNS` runs and `LEAST_FAULTS` faults come."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sim = Simulation(self.random.choice(STARTS), seed, max_running=self.random.choice([8, 3, 2]))
        self.actor = Actor(self.sim, self.random)
        self.faults: Counter[str] = Counter()
        self._checked_t = 0

    def live(self) -> None:
        """From the first moment to the last. Raises AssertionError where a law is broken, or something never ends."""
        self.actor.define_all()
        for t, kind in self._plan():
            self._pass_to(t)
            self._act(kind)
        self._pass_to(DAY)
        while sum(self.faults.values()) < LEAST_FAULTS:
            self._act("fault")
            self._pass_to(self.sim.world.t + MINUTE)
        self.actor.ask_until(LEAST_RUNS)
        self.sim.check()
        come_to_rest(self.sim)

    def _plan(self) -> list[tuple[int, str]]:
        kinds = ["fault"] * FAULTS_A_DAY + ["person"] * REQUESTS_A_DAY
        return sorted((self.random.randrange(DAY), kind) for kind in kinds)

    def _act(self, kind: str) -> None:
        if kind == "person":
            self.random.choice(PEOPLE)(self.actor)
            return
        fault = self.random.choice(FAULTS)
        name = fault(self.actor)
        if name is not None:  # it met somebody
            self.faults[name] += 1

    def _pass_to(self, t: int) -> None:
        """Let time pass; a scheduler that is down comes back, and the laws are held, every hour."""
        while self.sim.world.t < t:
            self.actor.bring_back()
            self.sim.advance(max(0, min(t, self._checked_t + HOUR) - self.sim.world.t))
            if self.sim.world.t >= self._checked_t + HOUR:
                self._checked_t = self.sim.world.t
                self.sim.check()

    def tally(self) -> Tally:
        """What it met."""
        sim = self.sim
        found = Tally(1)
        found.runs = found.fewest_runs = sum(len(stream.stories) for stream in sim.witness.streams.values())
        found.faults, found.fewest_faults = self.faults, sum(self.faults.values())
        for edge, count in sim.witness.edges.items():
            found.edges[edge_name(edge)] += count
        for whose, torn in (("a scheduler's", sim.disk.torn), ("a client's", sim.disk.client_torn)):
            found.torn.update({f"{how}, {whose}": count for how, count in torn.items()})
        found.windows, found.client_windows = sim.crashes, sim.client_crashes
        return found


def one_day(seed: int) -> Tally:
    """Live it, and say what it met. Raises AssertionError."""
    day = Day(seed)
    day.live()
    return day.tally()
