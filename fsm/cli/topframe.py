"""One frame of ``cronfsm top``: what is read from the journal, and the lines it makes. No terminal is touched here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from attrs import frozen

from fsm.cli.output import colour_of
from fsm.cli.runjson import Json, instant, run_json
from fsm.cli.tables import Cell, Column, Look, Painted, cut, plain, table
from fsm.cli.times import clock, relative, span, zone_name
from fsm.cli.words import how, took
from fsm.client.admission import waits_for
from fsm.client.settings import max_running
from fsm.instants import Instant
from fsm.model.run import Run, run_id
from fsm.model.states import OPEN, TERMINAL, State
from fsm.model.stream import JobState
from fsm.planning.restraint import held_back
from fsm.ports import Journal, RunQuery

MOST = 200
"""Rows of each kind that are read: more than a terminal has lines, whatever the journal holds."""

NOTED = 60
"""Open runs of which it is found out why they wait: as many as a large terminal shows."""

KEYS = "Keys: up/down choose, l log, c cancel, r run, p pause/resume, e explain, q quit"


@frozen(slots=True)
class Row:
    """Something that can be chosen: a job, and a run of it if the row is about one."""

    job: str
    run: str | None
    cells: tuple[Cell, ...]
    open: bool = False


@frozen(slots=True)
class Frame:
    """All that is shown, as it is at `now`. `up` is the pid of the scheduler as text, empty where none is up."""

    now: Instant
    up: str
    since: Instant | None
    open_runs: tuple[tuple[Run, str], ...]  # each with why it waits, or how it came to be
    ends: tuple[Run, ...]
    due: tuple[tuple[str, Instant], ...]
    jobs: int
    bound: int

    @property
    def running(self) -> int:
        """Runs that are running."""
        return sum(1 for run, _ in self.open_runs if run.state is State.RUNNING)


def read_frame(journal: Journal, now: Instant, up: str | None, since: Instant | None) -> Frame:
    """What is now. `up`: the scheduler's pid, "?" where one is up and it is not known, None where none is."""
    bound = max_running(journal)
    states: dict[str, JobState] = {}
    found = journal.runs(RunQuery(states=OPEN, limit=MOST))
    for run in found:
        if run.job not in states:
            states[run.job] = journal.state(run.job)
    found.sort(key=lambda run: (run.state is State.QUEUED, run.started_at or run.queued_at))
    told = tuple(
        (run, note_of(journal, run, states[run.job], now, up=up is not None) if place < NOTED else "")
        for place, run in enumerate(found)
    )
    ends = sorted(
        journal.runs(RunQuery(states=TERMINAL, limit=MOST)), key=lambda run: run.ended_at or run.queued_at, reverse=True
    )
    due = tuple((job, at) for job, at in islice(journal.due_times(), MOST) if _awaited(journal.state(job), at, now))
    return Frame(now, up or "", since, told, tuple(ends), due, len(journal.job_names()), bound)


def _awaited(state: JobState, at: Instant, now: Instant) -> bool:
    """Whether something will come of a due time: one that is past has its answer coming, or a run is in its way."""
    return not state.paused and (at > now or not state.runs)


def note_of(journal: Journal, run: Run, state: JobState, now: Instant, *, up: bool) -> str:
    """Why a queued run waits; for one that runs, what was asked for."""
    if run.state is State.RUNNING:
        return "by schedule" if run.scheduled_for is not None else str(run.cause)
    if not up:
        return "no scheduler is up"
    if state.slot is not None:
        holder = state.holder
        ended = holder is not None and holder.state.terminal
        return f"behind {run_id(run.job, state.slot)}" + (", whose slot is held" if ended else "")
    held = held_back(state, run, now)
    if held is not None:
        return f"{held.reason}, for {span(held.until - now)} more"
    waits = waits_for(journal, run)
    if not waits.full:
        return "is being started"
    return f"{f'group {waits.group}: ' if waits.group else ''}{len(waits.holders)} of {waits.most} running"


