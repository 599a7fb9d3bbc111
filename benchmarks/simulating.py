"""The simulation: a month of fifty jobs, by the shipped scheduler with every law held."""

from __future__ import annotations

import time

from benchmarks.figures import Figure, Sample
from benchmarks.registry import Setting, benchmark
from fsm.testing import Simulation, fail, hang, succeed

JOBS = 50
DAYS = 30

_NOTE = (
    f"{JOBS} jobs, 45 daily and 5 every six hours; some fail, some hang; entries and executions are held to their laws "
    "as they happen, the standing laws at the end"
)


def a_month(days: int = DAYS) -> Simulation:
    """A scheduler that is up for a month, with a change of the clock in it."""
    sim = Simulation("2026-03-15T00:00:00Z", max_running=JOBS)
    for number in range(JOBS):
        often = number % 10 == 5
        name = f"{'often' if often else 'daily'}-{number}"
        hour = "*/6" if often else str(number % 24)
        sim.add_job(name, schedule=f"{number} {hour} * * *", timezone="Europe/Berlin", timeout="30m")
        odd = {3: fail(after="1m"), 7: hang()}.get(number % 10, succeed(after="10m"))
        sim.script(name, [succeed(after="10m"), odd, succeed(after="1m")])
    sim.advance(f"{days}d1h")
    return sim


@benchmark("simulating", goals="sim")
def simulating(setting: Setting) -> list[Figure]:
    """A simulated month of 50 jobs."""
    days = setting.size(DAYS, 3)
    seconds: list[float] = []
    for _ in range(min(setting.rounds, 3)):
        begin = time.perf_counter()
        sim = a_month(days)
        sim.check()
        seconds.append(time.perf_counter() - begin)
    runs = len(sim.runs())
    each = Sample([one / runs * 1e6 for one in seconds], "µs")
    return [
        Figure("sim", f"a simulated month of {JOBS} jobs ({runs:,} runs)", Sample(seconds, "s"), None, (), _NOTE),
        Figure("sim", "the same, a run", each, None),
    ]
