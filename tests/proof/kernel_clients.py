"""What schedulers and clients may do next: each answer is the shipped code's.

A step is (action, who, next state), by the names of specs/RunLifecycle.tla. Whether a command may be given, what it
writes and what else follows is asked of `decide`, `still_wanted`, `reconcile` and `gone`; which command is given when
is free (policies and deadlines are inputs), but for the order of steps that fsm/scheduler and fsm/client keep.
"""

from __future__ import annotations

from collections.abc import Iterator

import kernel_journal as journal
from kernel_state import CLIENTS, IDLE, SCHEDS, Bounds, Kernel, Mid, Rec, dies, put

import fsm.journal.sealing as sealing_module
import fsm.planning.reconciliation as reconciliation_module
from fsm.errors import Fenced
from fsm.model.commands import Command, FailStart, Go, QueueTimeout, Request, Start, Stop, StopFirst, Ticks
from fsm.model.run import Run
from fsm.model.states import Evidence, Reason, State
from fsm.planning.reconciliation import gone

Step = tuple[str, str, Kernel]


def place(c: str) -> int:
    """Where a client's part of a state is."""
    return CLIENTS.index(c)


def append(state: Kernel, c: str, records: tuple[Rec, ...]) -> Kernel | None:
    """The state after a transaction; None where somebody was faster or a newer epoch began."""
    epoch = state.ep[SCHEDS.index(c)] if c in SCHEDS else None
    try:
        sealing_module.next_epoch((), epoch, state.epoch)
    except Fenced:
        return None
    if state.view[place(c)] != len(state.log):
        return None
    log = state.log + tuple(record._replace(e=epoch or 0) for record in records)
    return state._replace(log=log, view=put(state.view, place(c), len(log)))


def _writes(state: Kernel, action: str, c: str, records: tuple[Rec, ...], **changes: object) -> Iterator[Step]:
    if records:
        after = append(state, c, records)
        if after is not None:
            yield action, c, after._replace(**changes)


def _mid(state: Kernel, c: str, mid: Mid) -> dict[str, object]:
    return {"m": put(state.m, place(c), mid)}


def client_steps(state: Kernel, bounds: Bounds) -> Iterator[Step]:
    """All that schedulers and the command line may do next, but for coming and going."""
    for c in CLIENTS:
        if not state.up(c):
            continue
        current = c == "C" or state.ep[place(c)] == state.epoch
        if state.view[place(c)] != len(state.log) and current:
            yield "Read", c, state._replace(view=put(state.view, place(c), len(state.log)))
        yield from _stop(state, c)
        yield from _settle(state, c)
        if c in SCHEDS:
            yield from _queue(state, c, bounds)
            yield from _start(state, c)
            yield from _look(state, c)
    yield from _requests(state, bounds)


# ---- runs come to be, and time out in the queue


def _requests(state: Kernel, bounds: Bounds) -> Iterator[Step]:
    folded = journal.seen(state, "C")
    if folded.state.last_number < bounds.MaxRuns:
        decision = journal.ask(folded, Request())
        if decision is not None and decision.refusal is None:
            yield from _writes(state, "Request", "C", journal.answer(folded, (Request(),)))
    for run in folded.state.open_runs if state.bud.cancel else ():
        decision = journal.ask(folded, Stop(run.number, Reason.CANCELLED))
        if decision is not None and decision.drafts:
            records = journal.answer(folded, (Stop(run.number, Reason.CANCELLED),))
            yield from _writes(state, "CancelQueued", "C", records, bud=state.bud._replace(cancel=state.bud.cancel - 1))


def _queue(state: Kernel, c: str, bounds: Bounds) -> Iterator[Step]:
    folded = journal.seen(state, c)
    if state.due:
        records = journal.answer(folded, (Ticks(),), journal.at_tick(state.due))
        if not any(record.k == "queue" and record.r > bounds.MaxRuns for record in records):
            yield from _writes(state, "Tick", c, records)
    for run in folded.runs:
        yield from _writes(state, "QueueTimeout", c, journal.answer(folded, (QueueTimeout(run.number),)))


# ---- arm, journal, go


def _start(state: Kernel, c: str) -> Iterator[Step]:
    folded = journal.seen(state, c)
    fold, mine = folded.state, [i for i in state.sups if state.pipe[i - 1] == c]
    queued = next((run for run in fold.runs if run.state is State.QUEUED), None)
    fresh = next((i for i in state.sups if state.st[i - 1] == "none"), None)
    if queued is not None and fold.slot is None and not mine and fresh is not None:
        at = fresh - 1
        yield (
            "Arm",
            c,
            state._replace(
                st=put(state.st, at, "forked"),
                srun=put(state.srun, at, queued.number),
                born=put(state.born, at, state.boot),
                pipe=put(state.pipe, at, c),
            ),
        )
    for i in mine:
        yield from _pending(state, c, i)


