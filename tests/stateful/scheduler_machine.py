"""The rules: all that people, programs, machines and disks can do to a scheduler, in any order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import event, strategies as st, target
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fsm.client.engine import SupervisorMute
from fsm.testing import Simulation
from fsm.testing.strategies import ADVANCES, JUMPS, LAGS, POINTS, STEPS, job_keys, scripts

NAMES = st.sampled_from(["a", "b", "c"])

QUIET_STEPS = 60
"""How often ten minutes may pass until nothing is open: far longer than every deadline that `job_keys` gives, added
up over all runs that can be waiting."""


class SchedulerMachine(RuleBasedStateMachine):
    """One simulated machine; the laws are held after each rule, and at the end everything must have ended."""

    @initialize(seed=st.integers(0, 3), max_running=st.sampled_from([8, 1, 2]), keys=job_keys(), runs=scripts())
    def begin(self, seed, max_running, keys, runs):
        self.sim = Simulation(seed=seed, max_running=max_running)
        self.faults = 0
        self.define("a", keys, runs)

    # ---- people

    @rule(name=NAMES, keys=job_keys(), runs=scripts())
    def define(self, name, keys, runs):
        self.sim.add_job(name, **keys)
        self.sim.script(name, runs)

    @rule(name=NAMES, runs=scripts())
    def script(self, name, runs):
        self.sim.script(name, runs)

    @rule(duration=ADVANCES)
    def advance(self, duration):
        self.sim.advance(duration)

    def _known(self, name: str) -> bool:
        return name in self.sim.store.job_names()

    @rule(name=NAMES)
    def request(self, name):
        if self._known(name):
            answer = self.sim.request(name)
            assert answer.enqueued != (answer.ran is False)
            if answer.enqueued:
                assert self.sim.run(answer.run_id).state == "queued"  # it is in the history before the answer is

    @rule(name=NAMES)
    def pause(self, name):
        if self._known(name):
            self.sim.pause(name)

    @rule(name=NAMES)
    def resume(self, name):
        if self._known(name):
            self.sim.resume(name)

    @rule(name=NAMES)
    def remove(self, name):
        if self._known(name):
            try:
                self.sim.remove_job(name)
            except SupervisorMute:
                event("its supervisor cannot be reached")

    def _cancel(self, name: str, dies_at: int | None = None) -> None:
        open_runs = self.sim.store.state(name).open_runs
        if open_runs:
            try:
                self.sim.cancel(open_runs[0].id, dies_at=dies_at)
            except SupervisorMute:
                event("its supervisor cannot be reached")

    @rule(name=NAMES, dies_at=st.one_of(st.none(), st.integers(1, 6)))
    def cancel(self, name, dies_at):
        self._cancel(name, dies_at)

    @precondition(lambda self: not self.sim.up)
    @rule(name=NAMES)
    def settle_without_a_scheduler(self, name):
        self.sim.settle(name)

    # ---- the scheduler

    @rule(at=st.one_of(st.none(), POINTS))
    def crash(self, at):
        self.sim.crash(at)
        self.faults += 1

    @rule(after=ADVANCES)
    def restart(self, after):
        self.sim.restart(after)
        self.faults += 1

    @rule(at=POINTS, meanwhile=st.sampled_from(["0s", "5s", "2m"]))
    def takeover_at_any_point(self, at, meanwhile):
        """SIGSTOP in the middle of a turn; another scheduler begins; then the old one goes on where it was."""

        def stopped():
            self.sim.stop_scheduler()
            self.sim.restart()
            self.sim.advance(meanwhile)
            self.sim.continue_scheduler()

        self.sim.interrupt(at, stopped)
        self.faults += 1

    @rule(at=POINTS, name=NAMES, what=st.sampled_from(["request", "cancel", "pause", "resume", "kill", "mute"]))
    def somebody_else_at_any_point(self, at, name, what):
        """A client appends, or a supervisor ends, between any two steps of a turn."""
        acts: dict[str, Callable[[], object]] = {
            "request": lambda: self.request(name),
            "cancel": lambda: self._cancel(name),
            "pause": lambda: self.pause(name),
            "resume": lambda: self.resume(name),
            "kill": lambda: self.sim.kill_supervisor(name),
            "mute": lambda: self.sim.mute_supervisor(name),
        }
        self.sim.interrupt(at, acts[what])

    # ---- the machine

    @rule(name=NAMES, whole_tree=st.booleans())
    def kill_supervisor(self, name, whole_tree):
        self.faults += self.sim.kill_supervisor(name, whole_tree=whole_tree)

    @rule(name=NAMES, holding_mailbox=st.booleans())
    def mute_supervisor(self, name, holding_mailbox):
        self.faults += self.sim.mute_supervisor(name, holding_mailbox=holding_mailbox)

    @rule(name=NAMES)
    def unmute_supervisor(self, name):
        self.sim.unmute_supervisor(name)

    @rule(name=NAMES)
    def host_stop(self, name):
        self.faults += self.sim.host_stop(name)

    @rule(name=NAMES)
    def damage_report(self, name):
        self.faults += self.sim.damage_report(name)

    @rule(by=JUMPS)
    def jump_clock(self, by):
        self.sim.jump_clock(by)
        self.faults += 1

    @rule(after=st.sampled_from(["1s", "1m", "10m"]), jump=st.one_of(st.just(0), JUMPS))
    def reboot(self, after, jump):
        self.sim.reboot(after, jump=jump)
        self.faults += 1

    @rule(step=STEPS, by=LAGS)
    def lag(self, step, by):
        self.sim.lag(step, by)

    @rule(count=st.integers(1, 3))
    def appends_fail(self, count):
        self.sim.fail_appends(count)
        self.faults += 1

    @rule(duration=st.sampled_from(["5s", "90s", "20m"]))
    def full_disk(self, duration):
        self.sim.fill_disk(duration)
        self.faults += 1

    @rule(count=st.integers(0, 4))
    def lose_hints(self, count):
        self.sim.lose_hints(count)

    # ---- what must hold

    @invariant()
    def laws(self):
        if hasattr(self, "sim"):
            self.sim.check()

    def teardown(self):
        """Liveness: the faults end, time goes on, and everything comes to its end."""
        if not hasattr(self, "sim"):
            return
        sim = self.sim
        target(float(sim.store.last_id()), label="entries")
        sim.end_faults()
        if not sim.up:
            sim.restart()
        sim.check()
        for name in sim.store.job_names():
            sim.add_job(name, enabled=False)
        for _ in range(QUIET_STEPS):
            if not sim.store.busy_jobs():
                break
            sim.advance("10m")
            sim.check()
            sim.end_faults()  # what cannot be ended may have been started only now
            if not sim.up:
                sim.restart()  # it was an old one that has found out
        assert not sim.store.busy_jobs(), f"never ended: {[run for run in sim.runs() if run.slot == 'held']}"
        sim.advance("2m")
        sim.check()
        before = [sim.store.state(name) for name in sim.store.streams()]
        sim.store.rebuild()
        assert [sim.store.state(name) for name in sim.store.streams()] == before
        for run in sim.runs():
            assert run.state.terminal, run
            assert run.slot == "free", run
        assert not list(sim.world.everyone()), "a process is left"
        assert sim.life is None or sim.life.launcher.examining == 0, "a life lock is kept for nothing"
