"""What has to hold of a history once the faults have stopped: by the journal, by what the commands wrote, and by who
was killed when. Each law returns sentences on how it was broken."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from attrs import define, field, frozen

from chaos.driver import Kill
from chaos.jobs import BY_NAME, KINDS, log_of
from chaos.kit import CLOCK, Stand
from chaos.lines import Line, overlaps, read_lines
from chaos.processes import Process
from chaos.windows import Victim
from fsm.instants import Instant, parse_duration
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Ended, Entry, Queued, Refused, Released, SchedulerDown, Started
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import Reason, State
from fsm.ports import RunQuery
from fsm.testing.ledger import AFTER, TICKS, Story, Stream

VERDICT_WRITTEN = frozenset(
    {"verdict_written", "terminated", "announced", "killing", "emptied_written", "reported", "slot_closed"}
)
"""Windows in which a supervisor has written its verdict: a kill there changes nothing about how the run ended."""

MISTAKES = ("Traceback", "Exception in", "never retrieved")
"""What a scheduler says when it has made one."""

_APART_US = 1_000
"""How far readings of two clocks are apart that were made one after the other."""


@frozen
class Drift:
    """By how much the wall clock moved against the boot clock: what compares the two allows for it."""

    offset: int

    @classmethod
    def now(cls) -> Drift:
        now = CLOCK.now()
        return cls(now.utc - now.boot)

    def allowed(self) -> int:
        """µs between two readings that say nothing."""
        return abs(Drift.now().offset - self.offset) + _APART_US


@define(eq=False)
class History:
    """All that is known."""

    stand: Stand
    kills: list[Kill]
    cancelled: set[str]
    allowed_us: int
    entries: list[Entry] = field(factory=list)
    streams: dict[str, Stream] = field(factory=dict)
    lines: dict[str, list[Line]] = field(factory=dict)
    at: dict[tuple[str, int, type[object]], Entry] = field(factory=dict)

    @classmethod
    def read(cls, stand: Stand, kills: list[Kill], cancelled: set[str], drift: Drift) -> History:
        """From the journal and the jobs' files, as they are now."""
        history = cls(stand, kills, cancelled, drift.allowed())
        history.entries = stand.entries()
        for entry in history.entries:
            if entry.job == SCHEDULER_STREAM:
                continue
            history.streams.setdefault(entry.job, Stream(entry.job)).read(entry, entry.at)
            if entry.run is not None:
                history.at[entry.job, entry.run, type(entry.body)] = entry
        history.lines = {kind.name: read_lines(log_of(stand.root, kind.name)) for kind in KINDS}
        return history

    def stories(self) -> Iterator[Story]:
        for stream in self.streams.values():
            yield from stream.stories.values()

    def lines_of(self, story: Story, *what: str) -> list[Line]:
        return [line for line in self.lines[story.job] if line.run == story.number and (not what or line.what in what)]

    def killed(self, story: Story) -> Kill | None:
        """The kill that hit its supervisor."""
        if story.started is None:
            return None
        arming = story.started.arming
        who = Process(arming.pid, arming.pid_start)
        return next((kill for kill in self.kills if kill.victim is Victim.SUPERVISOR and kill.process == who), None)

    def command_killed(self, story: Story) -> bool:
        """Whether somebody killed its command, or one that may have been it."""
        pids = {line.pid for line in self.lines_of(story)}
        return any(kill.victim is Victim.COMMAND and kill.process.pid in pids for kill in self.kills)


def broken(history: History) -> list[str]:
    """Every law that was broken, none when all is well."""
    laws = (
        _overlap,
        _journal_against_lines,
        _terminal,
        _ticks,
        _succeeded,
        _lost,
        _never_executed,
        _published,
        _mistakes,
    )
    return [f"{law.__name__.strip('_')}: {sentence}" for law in laws for sentence in law(history)]


def _overlap(history: History) -> Iterator[str]:
    """No two intervals of a job overlap; nothing is executed twice."""
    for job, lines in history.lines.items():
        yield from (f"{job}: {sentence}" for sentence in overlaps(lines))


def _journal_against_lines(history: History) -> Iterator[str]:
    """Nothing is executed before its start is journaled, nor lives on when its slot is released; and no other arming
    executes than the one that its start names."""
    for job, lines in history.lines.items():
        stories = history.streams[job].stories
        timeout_us = parse_duration(BY_NAME[job].timeout)
        for line in lines:
            story = stories.get(line.run)
            if story is None or story.started is None:
                yield f"{job}/{line.run} writes {line.what!r}, and its start is not journaled"
                continue
            if line.nonce != story.started.arming.nonce:
                yield f"{story.id} is executed by {line.nonce}, and its start names {story.started.arming.nonce}"
            if line.boot < story.started.run_by.boot - timeout_us:
                yield f"{story.id} writes {line.what!r} before its start was decided"
            released = history.at.get((job, line.run, Released))
            if released is not None and line.utc > released.at + history.allowed_us:
                yield f"{story.id} writes {line.what!r} {line.utc - released.at} µs after its slot was released"


def _terminal(history: History) -> Iterator[str]:
    """Every run is terminal, every slot free, and each was ended and released once at most."""
    for story in history.stories():
        if story.in_the_way:
            yield f"{story.id} is {story.state}, and {'not ' if story.released is None else ''}released"


