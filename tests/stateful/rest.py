"""Liveness: the faults end, time goes on, and everything comes to its end."""

from __future__ import annotations

from fsm.testing import Simulation

QUIET_STEPS = 60
"""How often ten minutes may pass until nothing is open: far longer than every deadline that is given, added up over all
runs that can be waiting."""


def come_to_rest(sim: Simulation) -> None:
    """End all faults and let time pass until nothing is left. Raises AssertionError where that never comes."""
    _until_quiet(sim)
    before = [sim.store.state(name) for name in sim.store.streams()]
    sim.store.rebuild()
    assert [sim.store.state(name) for name in sim.store.streams()] == before
    for run in sim.runs():
        assert run.state.terminal, run
        assert run.slot == "free", run
    assert not list(sim.world.everyone()), "a process is left"
    assert sim.life is None or sim.life.launcher.examining == 0, "a life lock is kept for nothing"


def _until_quiet(sim: Simulation) -> None:
    sim.calm()
    _need_a_scheduler(sim)
    sim.advance("30m")  # supervisors that are stopped, and processes that nobody can end, are to be coped with
    sim.check()
    for name in sim.store.job_names():
        sim.edit_job(name, enabled=False)
    for _ in range(QUIET_STEPS):
        sim.end_faults()  # again each time: what cannot be ended may have been started only now
        _need_a_scheduler(sim)
        sim.advance("10m")
        sim.check()
        if not sim.store.busy_jobs() and not list(sim.world.everyone()):
            return
    raise AssertionError(
        "\n".join(["never ends:", *(str(run) for run in sim.runs() if run.slot == "held"), *sim.world.trace])
    )


def _need_a_scheduler(sim: Simulation) -> None:
    if not sim.up:
        sim.restart()  # an old one may have found out that it is over
