"""What supervisors, processes, the machine and its faults may do next: the model's own (specs/RunLifecycle.tla)."""

from __future__ import annotations

from collections.abc import Iterator

from kernel_clients import Step, client_steps
from kernel_state import IDLE, SCHEDS, Bounds, Kernel, dies, put

STOPPED = frozenset({"cancelled", "overdue"})


def steps(state: Kernel, bounds: Bounds) -> Iterator[Step]:
    """All that may happen next."""
    yield from client_steps(state, bounds)
    for i in state.sups:
        if not state.mute[i - 1]:
            yield from _supervisor(state, i)
        yield from _process(state, i)
    yield from _schedulers(state)
    if state.bud.boot:
        yield "Reboot", "", _reboot(state)
    if state.due < bounds.MaxTicks:
        yield "TickComes", "", state._replace(due=state.due + 1)


def _supervisor(state: Kernel, i: int) -> Iterator[Step]:
    at, who, st = i - 1, str(i), state.st[i - 1]
    if st == "forked":
        if not any(state.has_slot(j) for j in state.sups):
            yield "TakeSlot", who, state._replace(st=put(state.st, at, "armed"), made=put(state.made, at, True))
        yield "GiveUp", who, state._replace(st=put(state.st, at, "busy"))
    elif st == "armed":
        if state.go[at] and state.stop[at] == "none":
            begun = state._replace(
                st=put(state.st, at, "run"), go=put(state.go, at, False), tree=put(state.tree, at, "alive")
            )
            for kept in (False, True):
                yield "Execute", who, begun._replace(fdl=put(state.fdl, at, kept))
        said = state.stop[at] if state.stop[at] in STOPPED else "start_failed"
        yield (
            "Disarm",
            who,
            _says(state, i, said, "reported")._replace(emp=put(state.emp, at, True), go=put(state.go, at, False)),
        )
    elif st == "run":
        if state.tree[at] != "alive":
            yield "SeesExit", who, _says(state, i, "completed" if state.code[at] == "ok" else "exit_code", "ending")
        else:
            if state.stop[at] in STOPPED:
                yield "SeesStop", who, _says(state, i, state.stop[at], "ending")
            yield "Deadline", who, _says(state, i, "run_timeout", "ending")
    elif st == "ending":
        if state.tree_lives(i):
            yield "EndsTree", who, state._replace(tree=put(state.tree, at, "gone"))
        else:
            yield "Emptied", who, state._replace(emp=put(state.emp, at, True), st=put(state.st, at, "reported"))
    elif st == "reported":
        yield "Exit", who, state._replace(st=put(state.st, at, "exited"))


def _says(state: Kernel, i: int, word: str, st: str) -> Kernel:
    return state._replace(ver=put(state.ver, i - 1, word), st=put(state.st, i - 1, st))


def _process(state: Kernel, i: int) -> Iterator[Step]:
    at, who = i - 1, str(i)
    if state.tree[at] == "alive":
        for code in ("ok", "bad"):
            for tree in ("left", "gone"):
                yield (
                    "MainExits",
                    who,
                    state._replace(code=put(state.code, at, code), tree=put(state.tree, at, tree)),
                )
    if state.alive(i):
        if state.bud.kill:
            for after in dies(state._replace(bud=state.bud._replace(kill=state.bud.kill - 1)), i):
                yield "SupKilled", who, after
        if state.bud.mute and not state.mute[at]:
            bud = state.bud._replace(mute=state.bud.mute - 1)
            yield "SupMute", who, state._replace(mute=put(state.mute, at, True), bud=bud)
    if state.mute[at]:
        yield "SupWakes", who, state._replace(mute=put(state.mute, at, False))


def _schedulers(state: Kernel) -> Iterator[Step]:
    for at, c in enumerate(SCHEDS):
        now = state.sched[at]
        if now != "down" and state.bud.crash:
            yield "Crash", c, _down(state._replace(bud=state.bud._replace(crash=state.bud.crash - 1)), c)
        if now == "up":
            if state.ep[at] < state.epoch:
                yield "Fenced", c, _down(state, c)
            if state.bud.freeze:
                bud = state.bud._replace(freeze=state.bud.freeze - 1)
                yield "Freeze", c, state._replace(sched=put(state.sched, at, "frozen"), bud=bud)
        elif now == "frozen":
            yield "Thaw", c, state._replace(sched=put(state.sched, at, "up"))
        elif "up" not in state.sched:
            up = state._replace(sched=put(state.sched, at, "up"), ep=put(state.ep, at, state.epoch + 1))
            yield "Begin", c, up._replace(epoch=state.epoch + 1)


def _down(state: Kernel, c: str) -> Kernel:
    at = SCHEDS.index(c)
    return state._replace(
        sched=put(state.sched, at, "down"),
        m=put(state.m, at, IDLE),
        view=put(state.view, at, 0),
        ep=put(state.ep, at, 0),
        pipe=tuple("none" if owner == c else owner for owner in state.pipe),
    )


def _reboot(state: Kernel) -> Kernel:
    return state._replace(
        bud=state.bud._replace(boot=state.bud.boot - 1),
        boot=state.boot + 1,
        sched=("down", "down"),
        m=(IDLE, IDLE, IDLE),
        view=(0, 0, 0),
        ep=(0, 0),
        pipe=tuple("none" for _ in state.sups),
        st=tuple("killed" if state.alive(i) else state.st[i - 1] for i in state.sups),
        mute=tuple(False for _ in state.sups),
        go=tuple(False for _ in state.sups),
        tree=tuple("gone" if state.tree_lives(i) else state.tree[i - 1] for i in state.sups),
    )
