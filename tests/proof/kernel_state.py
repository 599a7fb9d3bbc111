"""A state of the kernel: what the shipped code is given to work on, and the world around it.

The fields are the variables of specs/RunLifecycle.tla, by the same names. The journal is kept as the specification's
records; `kernel_journal` turns them into drafts and back without loss, so that the shipped fold works on real drafts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

CLIENTS = ("A", "B", "C")
SCHEDS = ("A", "B")
ALIVE = frozenset({"forked", "armed", "run", "ending", "reported"})
HAS_LOCK = frozenset({"armed", "run", "ending", "reported"})
LIVING = frozenset({"alive", "left"})


class Rec(NamedTuple):
    """One entry: see Rec in RunLifecycle.tla."""

    k: str
    y: str
    r: int
    n: int
    a: int
    b: int
    e: int


class Mid(NamedTuple):
    """What a client is in the middle of."""

    pc: str = "idle"
    i: int = 0
    d: bool = False
    v: str = "none"
    p: bool = False


IDLE = Mid()


class Budget(NamedTuple):
    """The faults that may still come."""

    crash: int = 0
    freeze: int = 0
    kill: int = 0
    mute: int = 0
    cancel: int = 0
    boot: int = 0


class Bounds(NamedTuple):
    """The constants of the specification."""

    MaxRuns: int = 1
    MaxSup: int = 1
    MaxTicks: int = 0
    MaxCrash: int = 0
    MaxFreeze: int = 0
    MaxKill: int = 0
    MaxMute: int = 0
    MaxCancel: int = 0
    MaxBoot: int = 0
    Retries: bool = False


class Kernel(NamedTuple):
    """One state. What belongs to clients is in the order of `CLIENTS`, to supervisors in that of their numbers."""

    log: tuple[Rec, ...]
    view: tuple[int, ...]
    sched: tuple[str, ...]
    ep: tuple[int, ...]
    epoch: int
    m: tuple[Mid, ...]
    pipe: tuple[str, ...]
    st: tuple[str, ...]
    srun: tuple[int, ...]
    born: tuple[int, ...]
    made: tuple[bool, ...]
    go: tuple[bool, ...]
    stop: tuple[str, ...]
    mute: tuple[bool, ...]
    ver: tuple[str, ...]
    emp: tuple[bool, ...]
    tree: tuple[str, ...]
    fdl: tuple[bool, ...]
    code: tuple[str, ...]
    due: int
    boot: int
    bud: Budget

    def up(self, c: str) -> bool:
        """Whether a client can do anything; the command line always can."""
        return c == "C" or self.sched[SCHEDS.index(c)] == "up"

    def alive(self, i: int) -> bool:
        """Whether supervisor i is."""
        return self.st[i - 1] in ALIVE

    def tree_lives(self, i: int) -> bool:
        """Whether a process of its tree does."""
        return self.tree[i - 1] in LIVING

    def has_slot(self, i: int) -> bool:
        """Whether it, or what inherited it from it, holds the slot lock."""
        return self.st[i - 1] in HAS_LOCK or (self.tree_lives(i) and self.fdl[i - 1])

    @property
    def sups(self) -> range:
        """Their numbers."""
        return range(1, len(self.st) + 1)


def put(values: tuple, place: int, value: object) -> tuple:
    """`values` with another one at `place`."""
    return (*values[:place], value, *values[place + 1 :])


def first(bounds: Bounds) -> Kernel:
    """Nothing has happened; scheduler A is up."""
    n = bounds.MaxSup
    return Kernel(
        log=(),
        view=(0, 0, 0),
        sched=("up", "down"),
        ep=(1, 0),
        epoch=1,
        m=(IDLE, IDLE, IDLE),
        pipe=("none",) * n,
        st=("none",) * n,
        srun=(0,) * n,
        born=(0,) * n,
        made=(False,) * n,
        go=(False,) * n,
        stop=("none",) * n,
        mute=(False,) * n,
        ver=("none",) * n,
        emp=(False,) * n,
        tree=("none",) * n,
        fdl=(False,) * n,
        code=("none",) * n,
        due=0,
        boot=1,
        bud=Budget(bounds.MaxCrash, bounds.MaxFreeze, bounds.MaxKill, bounds.MaxMute, bounds.MaxCancel, bounds.MaxBoot),
    )


def dies(state: Kernel, i: int) -> Iterator[Kernel]:
    """A supervisor is killed: its command dies with it, what that left may live on."""
    at = i - 1
    after = state._replace(st=put(state.st, at, "killed"), mute=put(state.mute, at, False), go=put(state.go, at, False))
    for tree in ("left", "gone") if state.tree_lives(i) else (state.tree[at],):
        yield after._replace(tree=put(state.tree, at, tree))


_BY_NAME = {"view": CLIENTS, "m": CLIENTS, "sched": SCHEDS, "ep": SCHEDS}


def value(state: Kernel) -> dict[str, object]:
    """The state as the specification has it: variable by variable, records as sorted pairs."""
    found: dict[str, object] = {}
    for name, one in zip(state._fields, state, strict=True):
        if name in _BY_NAME:
            found[name] = _record({c: _plain(v) for c, v in zip(_BY_NAME[name], one, strict=True)})
        else:
            found[name] = _plain(one)
    return found


def _plain(one: object) -> object:
    if isinstance(one, Rec | Mid | Budget):
        return _record(one._asdict())
    return tuple(_plain(part) for part in one) if isinstance(one, tuple) else one


def _record(fields: dict[str, object]) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(fields.items()))
