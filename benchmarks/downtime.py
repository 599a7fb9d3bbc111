"""What a month without a scheduler costs when it is answered: by each `catch_up`, of a job that is due every minute."""

from __future__ import annotations

import time

from benchmarks.figures import Figure, Sample, at_most
from benchmarks.registry import Setting, benchmark, progress
from fsm.engine.evolve import evolve
from fsm.engine.ticks import answer_ticks
from fsm.instants import DAY, Instant, Moment
from fsm.model.entries import Draft, JobPut
from fsm.model.job import Job
from fsm.model.states import Actor
from fsm.model.stream import JobState

_BEGAN = Instant(1_774_735_200_000_000)  # 2026-03-28T22:00:00Z: a change of the clock lies in it
_DAYS = 30
_NOTE = "43,200 ticks in Europe/Berlin, answered by the engine alone, the calendar read before"


@benchmark("downtime", goals="4")
def downtime(setting: Setting) -> list[Figure]:
    """Milliseconds to answer a month of ticks that nobody answered."""
    figures = []
    for policy, limit in (("skip", 10), ("once", 10), ("all", 10), ("all", 1_000)):
        progress(f"catch_up {policy}, {limit}")
        times = [_answer_ms(policy, limit) for _ in range(setting.size(50, 5))]
        what = f"a month of a per-minute job, catch_up {policy}" + (f", limit {limit}" if policy == "all" else "")
        figures.append(Figure("4", what, Sample(times, "ms"), at_most(10) if limit == 10 else None, (), _NOTE))
    return figures


def _answer_ms(policy: str, limit: int) -> float:
    job = Job(
        "job",
        schedule="* * * * *",
        timezone="Europe/Berlin",
        catch_up=policy,
        catch_up_limit=limit,
        catch_up_within=f"{_DAYS + 1}d",
    )
    state = evolve(JobState("job"), Draft("job", _BEGAN, Actor.CLI, None, JobPut(job, 1, "bench", _BEGAN)))
    now = Moment(Instant(_BEGAN + _DAYS * DAY), _DAYS * DAY, "boot")
    began = time.perf_counter()
    answer_ticks(state, now, Actor.SCHEDULER, None)
    return (time.perf_counter() - began) * 1e3
