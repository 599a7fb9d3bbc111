"""Make the stored jobs equal to a file's: what would change, and the change itself, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from fsm.client.engine import Engine
from fsm.client.settings import change_settings, settings, with_groups
from fsm.codec.jobs import job_diff
from fsm.codec.jobsfile import JobsFile
from fsm.engine.due import next_due
from fsm.engine.evolve import evolve as fold
from fsm.errors import BadJobs
from fsm.instants import Instant
from fsm.model.commands import Command, Put, Remove
from fsm.model.job import Job, fold_name
from fsm.model.run import Run
from fsm.model.settings import Settings
from fsm.model.states import Reason
from fsm.model.stream import JobState


@frozen(slots=True)
class Change:
    """A job whose definition differs: (key, old value, new value) for each key that does.

    `due` is when it was due next and when it will be, None where that stays; `open_runs` those that go on with the
    definition that they were queued with.
    """

    name: str
    keys: tuple[tuple[str, str, str], ...]
    due: tuple[Instant | None, Instant | None] | None = None
    open_runs: tuple[str, ...] = ()


@frozen(slots=True)
class Changes:
    """What applying a file does. `kept` are stored jobs that the file does not have and that stay; `ending` the runs of
    those that are removed, which are ended or awaited."""

    added: tuple[str, ...]
    changed: tuple[Change, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    kept: tuple[str, ...]
    ending: tuple[Run, ...] = ()


def compare(engine: Engine, jobs: Sequence[Job], *, source: str, prune: bool, prune_source: bool) -> Changes:
    """What `apply` would do, without doing it. Raises `BadJobs` for a name that a stored job has in another case.

    `prune` removes every stored job that is not among `jobs`; `prune_source` only those that came from `source`.
    """
    stored = {summary.state.job: summary.state for summary in engine.journal.jobs()}
    wanted = {job.name: job for job in jobs}
    added, changed, unchanged = [], [], []
    for job in jobs:
        old = stored[job.name].definition if job.name in stored else None
        if old is None:
            added.append(job.name)
        elif old == job:
            unchanged.append(job.name)
        else:
            changed.append(_change(engine, stored[job.name], old, job, source))
    absent = [name for name in stored if name not in wanted]
    removed = [name for name in absent if prune or (prune_source and stored[name].source == source)]
    kept = [name for name in absent if name not in removed]
    _refuse_twins(added, kept)
    ending = tuple(run for name in removed for run in stored[name].open_runs)
    return Changes(tuple(added), tuple(changed), tuple(removed), tuple(unchanged), tuple(kept), ending)


def _change(engine: Engine, state: JobState, old: Job, new: Job, source: str) -> Change:
    """What the edit does, found by deciding it: the same code as when it is made."""
    after = state
    for draft in engine.decide(state, Put(new, source)).drafts:
        after = fold(after, draft)
    due = next_due(state), next_due(after)
    going_on = tuple(run.id for run in after.open_runs)
    return Change(new.name, tuple(job_diff(old, new)), due if due[0] != due[1] else None, going_on)


def _refuse_twins(added: Sequence[str], kept: Sequence[str]) -> None:
    """Two jobs whose names differ in case only would share a slot lock; `Engine.define` refuses them as well."""
    folded = {fold_name(name): name for name in kept}
    twins = [(name, folded[fold_name(name)]) for name in added if fold_name(name) in folded]
    if twins:
        raise BadJobs(tuple(f'jobs.{name}: differs from the stored job "{twin}" in case only' for name, twin in twins))


def apply(
    engine: Engine,
    jobs: Sequence[Job],
    *,
    source: str,
    prune: bool = False,
    prune_source: bool = False,
    drain: bool = False,
) -> Changes:
    """Add, change and remove jobs in one transaction, then end what removed jobs still run, unless with `drain`: that
    goes on to its own end. (What is queued is reaped in any case: a job that is gone starts nothing.)

    The jobs are those of a file that was read without a mistake; see `fsm.codec.jobsfile`.
    """
    changes = compare(engine, jobs, source=source, prune=prune, prune_source=prune_source)
    different = {*changes.added, *(change.name for change in changes.changed)}
    wanted: list[tuple[str, Sequence[Command]]] = [(name, [Remove()]) for name in changes.removed]
    wanted += [(job.name, [Put(job, source)]) for job in jobs if job.name in different]
    engine.do_all(wanted)
    for name in () if drain else changes.removed:
        engine.end_open_runs(name, Reason.JOB_REMOVED)
    return changes


def apply_file(
    engine: Engine,
    file: JobsFile,
    *,
    source: str,
    prune: bool = False,
    prune_source: bool = False,
    drain: bool = False,
) -> Changes:
    """`apply`, and the bounds that the file sets: see `settings_after`.

    If this process stops in between: groups are there before the jobs that name them, and stay until nobody does; the
    next `apply` of the file goes on.
    """
    change_settings(engine, lambda now: _bounds(now, file))
    changes = apply(engine, file.jobs, source=source, prune=prune, prune_source=prune_source, drain=drain)
    change_settings(engine, lambda now: _without_unused(now, file, _named_groups(engine)))
    return changes


def settings_after(engine: Engine, file: JobsFile, changes: Changes) -> tuple[Settings, Settings]:
    """The bounds in force, and those after `changes`: `max_running` where the file says it; its groups, and of the
    others those that a job still names."""
    now = settings(engine.journal)
    named = _named_groups(engine, {*(job.name for job in file.jobs), *changes.removed})
    return now, _without_unused(_bounds(now, file), file, named | {job.group for job in file.jobs})


def _bounds(now: Settings, file: JobsFile) -> Settings:
    most = now.max_running if file.max_running is None else file.max_running
    return with_groups(evolve(now, max_running=most), file.groups)


def _without_unused(now: Settings, file: JobsFile, named: set[str | None]) -> Settings:
    keep = named | {group.name for group in file.groups}
    return evolve(now, groups=tuple(group for group in now.groups if group.name in keep))


def _named_groups(engine: Engine, but: set[str] | None = None) -> set[str | None]:
    """The groups that stored jobs name, but for those jobs."""
    definitions = [summary.state.definition for summary in engine.journal.jobs()]
    return {job.group for job in definitions if job is not None and job.name not in (but or ())}
