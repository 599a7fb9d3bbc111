"""The decorator of values that are made for every entry, and of the commands and effects around it.

`attrs.frozen` assigns each field through `object.__setattr__`, four times as slow as plain assignment, and the fold of
a stream and its runs are made anew for every entry: a third of the engine's time. So these few are frozen for whoever
checks types (mypy refuses an assignment), and plain slots at run time. They compare and hash like any frozen value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from attrs import define

    def value(cls=None, /, **options):
        """As `attrs.frozen`, but for the guard at run time."""
        return define(cls, unsafe_hash=True, **options)


__all__ = ["value"]
