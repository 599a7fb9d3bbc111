"""The values of a job's story: its answers to scheduled times and requests, and what is now. See `fsm.client.explain`.

What is told is evidence: every answer and every step names its entry.
"""

from __future__ import annotations

from attrs import field, frozen

from fsm.client.admission import Waits
from fsm.client.reigns import Outage, Reign
from fsm.instants import Instant
from fsm.model.entries import Refused
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.states import Actor, Cause, RefusalReason
from fsm.model.stream import JobState


@frozen(slots=True)
class Window:
    """What is asked for: answers since `since`, at most `most`; or the one at `at`; or the one that made run `number`.

    Without `since`, the answers of the last day, but no fewer than `least` if there are any.
    """

    since: Instant | None = None
    at: Instant | None = None
    number: int | None = None
    most: int = 20
    least: int = 3


@frozen(slots=True)
class Step:
    """One thing that happened to a run, and the entry that says so. `recorded` is when that was appended."""

    what: str
    at: Instant
    recorded: Instant
    entry: int


@frozen(slots=True)
class Life:
    """A run with the steps of its life, in order."""

    run: Run
    steps: tuple[Step, ...]


@frozen(slots=True)
class Ran:
    """The answer "yes": a run. `tick` is its scheduled time, None for one that was asked for by hand."""

    entry: int
    at: Instant
    cause: Cause
    tick: Instant | None
    life: Life


@frozen(slots=True)
class Denied:
    """The answer "no" to `body.count` times from `body.first` to `body.last`."""

    entry: int
    at: Instant
    actor: Actor
    body: Refused
    blocker: Life | None = None
    outage: Outage | None = None  # for what was missed: the time without a scheduler that it fell into


@frozen(slots=True)
class Changed:
    """The job itself changed: ``defined``, ``changed``, ``paused``, ``resumed``, ``removed``."""

    entry: int
    at: Instant
    actor: Actor
    what: str
    version: int | None = None
    source: str | None = None


Answer = Ran | Denied | Changed


@frozen(slots=True)
class Pending:
    """Ticks that have no answer in the journal yet, and why.

    `same_as` is the refusal that stands for them too (repeated refusals are written at most once an hour);
    `outage`: nobody is there to answer. Neither: a scheduler is up and should answer any moment (`young`), or should
    have (not `young`).
    """

    count: int
    first: Instant
    last: Instant
    same_as: RefusalReason | None = None
    outage: Outage | None = None
    young: bool = False


@frozen(slots=True)
class Story:
    """All that is told about one job. `at` echoes the asked time; `earlier`: there is more before the first answer."""

    state: JobState
    now: Instant
    answers: tuple[Answer, ...]
    earlier: bool
    pending: Pending | None
    next_due: Instant | None
    reign: Reign | None  # the scheduler that is up now
    holder: Life | None  # the run that has the slot
    waiting: Life | None  # the run that is queued
    at: Instant | None = None
    around: tuple[Instant | None, Instant | None] = field(default=(None, None))  # due times about `at`
    waits: Waits | None = None  # for what the run that is queued waits, where its job's slot is free
    begins: Step | None = None  # the first entry of the stream, where nothing in it is as old as `at`

    @property
    def job(self) -> Job | None:
        """The definition, None for a job that was removed."""
        return self.state.definition
