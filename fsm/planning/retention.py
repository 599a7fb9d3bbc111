"""Retention: from where on a job's stream is kept, and when a place is marked at which it may be cut later.

A stream is only ever cut at a checkpoint, which then is its first entry: it holds the fold of all that went before.
So checkpoints are set in passing, long before they are needed, and the stream is cut where there is nothing before but
runs that need not be kept, all of them over. What is open or holds the slot is never touched, nor anything after it.
"""

from __future__ import annotations

from attrs import evolve, frozen

from fsm.instants import DAY, Duration, Instant
from fsm.model.job import Job, Keep
from fsm.model.stream import JobState

DEFAULT = Keep()
"""For a job that says nothing, and for one that was removed."""

MOST_BETWEEN = 256
"""Entries between two checkpoints: what one cut deletes, in one transaction of some milliseconds. A checkpoint is as
long as two or three entries, so that they take a hundredth of the journal."""

LEAST_BETWEEN = 40
"""No more often than that for a job that keeps a few runs only: some ten runs."""

QUIET = Duration(30 * DAY)
"""How long nothing has happened in a stream that is given a checkpoint for that alone."""

_ENTRIES_OF_A_RUN = 4

SCHEDULERS = Keep(runs=10_000)
"""The schedulers' own stream, `runs` meaning entries: 10,000 are three months of one that is always up."""


SCHEDULERS_BETWEEN = 500
"""Entries between two checkpoints of that stream, as far as its schedulers begin anew: one is set just before."""

TERM = 2_880
"""Signs of life after which a scheduler begins a new term, under the next epoch, as if it had come up anew: a month of
them. So what is known of a scheduler never lies further back than that, and its stream can be cut."""


@frozen(slots=True)
class Mark:
    """A checkpoint at `seq`, appended `at`; `last_number` was the newest run then, and `live` were not over."""

    seq: int
    at: Instant
    last_number: int
    live: int = 0


@frozen(slots=True)
class Span:
    """What there is of a stream, for whoever plans what goes.

    It is `seq` entries long, of which the first `pruned` are gone; the newest was appended `last_at`. `marks` are its
    checkpoints, oldest first. `spare` is the newest run that has as many runs after it as are to be kept (0: none has),
    `live` the oldest one that is open or holds the slot.
    """

    job: str
    seq: int = 0
    pruned: int = 0
    last_at: Instant | None = None
    marks: tuple[Mark, ...] = ()
    spare: int = 0
    live: int | None = None

    @property
    def begin(self) -> Mark | None:
        """The checkpoint that it begins with; None where nothing of it was pruned."""
        return self.marks[0] if self.pruned and self.marks else None


def keep_of(job: Job | None) -> Keep:
    """What is kept of a job's history. A removed job's is kept like that of one that says nothing."""
    return DEFAULT if job is None or job.keep is None else job.keep


def spacing(keep: Keep) -> int:
    """After how many entries a checkpoint is due: a tenth of what is kept, within bounds."""
    return max(LEAST_BETWEEN, min(MOST_BETWEEN, keep.runs * _ENTRIES_OF_A_RUN // 10))


def wants_mark(state: JobState, span: Span, keep: Keep, now: Instant) -> bool:
    """Whether a checkpoint is due, and this is a moment for one.

    It is not while a live run has another definition than the present one: a checkpoint holds no older one. Where
    nothing happens for long, one is set all the same, so that what there is can go once it is old.
    """
    if span.seq != state.seq or any(run.version != state.version or state.definition is None for run in state.runs):
        return False
    newest = span.marks[-1] if span.marks else None
    since = state.seq - (newest.seq if newest is not None else 0)
    quiet = span.last_at is not None and now - span.last_at >= QUIET
    return since >= spacing(keep) or (since > 0 and quiet)


def cut(span: Span, keep: Keep, now: Instant) -> Mark | None:
    """The checkpoint to begin with from now on; None where nothing may go.

    It is one before which all runs are over, and beyond the newest `keep.runs`, or before which everything is older
    than `keep.for_us`. The next one only: what a cut deletes is one piece.
    """
    found: Mark | None = None
    for mark in span.marks:
        if mark.seq <= span.pruned + 1:
            continue  # the stream begins with it already
        if span.live is not None and span.live <= mark.last_number:
            break
        if not (0 < mark.last_number <= span.spare or now - mark.at >= keep.for_us):
            break
        found = mark
        break
    return found


def cuts(span: Span, keep: Keep, now: Instant) -> list[Mark]:
    """All that may be cut now, one after the other."""
    found: list[Mark] = []
    while (mark := cut(span, keep, now)) is not None:  # each is a later one of `marks`
        found.append(mark)
        span = evolve(span, pruned=mark.seq - 1)
    return found


def cut_schedulers(span: Span, now: Instant) -> Mark | None:
    """The same for the schedulers' own stream, in which entries are counted."""
    for mark in span.marks:
        if mark.seq > span.pruned + 1:
            old = now - mark.at >= SCHEDULERS.for_us or span.seq - mark.seq >= SCHEDULERS.runs
            return mark if old else None
    return None
