"""One step of the lifecycle at a time, by the caller's own authority; and what is known of runs."""

from __future__ import annotations

import secrets
from difflib import get_close_matches

from fsm.client.answers import refuse_pruned, split_run_id
from fsm.client.decider import Decider
from fsm.engine.decide import TIMEOUT_TEXT
from fsm.errors import IllegalTransition, UnknownRun
from fsm.instants import Instant
from fsm.model.commands import Command, Decision, Judge, Release, Start
from fsm.model.entries import Ended
from fsm.model.run import Arming, Run
from fsm.model.states import Evidence, Reason, State, Trigger
from fsm.ports import RunQuery
from fsm.realtime import this_process


class Moves(Decider):
    """What a program that does a run's work itself says of it; `Engine` is made of it."""

    # ---- steps

    def start(self, run: Run | str, arming: Arming | None = None) -> Run:
        """Queued to running. Without an arming, the work is done inside this process.

        Raises `IllegalTransition` when it is not queued or the slot is held, `UnknownRun`.
        """
        job, number = self._of(run)
        return self._move(job, Start(number, arming if arming is not None else self._in_process()))

    def succeed(self, run: Run | str) -> Run:
        """Running to succeeded(completed). Raises `IllegalTransition`, `UnknownRun`."""
        return self._end(run, Trigger.SUCCEED, Reason.COMPLETED)

    def fail(self, run: Run | str, reason: Reason = Reason.ERROR, *, error: str | None = None) -> Run:
        """To failed, with one of the reasons that the table has for it. Raises `IllegalTransition`, `UnknownRun`."""
        return self._end(run, Trigger.FAIL, reason, error)

    def time_out(self, run: Run | str, reason: Reason = Reason.RUN_TIMEOUT) -> Run:
        """To timed_out. Raises `IllegalTransition`, `UnknownRun`."""
        return self._end(run, Trigger.TIME_OUT, reason, TIMEOUT_TEXT)

    def lose(self, run: Run | str, reason: Reason = Reason.VANISHED) -> Run:
        """Running to lost. Raises `IllegalTransition`, `UnknownRun`."""
        return self._end(run, Trigger.LOSE, reason)

    def reap(self, run: Run | str, reason: Reason = Reason.CANCELLED) -> Run:
        """To reaped, by the caller's own authority: see `cancel` for a run that a supervisor executes."""
        return self._end(run, Trigger.REAP, reason)

    def release(self, run: Run | str, evidence: Evidence = Evidence.REPORT) -> Run:
        """Free the slot of an ended run: nothing of it is alive. Raises `IllegalTransition`, `UnknownRun`."""
        job, number = self._of(run)
        held = self.journal.state(job).run(number)
        if held is None or held.arming is None:
            raise IllegalTransition(None, "release", None, f"{job}/{number} does not hold the slot")
        return self._move(job, Release(number, held.arming.nonce, evidence, self.clock.now().utc))

    def _in_process(self) -> Arming:
        pid, pid_start = this_process()
        return Arming(secrets.token_hex(8), self.clock.now().boot_id, pid, pid_start, in_process=True)

    def _end(self, run: Run | str, trigger: Trigger, reason: Reason, error: str | None = None) -> Run:
        job, number = self._of(run)
        verdict = Ended(trigger, reason, self._now(), error=error)
        held = self.journal.state(job).run(number)
        commands: tuple[Command, ...] = (Judge(number, verdict),)
        if held is not None and held.arming is not None and held.arming.in_process:
            commands += (Release(number, held.arming.nonce, Evidence.REPORT, verdict.ended_at),)
        return self._move(job, *commands)

    # ---- reading

    def find(self, run: str) -> Run:
        """A run by its id. Raises `UnknownRun`, which names one that is close."""
        job, number = split_run_id(run)
        return self._get(job, number)

    def runs(
        self,
        job: str | None = None,
        *,
        states: frozenset[State] | None = None,
        since: Instant | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """Runs that fit, newest first."""
        return self.journal.runs(RunQuery(job, states, since, limit))

    def _get(self, job: str, number: int) -> Run:
        found = self.journal.run(job, number)
        if found is None:
            refuse_pruned(self.journal, job, number)
            last = self.journal.state(job).last_number
            near = get_close_matches(job, self.journal.job_names(), n=1) if not last else [job]
            raise UnknownRun(f"{job}/{number}", f"{near[0]}/{last or number}" if near else None)
        return found

    def _of(self, run: Run | str) -> tuple[str, int]:
        return (run.job, run.number) if isinstance(run, Run) else split_run_id(run)

    def _now(self) -> Instant:
        return self.clock.now().utc

    def _move(self, job: str, *commands: Command) -> Run:
        decision = self._do(job, *commands)
        number = decision.drafts[-1].run
        assert number is not None  # these commands are all about one run
        return self._get(job, number)

    def _do(self, job: str, *commands: Command) -> Decision:
        """Decide the commands one after the other and append what they give in one transaction."""
        return self.do_all([(job, commands)])[0]
