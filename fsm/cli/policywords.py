"""The policies of a job in words, and what they do to it now."""

from __future__ import annotations

from fsm.cli.times import relative, span, stamp
from fsm.instants import Instant, format_duration
from fsm.model.job import CatchUp, Job, Overlap
from fsm.model.run import run_id
from fsm.model.states import RefusalReason
from fsm.model.stream import JobState
from fsm.planning.restraint import pending_retry, restraint


def overlap_phrase(job: Job) -> str:
    """``queue, up to 3 wait``."""
    if job.overlap is Overlap.QUEUE:
        return f"queue, up to {job.queue_limit} wait"
    return {
        Overlap.SKIP: "skip: a tick while a run is open is refused",
        Overlap.REPLACE: "replace: a tick ends the run that is running, and takes its place",
    }[job.overlap]


def catch_up_phrase(job: Job) -> str:
    """``all, up to 10, within 1h``."""
    if job.catch_up is CatchUp.SKIP:
        return "skip: missed times are not made up for"
    most = f", up to {job.catch_up_limit}" if job.catch_up is CatchUp.ALL else ""
    return f"{job.catch_up}{most}, within {format_duration(job.catch_up_within_us)}"


def retry_phrase(job: Job) -> str:
    """``3 attempts, 30s apart, times 2 up to 1h, on failed, timed_out, lost``."""
    retry = job.retry
    if retry is None or retry.attempts == 1:
        return "none"
    jitter = f", and up to {format_duration(retry.jitter_us)} more" if retry.jitter_us else ""
    growing = f", times {retry.factor}" if retry.factor != "1" else ""
    return (
        f"{retry.attempts} attempts, {format_duration(retry.backoff_us)} apart{growing}, at most "
        f"{format_duration(retry.max_backoff_us)}{jitter}; on {', '.join(retry.on)}"
    )


def breaker_phrase(job: Job) -> str:
    """``opens after 5 failures in a row, for 15m``."""
    if job.breaker is None:
        return "none"
    failures = "each failure" if job.breaker.failures == 1 else f"{job.breaker.failures} failures in a row"
    return f"opens after {failures}, for {format_duration(job.breaker.cooldown_us)}"


def past_sentence(state: JobState, now: Instant) -> str | None:
    """What failures mean for the job now; None for a job that is well."""
    past = state.past
    if past is None:
        return None
    parts = []
    if past.failures > 1:
        last = f"{run_id(state.job, past.failed)} {past.state} {span(now - past.failed_at)} ago"
        parts.append(f"{past.failures} in a row ({last})")
    held = restraint(state, now)
    if held is not None:
        what = "its breaker is open" if held.reason is RefusalReason.BREAKER_OPEN else "its budget is used up"
        parts.append(f"{what} until {stamp(held.until)} ({relative(held.until, now)})")
    retry = pending_retry(state, now)
    if retry is not None:
        pending, ready = retry
        when = f"{stamp(ready)} ({relative(ready, now)})" if ready > now else _overdue(state)
        parts.append(f"attempt {pending.attempt} of {run_id(state.job, pending.of)} is to come {when}")
    return "; ".join(parts) or None


def _overdue(state: JobState) -> str:
    """For a retry whose time has come: what it waits for, beside a scheduler."""
    if state.paused:
        return "once the job is resumed"
    return "as soon as nothing else is open" if state.runs else "at once"
