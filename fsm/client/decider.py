"""Read streams, decide, append; where somebody else was faster, again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fsm.engine.decide import decide
from fsm.engine.steps import Step, step
from fsm.errors import Conflict, ConflictError
from fsm.model.commands import NOTHING, Command, Decision
from fsm.model.job import check_name
from fsm.model.states import Actor
from fsm.model.stream import JobState
from fsm.ports import Append, Clock, Journal

MAX_TRIES = 100
"""Lost races in a row before a call gives up: far beyond what contention between honest processes can do."""


class Decider:
    """Commands on the streams of one journal, on the word of `actor`. `poke` is called after each append."""

    def __init__(self, journal: Journal, clock: Clock, poke: Callable[[], object] | None, actor: Actor) -> None:
        self.journal, self.clock = journal, clock
        self._poke, self._actor = poke, actor

    def poke(self) -> None:
        """Tell a scheduler, if there is one, to look at the journal now."""
        if self._poke is not None:
            self._poke()

    def do_all(self, wanted: Sequence[tuple[str, Sequence[Command]]]) -> list[Decision]:
        """Decide commands on several streams, each at most once, and append what they give in one transaction: all
        of it or nothing. The answer for each stream is the last command's, with the drafts of all of them."""
        for _ in range(MAX_TRIES):
            batch: list[Append] = []
            answers = [self._decide_all(check_name(job), commands, batch) for job, commands in wanted]
            if not batch:
                return answers
            try:
                self.journal.append(batch)
            except Conflict:
                continue
            self.poke()
            return answers
        raise ConflictError(f"lost {MAX_TRIES} races in a row for {', '.join(job for job, _ in wanted)[:200]}")

    def _decide_all(self, job: str, commands: Sequence[Command], batch: list[Append]) -> Decision:
        state = first = self.journal.state(job)
        steps: list[Step] = []
        decision = NOTHING
        for command in commands:
            decision = self.decide(state, command)
            for draft in decision.drafts:
                steps.append(made := step(state, draft))
                state = made.after
        drafts = tuple(made.draft for made in steps)
        if drafts:
            batch.append(Append(first, drafts, tuple(steps)))
        return Decision(drafts, decision.effects, decision.refusal)

    def decide(self, state: JobState, command: Command) -> Decision:
        number = getattr(command, "number", None)
        run = state.run(number) if number is not None else None
        definition = state.definition
        if run is not None and (definition is None or run.version != state.version):
            definition = self.journal.definition(state.job, run.version)
        return decide(state, command, self.clock.now(), self._actor, definition)
