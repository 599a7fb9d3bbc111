"""How runs that catch up missed ticks are spread out, so that a restart is no stampede.

The first starts at once. Where more than one waits, they start one after the other with a pause in between, after
whatever is due now, and closer together where there are very many of them.
"""

from __future__ import annotations

from fsm.instants import MINUTE, SECOND, Duration

APART = Duration(5 * SECOND)
"""Between the starts of two of them: long enough for one to read its files, short enough for nobody to wait for."""

A_ROUND = Duration(10 * MINUTE)
"""Among many, the pause is this divided by how many wait: a thousand have all begun after half an hour and ten thousand
after an hour, which is how long a run waits by default (`start_within`)."""


def pause(still_waiting: int) -> Duration:
    """How long until the next of them, when one has started and so many still wait."""
    return Duration(min(APART, A_ROUND // max(1, still_waiting)))
