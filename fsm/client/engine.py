"""The engine as a program uses it: jobs, requests, and runs, on any journal.

Every call reads the stream, decides, and appends what follows; where somebody else was faster, it decides again. The
command line is a client of this class, and so is work that is done in process:

>>> from fsm import Engine, Job, open_journal
>>> engine = Engine(open_journal("memory:"))
>>> engine.define(Job("report"))
True
>>> with engine.run("report") as run:
...     pass  # an exception here ends the run as failed(error)
>>> engine.find(run.id).state
<State.SUCCEEDED: 'succeeded'>
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from difflib import get_close_matches

import attrs

from fsm.client.answers import NothingToRetry, RunRefused, Stopper, SupervisorMute
from fsm.client.decider import MAX_TRIES
from fsm.client.draining import draining
from fsm.client.moves import Moves
from fsm.client.orders import asked_env
from fsm.client.stopfirst import Sleep, stop_first, take_verdict
from fsm.engine.evolve import evolve
from fsm.errors import BadValue, Conflict, ConflictError, IllegalTransition, UnknownJob
from fsm.model.commands import (
    Judge,
    Pause,
    Put,
    Release,
    Remove,
    Request,
    Resume,
    Start,
    Stop,
    TakeNumbers,
)
from fsm.model.entries import Ended, Refused
from fsm.model.facts import Execution
from fsm.model.job import Job, fold_name
from fsm.model.run import Arming, Run
from fsm.model.secrets import refusal, secret_names
from fsm.model.states import Actor, Evidence, Reason, State, Trigger
from fsm.planning.schedule import timetable
from fsm.ports import Append, Clock, Journal
from fsm.realtime import SystemClock, this_process


class Engine(Moves):
    """Jobs and runs of one journal.

    `clock` is the machine's unless given; `stopper` ends processes (without it, a run that a supervisor executes
    cannot be cancelled from here), and `pause` waits between two tries to reach one; `poke` is called after each
    append, so that a scheduler looks at once; `numbers` says which number of a job is the highest that has left
    anything in the data folder, for a journal that was restored.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        clock: Clock | None = None,
        stopper: Stopper | None = None,
        poke: Callable[[], object] | None = None,
        numbers: Callable[[str], int] | None = None,
        actor: Actor = Actor.API,
        pause: Sleep = time.sleep,
    ) -> None:
        super().__init__(journal, clock if clock is not None else SystemClock(), poke, actor)
        self._stopper, self._numbers, self._pause = stopper, numbers, pause

    # ---- jobs

    def define(self, job: Job, *, source: str = "api") -> bool:
        """Add `job`, or change it. False where nothing changed.

        Raises `BadValue` for a schedule or zone that cannot be read, for a name that differs from another job's in
        case only, and for a variable in `env` that looks like a secret: what is defined stands in the journal.
        """
        refuse_secrets(name for name, _ in job.env)
        if job.schedule is not None:
            timetable(job.schedule, job.timezone)
        if self.journal.state(job.name).definition is None:
            for other in self.journal.job_names():
                if other != job.name and fold_name(other) == fold_name(job.name):
                    raise BadValue(f'"{job.name}" and "{other}" differ in case only')
        return bool(self._do(job.name, Put(job, source)).drafts)

    def pause(self, name: str) -> bool:
        """Refuse the job's ticks from now on. False where it is paused already. Raises `UnknownJob`."""
        return bool(self._do(self._known(name), Pause()).drafts)

    def resume(self, name: str) -> bool:
        """Let its ticks make runs again. False where it is not paused. Raises `UnknownJob`."""
        return bool(self._do(self._known(name), Resume()).drafts)

    def remove(self, name: str) -> None:
        """Take the job away. What is queued is reaped, what is running is ended. Raises `UnknownJob`."""
        self._do(self._known(name), Remove())
        self.end_open_runs(name, Reason.JOB_REMOVED)

    def end_open_runs(self, name: str, reason: Reason) -> None:
        """Cancel whatever run of the job is open; one that ends by itself meanwhile keeps its own verdict.

        Raises `SupervisorMute`.
        """
        for run in self.journal.state(name).open_runs:
            with suppress(IllegalTransition):
                self.cancel(run, reason=reason)

    def _known(self, name: str) -> str:
        if self.journal.state(name).definition is None:
            nearest = get_close_matches(name, self.journal.job_names(), n=1)
            raise UnknownJob(name, nearest[0] if nearest else None)
        return name

    # ---- runs

    def _numbered(self, name: str) -> str:
        """A known job's name, once the numbers are taken that runs have which the journal does not know."""
        taken = self._numbers(self._known(name)) if self._numbers is not None else 0
        if taken > self.journal.state(name).last_number:
            self._do(name, TakeNumbers(taken))
        return name

    def request(self, name: str, *, env: Mapping[str, str] | None = None, force: bool = False) -> Run | Refused:
        """Ask for a run now: the queued run, or a refusal with its reason.

        `env`: variables for this run, before those of its job. `force` passes the breaker and the budget of a job that
        keeps failing; a run in the way it does not. Raises `UnknownJob`, `BadValue` for variables that cannot be, or
        look like secrets.
        """
        return self._request(name, Request(force, env=checked_env(env or {})))

    def retry(self, run: Run | str, *, force: bool = False) -> Run | Refused:
        """A new run in the place of one that did not succeed, with the variables that were asked for with that one.

        `force` as for `request`. Raises `NothingToRetry` where it has not ended, or succeeded; `UnknownRun`,
        `UnknownJob`.
        """
        job, number = self._of(run)
        old = self._get(job, number)
        if not old.state.terminal or old.state is State.SUCCEEDED:
            raise NothingToRetry(old.id, old.state)
        env = asked_env(self.journal, old)
        return self._request(job, Request(force, retry_of=old.number, attempt=old.attempt + 1, env=env))

    def _request(self, name: str, request: Request) -> Run | Refused:
        decision = self._do(self._numbered(name), self._while_draining(request))
        if decision.refusal is not None:
            return decision.refusal
        number = decision.drafts[-1].run
        assert number is not None  # a request that is not refused queues a run
        return self._get(name, number)

    def _while_draining(self, request: Request) -> Request:
        """If a scheduler begins to drain right after this look, the run waits for the next one."""
        return attrs.evolve(request, draining=draining(self.journal, self.clock.now()) is not None)

    def cancel(self, run: Run | str, *, reason: Reason = Reason.CANCELLED) -> Run:
        """End an open run: `reaped`. Its processes, if it has any, are being ended when this returns.

        Raises `IllegalTransition` when it has ended, also where that comes to light only here: its own verdict is in
        the journal then. Raises `SupervisorMute` when its processes cannot be reached from here, `UnknownRun`.
        """
        job, number = self._of(run)
        decision = self._do(job, Stop(number, reason))
        if decision.effects:  # it is running: the stop goes first, then the verdict
            held = self.journal.state(job).run(number)
            if held is None or held.arming is None:
                raise IllegalTransition("ended", Trigger.REAP, reason)
            self._stop(held, held.arming, reason)
            try:
                self._do(job, Stop(number, reason, stopped=True))
            except IllegalTransition:
                ended = self._get(job, number)
                if (ended.state, ended.reason) != (State.REAPED, reason):  # else its supervisor has said so itself
                    raise
        return self._get(job, number)

    def _stop(self, run: Run, arming: Arming, reason: Reason) -> None:
        """After this the run may be judged, if it has not been judged by what its supervisor says."""
        if arming.in_process:
            if arming.pid != this_process()[0]:
                raise SupervisorMute(run.id, f"it works inside process {arming.pid}; end that one")
            return
        if self._stopper is None:
            raise SupervisorMute(run.id, "this engine has no way to its processes")
        stop_first(self._stopper, Execution(run.job, run.number, arming), reason, self._pause)
        take_verdict(self.journal, self.clock, self.poke, self._stopper, run)

    @contextmanager
    def run(self, name: str, *, force: bool = False) -> Iterator[Run]:
        """A run of work that is done in this block: succeeded at its end, failed(error) by an exception.

        Raises `RunRefused` where another run of the job is in the way, whatever its `overlap` (a block cannot wait), or
        it is held back after failures (`force` passes that); `UnknownJob`. If the run is ended by somebody
        else meanwhile, its verdict stays, and its slot is freed at the end of the block.
        """
        run = self._begin(self._numbered(name), Request(force, at_once=True))
        try:
            yield run
        except BaseException as error:
            self._finish(run, Ended(Trigger.FAIL, Reason.ERROR, self._now(), error=_error_text(error)))
            raise
        self._finish(run, Ended(Trigger.SUCCEED, Reason.COMPLETED, self._now()))

    def _begin(self, name: str, request: Request) -> Run:
        """Queue and start in one transaction, so that no scheduler starts it in between."""
        arming = self._in_process()
        for _ in range(MAX_TRIES):
            first = self.journal.state(name)
            asked = self.decide(first, self._while_draining(request))
            if asked.refusal is not None:
                self._request(name, request)  # journals the refusal as any other
                raise RunRefused(name, asked.refusal)
            queued = evolve(first, asked.drafts[-1])
            started = self.decide(queued, Start(queued.last_number, arming))
            try:
                self.journal.append([Append(first, (*asked.drafts, *started.drafts))])
            except Conflict:
                continue
            self.poke()
            return self._get(name, queued.last_number)
        raise ConflictError(f"lost {MAX_TRIES} races in a row for the stream of {name}")

    def _finish(self, run: Run, verdict: Ended) -> None:
        held = self.journal.state(run.job).run(run.number)
        if held is None or held.arming is None:
            return
        release = Release(run.number, held.arming.nonce, Evidence.REPORT, verdict.ended_at)
        judge = () if held.state.terminal else (Judge(run.number, verdict),)
        self._do(run.job, *judge, release)


def checked_env(env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables as a job could have them. Raises `BadValue`."""
    pairs = Job("x", env=env).env
    refuse_secrets(name for name, _ in pairs)
    return pairs


def refuse_secrets(names: Iterable[str]) -> None:
    """Raise `BadValue` where one of them looks like a secret."""
    for name in secret_names(names):
        raise BadValue(refusal(name))


def _error_text(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text[:2000]  # enough to know it by; the journal is no place for a dump
