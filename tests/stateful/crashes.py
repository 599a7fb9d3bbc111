"""A scheduler that is killed in a window which is drawn by name, and what makes each window come."""

from __future__ import annotations

from collections.abc import Callable

from acts import Actor

from fsm.testing import Step, Torn, child, hang, succeed
from fsm.testing.interruptions import crash, windows

LONGEST_MINUTES = 35
"""How long a point may let itself be waited for: a sign of life comes every quarter of an hour, a tick every half."""

BEGINS = {"before append of epoch": 1, "after append of epoch": 2}
"""Windows of a scheduler that begins, by the number of the point."""


def crash_in_a_window(actor: Actor) -> str | None:
    """The scheduler is killed at a point that is drawn by name, once it comes to it; then it begins again."""
    window = actor.random.choice(windows())
    crashed = sum(actor.sim.crashes.values())
    if window in BEGINS:
        actor.sim.restart(dies_at=BEGINS[window])
    else:
        _have_it_come(actor, window)
    return "the scheduler is killed in a window" if sum(actor.sim.crashes.values()) > crashed else None


def _have_it_come(actor: Actor, window: str) -> None:
    sim, call = actor.sim, window.rsplit(" ", 1)[-1]
    prepare = {
        "disarm": _before_a_disarm,
        "stop": _before_a_stop,
        "search": _before_a_search,
        "kill": _before_a_kill,
        "refusal": _before_a_refusal,
        "release": _before_a_release,
        "prune": _before_a_cut,
    }.get(call)
    actor.bring_back()
    act = (lambda: actor.request(actor.need("plain"), succeed("30s"))) if prepare is None else prepare(actor)
    if act is None or sim.life is None:
        return
    if window.startswith("torn"):
        sim.tear_append(next(how for how in Torn if str(how) in window))
    life = sim.life
    life.interruptions.when(window, crash)
    act()
    for _ in range(LONGEST_MINUTES):
        if sim.life is not life:
            break
        sim.advance("1m")
    life.interruptions.clear()
    sim.lag(Step.SUPERVISOR, "0s")


def _before_a_disarm(actor: Actor) -> Callable[[], object] | None:
    """A cancel comes while its run is being armed."""
    actor.need("plain")
    if actor.sim.store.state("plain").runs:
        return None
    actor.sim.lag(Step.SUPERVISOR, "2s")
    actor.request("plain", succeed())
    actor.sim.advance("1s")
    return lambda: actor.cancel("plain")


def _before_a_stop(actor: Actor) -> Callable[[], object] | None:
    """A newer run of a job that replaces."""
    return (lambda: actor.request("newest")) if actor.executing("newest", hang()) else None


def _before_a_search(actor: Actor) -> Callable[[], object] | None:
    """A supervisor dies and leaves something behind."""
    if not actor.executing("plain", hang(leaves=(child(),))):
        return None
    return lambda: actor.sim.kill_supervisor("plain")


def _before_a_kill(actor: Actor) -> Callable[[], object] | None:
    """A supervisor is mute when its run is cancelled."""
    if not actor.executing("plain", hang()):
        return None
    actor.sim.mute_supervisor("plain")
    return lambda: actor.cancel("plain")


def _before_a_refusal(actor: Actor) -> Callable[[], object] | None:
    """Ticks of a job that runs too long."""
    actor.attempt(lambda: actor.sim.edit_job("tick", overlap="skip", timeout="2h", breaker=None, idle_timeout=None))
    return (lambda: None) if actor.executing("tick", hang()) else None


def _before_a_release(actor: Actor) -> Callable[[], object] | None:
    """A client's verdict; what is left to the scheduler is the slot."""
    return (lambda: actor.cancel("plain")) if actor.executing("plain", hang()) else None


def _before_a_cut(actor: Actor) -> Callable[[], object] | None:
    """More runs than are kept lie behind a checkpoint."""
    actor.need("kept")
    actor.attempt(lambda: actor.sim.edit_job("kept", keep={"runs": 1}, overlap="skip"))
    for marks in (True, False, False):
        actor.request("kept", succeed())
        actor.sim.advance("10s")
        if marks:
            actor.attempt(lambda: actor.sim.set_checkpoint("kept"))
    actor.sim.restart()  # it looks at every stream a minute after it began
    return lambda: None
