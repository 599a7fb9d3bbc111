"""Goal 2: one run, alone, from the request of another process to its recorded end."""

from __future__ import annotations

import os
import time

from benchmarks.figures import Beside, Figure, Sample, at_most, percentile
from benchmarks.limits import TRUE, spawn_s
from benchmarks.registry import Setting, benchmark, progress
from benchmarks.stand import Stand, stand
from fsm.model.job import Job

_JOBS = 4  # in turns, so that no request meets the slot of the run before
_ALONE_S = 0.005  # before each spawn and each run, so that the supervisor of the run before is gone

_NOTE = (
    "from before Engine.request in one process (its commit, a poke) to the moment when a subscriber of the scheduler "
    "in another one hears of the end (after its commit), for `/bin/true`; one at a time, {runs} a round, with a bare "
    "spawn between every two"
)


@benchmark("latency", goals="2")
def latency(setting: Setting) -> list[Figure]:
    """One run of /bin/true, request to recorded end: p50 and p99."""
    runs = setting.size(300, 50)
    spawns: list[list[float]] = []
    stages: list[list[tuple[float, float, float]]] = []
    for number in range(setting.rounds):
        progress(f"round {number + 1} of {setting.rounds}: one at a time")
        bare, staged = _round(setting, runs)
        spawns.append(bare)
        stages.append(staged)
    progress("")
    note = _NOTE.format(runs=runs)
    whole = [[sum(stage) for stage in staged] for staged in stages]
    bare_p50 = Sample([percentile(times, 0.5) for times in spawns], "ms")
    bare_p99 = Sample([percentile(times, 0.99) for times in spawns], "ms")
    p50 = Sample([percentile(times, 0.5) for times in whole], "ms")
    p99 = Sample([percentile(times, 0.99) for times in whole], "ms")
    spawn = "posix_spawn + wait"
    figures = [
        Figure("2", "one run, request to recorded end, p50", p50, None, (Beside(spawn, bare_p50, at_most(6)),), note),
        Figure("2", "the same, p99", p99, at_most(15), (Beside(spawn, bare_p99),)),
    ]
    for place, name in enumerate(
        ("request to its commit", "to its `start`: armed and journaled", "to its recorded end")
    ):
        part = [percentile([stage[place] for stage in staged], 0.5) for staged in stages]
        figures.append(Figure("2", f"of which {name}, p50", Sample(part, "ms")))
    return figures


def _round(setting: Setting, runs: int) -> tuple[list[float], list[tuple[float, float, float]]]:
    """Milliseconds of each bare spawn, and of the three stages of each run."""
    profile = None
    if setting.profile is not None:
        os.makedirs(setting.profile, exist_ok=True)
        profile = os.path.join(setting.profile, "latency.pstats")
    names = [f"job-{number}" for number in range(_JOBS)]
    bare: list[float] = []
    staged: list[tuple[float, float, float]] = []
    with (
        setting.scratch() as folder,
        stand(folder, [Job(name, command=(TRUE,)) for name in names], _JOBS, profile) as served,
    ):
        served.wait_until_served()
        for name in names:
            _one(served, name)  # caches are warm, the fork server is up
        for number in range(runs):
            time.sleep(_ALONE_S)
            bare.append(spawn_s() * 1e3)
            time.sleep(_ALONE_S)
            staged.append(_one(served, names[number % _JOBS]))
    return bare, staged


def _one(served: Stand, name: str) -> tuple[float, float, float]:
    """Milliseconds from the request to its commit, to the `start` told of, to the end told of."""
    while True:
        begin = time.monotonic_ns()
        refused = served.request([name])
        if not refused:
            break
        time.sleep(_ALONE_S)  # the slot of its last run is held still: that was told after its end
    queued = time.monotonic_ns()
    started = 0
    while True:
        for event in served.events():
            if event.phase == "start":
                started = event.at_ns
            if event.ended:
                return (queued - begin) / 1e6, (started - queued) / 1e6, (event.at_ns - started) / 1e6
