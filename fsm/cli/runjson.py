"""Runs and jobs as JSON: the field names that scripts rely on."""

from __future__ import annotations

from attrs import fields

from fsm.cli.due import finished, upcoming
from fsm.cli.duetimes import clock_note
from fsm.instants import SECOND, Instant, format_instant
from fsm.model.agent import AgentEvidence
from fsm.model.entries import Refused
from fsm.model.run import Run, run_id
from fsm.model.stream import JobState
from fsm.ports import JobSummary

Json = dict[str, object]


def instant(at: Instant | None) -> str | None:
    """RFC 3339, UTC, with microseconds."""
    return None if at is None else format_instant(at)


def run_json(run: Run) -> Json:
    """A run, as every command shows it."""
    deadline = run.deadline
    return {
        "id": run.id,
        "job": run.job,
        "number": run.number,
        "state": run.state,
        "reason": run.reason,
        "cause": run.cause,
        "scheduled_for": instant(run.scheduled_for),
        "queued_at": instant(run.queued_at),
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "deadline": instant(deadline.utc if deadline is not None else None),
        "exit_code": run.exit_code,
        "signal": run.signal,
        "error": run.error,
        "agent": None if run.agent is None else evidence_json(run.agent),
        "attempt": run.attempt,
        "retry_of": None if run.retry_of is None else run_id(run.job, run.retry_of),
        "forced": run.forced,
        "session_key": run.session_key,
        "slot": run.slot,
    }


def past_json(state: JobState, now: Instant) -> Json:
    """What a job remembers of runs that failed, and what follows from it."""
    from fsm.planning.restraint import pending_retry, restraint  # loads the calendar, which a list does without

    past = state.past
    held = restraint(state, now)
    retry = pending_retry(state, now)
    return {
        "failures_in_a_row": 0 if past is None else past.failures,
        "held_back": None if held is None else {"reason": held.reason, "until": instant(held.until)},
        "retry": None
        if retry is None
        else {"of": run_id(state.job, retry[0].of), "attempt": retry[0].attempt, "due": instant(retry[1])},
    }


def evidence_json(evidence: AgentEvidence) -> Json:
    """What an agent's output said; every field, null where nothing was said."""
    return {field.name: getattr(evidence, field.name) for field in fields(AgentEvidence)}


def job_line_json(summary: JobSummary, now: Instant) -> Json:
    """A job, as ``list`` shows it."""
    state = summary.state
    job = state.definition
    open_runs = state.open_runs
    due = upcoming(summary, now)
    return {
        "name": state.job,
        "schedule": job.schedule if job is not None else None,
        "timezone": job.timezone if job is not None else None,
        "enabled": job.enabled if job is not None else False,
        "paused": state.paused,
        "next_due": instant(due),
        "note": clock_note(state, due) if job is not None and job.enabled else None,
        "finished": finished(state, known=True, due=due),
        "open_run": run_json(open_runs[0]) if open_runs else None,
        "last_run": run_json(summary.last_run) if summary.last_run is not None else None,
    }


def blocker_json(job: str, refusal: Refused) -> Json | None:
    """The run in the way, as it was when the answer was given."""
    by = refusal.blocked_by
    if by is None:
        return None
    return {
        "run_id": run_id(job, by.number),
        "state": by.state,
        "age_s": by.age_us / SECOND,
        "deadline": instant(by.deadline),
    }
