"""A rehearsal as text: the sentences, the tables and the picture of hours, none wider than it has to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from attrs import frozen

from fsm.cli.tables import Cell, Column, plain
from fsm.cli.times import span
from fsm.cli.trylengths import described
from fsm.cli.trysum import HourSum, JobSum, Sum, hours_of, longest_wait
from fsm.instants import Instant
from fsm.model.states import Reason, RefusalReason
from fsm.planning.zones import to_local
from fsm.plural import many
from fsm.testing.rehearsal import Ran, Rehearsal, Turned

DAYS_SHOWN = 31
"""Rows of days; a longer rehearsal has one row a week, each hour at its busiest."""

REFUSALS_SHOWN = 20
OF_ONE_JOB = 5  # of these, so that one job does not hide the others
CHANGED_SHOWN = 5  # jobs of one change of the clock

_WHY = {
    RefusalReason.ALREADY_RUNNING: "run {} is still running",
    RefusalReason.ALREADY_QUEUED: "run {} still waits for a place",
    RefusalReason.QUEUE_FULL: "the queue is full, run {} waits longest",
    RefusalReason.SLOT_HELD: "something of run {} is still alive",
    RefusalReason.BREAKER_OPEN: "its breaker is open since run {}",
    RefusalReason.BACKING_OFF: "it waits to try run {} again",
    RefusalReason.OVER_BUDGET: "it has failed too often within seconds, run {} the last",
    RefusalReason.MISSED: "nobody answered it in time",
}
_HOW = {
    Reason.COMPLETED: "done",
    Reason.RUN_TIMEOUT: "timed out",
    Reason.QUEUE_TIMEOUT: "gave up waiting",
    Reason.REPLACED: "replaced",
}


@frozen(slots=True)
class Row:
    """One row of the picture: a day, or the busiest of each hour of a week. None: an hour that is not part of it, or
    that the clock skips."""

    label: str
    hours: tuple[HourSum | None, ...]


def local(at: Instant, zone: str, form: str = "%a %Y-%m-%d %H:%M") -> str:
    """An instant in the zone that is shown; with seconds where there are any."""
    shown = to_local(at, zone)
    return f"{shown:{form}}" + (f":{shown:%S}" if shown.second else "")


def head(rehearsal: Rehearsal, total: Sum, zone: str) -> list[str]:
    """What it comes to, in sentences."""
    plan = rehearsal.plan
    ticks = sum(one.ticks for one in total.jobs)
    refused = sum(one.refused for one in total.jobs)
    late = sum(one.timed_out for one in total.jobs)
    gave_up = sum(one.gave_up for one in total.jobs)
    replaced = sum(one.replaced for one in total.jobs)
    lines = [
        f"{many(len(plan.jobs), 'job')}, {many(ticks, 'tick')} from {local(plan.start, zone)} "
        f"to {local(plan.until, zone)} ({zone})",
        f"{many(len(rehearsal.runs), 'run')}, {many(refused, 'tick')} refused"
        + (f", {late:,} timed out" if late else "")
        + (f", {replaced:,} replaced by the next" if replaced else "")
        + (f", {gave_up:,} gave up waiting" if gave_up else ""),
    ]
    if total.peak_at is not None:
        jobs = ", ".join(total.peak_jobs[:6]) + (f" and {len(total.peak_jobs) - 6} more" if total.peak_jobs[6:] else "")
        lines.append(
            f"at most {total.peak:,} at once (max_running {plan.settings.max_running:,}), "
            f"first on {local(total.peak_at, zone)}: {plain(jobs)}"
        )
    longest = longest_wait(total)
    if longest is not None:
        waited = sum(one.waited for one in total.jobs)
        lines.append(
            f"{many(waited, 'run')} waited for a place, "
            f"{plain(longest.job.name)} the longest ({span(longest.longest_us)})"
        )
    else:
        lines.append("no run waited for a place")
    return lines


def job_table(rehearsal: Rehearsal, total: Sum) -> tuple[list[Column], list[list[Cell]]]:
    """A line for each job."""
    columns = [
        Column("JOB", 8),
        Column("SCHEDULE", 8),
        Column("TICKS", right=True),
        Column("RUNS", right=True),
        Column("REFUSED", right=True),
        Column("NOT DONE", right=True),
        Column("LONGEST WAIT", right=True),
        Column("TAKES", 6),
    ]
    return columns, [_job_row(rehearsal, one) for one in total.jobs]


def _job_row(rehearsal: Rehearsal, one: JobSum) -> list[Cell]:
    job = one.job
    schedule = job.schedule or "by hand"
    return [
        job.name,
        schedule if job.enabled else f"{schedule} (disabled)",
        f"{one.ticks:,}",
        f"{one.runs:,}",
        f"{one.refused:,}" if one.refused else "-",
        f"{one.not_done:,}" if one.not_done else "-",
        span(one.longest_us) if one.waited else "-",
        described(rehearsal.plan.of(job.name)),
    ]


def some_refusals(refused: Sequence[Turned]) -> list[Turned]:
    """The first few of each job."""
    shown: Counter[str] = Counter()
    found = []
    for one in refused:
        shown[one.job] += 1
        if shown[one.job] <= OF_ONE_JOB:
            found.append(one)
    return found[:REFUSALS_SHOWN]


def refusal_table(refused: Sequence[Turned], zone: str) -> tuple[list[Column], list[list[Cell]]]:
    """Which ticks make no run, and why."""
    columns = [Column("REFUSED", 8), Column("TICKS", right=True), Column("FIRST"), Column("LAST"), Column("WHY", 12)]
    rows: list[list[Cell]] = [
        [one.job, f"{one.count:,}", local(one.first, zone), local(one.last, zone), why(one)] for one in refused
    ]
    return columns, rows


def why(one: Turned) -> str:
    """The reason in words."""
    told = _WHY.get(one.reason, str(one.reason))
    return told if one.blocker is None else told.format(one.blocker)


def run_table(runs: Sequence[Ran], zone: str) -> tuple[list[Column], list[list[Cell]]]:
    """Every run."""
    columns = [Column("RUN", 8), Column("DUE"), Column("STARTS"), Column("ENDS"), Column("HOW")]
    rows: list[list[Cell]] = []
    for ran in runs:
        starts = "-" if ran.started is None else local(ran.started, zone)
        how = "still running" if ran.started is not None else "still waiting"
        if ran.reason is not None:
            how = _HOW.get(ran.reason, str(ran.reason))
        ends = "-" if ran.ended is None else local(ran.ended, zone)
        rows.append([f"{ran.job}/{ran.number}", local(ran.due, zone), starts, ends, how])
    return columns, rows


def changes(total: Sum) -> list[str]:
    """The changes of the clock ahead, each with what it does to jobs."""
    lines = []
    for change in total.changes:
        by = span(abs(change.after - change.before) * 1_000_000)
        way = "forward" if change.after > change.before else "back"
        lines.append(f"{change.zone}: on {local(change.at, change.zone)} the clock is set {way} by {by}")
        for job, note, count in change.jobs[:CHANGED_SHOWN]:
            more = f" (and {count - 1} more)" if count > 1 else ""
            lines.append(f"  {plain(job)}: {note}{more}")
        if change.jobs[CHANGED_SHOWN:]:
            lines.append(f"  and {len(change.jobs) - CHANGED_SHOWN} more jobs")
    return lines


def rows(rehearsal: Rehearsal, total: Sum, zone: str) -> list[Row]:
    """Of the picture, the first day first."""
    first, last = (to_local(at, zone).date() for at in (rehearsal.plan.start, Instant(rehearsal.plan.until - 1)))
    inside = hours_of(rehearsal.plan.start, rehearsal.plan.until, zone)
    epoch = date(1970, 1, 1)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    each = 1 if len(days) <= DAYS_SHOWN else 7
    found = []
    for place in range(0, len(days), each):
        some = [(day - epoch).days for day in days[place : place + each]]
        hours = [
            _busiest([total.hours.get((day, hour), HourSum()) for day in some if (day, hour) in inside])
            for hour in range(24)
        ]
        found.append(Row(f"{days[place]:%a %d %b}", tuple(hours)))
    return found


def _busiest(hours: list[HourSum]) -> HourSum | None:
    if not hours:
        return None
    return HourSum(
        max(one.peak for one in hours),
        sum(one.starts for one in hours),
        any(one.refused for one in hours),
        any(one.waited for one in hours),
    )


def picture(shown: Sequence[Row]) -> list[str]:
    """59 columns of plain ASCII: how many run at once at most in each hour, with a mark for what was refused or
    waited."""
    weeks = "week of   " if len(shown) > 1 and shown[0].label[:3] == shown[1].label[:3] else " " * 10
    lines = [f"{weeks} " + "".join(f"{hour:<4}" for hour in range(0, 24, 2)).rstrip()]
    lines += [f"{row.label} " + "".join(_cell(hour) for hour in row.hours).rstrip() for row in shown]
    lines.append("")
    lines.append("a figure: runs at once, + for ten or more; . none; ! a tick refused; ~ a run waited")
    return lines


def _cell(hour: HourSum | None) -> str:
    if hour is None:
        return "  "
    figure = "." if not hour.peak else str(hour.peak) if hour.peak < 10 else "+"
    return figure + ("!" if hour.refused else "~" if hour.waited else " ")
