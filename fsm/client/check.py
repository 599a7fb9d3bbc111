"""Is all well? What `cronfsm check` asks, so that a monitor can ring before a person misses something.

Nothing is changed: the journal is read; disk, scheduler and clock are given. Each trouble is a sentence with its level.
What is late by less than the bounds that the lifecycle itself promises (R-12: a deadline plus one sweep) is no trouble.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

from attrs import frozen

from fsm.client.reigns import last_sign
from fsm.instants import DAY, HOUR, MINUTE, SECOND, Duration, Instant, Moment
from fsm.model.job import REAP_MARGIN
from fsm.model.run import Run
from fsm.model.states import Reason, RefusalReason, State
from fsm.planning.restraint import restraint
from fsm.plural import many
from fsm.ports import JobSummary, Journal, RunQuery

SWEEP = MINUTE
"""After its last deadline a run may be open for one sweep of the scheduler: R-12. A tick is answered as soon (R-30)."""

MUTE_AFTER = Duration(35 * MINUTE)
"""A scheduler says every quarter of an hour that it is there; two of those words missing are no coincidence."""

LOW_BYTES, FULL_BYTES = 1_000_000_000, 100_000_000
LOW_SHARE, FULL_SHARE = 0.05, 0.01
"""A disk is low below five per cent and below 1 GB, full below one per cent and below 100 MB: on a large disk a share
alone would ring for nothing, on a small one a size alone would."""

FEW_FILES = 1_000
"""Files that may still be made: each run makes three."""

_BY_A_PERSON = frozenset({Reason.CANCELLED, Reason.REPLACED, Reason.JOB_REMOVED})


class Level(IntEnum):
    """The exit codes of monitoring plugins."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@frozen(slots=True)
class Trouble:
    """One thing that is not well. `what` is a word for scripts, `job` the job that it is about, if it is about one."""

    level: Level
    what: str
    text: str
    job: str | None = None


@frozen(slots=True)
class Disk:
    """Room on the disk of the data folder: bytes and files that this user may still write, and how large it is."""

    free: int
    size: int
    files: int | None  # None where the file system does not count them


@frozen(slots=True)
class Asked:
    """What is asked: one job or all, and within which time a job that states none itself has to have succeeded."""

    now: Moment
    job: str | None = None
    max_age: Duration | None = None


@frozen(slots=True)
class Success:
    """When a job last succeeded (`at`; None: never), how long ago that is, or since when it is waited for."""

    job: str
    at: Instant | None
    age: Duration
    limit: Duration | None


def of_disk(disk: Disk) -> Iterator[Trouble]:
    """Whether there is room for what comes."""
    if disk.free < min(FULL_BYTES, disk.size * FULL_SHARE):
        yield Trouble(Level.CRITICAL, "disk", f"the disk is full: {disk.free // 1_000_000} MB left")
    elif disk.free < min(LOW_BYTES, disk.size * LOW_SHARE):
        yield Trouble(Level.WARNING, "disk", f"the disk is nearly full: {disk.free // 1_000_000} MB left")
    if disk.files is not None and disk.files < FEW_FILES:
        yield Trouble(Level.CRITICAL, "disk", f"the disk takes only {many(disk.files, 'more file')}")


UNDELIVERED = Duration(10 * MINUTE)
"""A receiver that could not be told for so long is no passing trouble."""


def of_delivery(job: str, key: str, since: Instant, error: str, now: Moment) -> Iterator[Trouble]:
    """Whether somebody who should be told of a job is not. `since`: when the first attempt failed."""
    if now.utc - since > UNDELIVERED:
        text = f"{key} of {job} cannot be delivered since {_age(now.utc - since)}: {error}"
        yield Trouble(Level.WARNING, "notify", text, job)


def of_scheduler(journal: Journal, now: Moment, up_since: Instant | None, *, up: bool) -> Iterator[Trouble]:
    """Whether there is a scheduler, and whether it does anything. Without a job nobody needs one."""
    if not up:
        if journal.job_names() or journal.busy_jobs():
            yield Trouble(Level.CRITICAL, "scheduler", f"no scheduler is up{_since(journal, now)}")
        else:
            yield Trouble(Level.WARNING, "scheduler", "there are no jobs, and no scheduler is up")
        return
    last = max(last_sign(journal) or Instant(0), up_since or Instant(0))
    if last and now.utc - last > MUTE_AFTER:
        yield Trouble(Level.CRITICAL, "scheduler", f"the scheduler has been mute for {_age(now.utc - last)}")


