"""Settings over all jobs. They live in the schedulers' stream, so that they are journaled like everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve

from fsm.client.decider import MAX_TRIES, Decider
from fsm.errors import Conflict, ConflictError
from fsm.model.entries import Draft, SchedulerSettings, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.settings import DEFAULT_MAX_RUNNING, Group, Settings
from fsm.model.states import Actor
from fsm.ports import Append, Journal

__all__ = ["DEFAULT_MAX_RUNNING", "change_max_running", "change_settings", "max_running", "settings", "with_groups"]


def settings(journal: Journal) -> Settings:
    """The bounds in force, as set last; the defaults where nobody ever set any.

    Every scheduler repeats them as it comes up, so this reads no further back than that.
    """
    for entry in journal.entries(job=SCHEDULER_STREAM, newest_first=True):
        if isinstance(entry.body, SchedulerUp | SchedulerSettings):
            return Settings(entry.body.max_running, entry.body.groups or ())
    return Settings()


def max_running(journal: Journal) -> int:
    """How many runs may hold a slot at once, as set last; 8 where nobody ever set it."""
    return settings(journal).max_running


def change_max_running(engine: Decider, wanted: int) -> bool:
    """Set it. False where it was that already."""
    return change_settings(engine, lambda now: evolve(now, max_running=wanted))


def with_groups(now: Settings, groups: Iterable[Group]) -> Settings:
    """`now` with these groups besides its own, or instead of those of the same name; by name."""
    by_name = {group.name: group for group in (*now.groups, *groups)}
    return evolve(now, groups=tuple(by_name[name] for name in sorted(by_name)))


def change_settings(engine: Decider, change: Callable[[Settings], Settings]) -> bool:
    """Set what `change` makes of the settings in force. False where that is the same.

    `change` is asked again where somebody else was faster.
    """
    for _ in range(MAX_TRIES):
        state = engine.journal.state(SCHEDULER_STREAM)  # before the settings: whatever comes between is a conflict
        before = settings(engine.journal)
        after = change(before)
        if after == before:
            return False
        body = SchedulerSettings(after.max_running, after.groups or None)
        draft = Draft(SCHEDULER_STREAM, engine.clock.now().utc, Actor.CLI, None, body)
        try:
            engine.journal.append([Append(state, (draft,))])
        except Conflict:
            continue
        engine.poke()
        return True
    raise ConflictError(f"lost {MAX_TRIES} races in a row for the stream of the schedulers")
