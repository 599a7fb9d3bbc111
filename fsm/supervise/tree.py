"""The process tree below a supervisor. As its subreaper the supervisor is the parent of every orphan of the tree,
so `waitpid` saying ECHILD is the whole proof that nothing is left, as long as the supervisor lives."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

from fsm.supervise.processes import Stat, all_pids, read_text, send_signal, stat_of

_PASSES = 64  # of one kill: newly forked processes are looked for again at once this often, then after a pause


def descendants() -> Iterator[Stat]:
    """Every process below this one, the youngest children first.

    A child is given as soon as it is read, so that one that forks and ends all the time can be caught; those further
    down need the whole picture.
    """
    me = os.getpid()
    children = _children_by_file(me)
    if children is not None:
        yield from children
        return
    parents: dict[int, list[Stat]] = {}
    for pid in all_pids():
        stat = stat_of(pid) if pid != me else None
        if stat is None:
            continue
        parents.setdefault(stat.ppid, []).append(stat)
        if stat.ppid == me:
            yield stat
    level = parents.get(me, [])
    while level:
        level = [below for stat in level for below in parents.get(stat.pid, ())]
        yield from level


def _children_by_file(pid: int) -> list[Stat] | None:
    """The same through /proc/PID/task/TID/children; None where the kernel was built without it."""
    found: list[Stat] = []
    todo, seen = [pid], {pid}
    while todo:
        parent = todo.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except (FileNotFoundError, ProcessLookupError):
            continue
        for thread in threads:
            listed = read_text(f"/proc/{parent}/task/{thread}/children")
            if listed is None:
                if parent == pid:
                    return None
                continue
            for child in map(int, listed.split()):
                stat = stat_of(child) if child not in seen else None
                if stat is not None:
                    seen.add(child)
                    todo.append(child)
                    found.append(stat)
    return found


def terminate() -> None:
    """SIGTERM to every descendant, and SIGCONT so that one that is stopped hears it. Those forked meanwhile may not."""
    for stat in descendants():
        _send(stat, signal.SIGTERM)
        _send(stat, signal.SIGCONT)


def kill(collect: Callable[[], bool]) -> None:
    """SIGKILL to every descendant, again while new ones show up. Does not wait.

    `collect` takes the dead from the kernel and says whether none is left. What was sent a SIGKILL forks no more, so
    a pass that finds no new process has them all.
    """
    killed: set[tuple[int, int]] = set()
    for _ in range(_PASSES):
        fresh = False
        for stat in descendants():
            if not stat.dead and (stat.pid, stat.start) not in killed and _send(stat, signal.SIGKILL):
                killed.add((stat.pid, stat.start))
                fresh = True
        if collect() or not fresh:
            return


def send_to(pid: int, number: int) -> None:
    """Send a signal to a process that is known by its pid only (a member of our own control group)."""
    stat = stat_of(pid)
    if stat is not None:
        _send(stat, number)


def _send(stat: Stat, number: int) -> bool:
    """Whether it was sent. A process of another user (set-user-ID) can't be ended by us, only waited for."""
    try:
        return send_signal(stat.pid, stat.start, number)
    except PermissionError:
        return False