def rows_of(frame: Frame, room: int) -> tuple[list[Row], list[Row], list[Row]]:
    """The rows of the three tables, at most `room` of them together: what is open comes first."""
    now = frame.now
    opened = [_open_row(run, note, now) for run, note in frame.open_runs[: max(1, room - 4)]]
    left = max(2, room - max(1, len(opened)))
    due = frame.due[: max(1, left // 2)]
    ends = frame.ends[: max(1, left - len(due))]
    return opened, [_end_row(run, now) for run in ends], [_due_row(job, at, now) for job, at in due]


def _open_row(run: Run, note: str, now: Instant) -> Row:
    since = run.started_at if run.state is State.RUNNING and run.started_at is not None else run.queued_at
    deadline = run.deadline
    left = relative(deadline.utc, now) if deadline is not None else ""
    return Row(
        run.job, run.id, (run.id, Painted(run.state, colour_of(run.state)), span(now - since), left, note), open=True
    )


def _end_row(run: Run, now: Instant) -> Row:
    at = clock(run.ended_at, now) if run.ended_at is not None else ""
    return Row(run.job, run.id, (run.id, Painted(run.state, colour_of(run.state)), took(run), at, how(run)))


def _due_row(job: str, at: Instant, now: Instant) -> Row:
    return Row(job, None, (job, clock(at, now), relative(at, now) if at > now else "overdue"))


_OPEN = [Column("  RUN", 12), Column("STATE"), Column("FOR", right=True), Column("DEADLINE"), Column("WHY", 8)]
_ENDS = [Column("  LAST ENDED", 14), Column("STATE"), Column("TOOK", right=True), Column("AT"), Column("HOW", 6)]


def frame_lines(frame: Frame, look: Look, height: int, chosen: int | None = None, message: str = "") -> list[str]:
    """The lines of a frame, `height` of them at most. `chosen`: which row is marked; None where nobody chooses."""
    opened, ends, due = rows_of(frame, height - _FIXED)
    marks = iter(range(len(opened) + len(ends) + len(due)))
    lines = [_head(frame, look), ""]
    if opened:
        lines += _table(_OPEN, opened, look, marks, chosen)
    else:
        lines.append("  No run is open.")
    if ends:
        lines += ["", *_table(_ENDS, ends, look, marks, chosen)]
    if due:
        title = f"DUE ({zone_name(frame.now)})"
        lines += ["", *_table([Column("  NEXT", 12), Column(title), Column("")], due, look, marks, chosen)]
    foot = [plain(message)] if message else []
    if chosen is not None:
        foot.append(KEYS)
    room = look.room or 1_000_000
    if foot:
        lines = [*lines[: max(1, height - len(foot) - 1)], "", *(cut(line, room, look.mark) for line in foot)]
    return lines[:height]


_FIXED = 11  # the head, three headings, the blanks between, a message and the keys


def _table(
    columns: Sequence[Column], rows: Sequence[Row], look: Look, marks: Iterator[int], chosen: int | None
) -> list[str]:
    def marked(row: Row) -> list[Cell]:
        first = row.cells[0]
        name = first if isinstance(first, str) else first.text
        return [("> " if next(marks) == chosen else "  ") + name, *row.cells[1:]]

    return table(columns, [marked(row) for row in rows], look)


def _head(frame: Frame, look: Look) -> str:
    queued = len(frame.open_runs) - frame.running
    state = f"up, pid {frame.up}" if frame.up else look.paint("NO SCHEDULER IS UP", "red")
    if frame.since is not None:
        state += f", for {span(frame.now - frame.since)}"
    jobs = "job" if frame.jobs == 1 else "jobs"
    counts = f"{frame.running} running of {frame.bound}, {queued} queued, {frame.jobs} {jobs}"
    return f"{clock(frame.now, frame.now)}  {state}; {counts}"


def frame_json(frame: Frame) -> Json:
    """The same for a program."""
    return {
        "now": instant(frame.now),
        "up": bool(frame.up),
        "open_runs": [{**run_json(run), "note": note} for run, note in frame.open_runs],
        "last_ended": [run_json(run) for run in frame.ends],
        "next_due": [{"job": job, "at": instant(at)} for job, at in frame.due],
        "jobs": frame.jobs,
        "max_running": frame.bound,
    }
