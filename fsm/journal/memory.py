"""The journal in memory: the reference that the others are held to, and what the simulation runs on.

Nothing is durable beyond the object. `close` keeps everything, so that a simulated scheduler can crash and come back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from fsm.codec.entries import GENESIS
from fsm.engine.due import wanted_at
from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.errors import BadValue, Conflict, UnknownJob
from fsm.instants import Instant
from fsm.journal.sealing import Sealed, next_epoch, no_mark, seal_draft, still_live
from fsm.model.entries import Checkpoint, Entry, JobPut
from fsm.model.job import Job
from fsm.model.run import Run
from fsm.model.stream import JobState
from fsm.planning.retention import Mark, Span
from fsm.ports import Append, Appended, JobSummary, Pruned, RunQuery


class _Stream:
    """One stream and its projection."""

    __slots__ = ("_due", "_due_of", "_span", "_span_of", "definitions", "entries", "last_hash", "runs", "state")

    def __init__(self, job: str) -> None:
        self.state = JobState(job)
        self.last_hash = GENESIS
        self.entries: list[Entry] = []
        self.forget()

    def forget(self) -> None:
        """Drop the projection."""
        self.state = JobState(self.state.job)
        self.runs: dict[int, Run] = {}  # by number, which is also the order in which they came to be
        self.definitions: dict[int, Job] = {}
        self._due: Instant | None = None
        self._due_of = self.state
        self._span: Span | None = None
        self._span_of = (self.state, 0, 0)

    def note(self, entry: Entry, after: JobState, run: Run | None) -> None:
        """Keep the projection in step with one more entry."""
        if self.state.seq == 0:  # a stream that was pruned begins with runs of which the end is to come
            self.runs = {live.number: live for live in after.runs}
            self.definitions = {} if after.definition is None else {after.version: after.definition}
        self.state = after
        if run is not None:
            self.runs[run.number] = run
        if isinstance(entry.body, JobPut):
            self.definitions[entry.body.version] = entry.body.job

    def next_due(self) -> Instant | None:
        """Reckoned when it is asked for, and again only when the stream has moved: most folds are never asked."""
        if self._due_of is not self.state:
            self._due, self._due_of = wanted_at(self.state), self.state
        return self._due

    def span(self, keep_runs: int) -> Span:
        """Reckoned again only when the stream has moved or was cut: it is asked for again and again."""
        first = self.entries[0].seq
        state, cut_at, keep = self._span_of
        if self._span is None or state is not self.state or (cut_at, keep) != (first, keep_runs):
            over = [run.number for run in self.runs.values() if run.state.terminal]
            self._span_of = (self.state, first, keep_runs)
            self._span = Span(
                self.state.job,
                self.state.seq,
                first - 1,
                self.entries[-1].at,
                tuple(_mark(entry) for entry in self.entries if isinstance(entry.body, Checkpoint)),
                over[-keep_runs - 1] if len(over) > keep_runs else 0,
                min((run.number for run in self.state.runs), default=None),
            )
        return self._span

    def last_ended(self) -> Run | None:
        return next((run for run in reversed(self.runs.values()) if run.state.terminal), None)


class MemoryJournal:
    """`fsm.ports.Journal`, kept in memory. `node` is the name of the machine that its entries carry."""

    def __init__(self, *, node: str = "memory") -> None:
        self._node = node
        self._streams: dict[str, _Stream] = {}
        self._entries: list[Entry] = []
        self._last_id = 0  # ids count from 1 without a gap when they are given; pruned ones are gaps
        self._epoch = 0

    def append(self, batch: Sequence[Append], *, epoch: int | None = None) -> list[Appended]:
        """See `fsm.ports.Journal.append`. Nothing of this object changes before all of the batch is judged."""
        after_epoch = next_epoch(batch, epoch, self._epoch)
        tips: dict[str, tuple[JobState, str]] = {}
        sealed: list[Sealed] = []
        results: list[Appended] = []
        ident = self._last_id
        for append in batch:
            job = append.state.job
            state, last_hash = tips.get(job) or self._tip(job)
            if state.seq != append.state.seq:
                raise Conflict(job, append.state.seq, state.seq)
            first = len(sealed)
            for draft in append.drafts:
                ident += 1
                one = state, entry, _, _ = seal_draft(state, draft, ident, self._node, epoch, last_hash)
                if isinstance(draft.body, JobPut):
                    wanted_at(state)  # a schedule that cannot be read is refused now, not when it is asked for
                last_hash = entry.hash
                sealed.append(one)
            tips[job] = state, last_hash
            results.append(Appended(state, tuple(entry for _, entry, _, _ in sealed[first:])))
        for after, entry, _, run in sealed:
            self._store(entry, after, run)
        self._epoch = after_epoch
        return results

    def _tip(self, job: str) -> tuple[JobState, str]:
        stream = self._streams.get(job)
        return (JobState(job), GENESIS) if stream is None else (stream.state, stream.last_hash)

    def _store(self, entry: Entry, after: JobState, run: Run | None) -> None:
        stream = self._streams.get(entry.job)
        if stream is None:
            stream = self._streams[entry.job] = _Stream(entry.job)
        stream.entries.append(entry)
        stream.last_hash = entry.hash
        stream.note(entry, after, run)
        self._entries.append(entry)
        self._last_id = entry.id

    def span(self, job: str, keep_runs: int) -> Span:
        """See the port."""
        stream = self._streams.get(job)
        return Span(job) if stream is None else stream.span(keep_runs)

    def prune(self, job: str, mark: Mark) -> Pruned:
        """See the port."""
        stream = self._streams.get(job)
        place = -1 if stream is None else mark.seq - stream.entries[0].seq
        checkpoint = stream.entries[place].body if stream is not None and 0 <= place < len(stream.entries) else None
        if stream is None or not isinstance(checkpoint, Checkpoint):
            raise no_mark(job, mark)
        begin = checkpoint.state
        assert isinstance(begin, JobState)  # it was folded
        for live in stream.state.runs:
            if live.number <= begin.last_number:
                raise still_live(job, mark, live.number)
        gone = {entry.id for entry in stream.entries[:place]}
        stay = {run.number for run in begin.runs}
        runs = [number for number in stream.runs if number <= begin.last_number and number not in stay]
        for number in runs:
            del stream.runs[number]
        first = begin.version + (begin.definition is None)
        stream.definitions = {version: job for version, job in stream.definitions.items() if version >= first}
        stream.entries = stream.entries[place:]
        self._entries = [entry for entry in self._entries if entry.id not in gone]
        return Pruned(len(gone), len(runs))

    def state(self, job: str) -> JobState:
        """See the port."""
        return self._tip(job)[0]

    def definition(self, job: str, version: int) -> Job:
        """See the port."""
        stream = self._streams.get(job)
        found = stream.definitions.get(version) if stream is not None else None
        if found is None:
            raise UnknownJob(job)
        return found

    def jobs(self) -> list[JobSummary]:
        """See the port."""
        streams = (self._streams[name] for name in self.job_names())
        return [JobSummary(stream.state, stream.next_due(), stream.last_ended()) for stream in streams]

    def job_names(self) -> list[str]:
        """See the port."""
        return sorted(name for name, stream in self._streams.items() if stream.state.definition is not None)

    def due_times(self, jobs: Iterable[str] | None = None) -> Iterator[tuple[str, Instant]]:
        """See the port. The soonest first, or in the order asked for."""
        streams = self._streams.values() if jobs is None else [s for s in map(self._streams.get, jobs) if s]
        due = [(stream.state.job, at) for stream in streams if (at := stream.next_due()) is not None]
        return iter(sorted(due, key=lambda pair: (pair[1], pair[0])) if jobs is None else due)

    def busy_jobs(self) -> list[str]:
        """See the port. By name."""
        return sorted(name for name, stream in self._streams.items() if stream.state.runs)

    def last_numbers(self) -> Mapping[str, int]:
        """See the port."""
        return {name: stream.state.last_number for name, stream in self._streams.items()}

    def runs(self, query: RunQuery) -> list[Run]:
        """See the port. Runs of several jobs queued at the same time come in the reverse order of their ids."""
        if query.job is not None:
            stream = self._streams.get(query.job)
            found = [run for run in reversed(stream.runs.values()) if _fits(run, query)] if stream else []
        else:
            streams = self._streams.values()
            found = [run for stream in streams for run in stream.runs.values() if _fits(run, query)]
            found.sort(key=lambda run: (run.queued_at, run.job, run.number), reverse=True)
        return found if query.limit is None else found[: query.limit]

    def run(self, job: str, number: int) -> Run | None:
        """See the port."""
        stream = self._streams.get(job)
        return None if stream is None else stream.runs.get(number)

    def entries(
        self,
        *,
        job: str | None = None,
        run: int | None = None,
        after_id: int = 0,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Entry]:
        """See the port. What is appended while one iterates may come along, or not."""
        source = self._entries
        if run is not None and job is None:
            raise BadValue("the entries of a run need its job, too")
        if job is not None:
            stream = self._streams.get(job)
            source = [] if stream is None else stream.entries
        first = bisect_right(source, after_id, key=lambda entry: entry.id)
        places = range(first, len(source))
        left = len(places) if limit is None else limit
        for place in reversed(places) if newest_first else places:
            if left <= 0:
                return
            entry = source[place]
            if run is None or entry.run == run:
                left -= 1
                yield entry

    def head(self, job: str) -> tuple[int, str]:
        """See the port."""
        state, last_hash = self._tip(job)
        return state.seq, last_hash

    def streams(self, *, after: str = "", limit: int | None = None) -> list[str]:
        """See the port."""
        return sorted(name for name in self._streams if name > after)[:limit]

    def last_id(self) -> int:
        """See the port."""
        return self._last_id

    def epoch(self) -> int:
        """See the port."""
        return self._epoch

    def rebuild(self) -> None:
        """See the port."""
        self._epoch = 0
        for stream in self._streams.values():
            stream.forget()
            for entry in stream.entries:
                after = evolve(stream.state, entry)
                stream.note(entry, after, run_after(stream.state, entry, after))
                self._epoch = max(self._epoch, entry.epoch or 0)

    def close(self) -> None:
        """Nothing to let go of; the entries stay."""


def _mark(entry: Entry) -> Mark:
    assert isinstance(entry.body, Checkpoint)
    assert isinstance(entry.body.state, JobState)
    return Mark(entry.seq, entry.at, entry.body.state.last_number, len(entry.body.state.runs))


def _fits(run: Run, query: RunQuery) -> bool:
    return (query.states is None or run.state in query.states) and (query.since is None or run.queued_at >= query.since)
