"""The rules: all that people, programs, machines and disks can do to a scheduler, in any order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import currently_in_test_context, event, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fsm.client.answers import SupervisorMute
from fsm.testing import Simulation, fail
from fsm.testing.strategies import ADVANCES, GROUP, JUMPS, LAGS, MOMENTS, POINTS, STEPS, all_lags, job_keys, scripts

NAMES = st.sampled_from(["a", "b"])

QUIET_STEPS = 60
"""How often ten minutes may pass until nothing is open: far longer than every deadline that `job_keys` gives, added
up over all runs that can be waiting."""


class SchedulerMachine(RuleBasedStateMachine):
    """One simulated machine; the laws are held after each rule, and at the end everything must have ended."""

    @initialize(
        seed=st.integers(0, 3),
        max_running=st.sampled_from([8, 1, 2]),
        first=job_keys(),
        second=job_keys(),
        runs=scripts(),
        lags=all_lags(),
    )
    def begin(self, seed, max_running, first, second, runs, lags):
        self.sim = Simulation(seed=seed, max_running=max_running)
        for step, by in lags.items():
            self.sim.lag(step, by)
        self.sim.set_group(GROUP, 1)
        self.define("a", first, runs, "0s")
        self.define("b", second, runs, "0s")

    def _known(self, name: str) -> bool:
        return name in self.sim.store.job_names()

    # ---- time

    @rule(duration=ADVANCES)
    def advance(self, duration):
        self.sim.advance(duration)

    @rule(duration=MOMENTS)
    def go_on(self, duration):
        self.sim.advance(duration)

    # ---- people

    @rule(name=NAMES, keys=job_keys(), runs=scripts(), then=MOMENTS)
    def define(self, name, keys, runs, then):
        self.sim.add_job(name, **keys)
        self.sim.script(name, runs)
        self.sim.advance(then)

    @rule(name=NAMES, runs=scripts(), then=MOMENTS, force=st.sampled_from([False, False, True]))
    def request(self, name, runs, then, force):
        if self._known(name):
            self.sim.script(name, runs)
            self._request(name, force)
            self.sim.advance(then)

    @rule(name=NAMES, count=st.sampled_from([3, 20, 40]), then=MOMENTS)
    def storm(self, name, count, then):
        """Somebody asks again as soon as the last run has ended, and each fails at once."""
        if self._known(name):
            self.sim.script(name, [fail(after="0s")])
            for _ in range(count):
                self._request(name)
                self.sim.advance("1s")
            self.sim.advance(then)

    def _request(self, name: str, force: bool = False) -> None:
        if self._known(name):
            answer = self.sim.request(name, force=force)
            assert answer.enqueued != (answer.ran is False)
            if answer.enqueued:
                assert self.sim.run(answer.run_id).state == "queued"  # it is in the history before the answer is

    @rule(name=NAMES, dies_at=st.one_of(st.none(), st.integers(1, 6)), then=MOMENTS)
    def cancel(self, name, dies_at, then):
        self._cancel(name, dies_at)
        self.sim.advance(then)

    def _cancel(self, name: str, dies_at: int | None = None) -> None:
        open_runs = self.sim.store.state(name).open_runs
        if open_runs:
            try:
                self.sim.cancel(open_runs[0].id, dies_at=dies_at)
            except SupervisorMute:
                event("its supervisor cannot be reached")

    @rule(name=NAMES, what=st.sampled_from(["pause", "resume", "remove"]), then=MOMENTS)
    def change(self, name, what, then):
        if self._known(name):
            try:
                {"pause": self.sim.pause, "resume": self.sim.resume, "remove": self.sim.remove_job}[what](name)
            except SupervisorMute:
                event("its supervisor cannot be reached")
        self.sim.advance(then)

    @rule(most=st.sampled_from([8, 1, 2]))
    def set_max_running(self, most):
        self.sim.set_max_running(most)

    @precondition(lambda self: not self.sim.up)
    @rule(name=NAMES)
    def settle_without_a_scheduler(self, name):
        self.sim.settle(name)

    # ---- the scheduler

    @rule(at=st.one_of(st.none(), POINTS), then=MOMENTS)
    def crash(self, at, then):
        self.sim.crash(at)
        self.sim.advance(then)

    @rule(after=ADVANCES)
    def restart(self, after):
        self.sim.restart(after)

    @rule(at=POINTS, meanwhile=st.sampled_from(["0s", "5s", "2m"]), then=MOMENTS)
    def takeover(self, at, meanwhile, then):
        """SIGSTOP in the middle of a turn; another scheduler begins; then the old one goes on where it was."""

        def stopped():
            self.sim.stop_scheduler()
            self.sim.restart()
            self.sim.advance(meanwhile)
            self.sim.continue_scheduler()

        self.sim.interrupt(at, stopped)
        self.sim.advance(then)

    @rule(
        at=POINTS,
        name=NAMES,
        what=st.sampled_from(["cancel", "request", "pause", "resume", "room", "kill", "mute", "1s", "10s", "1m"]),
        then=MOMENTS,
    )
    def meanwhile(self, at, name, what, then):
        """A client appends, a supervisor ends, or time passes, between any two steps of a turn."""
        acts: dict[str, Callable[[], object]] = {
            "request": lambda: self._request(name),
            "cancel": lambda: self._cancel(name),
            "pause": lambda: self._known(name) and self.sim.pause(name),
            "resume": lambda: self._known(name) and self.sim.resume(name),
            "room": lambda: self.sim.set_max_running(2 + at % 2),
            "kill": lambda: self.sim.kill_supervisor(name),
            "mute": lambda: self.sim.mute_supervisor(name),
        }
        self.sim.interrupt(at, acts.get(what, lambda: self.sim.advance(what)))
        self.sim.advance(then)

    # ---- the machine

    @rule(
        name=NAMES,
        what=st.sampled_from(["kill", "kill all", "mute", "mute in mailbox", "unmute", "host stop", "damage"]),
        then=MOMENTS,
    )
    def hurt_supervisor(self, name, what, then):
        sim = self.sim
        acts: dict[str, Callable[[], object]] = {
            "kill": lambda: sim.kill_supervisor(name),
            "kill all": lambda: sim.kill_supervisor(name, whole_tree=True),
            "mute": lambda: sim.mute_supervisor(name),
            "mute in mailbox": lambda: sim.mute_supervisor(name, holding_mailbox=True),
            "unmute": lambda: sim.unmute_supervisor(name),
            "host stop": lambda: sim.host_stop(name),
            "damage": lambda: sim.damage_report(name),
        }
        acts[what]()
        sim.advance(then)

    @rule(by=JUMPS, then=MOMENTS)
    def jump_clock(self, by, then):
        self.sim.jump_clock(by)
        self.sim.advance(then)

    @rule(after=st.sampled_from(["1s", "1m", "10m"]), jump=st.one_of(st.just(0), JUMPS))
    def reboot(self, after, jump):
        self.sim.reboot(after, jump=jump)

    @rule(step=STEPS, by=LAGS)
    def lag(self, step, by):
        self.sim.lag(step, by)

    @rule(what=st.sampled_from(["one append", "three appends", "5s", "90s", "20m"]), then=MOMENTS)
    def full_disk(self, what, then):
        if what == "one append":
            self.sim.fail_appends(1)
        elif what == "three appends":
            self.sim.fail_appends(3)
        else:
            self.sim.fill_disk(what)
        self.sim.advance(then)

    @rule(count=st.integers(1, 4), then=MOMENTS)
    def lose_hints(self, count, then):
        self.sim.lose_hints(count)
        self.sim.advance(then)

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
        if currently_in_test_context():
            target(float(sim.store.last_id()), label="entries")
        self._until_quiet()
        before = [sim.store.state(name) for name in sim.store.streams()]
        sim.store.rebuild()
        assert [sim.store.state(name) for name in sim.store.streams()] == before
        for run in sim.runs():
            assert run.state.terminal, run
            assert run.slot == "free", run
        assert not list(sim.world.everyone()), "a process is left"
        assert sim.life is None or sim.life.launcher.examining == 0, "a life lock is kept for nothing"

    def _until_quiet(self) -> None:
        sim = self.sim
        sim.calm()
        self._need_a_scheduler()
        sim.advance("30m")  # supervisors that are stopped, and processes that nobody can end, are to be coped with
        sim.check()
        for name in sim.store.job_names():
            sim.add_job(name, enabled=False)
        for _ in range(QUIET_STEPS):
            sim.end_faults()  # again each time: what cannot be ended may have been started only now
            self._need_a_scheduler()
            sim.advance("10m")
            sim.check()
            if not sim.store.busy_jobs() and not list(sim.world.everyone()):
                return
        raise AssertionError(
            "\n".join(["never ends:", *(str(run) for run in sim.runs() if run.slot == "held"), *sim.world.trace])
        )

    def _need_a_scheduler(self) -> None:
        if not self.sim.up:
            self.sim.restart()  # an old one may have found out that it is over
