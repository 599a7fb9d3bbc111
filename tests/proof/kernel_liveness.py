"""What is bound to happen to the kernel: Fair of specs/RunLifecycle.tla, the promises of specs/RunProperties.tla."""

from __future__ import annotations

from collections.abc import Callable

from kernel_properties import ENDED, Law, state_of
from kernel_state import SCHEDS

from fsm.testing.explorer import Fairness, strong, weak

_LOOKS = frozenset({"LookLock", "LookReport", "Settle", "Search", "Release", "Forget", "Word", "Reap", "Leave"})
_BRINGS = frozenset({"Arm", "Start", "Go", "ArmFailed", "TakeBack"})
_SUPERVISOR = frozenset(
    {"TakeSlot", "GiveUp", "Execute", "Disarm", "SeesExit", "SeesStop", "Deadline", "EndsTree", "Emptied", "Exit"}
)


def _steps(actions: frozenset[str], who: str | None) -> Callable[[tuple[str, str]], bool]:
    return lambda label: label[0] in actions and who in (None, label[1])


def fairness(sups: int) -> list[Fairness[tuple[str, str]]]:
    """Fair of the specification, condition by condition."""
    fair = [weak(_steps(frozenset({"Begin"}), None))]
    for c in SCHEDS:
        alone = (
            frozenset({"Read", "Fenced"}),
            frozenset({"QueueTimeout"}),
            frozenset({"Tick"}),
            frozenset({"KillMute"}),
        )
        fair += [weak(_steps(actions, c)) for actions in (*alone, _LOOKS, _BRINGS)]
        fair.append(strong(_steps(frozenset({"StopPut"}), c)))
    return fair + [weak(_steps(_SUPERVISOR, str(i))) for i in range(1, sups + 1)]


def promises(runs: int, ticks: int) -> dict[str, list[tuple[Law, Law]]]:
    """Each liveness property as pairs: what leads to what."""
    return {
        "EveryRunEnds": [
            (
                lambda s, r=r: state_of(s.log, r) in {"queued", "running"},
                lambda s, r=r: state_of(s.log, r) in ENDED,
            )
            for r in range(1, runs + 1)
        ],
        "EverySlotIsFreed": [
            (
                lambda s, r=r: any(rec.k == "start" and rec.r == r for rec in s.log),
                lambda s, r=r: any(rec.k == "released" and rec.r == r for rec in s.log),
            )
            for r in range(1, runs + 1)
        ],
        "EveryTickIsAnswered": [
            (
                lambda s, t=t: s.due >= t,
                lambda s, t=t: (
                    any(rec.k in {"queue", "refused"} and rec.a <= t <= rec.b for rec in s.log)
                    or sum(rec.k == "queue" for rec in s.log) == runs
                ),
            )
            for t in range(1, ticks + 1)
        ],
    }
