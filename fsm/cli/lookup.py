"""Find the job or the run that a person names, or say which one is nearest."""

from __future__ import annotations

from fsm.client.answers import refuse_pruned
from fsm.errors import BadValue, UnknownJob, UnknownRun
from fsm.model.job import SCHEDULER_STREAM, check_name, fold_name
from fsm.model.run import Run, run_id
from fsm.model.stream import JobState
from fsm.ports import Journal, RunQuery


class HasNotRun(UnknownRun):
    """The job is there, and has no run. Field: `job`."""

    def __init__(self, job: str) -> None:
        super().__init__(run_id(job, 1))
        self.job = job

    def __str__(self) -> str:
        return f"{self.job} has not run yet"


def nearest_job(journal: Journal, name: str) -> str | None:
    """The name of a job that is meant by `name`, probably: another spelling of it, the job of a run, a near one."""
    from difflib import get_close_matches

    names = journal.job_names()
    for other in names:
        if fold_name(other) == fold_name(name) or other == name.rpartition("/")[0]:
            return other
    return next(iter(get_close_matches(name, names, n=1)), None)


def known_job(journal: Journal, name: str) -> JobState:
    """The stream of a job that is defined. Raises `UnknownJob`."""
    state = stream_of(journal, name)
    if state is None or state.definition is None:
        raise UnknownJob(name, nearest_job(journal, name))
    return state


def stream_of(journal: Journal, name: str) -> JobState | None:
    """The stream of a job that is, or was, defined; None where there never was one."""
    try:
        check_name(name)
    except BadValue:
        return None
    state = journal.state(name)
    return state if state.seq and name != SCHEDULER_STREAM else None


def known_run(journal: Journal, text: str) -> Run:
    """The run of that id (``backup/42``). Raises `UnknownRun`."""
    job, slash, digits = text.rpartition("/")
    if not slash:
        raise UnknownRun(text, _newest(journal, text))
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None
    state = stream_of(journal, job)
    run = journal.run(job, number) if state is not None and number is not None else None
    if run is not None:
        return run
    if state is not None and number is not None:
        refuse_pruned(journal, job, number)
    if state is not None and state.last_number:
        raise UnknownRun(text, run_id(job, state.last_number))
    near = nearest_job(journal, job)
    raise UnknownRun(text, (_same_number(journal, near, number) or _newest(journal, near)) if near else None)


def _same_number(journal: Journal, job: str, number: int | None) -> str | None:
    there = number is not None and journal.run(job, number) is not None
    return run_id(job, number) if there and number is not None else None


def _newest(journal: Journal, job: str) -> str | None:
    """The id of a job's newest run."""
    state = stream_of(journal, job)
    return run_id(job, state.last_number) if state is not None and state.last_number else None


def newest_run(journal: Journal, job: str) -> Run:
    """The newest run of a job. Raises `UnknownJob`, or `UnknownRun` where it has none."""
    if stream_of(journal, job) is None:
        known_job(journal, job)
    runs = journal.runs(RunQuery(job, limit=1))
    if not runs:
        raise HasNotRun(job)
    return runs[0]


def run_or_newest(journal: Journal, text: str) -> Run:
    """A run by its id, or the newest one of a job by its name."""
    return known_run(journal, text) if "/" in text else newest_run(journal, text)
