"""The safety properties of specs/RunProperties.tla over states of the kernel, by the same names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from kernel_state import SCHEDS, Kernel, Rec

from fsm.lifecycle.table import triples
from fsm.model.states import TERMINAL

_NO_VERDICT = frozenset({"queue", "start", "released", "refused"})
_TARGET = {
    "queue": "queued",
    "start": "running",
    "succeed": "succeeded",
    "fail": "failed",
    "time_out": "timed_out",
    "lose": "lost",
    "reap": "reaped",
}
_TABLE = frozenset((str(state or "none"), str(trigger), str(reason or "")) for state, trigger, reason in triples())
ENDED = frozenset(str(state) for state in TERMINAL)
Law = Callable[[Kernel], bool]
LAWS: dict[str, Law] = {}


def law(test: Callable[[Kernel], object]) -> Law:
    """Register a safety property, by its function's name in the specification's spelling."""
    name = "".join(part.capitalize() for part in test.__name__.split("_"))
    LAWS[name] = cast(Law, test)
    return LAWS[name]


def state_of(log: Sequence[Rec], run: int) -> str:
    """Where a run is, told by the records alone: not by the code that is to be judged."""
    taken = [rec.k for rec in log if rec.r == run and rec.k not in {"released", "refused"}]
    return _TARGET[taken[-1]] if taken else "none"


def armed(state: Kernel, run: int) -> int:
    """The arming that the start of a run names."""
    return [rec.n for rec in state.log if rec.r == run and rec.k == "start"][-1]


def _of(state: Kernel, *reasons: str) -> list[int]:
    """The armings that were judged so; those of runs that were started."""
    return [armed(state, rec.r) for at, rec in enumerate(state.log) if rec.y in reasons and _running(state, at)]


def _running(state: Kernel, at: int) -> bool:
    return state_of(state.log[:at], state.log[at].r) == "running"


def _runs(state: Kernel) -> set[int]:
    return {rec.r for rec in state.log if rec.r}


@law
def one_tree(state: Kernel) -> bool:
    return sum(state.tree_lives(i) for i in state.sups) <= 1


@law
def terminal_is_final(state: Kernel) -> bool:
    for run in _runs(state):
        verdicts = [rec for rec in state.log if rec.r == run and rec.k not in _NO_VERDICT]
        if len(verdicts) > 1 or (verdicts and state_of(state.log, run) not in ENDED):
            return False
    return True


@law
def legal_transitions(state: Kernel) -> bool:
    for at, rec in enumerate(state.log):
        if rec.k in {"released", "refused"}:
            continue
        reason = "" if rec.k in {"queue", "start"} else rec.y
        if (state_of(state.log[:at], rec.r), rec.k, reason) not in _TABLE:
            return False
    return True


@law
def slot_taken_once(state: Kernel) -> bool:
    for at, rec in enumerate(state.log):
        if rec.k == "start":
            before = state.log[:at]
            free = {one.r for one in before if one.k == "released"}
            if any(one.k == "start" and one.r not in free for one in before):
                return False
    return True


@law
def gone_before_released(state: Kernel) -> bool:
    for at, rec in enumerate(state.log):
        if rec.k != "released":
            continue
        i = rec.n
        true = {"report": state.emp[i - 1], "reboot": state.born[i - 1] < state.boot}.get(rec.y, True)
        if any(state.srun[j - 1] == rec.r and state.tree_lives(j) for j in state.sups) or not true:
            return False
        if i != armed(state, rec.r) or state.alive(i) or state_of(state.log[:at], rec.r) not in ENDED:
            return False
    return True


@law
def running_is_armed(state: Kernel) -> bool:
    return all(state.made[rec.n - 1] and state.srun[rec.n - 1] == rec.r for rec in state.log if rec.k == "start")


@law
def executes_what_is_journaled(state: Kernel) -> bool:
    named = {rec.n for rec in state.log if rec.k == "start"}
    return all(state.tree[i - 1] == "none" or i in named for i in state.sups)


@law
def executes_once(state: Kernel) -> bool:
    executed = [state.srun[i - 1] for i in state.sups if state.tree[i - 1] != "none"]
    return len(executed) == len(set(executed))


@law
def stop_before_verdict(state: Kernel) -> bool:
    return all(state.stop[i - 1] != "none" or not state.alive(i) for i in _of(state, "cancelled", "overdue"))


@law
def own_word_first(state: Kernel) -> bool:
    return all(
        state.ver[i - 1] == "none" or state.stop[i - 1] in {"cancelled", "overdue"}
        for i in _of(state, "cancelled", "overdue")
    )


@law
def success_is_real(state: Kernel) -> bool:
    good = all(state.code[i - 1] == "ok" for i in _of(state, "completed"))
    return good and all(state.code[i - 1] == "bad" for i in _of(state, "exit_code"))


@law
def timeout_is_real(state: Kernel) -> bool:
    return all(state.ver[i - 1] == "run_timeout" for i in _of(state, "run_timeout"))


@law
def never_started_is_real(state: Kernel) -> bool:
    runs = {rec.r for rec in state.log if rec.y == "start_failed"}
    return all(state.srun[i - 1] not in runs or state.tree[i - 1] == "none" for i in state.sups)


@law
def lost_is_real(state: Kernel) -> bool:
    lost = [armed(state, rec.r) for rec in state.log if rec.k == "lose"]
    return all(not state.alive(i) and not state.tree_lives(i) and state.ver[i - 1] == "none" for i in lost)


@law
def busy_is_no_failure(state: Kernel) -> bool:
    failed = {r.r for at, r in enumerate(state.log) if r.y == "start_failed" and not _running(state, at)}
    killed = {state.srun[i - 1] for i in state.sups if state.st[i - 1] == "killed"}
    return failed <= killed


@law
def one_arming_at_a_time(state: Kernel) -> bool:
    return all(state.pipe.count(c) <= 1 for c in SCHEDS)


@law
def one_open_run(state: Kernel) -> bool:
    return sum(state_of(state.log, run) in {"queued", "running"} for run in _runs(state)) <= 1


@law
def tick_answered_once(state: Kernel) -> bool:
    answers = [(rec.a, rec.b) for rec in state.log if rec.k in {"queue", "refused"} and rec.b]
    counts = [sum(a <= tick <= b for a, b in answers) for tick in range(1, state.due + 1)]
    newest = answers[-1][1] if answers else 0
    return all(count <= 1 and (tick > newest or count) for tick, count in enumerate(counts, 1))


@law
def epochs_fence(state: Kernel) -> bool:
    epochs = [rec.e for rec in state.log if rec.e]
    return epochs == sorted(epochs)