def _since(journal: Journal, now: Moment) -> str:
    last = last_sign(journal)
    return "; there never was one" if last is None else f"; the last one was heard of {_age(now.utc - last)} ago"


def of_job(journal: Journal, summary: JobSummary, asked: Asked, *, up_since: Instant | None) -> Iterator[Trouble]:
    """What is not well with one job. `up_since`: when the scheduler that is up came, None where none is up or it has
    only just come, so that it may still be catching up."""
    state, now = summary.state, asked.now
    name, definition = state.job, state.definition
    for run in state.runs:
        yield from _of_run(run, now)
    due = summary.next_due
    waits = due is not None and not state.paused and not state.runs and now.utc - due > SWEEP
    if due is not None and waits and up_since is not None and now.utc - up_since > SWEEP:
        text = f"{name} has been due for {_age(now.utc - due)}, and nothing answers"
        yield Trouble(Level.CRITICAL, "overdue", text, name)
    held = restraint(state, now.utc)
    if held is not None and held.reason is RefusalReason.BREAKER_OPEN:
        failures = state.past.failures if state.past is not None else 0
        text = f"the breaker of {name} is open after {many(failures, 'failure')}, for {_age(held.until - now.utc)} more"
        yield Trouble(Level.CRITICAL, "breaker", text, name)
    if definition is None or not definition.enabled:
        return
    yield from _of_success(success(journal, summary, asked), paused=state.paused)
    last = summary.last_run
    if last is not None and last.state is not State.SUCCEEDED and last.reason not in _BY_A_PERSON:
        ago = _age(now.utc - (last.ended_at or now.utc))
        yield Trouble(Level.WARNING, "last_run", f"{last.id} {last.state} ({last.reason}) {ago} ago", name)


def _of_run(run: Run, now: Moment) -> Iterator[Trouble]:
    last = run.start_by if run.state is State.QUEUED else run.reap_by
    if not run.state.terminal and last is not None and last.left(now) < -SWEEP:
        text = f"{run.id} is still {run.state}, {_age(-last.left(now))} after its last deadline"
        yield Trouble(Level.CRITICAL, "overdue", text, run.job)
    if run.state.terminal and run.ended_at is not None and run.run_by is not None and run.reap_by is not None:
        patience = run.reap_by.utc - run.run_by.utc  # its job's grace, and the margin of the backstop
        held = now.utc - run.ended_at
        if held > max(patience, REAP_MARGIN):
            text = f"the slot of {run.job} is held for {_age(held)} after {run.id} ended, and nothing frees it"
            yield Trouble(Level.CRITICAL, "slot", text, run.job)


def success(journal: Journal, summary: JobSummary, asked: Asked) -> Success:
    """The newest success of a job. One that never succeeded is waited for since it was first defined."""
    state = summary.state
    found = journal.runs(RunQuery(state.job, frozenset({State.SUCCEEDED}), limit=1))
    at = (found[0].ended_at or found[0].queued_at) if found else None
    since = at if at is not None else state.anchor
    stated = state.definition.expect_success_within_us if state.definition is not None else None
    first, second = (asked.max_age, stated) if asked.job is not None else (stated, asked.max_age)
    limit = second if first is None else first  # no age at all, 0s, is one that was asked for
    age = asked.now.utc - since if since is not None else 0
    return Success(state.job, at, Duration(max(0, age)), limit)


def _of_success(found: Success, *, paused: bool) -> Iterator[Trouble]:
    if found.limit is None or found.age <= found.limit:
        return
    said = f"succeeded {_age(found.age)} ago" if found.at is not None else f"never succeeded, in {_age(found.age)}"
    text = f"{found.job} last {said}" if found.at is not None else f"{found.job} {said}"
    text += f" (expected within {_age(found.limit)}" + ("; it is paused)" if paused else ")")
    yield Trouble(Level.CRITICAL, "success", text, found.job)


def worst(troubles: Iterable[Trouble]) -> Level:
    """The level of all of them together."""
    return max((trouble.level for trouble in troubles), default=Level.OK)


def _age(us: int) -> str:
    """In one unit, hours up to two days."""
    if us >= 2 * DAY:
        return f"{us // DAY}d"
    for unit, name in ((HOUR, "h"), (MINUTE, "m")):
        if us >= unit:
            return f"{us // unit}{name}"
    return f"{max(0, us) // SECOND}s"
