"""A simulated machine with its schedulers: time, their deaths and returns, and every fault that can be put in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from fsm.client.settings import settings
from fsm.errors import Fenced, StoreError, WrongEpoch
from fsm.instants import SECOND, Duration, Instant, parse_duration, parse_instant
from fsm.journal.memory import MemoryJournal
from fsm.model.settings import Settings
from fsm.ports import Journal
from fsm.testing import invariants as invariants  # registers the laws
from fsm.testing.behaviours import Behaviour, succeed
from fsm.testing.disk import Disk
from fsm.testing.interruptions import Appender, Crash, Interruptions, crash, journal_of
from fsm.testing.life import Life
from fsm.testing.witness import Standing, Witness
from fsm.testing.world import World

LAG_WEIGHT = 30
"""How often a lag may count in one delay that a law bounds: a turn has a handful of slow steps for each job."""


def _length(text: str | int) -> int:
    """A duration in microseconds, which may be negative: ``-1h``."""
    if isinstance(text, str) and text.strip().startswith("-"):
        return -parse_duration(text.strip()[1:])
    return parse_duration(text)


class Host:
    """What `Simulation` is made of, but for jobs and runs.

    `journal`, where it is given, must be empty; it is what is durable. At most one scheduler decides at a time; the
    others are stopped, or about to find out that they are over.
    """

    def __init__(
        self,
        start: str = "2026-03-28T22:00:00Z",
        seed: int = 0,
        *,
        max_running: int = 8,
        journal: Journal | None = None,
    ) -> None:
        self.world = World(parse_instant(start), seed)
        self.store: Journal = MemoryJournal(node="simulated") if journal is None else journal
        self.witness = Witness(self.world)
        self.world.witness = self.witness
        self._settings = Settings(max_running)
        self._scripts: dict[str, list[tuple[int, tuple[Behaviour, ...]]]] = {}
        self._lives: list[Life] = []
        self.disk = Disk(self.world, self.store, self.witness.appended)
        self.crashes: Counter[str] = Counter()  # how often a scheduler was killed, by the window
        self._calm_since = 0
        self.restart()

    # ---- time

    @property
    def now(self) -> Instant:
        """What the wall clock says."""
        return self.world.utc

    def advance(self, duration: str | int) -> None:
        """Let that much time pass, with or without a scheduler."""
        self._run_to(self.world.t + parse_duration(duration))

    def run_until(self, when: str | int) -> None:
        """Let time pass until the wall clock says `when`; nothing where it says more already."""
        utc = parse_instant(when) if isinstance(when, str) else when
        self._run_to(max(self.world.true_time(utc), self.world.t))

    def jump_clock(self, by: str | int) -> None:
        """Set the wall clock forward, or back (``-1h``). A scheduler looks at its due times at once."""
        self.world.jump(_length(by))

    def suspend(self, duration: str | int) -> None:
        """Close the lid for so long. What was due meanwhile happens once time is let go on."""
        self.world.suspend(parse_duration(duration))
        self._calm_since = self.world.t

    def _run_to(self, until: int) -> None:
        while self.world.t <= until:
            self._turns(until)
            times = [self.world.next_event(), *(life.wakes_at for life in self._lives)]
            soonest = min((t for t in times if t is not None), default=None)
            if soonest is None or soonest > until:
                break
            self.world.go_to(max(soonest, self.world.t))
        self.world.go_to(max(until, self.world.t))

    def _turns(self, until: int) -> None:
        """Every scheduler answers what this instant brought. A slow one may take longer than there is time: what it
        has not come to by `until` it comes to when time is let go on."""
        while self.world.t <= until:
            life = next((life for life in self._lives if life.wants_turn), None)
            if life is None:
                return
            self._as_process(life, life.turn)
            self.world.go_to(self.world.t)

    def _as_process(self, life: Life, act: Callable[[], None]) -> None:
        """Let a scheduler process act; a crash, or the word that it is over, ends it."""
        life.busy = True
        try:
            act()
        except Crash:
            self.crashes[life.interruptions.window] += 1
            self._end(life, f"the scheduler crashes {life.interruptions.window}")
        except (Fenced, WrongEpoch) as over:
            self._end(life, f"the scheduler ends: {over}")
        finally:
            life.busy = False

    def _end(self, life: Life, why: str) -> None:
        self.world.note(why)
        life.die()
        if life in self._lives:
            self._lives.remove(life)
        if not self._lives:
            self.disk.opened_anew()

    # ---- schedulers

    @property
    def life(self) -> Life | None:
        """The newest scheduler, unless it is gone."""
        return self._lives[-1] if self._lives else None

    @property
    def up(self) -> bool:
        """Whether a scheduler is there and not stopped."""
        return self.life is not None and not self.life.stopped

    def crash(self, at: int | None = None) -> None:
        """Kill the scheduler: now, or at the `at`-th point between its calls to the world (`interrupt`)."""
        life = self.life
        if life is None:
            return
        if at is not None:
            self.interrupt(at, crash)
        else:
            self._end(life, "the scheduler is killed")

    def restart(self, after: str | int = 0, *, dies_at: int | None = None) -> None:
        """A new scheduler, under a new epoch; one that is up ends in good order first, a stopped one stays.

        With `dies_at`, it is killed at that point between its calls to the world, the first of which is before its
        first append.
        """
        life = self.life
        if life is not None and not life.stopped:
            self._as_process(life, lambda: life.scheduler.end("restart"))
            self._end(life, "the scheduler ends in good order")
        self.advance(after)
        self._begin(dies_at)

    def _begin(self, dies_at: int | None = None) -> None:
        new = Life(
            self.world,
            lambda points: self.seen_by(points, self.disk.scheduler_appends),
            self.behaviour,
            self._bounds(),
        )
        if dies_at is not None:
            new.interruptions.at(dies_at, crash)
        self._lives.append(new)
        self._calm_since = self.world.t
        self.world.note(f"a scheduler begins (process {len(self._lives)})")
        try:
            self._as_process(new, new.begin)
        except StoreError as trouble:
            self._end(new, f"the scheduler cannot begin: {trouble}")
        self._turns(self.world.t)

    def seen_by(self, points: Interruptions, appender: Appender) -> Journal:
        """The journal as a process with these points sees it."""
        prune = partial(self.witness.prune, self.store)
        return journal_of(self.store, points, appender, self.witness.rejected, prune)

    def _bounds(self) -> Settings:
        """Those that were set last, as for `serve`; at first what the simulation was made with."""
        return settings(self.store) if self.store.epoch() else self._settings

    def drain(self, most: str | int | None = None) -> None:
        """Tell the scheduler to end, and to wait so long for what runs; `restart` then ends it, drained or not."""
        life = self.life
        if life is not None:
            self.world.note("the scheduler drains")
            length = None if most is None else parse_duration(most)
            self._as_process(life, lambda: life.drain(length))
            life.poked = True

    @property
    def drained(self) -> bool:
        """Whether the scheduler drains and would end now."""
        return self.life is not None and self.life.scheduler.drained

    def stop_scheduler(self) -> None:
        """SIGSTOP: it does nothing, and its pipes stay open. `restart` then begins another one (a takeover)."""
        if self.life is not None:
            self.world.note("the scheduler is stopped by a signal")
            self.life.stopped = True

    def continue_scheduler(self) -> None:
        """SIGCONT to every stopped scheduler; one that has been replaced must find out before it does harm."""
        for life in self._lives:
            life.stopped = False
            life.poked = True
        self._calm_since = self.world.t

    def interrupt(self, n: int, action: Callable[[], None]) -> None:
        """Have `action` come at the n-th point from now between the scheduler's calls to the world.

        There is one before and one after each append, arming, go, stop, examination, search, kill and publication.
        """
        if self.life is not None:
            self.life.interruptions.at(n, action)

    def reboot(self, after: str | int = "1m", *, jump: str | int = 0) -> None:
        """The machine goes down with everything on it, comes back after that long, and starts a scheduler.

        `jump` is by how much its wall clock is then wrong.
        """
        for life in list(self._lives):
            self._end(life, "the scheduler goes down with the machine")
        self.world.reboot()
        self.advance(after)
        if jump:
            self.jump_clock(jump)
        self.restart()

    # ---- what the scheduler's ports come back to

    def script(self, job: str, behaviours: Sequence[Behaviour]) -> None:
        """One behaviour for each coming run of the job, by number; the last one repeated. Without a script a run
        succeeds after a second."""
        if not behaviours:
            raise ValueError("a script has at least one behaviour")
        last = self.store.state(job).last_number
        self._scripts.setdefault(job, []).append((last, tuple(behaviours)))

    def behaviour(self, job: str, number: int) -> Behaviour:
        """What this run does, whenever and however often it is armed."""
        for last, behaviours in reversed(self._scripts.get(job, ())):
            if number > last:
                return behaviours[min(number - last, len(behaviours)) - 1]
        return succeed()

    def check(self) -> None:
        """Raise AssertionError, with what happened, if any law was ever broken or is now.

        A run that is open within its deadline is fine, and so is what only a scheduler that is down could answer.
        """
        life = self.life if self.up else None
        slack = Duration(LAG_WEIGHT * sum(self.world.lags.values()))
        book = None if life is None else getattr(life.scheduler, "book", None)
        behind = book is None or book.cursor < self.store.last_id()
        calm_since = max(self._calm_since, self.disk.trouble_t)
        self.witness.check(
            Standing(
                self.world,
                self.store,
                self.witness,
                None if life is None else life.scheduler,
                None if life is None else life.turned_utc,
                self.world.t - calm_since,
                slack,
                behind or (life is not None and life.wants_turn),
                self.disk.failing > 0 or self.world.t - calm_since < 5 * SECOND,
                [] if life is None else life.publisher.events,
                self.store.last_id() if life is None else life.publishes_after,
                [one.knows_epoch for one in self._lives if one is not life and not one.stopped],
            )
        )
