"""Everything about one job: its definition, what it does, when it is due, how it went lately."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from fsm.cli.commands.runs import run_columns, run_row
from fsm.cli.context import Session
from fsm.cli.due import finished
from fsm.cli.duetimes import Coming, due_times
from fsm.cli.policywords import breaker_phrase, catch_up_phrase, overlap_phrase, past_sentence, retry_phrase
from fsm.cli.runjson import instant, past_json, run_json
from fsm.cli.times import relative, stamp
from fsm.cli.words import command_line, facts_text, run_sentence
from fsm.codec.jobs import RECEIVERS, job_to_dict, receiver_to_data
from fsm.instants import Instant, format_duration
from fsm.model.job import Job, Leftovers
from fsm.model.receivers import Receiver, shown
from fsm.model.run import Run, run_id
from fsm.model.secrets import masked
from fsm.model.sizes import format_size
from fsm.model.stream import JobState
from fsm.planning.retention import Mark, keep_of
from fsm.ports import RunQuery

LAST_RUNS = 5
_LEFTOVERS = {
    Leftovers.END: "end: what its command leaves behind is ended",
    Leftovers.KEEP: "keep: what its command leaves behind is left alone",
}
COUNTED = 1_000
"""The newest runs that are counted by state: the question is how it went lately, not in a million runs."""


def show_job(session: Session, state: JobState) -> None:
    """Print it."""
    job = state.definition
    assert job is not None  # whoever calls has looked
    now = session.now()
    newest = session.journal.runs(RunQuery(state.job, limit=COUNTED))
    ticks = due_times(state, job, now, 3) if job.enabled else []
    if session.as_json:
        session.output.document(_json(state, job, newest, ticks, now))
        return
    begin = session.journal.span(state.job, 0).begin
    session.output.text(facts_text(_facts(state, job, ticks, now, begin)))
    if newest:
        counts = Counter(run.state for run in newest).most_common()
        which = f", of the newest {len(newest):,}" if state.last_number > len(newest) else ""
        words = ", ".join(f"{number} {word}" for word, number in counts)
        number = f"{state.last_number:,} run" + ("s" if state.last_number > 1 else "")
        session.output.text(f"\n{number} so far{which}: {words}\n")
        session.output.table(run_columns(now), [run_row(run, now) for run in newest[:LAST_RUNS]])


def _definition(job: Job) -> dict[str, object]:
    """Its keys; values of variables that look like secrets, which an older version let in, are not shown, and of an
    address no more than its host."""
    told = {key: receiver_to_data(shown(receiver)) for key, receiver in _receivers(job)}
    return job_to_dict(job, whole=True) | told | {"env": {name: masked(name, text) for name, text in job.env}}


def _receivers(job: Job) -> list[tuple[str, Receiver]]:
    return [(key, getattr(job, key)) for key in RECEIVERS if getattr(job, key) is not None]


def _json(state: JobState, job: Job, newest: Sequence[Run], ticks: Sequence[Coming], now: Instant) -> dict[str, object]:
    return {
        "name": state.job,
        "definition": _definition(job),
        "version": state.version,
        "source": state.source,
        "enabled": job.enabled,
        "finished": finished(state),
        "paused": state.paused,
        "next_due": [instant(one.at) for one in ticks],
        "runs": state.last_number,
        "states": dict(Counter(str(run.state) for run in newest)),
        "states_of_newest": len(newest),
        "slot_held_by": None if state.slot is None else run_id(state.job, state.slot),
        "open_run": run_json(state.open_runs[0]) if state.open_runs else None,
        "waiting": [run.id for run in state.open_runs if run.state == "queued"],
        **past_json(state, now),
        "last_runs": [run_json(run) for run in newest[:LAST_RUNS]],
    }


def _kept(job: Job, begin: Mark | None) -> str:
    keep = keep_of(job)
    gone = f"; pruned up to {run_id(job.name, begin.last_number)}" if begin is not None and begin.last_number else ""
    return f"{keep.runs:,} runs, none older than {format_duration(keep.for_us)}{gone}"


def _facts(
    state: JobState, job: Job, ticks: Sequence[Coming], now: Instant, begin: Mark | None
) -> list[tuple[str, str]]:
    facts = [("Job", state.job), ("State", _word(state, job)), ("Command", command_line(job))]
    facts.append(("Schedule", f"{job.schedule}, in {job.timezone}" if job.schedule else "none: it runs by hand only"))
    if ticks:
        facts.append(("Next due", f"{stamp(ticks[0].at)} ({relative(ticks[0].at, now)}){_noted(ticks[0])}"))
        facts += [("", stamp(one.at) + _noted(one)) for one in ticks[1:]]
    facts += [("Open run", run_sentence(run, now)) for run in state.open_runs]
    holder = state.holder
    if holder is not None and holder.state.terminal:
        facts.append(("Slot", f"held by {holder.id}, which has ended: something of it may still be alive"))
    past = past_sentence(state, now)
    if past is not None:
        facts.append(("Failures", past))
    grace = f", then TERM, and KILL after {format_duration(job.grace_us)}"
    facts += [
        ("Timeout", format_duration(job.timeout_us) + grace),
        ("Start within", format_duration(job.start_within_us)),
        ("Overlap", overlap_phrase(job)),
        ("Catch up", catch_up_phrase(job)),
        ("Retry", retry_phrase(job)),
        ("Breaker", breaker_phrase(job)),
        *(
            [("Expected", f"to succeed within {format_duration(job.expect_success_within_us)}")]
            if job.expect_success_within_us is not None
            else []
        ),
        ("Output limit", format_size(job.output_limit)),
        ("Leftovers", _LEFTOVERS[job.leftovers]),
        ("Priority", str(job.priority)),
        ("Keep", _kept(job, begin)),
    ]
    for key, receiver in _receivers(job):
        told = shown(receiver)
        facts.append((key.capitalize().replace("_", " "), told if isinstance(told, str) else shlex.join(told)))
    if job.idle_timeout_us is not None:
        facts.append(("Idle timeout", f"{format_duration(job.idle_timeout_us)} of silence, then as for the timeout"))
    if job.jitter_us is not None:
        facts.append(("Jitter", f"up to {format_duration(job.jitter_us)} after each scheduled time"))
    if job.group is not None:
        facts.append(("Group", job.group))
    if job.cwd is not None:
        facts.append(("Folder", job.cwd))
    facts += [
        ("Environment" if not place else "", f"{name}={masked(name, text)}")
        for place, (name, text) in enumerate(job.env)
    ]
    facts.append(("Defined", f"version {state.version}, from {state.source}"))
    return facts


def _noted(one: Coming) -> str:
    return f"; {one.note}" if one.note else ""


def _word(state: JobState, job: Job) -> str:
    if not job.enabled:
        return "disabled: it has no ticks"
    if finished(state):
        return "finished: none of its times is left"
    return "paused: its ticks are refused" if state.paused else "enabled"
