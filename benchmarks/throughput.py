"""Goal 1: supervised, journaled runs of /bin/true, many in flight."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from benchmarks.figures import Beside, Figure, Sample, at_least
from benchmarks.huey_peer import AVAILABLE, huey_per_s
from benchmarks.limits import TRUE, spawns_per_s
from benchmarks.registry import Setting, benchmark
from benchmarks.stand import PATIENCE_S, Stand, stand
from fsm.instants import SECOND, Instant, format_instant
from fsm.model.job import Job
from fsm.realtime import SystemClock

IN_FLIGHT = (8, 32)

_SOON = 3 * SECOND
"""From the definition of the jobs to their scheduled time: the scheduler is up by then."""

_REQUESTED = (
    "{jobs} manual jobs, each requested anew by another process as soon as its end is told; at most {slots} run"
)
_DUE = "{jobs} jobs due at the same instant, at most {slots} run; from that instant to the last recorded end"


@benchmark("throughput", goals="1")
def throughput(setting: Setting) -> list[Figure]:
    """Supervised durable runs of /bin/true a second, 8 and 32 in flight."""
    runs = setting.size(1500, 200)
    measures: dict[str, Callable[[], float]] = {"spawn": partial(spawns_per_s, setting.size(800, 100))}
    for slots in IN_FLIGHT:
        measures[f"requested {slots}"] = partial(_requested, setting, slots, runs)
        measures[f"due {slots}"] = partial(_due, setting, slots, runs)
        if AVAILABLE:
            measures[f"huey {slots}"] = partial(_huey, setting, slots, runs)
    found = {name: Sample(values, "runs/s") for name, values in setting.in_turns(measures).items()}
    return [_figure(found, way, slots, runs) for slots in IN_FLIGHT for way in ("requested", "due")]


def _figure(found: dict[str, Sample], way: str, slots: int, runs: int) -> Figure:
    beside = [Beside("posix_spawn + wait, one after the other", found["spawn"], at_least(0.5))]
    if AVAILABLE:
        beside.append(Beside(f"Huey, SQLite, {slots} workers", found[f"huey {slots}"], at_least(0.5)))
    note = _REQUESTED.format(jobs=2 * slots, slots=slots) if way == "requested" else _DUE.format(jobs=runs, slots=slots)
    what = f"supervised durable `/bin/true`, {slots} in flight, {way}"
    return Figure("1", what, found[f"{way} {slots}"], None, tuple(beside), note)


def _requested(setting: Setting, slots: int, runs: int) -> float:
    names = [f"job-{number}" for number in range(2 * slots)]
    jobs = [Job(name, command=(TRUE,)) for name in names]
    with setting.scratch() as folder, stand(folder, jobs, slots, _profile(setting, f"requested-{slots}")) as served:
        served.wait_until_served()
        return closed_loop(served, names, runs)


def closed_loop(served: Stand, names: list[str], runs: int) -> float:
    """Runs a second, once every slot is in use; each job is requested anew when its run has ended."""
    warm = 2 * len(names)
    asked, again = 0, names
    ended: list[int] = []
    while len(ended) < warm + runs:
        now, later = again[: warm + runs - asked], again[warm + runs - asked :]
        refused = served.request(now) if now else []
        asked += len(now) - len(refused)
        # refused: the end was told before the slot was free; ask again with the next, in a millisecond at the latest
        new = [event for event in served.events(0.001 if refused else PATIENCE_S) if event.ended]
        ended += [event.at_ns for event in new]
        again = [*refused, *(event.job for event in new), *later]
    return runs / ((ended[-1] - ended[warm - 1]) / 1e9)


def _due(setting: Setting, slots: int, runs: int) -> float:
    due = Instant(SystemClock().now().utc + _SOON)
    due_ns = time.monotonic_ns() + _SOON * 1000
    schedule = f"at {format_instant(due)}"
    jobs = [Job(f"job-{number}", schedule=schedule, command=(TRUE,)) for number in range(runs)]
    with setting.scratch() as folder, stand(folder, jobs, slots, _profile(setting, f"due-{slots}")) as served:
        served.wait_until_served()
        if time.monotonic_ns() >= due_ns:
            raise RuntimeError(f"the scheduler took {_SOON / SECOND:.0f} s to come up: the jobs are due already")
        ended = served.ends(runs)
        return runs / ((ended[-1].at_ns - due_ns) / 1e9)


def _huey(setting: Setting, slots: int, runs: int) -> float:
    with setting.scratch() as folder:
        return huey_per_s(folder, slots, runs)


def _profile(setting: Setting, name: str) -> str | None:
    if setting.profile is None:
        return None
    os.makedirs(setting.profile, exist_ok=True)
    return os.path.join(setting.profile, f"{name}.pstats")
