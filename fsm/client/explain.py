"""Why a job ran, or did not: each tick of a stretch of time with its answer, from the journal's entries.

Everything here is read from the journal; what is told is evidence (`entry` numbers), not memory. Rendering is the
command line's; a program reads the same values.
"""

from __future__ import annotations

from collections.abc import Iterable

from fsm.client.admission import waits_for
from fsm.client.draining import draining
from fsm.client.reigns import Reign, outage_at, reigns
from fsm.client.story import Answer, Changed, Denied, Life, Pending, Ran, Step, Story, Window
from fsm.engine.due import come_until, coming, due_at, next_due, next_tick, ticking
from fsm.engine.standing import Standing, standing
from fsm.errors import PrunedRun, UnknownRun
from fsm.instants import DAY, SECOND, Duration, Instant, Moment
from fsm.model.entries import (
    Ended,
    Entry,
    JobPaused,
    JobPut,
    JobRemoved,
    JobResumed,
    Queued,
    Refused,
    Released,
    Started,
)
from fsm.model.run import Run, run_id
from fsm.model.states import Cause, RefusalReason
from fsm.model.stream import JobState
from fsm.ports import Journal

MOST_READ = 100_000
"""Entries of a stream that one story reads at most, some seconds' work; what lies further back is asked for by time."""

MOST_OF_A_LIFE = 100
"""Entries about one run: a handful in practice."""

UNDER_WAY = Duration(5 * SECOND)
"""A tick this young may simply not have been answered yet."""


def explain(journal: Journal, job: str, now: Moment, *, served: bool, window: Window | None = None) -> Story:
    """The story of `job`. `served`: a scheduler is up. Raises `UnknownRun` for a run that the job does not have."""
    window = window or Window()
    state = journal.state(job)
    lives = _Lives(journal, job)
    chosen, earlier = _choose(_answers(journal, job), window, state, now.utc)
    if window.number is not None and not chosen:
        begin = journal.span(job, 0).begin
        if begin is not None and window.number <= begin.last_number:  # how it began is pruned
            raise PrunedRun(run_id(job, window.number), run_id(job, begin.last_number + 1))
        raise UnknownRun(run_id(job, window.number))
    since = min((_first(entry) for entry in chosen), default=now.utc)
    if state.accounted_to is not None:
        since = min(since, state.accounted_to)
    known = reigns(journal, since)
    answers = tuple(_told(entry, lives, known, served=served) for entry in reversed(chosen))
    queued = next((run for run in state.open_runs if run.number != state.slot), None)
    return Story(
        state,
        now.utc,
        answers,
        earlier,
        _pending(state, now, known, served=served, ending=served and draining(journal, now) is not None),
        _next(state, now.utc),
        known[-1] if served and known else None,
        lives.of(state.slot) if state.slot is not None else None,
        lives.of(queued.number) if queued is not None else None,
        window.at,
        _around(state, window.at),
        waits_for(journal, queued) if queued is not None and state.slot is None else None,
        None if answers or window.at is None else _begin(journal, job),
    )


def _begin(journal: Journal, job: str) -> Step | None:
    for entry in journal.entries(job=job, limit=1):
        return Step(str(entry.kind), entry.at, entry.at, entry.id)
    return None


_ANSWERS = (Queued, Refused, JobPut, JobPaused, JobResumed, JobRemoved)


def _answers(journal: Journal, job: str) -> Iterable[Entry]:
    """The entries that answer a tick or change the job, newest first."""
    for entry in journal.entries(job=job, newest_first=True, limit=MOST_READ):
        if isinstance(entry.body, _ANSWERS):
            yield entry


def _first(entry: Entry) -> Instant:
    """The first time that an entry is about."""
    body = entry.body
    if isinstance(body, Refused):
        return body.first
    if isinstance(body, Queued) and body.scheduled_for is not None:
        return body.scheduled_for
    if isinstance(body, Queued) and body.origin is not None:
        return body.origin.at
    return entry.at


def _last(entry: Entry) -> Instant:
    return entry.body.last if isinstance(entry.body, Refused) else _first(entry)


def _choose(entries: Iterable[Entry], window: Window, state: JobState, now: Instant) -> tuple[list[Entry], bool]:
    """The entries of the window, newest first, and whether there are earlier ones."""
    if window.number is not None:
        return [e for e in entries if isinstance(e.body, Queued) and e.run == window.number][:1], False
    if window.at is not None:
        due = next_tick(state)  # the first time without an answer
        answered = window.at <= now and (due is None or window.at < due.tick)
        return (_at(entries, window.at) if answered else []), False  # else it is pending, or still to come
    since = now - DAY if window.since is None else window.since
    chosen: list[Entry] = []
    for entry in entries:
        enough = len(chosen) >= window.most
        old = _last(entry) < since and (window.since is not None or len(chosen) >= window.least)
        if enough or old:
            return chosen, True
        chosen.append(entry)
    return chosen, False


