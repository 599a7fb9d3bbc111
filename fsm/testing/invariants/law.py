"""What a law is: a named sentence of the design, and a function that says how it was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from fsm.instants import Instant
from fsm.model.entries import Entry
from fsm.model.stream import JobState
from fsm.planning.retention import Mark
from fsm.ports import Journal
from fsm.testing.ledger import Story, Stream
from fsm.testing.supervisor import SupervisorProcess
from fsm.testing.world import World

if TYPE_CHECKING:
    from fsm.testing.witness import Standing


@frozen(slots=True)
class Seen:
    """An entry at the moment it was appended: the world as it was, the stream as it was before."""

    world: World
    stream: Stream
    story: Story | None
    entry: Entry

    @property
    def supervisor(self) -> SupervisorProcess | None:
        """The one that the run's start named."""
        started = None if self.story is None else self.story.started
        return None if started is None else self.world.supervisors.get(started.arming.nonce)


@frozen(slots=True)
class Execution:
    """A supervisor at the moment it was forked, or began to execute."""

    world: World
    stream: Stream
    supervisor: SupervisorProcess


@frozen(slots=True)
class Cut:
    """A stream right after it was pruned up to `mark`: `entries`, fold and head are those of before."""

    stream: Stream
    journal: Journal
    entries: Sequence[Entry]
    state: JobState
    head: tuple[int, str]
    mark: Mark
    now: Instant

    def had(self, number: int) -> bool:
        """Whether that run was there before."""
        return any(entry.run == number for entry in self.entries)


EntryLaw = Callable[[Seen], "str | None"]
ActLaw = Callable[[Execution], "str | None"]
PruneLaw = Callable[[Cut], "str | None"]
StandingLaw = Callable[["Standing"], Iterator[str]]

ENTRY_LAWS: dict[str, EntryLaw] = {}
ARMING_LAWS: dict[str, ActLaw] = {}
EXECUTION_LAWS: dict[str, ActLaw] = {}
PRUNE_LAWS: dict[str, PruneLaw] = {}
STANDING_LAWS: dict[str, StandingLaw] = {}


def of_entry(law: EntryLaw) -> EntryLaw:
    """Held against each entry as it is appended."""
    ENTRY_LAWS[law.__name__] = law
    return law


def of_arming(law: ActLaw) -> ActLaw:
    """Held against each supervisor as it is forked."""
    ARMING_LAWS[law.__name__] = law
    return law


def of_execution(law: ActLaw) -> ActLaw:
    """Held against each supervisor as it begins to execute."""
    EXECUTION_LAWS[law.__name__] = law
    return law


def of_prune(law: PruneLaw) -> PruneLaw:
    """Held against each stream as it is pruned."""
    PRUNE_LAWS[law.__name__] = law
    return law


def standing(law: StandingLaw) -> StandingLaw:
    """Held at any time: what must be true between events."""
    STANDING_LAWS[law.__name__] = law
    return law


def sentence(name: str) -> str:
    """The sentence of the design that a law stands for."""
    laws: dict[str, Callable[..., object]] = {
        **ENTRY_LAWS,
        **ARMING_LAWS,
        **EXECUTION_LAWS,
        **PRUNE_LAWS,
        **STANDING_LAWS,
    }
    law = laws.get(name)
    return "" if law is None else " ".join((law.__doc__ or "").split())