def _ticks(history: History) -> Iterator[str]:
    """Every tick has one answer, up to the moment the last scheduler ended."""
    last = max(entry.at for entry in history.entries if isinstance(entry.body, SchedulerDown))
    for job, stream in history.streams.items():
        yield from _answers(job, [entry for entry in history.entries if entry.job == job])
        assert stream.table is not None
        assert stream.answered_to is not None
        left = stream.table.span(stream.answered_to, last, stream.anchor)
        if left is not None:
            yield f"{job} has not answered {left.count} ticks"


def _answers(job: str, entries: Iterable[Entry]) -> Iterator[str]:
    """Each answer begins with the first scheduled time that has none, and counts what it covers."""
    stream = Stream(job)
    for entry in entries:
        body = entry.body
        first: Instant | None = None
        count = 1
        if isinstance(body, Queued) and body.cause in TICKS:
            first = last = body.scheduled_for
        elif isinstance(body, Refused) and body.cause in TICKS:
            first, last, count = body.first, body.last, body.count
        if first is not None and last is not None and stream.table is not None and stream.answered_to is not None:
            span = stream.table.span(stream.answered_to, last, stream.anchor)
            if span is None or (span.count, span.first, span.last) != (count, first, last):
                yield f"entry {entry.seq} of {job} answers {count} ticks from {first} to {last}; there were {span}"
        stream.read(entry, entry.at)


def _succeeded(history: History) -> Iterator[str]:
    """No run that exited 0 while its supervisor lived, before any other verdict, is anything but succeeded."""
    for story in history.stories():
        kind = BY_NAME[story.job]
        if not history.lines_of(story, "end") or kind.times_out or story.id in history.cancelled:
            continue
        if history.command_killed(story):
            continue  # between its last line and its exit
        kill = history.killed(story)
        if kill is not None and kill.window not in VERDICT_WRITTEN:
            continue
        ended = story.ended
        code = None if ended is None else ended.exit_code
        wanted = State.SUCCEEDED if kind.code == 0 else State.FAILED
        if (story.state, code) != (wanted, kind.code):
            yield f"{story.id} exited with {kind.code}, and is {story.state} ({ended}); its supervisor: {kill}"


def _lost(history: History) -> Iterator[str]:
    """Lost is only whose supervisor was killed before it had judged; and without an end nothing has succeeded."""
    for story in history.stories():
        kill = history.killed(story)
        if story.state is State.LOST:
            if kill is None:
                yield f"{story.id} is lost ({story.ended and story.ended.reason}), and nobody killed its supervisor"
            elif kill.window in VERDICT_WRITTEN:
                yield f"{story.id} is lost, and its supervisor was killed when it had judged: {kill.window}"
            elif story.ended is not None and story.ended.reason is not Reason.VANISHED:
                yield f"{story.id} is lost ({story.ended.reason})"
        if story.state is State.SUCCEEDED and not history.lines_of(story, "end"):
            yield f"{story.id} succeeded, and its command never came to its end"


def _never_executed(history: History) -> Iterator[str]:
    """What failed to start, or was reaped before it was told to go, was not executed."""
    for story in history.stories():
        ended = story.ended
        never = ended is not None and (
            ended.reason is Reason.START_FAILED or (story.started is None and story.state is not State.QUEUED)
        )
        if never and history.lines_of(story):
            yield f"{story.id} is {story.state} ({ended and ended.reason}), and was executed"


def _published(history: History) -> Iterator[str]:
    """What was published is what was journaled: nobody was ever shown a state that the run did not have."""
    known = {entry.id: entry for entry in history.entries if isinstance(entry.body, Queued | Started | Ended)}
    for text in history.stand.events.read_text().splitlines():
        event = json.loads(text)
        entry = known.get(event["id"])
        shown = (event["run_id"], event["seq"], event["data"]["state"])
        if entry is None or shown != (f"{entry.job}/{entry.run}", entry.seq, _after(entry)):
            yield f"an event was published that says something else than the journal: {event}"


def _after(entry: Entry) -> State:
    """The state of a run after one of its transitions."""
    if isinstance(entry.body, Ended):
        return AFTER[entry.body.trigger]
    return State.RUNNING if isinstance(entry.body, Started) else State.QUEUED


def _mistakes(history: History) -> Iterator[str]:
    """No scheduler and no supervisor has tripped over itself."""
    for served in history.stand.servers:
        said = served.said()
        if any(word in said for word in MISTAKES):
            yield f"{served.log.name}: {said}"
    for path in sorted(Path(history.stand.folder.runs).glob("*/*/*.crash")):
        yield f"{path.parent}: {path.read_text()}"


# ---- beyond the history: the store, and the processes


def store_trouble(stand: Stand) -> list[str]:
    """What is wrong with the journal: `verify`, and a projection that a rebuild would change."""
    with stand.journal(read_only=False) as journal:
        found = [str(violation) for violation in verify_journal(journal)]
        before = _projection(journal)
        journal.rebuild()
        if _projection(journal) != before:
            found.append("the projection is not what the entries fold to")
        for run in journal.runs(RunQuery()):
            if not run.state.terminal:
                found.append(f"{run.id} is {run.state}")
        if busy := journal.busy_jobs():
            found.append(f"these jobs are busy: {busy}")
    return found


def _projection(journal: SqliteJournal) -> Sequence[object]:
    names = journal.streams()
    return (
        names,
        [journal.state(name) for name in names],
        journal.runs(RunQuery()),
        journal.jobs(),
        dict(journal.last_numbers()),
        dict(journal.due_times()),
        journal.busy_jobs(),
    )
