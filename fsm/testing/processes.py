"""The processes of one execution, as a tree: a command, and what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from fsm.instants import Instant
from fsm.testing.behaviours import Behaviour
from fsm.testing.world import Step

if TYPE_CHECKING:
    from fsm.testing.world import World

TERM, KILL = 15, 9


@define(slots=True, eq=False)
class Process:
    """One process. `tied`: it dies with its supervisor (parent-death signal)."""

    pid: int
    ignores_term: bool = False
    inherits_lock: bool = True
    hidden: bool = False
    tied: bool = False
    alive: bool = True


class Tree:
    """All processes of one execution. What the command leaves behind is there from its beginning."""

    def __init__(self, world: World, job: str, behaviour: Behaviour, *, keep: bool = False) -> None:
        self.world, self.job, self.behaviour = world, job, behaviour
        loose = behaviour.detached
        self.main = Process(world.next_pid(), behaviour.ignores_term, inherits_lock=not loose, tied=not loose)
        self.children = [
            Process(world.next_pid(), one.ignores_term, one.inherits_lock and not keep, one.hidden)
            for one in behaviour.leaves
        ]
        if keep:
            self.main.inherits_lock = False
        self.kept: list[Process] = []  # left behind for good: nobody's any more
        self.printed_t = world.t  # at its beginning, then at its last output
        self.began_at: Instant = world.utc
        self.ended_at: Instant | None = None  # the command's own end
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.last_end_t = 0  # when the last one that ended did
        if behaviour.after_us is not None and not behaviour.vanishes:
            world.work(behaviour.after_us, self._main_ends)
        for at in behaviour.prints:
            world.work(at, self._prints)

    def _prints(self) -> None:
        if self.main.alive:
            self.printed_t = self.world.t
            self.world.stir(self.job)

    def keep(self) -> None:
        """Leave behind what the command did: it lives on, and is no part of the run any more."""
        self.kept = [one for one in self.children if one.alive]
        self.children = [one for one in self.children if not one.alive]

    @property
    def processes(self) -> list[Process]:
        """The command first."""
        return [self.main, *self.children]

    @property
    def alive(self) -> bool:
        """Whether anything of it is."""
        return self.main.alive or any(one.alive for one in self.children)

    @property
    def holds_lock(self) -> bool:
        """Whether the slot lock is held by a process that inherited it."""
        return any(one.alive and one.inherits_lock for one in self.processes)

    def _main_ends(self) -> None:
        self.end(self.main, self.behaviour.exit_code, self.behaviour.signal)

    def end(self, process: Process, exit_code: int | None, signal: int | None) -> None:
        """A process ends, by itself or by a signal."""
        if not process.alive:
            return
        process.alive = False
        self.last_end_t = self.world.t
        if process is self.main:
            self.ended_at, self.exit_code, self.signal = self.world.utc, exit_code, signal
            how = f"exits with {exit_code}" if signal is None else f"dies from signal {signal}"
            self.world.note(f"{self.job}: the command {how}")
            for one, script in zip(self.children, self.behaviour.leaves, strict=True):
                if script.lives_us is not None:
                    self.world.work(script.lives_us, lambda one=one: self.end(one, 0, None))  # type: ignore[misc]
        self.world.stir(self.job)

    def terminate(self) -> None:
        """TERM to everything that can be reached."""
        for one in self.processes:
            if one.alive and not one.hidden and not one.ignores_term:
                self.world.after(Step.TERM, lambda one=one: self.end(one, None, TERM))  # type: ignore[misc]

    def kill(self) -> None:
        """KILL to everything that can be reached."""
        for one in self.processes:
            if one.alive and not one.hidden:
                self.end(one, None, KILL)

    def orphan(self) -> None:
        """Its supervisor died: what is tied to it dies, too."""
        for one in self.processes:
            if one.tied:
                self.end(one, None, KILL)

    def vanish(self) -> None:
        """All of it is gone at once."""
        for one in self.processes:
            self.end(one, None, KILL)

    def end_hidden(self) -> None:
        """What can be neither found nor ended ends by itself."""
        for one in self.processes:
            if one.hidden:
                self.end(one, 0, None)

    @property
    def unreachable(self) -> Process | None:
        """A living process that can be neither found nor ended."""
        return next((one for one in self.processes if one.alive and one.hidden), None)