def _at(entries: Iterable[Entry], at: Instant) -> list[Entry]:
    """The answer to `at`; where it is no scheduled time, what was the last answer before it."""
    for entry in entries:
        if _first(entry) <= at:
            return [entry]
    return []


class _Lives:
    """Lives of a job's runs, each read once."""

    def __init__(self, journal: Journal, job: str) -> None:
        self._journal, self._job = journal, job
        self._known: dict[int, Life | None] = {}

    def of(self, number: int) -> Life | None:
        """The life of a run, None where the journal does not have it (its entries may have been pruned)."""
        if number not in self._known:
            run = self._journal.run(self._job, number)
            entries = self._journal.entries(job=self._job, run=number, limit=MOST_OF_A_LIFE)
            self._known[number] = None if run is None else Life(run, tuple(_steps(entries, run)))
        return self._known[number]


def _steps(entries: Iterable[Entry], run: Run) -> Iterable[Step]:
    imported = run.cause is Cause.IMPORTED  # then what happened lies before its entries
    for entry in entries:
        body = entry.body
        if isinstance(body, Queued):
            yield Step("queued", run.queued_at if imported else entry.at, entry.at, entry.id)
        elif isinstance(body, Started):
            yield Step("started", (imported and run.started_at) or entry.at, entry.at, entry.id)
        elif isinstance(body, Ended):
            yield Step("ended", body.ended_at, entry.at, entry.id)
        elif isinstance(body, Released):
            yield Step("released", body.emptied_at or entry.at, entry.at, entry.id)


def _told(entry: Entry, lives: _Lives, known: list[Reign], *, served: bool) -> Answer:
    body = entry.body
    if isinstance(body, Queued):
        assert entry.run is not None  # a transition is always about a run
        life = lives.of(entry.run)
        assert life is not None  # its first entry is here, so the journal has it
        return Ran(entry.id, _first(entry) if body.origin else entry.at, body.cause, body.scheduled_for, life)
    if isinstance(body, Refused):
        blocker = lives.of(body.blocked_by.number) if body.blocked_by is not None else None
        missed = body.reason is RefusalReason.MISSED
        outage = outage_at(known, body.last, served=served) if missed else None
        return Denied(entry.id, entry.at, entry.actor, body, blocker, outage)
    if isinstance(body, JobPut):
        what = "defined" if body.version == 1 else "changed"
        return Changed(entry.id, entry.at, entry.actor, what, body.version, body.source)
    words = {JobPaused: "paused", JobResumed: "resumed", JobRemoved: "removed"}
    return Changed(entry.id, entry.at, entry.actor, words[type(body)])


def _pending(state: JobState, now: Moment, known: list[Reign], *, served: bool, ending: bool) -> Pending | None:
    table = ticking(state)
    if table is None or state.accounted_to is None:
        return None
    span = table.span(state.accounted_to, come_until(state, now.utc), state.anchor)
    if span is None:
        return None
    if not served:
        return Pending(span.count, span.first, span.last, outage=outage_at(known, span.last, served=False))
    return Pending(
        span.count,
        span.first,
        span.last,
        same_as=_deferred(state, now, ending=ending),
        young=now.utc - due_at(state, span.first) < UNDER_WAY,
    )


def _deferred(state: JobState, now: Moment, *, ending: bool) -> RefusalReason | None:
    """The refusal that the scheduler keeps back because the last one says the same."""
    last = state.refusal
    if last is None or last.cause is Cause.MANUAL:
        return None
    found = standing(state, now) or (Standing(RefusalReason.DRAINING, None) if ending else None)
    by = None if last.blocked_by is None else last.blocked_by.number
    return last.reason if found is not None and (found.reason, found.number) == (last.reason, by) else None


def _next(state: JobState, now: Instant) -> Instant | None:
    """The first due time that is still to come."""
    due = next_due(state)
    if due is None or due > now:
        return due
    found = coming(state, now)
    return None if found is None else found.at


def _around(state: JobState, at: Instant | None) -> tuple[Instant | None, Instant | None]:
    """By the present definition: `at` itself twice where it is a due time; else the due times before and after it."""
    table = ticking(state)
    if table is None or at is None:
        return None, None
    after = table.next_after(Instant(at - 1), state.anchor)
    if after == at:
        return at, at
    span = None
    for length in (DAY, 40 * DAY, 400 * DAY):  # a day, a month, a year: what schedules are made of
        span = table.span(Instant(at - length), at, state.anchor)
        if span is not None:
            break
    return (span.last if span is not None else None), after
