"""Why a queued run waits: for its slot, for room in its group, or for room at all. Read from the journal."""

from __future__ import annotations

from attrs import frozen

from fsm.client.settings import settings
from fsm.model.run import Run
from fsm.model.states import State
from fsm.ports import Journal

MOST_JOBS = 10_000
"""Busy jobs that are looked at for one answer; a second's work, and more than a machine runs at once."""


@frozen(slots=True)
class Waits:
    """What a queued run waits for: `group` (None: any place at all) has `most` places, taken by these runs.

    Of those that wait for the same, `others` is how many there are besides it.
    """

    group: str | None
    most: int
    holders: tuple[str, ...]
    others: int

    @property
    def full(self) -> bool:
        """Whether there is no room. Otherwise it is just about to start."""
        return len(self.holders) >= self.most


def waits_for(journal: Journal, run: Run) -> Waits:
    """What `run`, which is queued, waits for, where its job's own slot is free."""
    bounds = settings(journal)
    group = journal.definition(run.job, run.version).group
    most = None if group is None else bounds.group(group)
    holders: list[str] = []
    in_group: list[str] = []
    others = others_in_group = 0
    for job in journal.busy_jobs()[:MOST_JOBS]:
        state = journal.state(job)
        for one in state.runs:
            if one.number == state.slot:
                holders.append(one.id)
            elif one.state is State.QUEUED and one.id != run.id and state.slot is None:
                others += 1
            else:
                continue
            if group is not None and journal.definition(job, one.version).group == group:
                in_group += [one.id] if one.number == state.slot else []
                others_in_group += one.number != state.slot
    if most is not None and len(in_group) >= most:
        return Waits(group, most, tuple(in_group), others_in_group)
    return Waits(None, bounds.max_running, tuple(holders), others)


def groups_of_holders(journal: Journal) -> dict[str, list[str]]:
    """The runs that hold a slot, by the group of their definition; those without one are left out."""
    found: dict[str, list[str]] = {}
    for job in journal.busy_jobs()[:MOST_JOBS]:
        holder = journal.state(job).holder
        group = None if holder is None else journal.definition(job, holder.version).group
        if holder is not None and group is not None:
            found.setdefault(group, []).append(holder.id)
    return found
