"""A draft folded once: who decides has to know what comes of it, and so has the journal that appends it."""

from __future__ import annotations

from fsm.engine.evolve import evolve
from fsm.engine.runs import run_after
from fsm.model.entries import Draft
from fsm.model.run import Run
from fsm.model.stream import JobState
from fsm.model.values import value


@value(slots=True)
class Step:
    """What `evolve` makes of `before` and `draft`: the fold `after` it, and the run that it is about, after it.

    It says something about these very values only, so whoever takes it over asks whether it has them (`of`).
    """

    before: JobState
    draft: Draft
    after: JobState
    run: Run | None

    def of(self, before: JobState, draft: Draft) -> bool:
        """Whether it was made of these two, and not of others that look like them."""
        return self.before is before and self.draft is draft


def step(before: JobState, draft: Draft) -> Step:
    """Raises `IllegalEntry` where `draft` cannot follow."""
    after = evolve(before, draft)
    return Step(before, draft, after, run_after(before, draft, after))
