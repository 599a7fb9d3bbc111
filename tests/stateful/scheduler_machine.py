"""The rules: all that people, programs, machines and disks can do to a scheduler, in any order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import currently_in_test_context, event, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rest import come_to_rest

from fsm.client.answers import SupervisorMute
from fsm.errors import StoreError
from fsm.testing import Simulation, Torn, fail, hang, succeed
from fsm.testing.interruptions import crash, windows
from fsm.testing.strategies import (
    ADVANCES,
    EDITS,
    GROUP,
    JUMPS,
    LAGS,
    MOMENTS,
    POINTS,
    STEPS,
    all_lags,
    job_keys,
    scripts,
)

NAMES = st.sampled_from(["a", "b"])

TORN = st.sampled_from(list(Torn))


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

    def _told(self, call: Callable[[], object]) -> bool:
        """A client's call. It may be told that a supervisor, or the disk, cannot be reached."""
        try:
            call()
        except (SupervisorMute, StoreError) as error:
            event(f"a client is told: {type(error).__name__}")
            return False
        return True

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
        self._told(lambda: self.sim.add_job(name, **keys))
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
            self._told(lambda: self._answered(name, force))

    def _answered(self, name: str, force: bool) -> None:
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
            self._told(lambda: self.sim.cancel(open_runs[0].id, dies_at=dies_at))

    @rule(name=NAMES, what=st.sampled_from(["pause", "resume", "remove"]), then=MOMENTS)
    def change(self, name, what, then):
        if self._known(name):
            acts = {"pause": self.sim.pause, "resume": self.sim.resume, "remove": self.sim.remove_job}
            self._told(lambda: acts[what](name))
        self.sim.advance(then)

    @rule(most=st.sampled_from([8, 1, 2]))
    def set_max_running(self, most):
        self._told(lambda: self.sim.set_max_running(most))

    @rule(name=NAMES, keys=EDITS, then=MOMENTS)
    def edit(self, name, keys, then):
        """Some keys change and the others stay; where these move no tick, none moves (`an_edit_leaves_the_ticks`)."""
        if self._known(name):
            self._told(lambda: self.sim.edit_job(name, **keys))
        self.sim.advance(then)

    @rule(name=NAMES, count=st.sampled_from([0, 2, 4]), waits=st.booleans())
    def prune(self, name, count, waits):
        """After some more runs, and while another one waits or runs; the scheduler goes on beside it."""
        if self._known(name):
            self._told(lambda: self.sim.set_checkpoint(name))
            self.sim.script(name, [*[succeed("0s")] * count, hang()])
            for _ in range(count + waits):
                self._request(name, force=True)
                self.sim.advance("1s")
        self._told(lambda: self.sim.prune(name))

    @precondition(lambda self: not self.sim.up)
    @rule(name=NAMES)
    def settle_without_a_scheduler(self, name):
        self._told(lambda: self.sim.settle(name))

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
            "pause": lambda: self._known(name) and self._told(lambda: self.sim.pause(name)),
            "resume": lambda: self._known(name) and self._told(lambda: self.sim.resume(name)),
            "room": lambda: self._told(lambda: self.sim.set_max_running(2 + at % 2)),
            "kill": lambda: self.sim.kill_supervisor(name),
            "mute": lambda: self.sim.mute_supervisor(name),
        }
        self.sim.interrupt(at, acts.get(what, lambda: self.sim.advance(what)))
        self.sim.advance(then)

    @rule(window=st.sampled_from(windows()), name=NAMES, then=MOMENTS)
    def crash_in_a_window(self, window, name, then):
        """Killed at the next point of that name, be it soon or never."""
        if self.sim.life is not None:
            self.sim.life.interruptions.when(window, crash)
        self._request(name)
        self.sim.advance(then)

    @rule(at=st.one_of(st.none(), POINTS), then=MOMENTS)
    def second_scheduler(self, at, then):
        """Another one begins while this one is up: its lock was bypassed, or it is only slow."""
        if at is None or self.sim.life is None:
            self.sim.second_scheduler()
        else:
            self.sim.interrupt(at, self.sim.second_scheduler)
        self.sim.advance(then)

    # ---- evidence

    @rule(name=NAMES, cancels=st.booleans(), wait=st.sampled_from(["0s", "10s", "2m"]))
    def report_late(self, name, cancels, wait):
        """A supervisor that was given up, or may have been, says afterwards that its command had succeeded."""
        if self.sim.let_end_unheard(name) is None:
            return
        if cancels:
            self._cancel(name)
        self.sim.advance(wait)
        self.sim.unmute_supervisor(name)
        self.sim.advance("1s")

    @rule(name=NAMES, how=st.sampled_from(["rewrite_report", "contradict"]), then=MOMENTS)
    def contradict(self, name, how, then):
        """A report says another verdict than it did; or another arming of the run has left one."""
        {"rewrite_report": self.sim.rewrite_report, "contradict": self.sim.contradict}[how](name)
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

    @rule(how=TORN, client=st.booleans(), name=NAMES, again=st.booleans(), dies=st.booleans(), then=MOMENTS)
    def tear_an_append(self, how, client, name, again, dies, then):
        """An append fails, and nobody knows whether it is there; its process may die of it. Who asked asks again."""
        self.sim.tear_append(how, of_client=client)
        if dies and not client and self.sim.life is not None:
            self.sim.life.interruptions.when(f"torn append ({how})", crash)
        for _ in range(1 + again):
            self._request(name)
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
            target(float(sim.crashes.total() + sim.disk.torn.total()), label="recoveries")
        come_to_rest(sim)