def _pending(state: Kernel, c: str, i: int) -> Iterator[Step]:
    at, folded = i - 1, journal.seen(state, c)
    execution, number = journal.execution(state, i), state.srun[i - 1]
    closed = put(state.pipe, at, "none")
    started = any(rec.k == "start" and rec.n == i for rec in state.log[: state.view[place(c)]])
    if state.made[at]:
        command = Start(number, execution.arming)
        decision = journal.ask(folded, command)
        if decision is not None:
            (go,) = decision.effects  # after the commit, this one is told to go, and no other
            assert isinstance(go, Go)
            assert go.execution == execution
            yield from _writes(state, "Start", c, journal.answer(folded, (command,)))
    if started:
        yield "Go", c, state._replace(go=put(state.go, at, state.st[at] == "armed"), pipe=closed)
    elif _queued(folded, number) is None or state.st[at] == "busy" or (state.made[at] and not state.alive(i)):
        yield "TakeBack", c, state._replace(pipe=closed)
    if state.st[at] == "killed" and not state.made[at]:
        records = journal.answer(folded, (FailStart(number, journal.NO_SUPERVISOR),))
        yield from _writes(state, "ArmFailed", c, records, pipe=closed)


def _queued(folded: journal.Folded, number: int) -> Run | None:
    run = folded.state.run(number)
    return run if run is not None and run.state is State.QUEUED else None


# ---- look, judge, release


def _holder(state: Kernel, c: str) -> tuple[Run, int] | None:
    run = journal.seen(state, c).state.holder
    return None if run is None or run.arming is None else (run, journal.arming_number(run.arming.nonce))


def _look(state: Kernel, c: str) -> Iterator[Step]:
    held, mid = _holder(state, c), state.m[place(c)]
    if held is None:
        return
    run, i = held
    if mid.pc == "idle":
        yield "LookLock", c, state._replace(**_mid(state, c, Mid("locked", i, not state.alive(i))))
    if state.mute[i - 1] and state.alive(i):
        for after in dies(state, i):
            yield "KillMute", c, after
    if mid.i != i:
        return
    if mid.pc == "locked":
        said, emptied = state.ver[i - 1], state.emp[i - 1]
        silent = not mid.d and said == "none"
        yield (
            "LookReport",
            c,
            state._replace(**_mid(state, c, IDLE if silent else Mid("found", i, mid.d, said, emptied))),
        )
    elif mid.pc == "search" and not any(state.has_slot(j) for j in state.sups if j != i):
        tree = put(state.tree, i - 1, "gone") if state.tree_lives(i) else state.tree
        yield "Search", c, state._replace(tree=tree, **_mid(state, c, mid._replace(pc="searched")))
    elif mid.pc == "searched":
        found = journal.finding(i, dead=mid.d, said=mid.v, emptied=mid.p)
        known = run.state.terminal or (found.report is not None and found.report.verdict is not None)
        assert run.arming is not None
        commands = gone(run, run.arming, Evidence.SCAN, journal.NOW, found, known=known)
        yield from _writes(
            state, "Release", c, journal.answer(journal.seen(state, c), commands), **_mid(state, c, IDLE)
        )


def _settle(state: Kernel, c: str) -> Iterator[Step]:
    held, mid = _holder(state, c), state.m[place(c)]
    if mid.pc != "idle" and (held is None or held[1] != mid.i):
        yield "Forget", c, state._replace(**_mid(state, c, IDLE))
    if mid.pc != "found" or held is None or held[1] != mid.i:
        return
    run, i = held
    assert run.arming is not None
    found = journal.finding(i, dead=mid.d, said=mid.v, emptied=mid.p)
    now = journal.NOW.__class__(journal.T0, 0, f"boot {state.boot}")
    reconciled = reconciliation_module.reconcile(run, run.arming, found, now)
    after = _mid(state, c, mid._replace(pc="search") if reconciled.search else IDLE)
    records = journal.answer(journal.seen(state, c), reconciled.commands)
    if records:
        yield from _writes(state, "Settle", c, records, **after)
    else:
        yield "Settle", c, state._replace(**after)


# ---- stop comes before a foreign verdict


def _stop(state: Kernel, c: str) -> Iterator[Step]:
    held, mid = _holder(state, c), state.m[place(c)]
    why = Reason.CANCELLED if c == "C" else Reason.OVERDUE
    if held is not None:
        run, i = held
        if mid.pc == "idle" and (c != "C" or state.bud.cancel):
            yield from _stop_put(state, c, Stop(run.number, why), i)
        if mid.i == i and mid.pc == "told":
            said = state.ver[i - 1]
            after = mid._replace(pc="silent") if said == "none" else mid._replace(pc="found", v=said)
            yield "Word", c, state._replace(**_mid(state, c, after))
        if mid.i == i and mid.pc == "silent":
            commands: tuple[Command, ...] = (Stop(run.number, why, stopped=True),)
            yield from _writes(
                state, "Reap", c, journal.answer(journal.seen(state, c), commands), **_mid(state, c, IDLE)
            )
    over = mid.pc == "silent" and (held is None or held[0].state is not State.RUNNING)
    if (c == "C" and mid.pc in {"told", "silent", "found"}) or over:
        yield "Leave", c, state._replace(**_mid(state, c, IDLE))


def _stop_put(state: Kernel, c: str, command: Stop, i: int) -> Iterator[Step]:
    decision = journal.ask(journal.seen(state, c), command)
    if decision is None or not decision.effects:
        return
    (first,) = decision.effects
    assert isinstance(first, StopFirst)
    assert journal.arming_number(first.execution.arming.nonce) == i
    stop = state.stop
    if stop[i - 1] == "none" and state.alive(i):
        stop = put(stop, i - 1, str(command.reason) if state.ver[i - 1] == "none" else "late")
    bud = state.bud._replace(cancel=state.bud.cancel - 1) if c == "C" else state.bud
    yield "StopPut", c, state._replace(stop=stop, bud=bud, **_mid(state, c, Mid("told", i)))
