"""Bounds over all jobs: how many runs may hold a slot at once, in all and in each group."""

from __future__ import annotations

from attrs import frozen

MAX_RUNNING = 100_000
"""The highest bound: more processes than a machine has room for, and far below what a journal's integers hold."""

MAX_GROUPS = 1_000
"""Groups in one folder: more than anybody names by hand, and each is looked at whenever somebody waits."""

DEFAULT_MAX_RUNNING = 8


@frozen(slots=True)
class Group:
    """At most `max_running` runs of jobs with this group hold a slot at once."""

    name: str
    max_running: int


@frozen(slots=True)
class Settings:
    """The bounds in force."""

    max_running: int = DEFAULT_MAX_RUNNING
    groups: tuple[Group, ...] = ()

    def group(self, name: str) -> int | None:
        """The bound of a group; None for one that has none."""
        for group in self.groups:
            if group.name == name:
                return group.max_running
        return None
