"""What a simulated command does: how long it runs, how it ends, what it leaves behind.

>>> sim.script("backup", [fail(code=3), succeed(after="10m")])  # the first run fails, all later ones succeed
"""

from __future__ import annotations

from attrs import frozen

from fsm.instants import SECOND, Duration, parse_duration
from fsm.model.states import ErrorClass

DEFAULT_AFTER = Duration(SECOND)
"""How long a command runs where nothing else was said: a job without a script succeeds after one second."""


@frozen(slots=True)
class Child:
    """A process that a command leaves behind. `lives_us` counts from the command's own end; None: until it is ended.

    `inherits_lock`: it kept the descriptor of the slot lock. `hidden`: it can be neither found nor ended (setuid), by
    its supervisor or anyone; it is there until it ends by itself.
    """

    lives_us: Duration | None
    ignores_term: bool
    inherits_lock: bool
    hidden: bool


@frozen(slots=True)
class Behaviour:
    """One run's script. `after_us` None: it never ends by itself."""

    after_us: Duration | None = DEFAULT_AFTER
    exit_code: int | None = 0
    signal: int | None = None
    refuses: bool = False
    error_class: ErrorClass | None = None  # it is an agent, which exits with 0 and says that it failed so
    no_result: bool = False  # it is an agent, which exits with 0 and prints no result
    cannot_start: bool = False  # there is no such program: it is armed, and its exec fails
    cannot_arm: bool = False  # there is no supervisor to be had for it
    ignores_term: bool = False
    vanishes: bool = False  # its supervisor and all its processes die at that time
    detached: bool = False  # the command closed its lock and outlives its supervisor (as setuid programs do)
    leaves: tuple[Child, ...] = ()
    prints: tuple[Duration, ...] = ()  # when it prints something, from its beginning; never otherwise


def child(
    lives: str | int | None = None, *, ignores_term: bool = False, keeps_lock: bool = True, hidden: bool = False
) -> Child:
    """A process that outlives its command, for `leaves`: for that long, or until it is ended.

    `keeps_lock=False` is the double-forked daemon that closed all its descriptors.
    """
    lives_us = None if lives is None else parse_duration(lives)
    return Child(lives_us, ignores_term, keeps_lock, hidden)


def succeed(
    after: str | int = DEFAULT_AFTER,
    *,
    detached: bool = False,
    leaves: tuple[Child, ...] = (),
    prints: tuple[str | int, ...] = (),
) -> Behaviour:
    """Exit 0 after that time. `detached`: it gave up its slot lock and does not die with its supervisor. `prints`: when
    it prints something, from its beginning; where that is left out it is silent."""
    return Behaviour(
        parse_duration(after), detached=detached, leaves=leaves, prints=tuple(parse_duration(at) for at in prints)
    )


def fail(
    code: int = 3, after: str | int = DEFAULT_AFTER, *, signal: int | None = None, leaves: tuple[Child, ...] = ()
) -> Behaviour:
    """Exit with `code`, or die from `signal`, after that time."""
    exit_code = None if signal is not None else code
    return Behaviour(parse_duration(after), exit_code, signal, leaves=leaves)


def refuse(after: str | int = DEFAULT_AFTER) -> Behaviour:
    """Decline the work: the executor says so, and its supervisor reports failed(refused)."""
    return Behaviour(parse_duration(after), refuses=True)


def err(error_class: ErrorClass, after: str | int = DEFAULT_AFTER) -> Behaviour:
    """An agent's turn that ends in an error of that class: failed(error)."""
    return Behaviour(parse_duration(after), error_class=error_class)


def say_nothing(after: str | int = DEFAULT_AFTER) -> Behaviour:
    """An agent's turn that exits with 0 and has no result: failed(no_result)."""
    return Behaviour(parse_duration(after), no_result=True)


def cannot_start(*, armed: bool = True) -> Behaviour:
    """Never execute. There is no such program (found out when it is told to go), or, with `armed=False`, no
    supervisor could be made for it at all."""
    return Behaviour(cannot_start=armed, cannot_arm=not armed)


def hang(*, detached: bool = False, leaves: tuple[Child, ...] = (), prints: tuple[str | int, ...] = ()) -> Behaviour:
    """Never end by itself; TERM ends it. `prints` as for `succeed`."""
    return Behaviour(None, detached=detached, leaves=leaves, prints=tuple(parse_duration(at) for at in prints))


def ignore_term(*, detached: bool = False, leaves: tuple[Child, ...] = ()) -> Behaviour:
    """Never end by itself, and not by TERM either; KILL ends it."""
    return Behaviour(None, ignores_term=True, detached=detached, leaves=leaves)


def vanish(after: str | int = DEFAULT_AFTER) -> Behaviour:
    """After that time the supervisor and all processes of the run are gone without a word (an out-of-memory kill)."""
    return Behaviour(parse_duration(after), vanishes=True)
