"""What the fold takes and refuses of imported runs: they follow the lifecycle, and are no way round a rule."""

from __future__ import annotations

import attrs
import pytest

from fsm.client.engine import Engine
from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.importing.past import PastRun, drafts
from fsm.instants import SECOND, Deadline, Instant
from fsm.journal.memory import MemoryJournal
from fsm.model.entries import Draft, Origin, Queued, Started
from fsm.model.job import Job
from fsm.model.states import Actor, Cause, Reason, State, Trigger
from fsm.model.stream import JobState
from fsm.ports import Append

NOW = Instant(1_780_000_000_000_000)
BEGAN = Instant(1_775_000_000_000_000)
PAST = PastRun("openclaw", "j:1", BEGAN, Instant(BEGAN + SECOND), Trigger.FAIL, Reason.ERROR, "boom")


def defined(**keys: object) -> tuple[MemoryJournal, JobState]:
    journal = MemoryJournal()
    Engine(journal).define(Job("a", command=["true"], **keys))  # type: ignore[arg-type]
    return journal, journal.state("a")


def folded(state: JobState, found: list[Draft]) -> JobState:
    for draft in found:
        state = evolve(state, draft)
    return state


def test_it_leaves_nothing_behind_but_its_number() -> None:
    _, state = defined()
    after = folded(
        state,
        drafts(state, [PAST, attrs.evolve(PAST, id="j:2", executed=False, reason=Reason.REFUSED)], NOW, Actor.CLI),
    )
    assert after == attrs.evolve(state, seq=state.seq + 6, last_number=2)


def test_fifty_failures_elsewhere_hold_nothing_back_here() -> None:
    """Neither a retry, nor backing off, nor breaker, nor budget."""
    journal, state = defined()
    runs = [attrs.evolve(PAST, id=f"j:{n}", ended=Instant(NOW - 1)) for n in range(50)]
    journal.append([Append(state, tuple(drafts(state, runs, NOW, Actor.CLI)))])
    run = Engine(journal).request("a")
    assert getattr(run, "state", None) is State.QUEUED


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"origin": None}, "an imported run names its origin"),
        ({"cause": Cause.MANUAL}, "and no other run does"),
        ({"attempt": 2, "retry_of": 1}, "an imported run is a first attempt"),
    ],
)
def test_a_queue_entry_that_is_half_imported_is_refused(change: dict[str, object], why: str) -> None:
    _, state = defined()
    queued = drafts(state, [PAST], NOW, Actor.CLI)[0]
    with pytest.raises(IllegalEntry, match=why) as refused:
        evolve(state, attrs.evolve(queued, body=attrs.evolve(queued.body, **change)))
    assert refused.value.requirement in ("origin", "retry")


def test_no_supervisor_starts_it_and_no_other_run_is_started_like_it() -> None:
    journal, state = defined()
    queued, started, *_ = drafts(state, [PAST], NOW, Actor.CLI)
    assert isinstance(started.body, Started)
    real = attrs.evolve(started.body.arming, boot_id="7f1e2d3c")
    with pytest.raises(IllegalEntry, match="its arming is of the boot '7f1e2d3c', its cause imported"):
        folded(state, [queued, attrs.evolve(started, body=attrs.evolve(started.body, arming=real))])
    Engine(journal).request("a")
    with pytest.raises(IllegalEntry, match="its arming is of the boot 'imported', its cause manual"):
        evolve(journal.state("a"), started)


def test_it_does_not_come_between_the_entries_of_another_run() -> None:
    journal, _ = defined()
    Engine(journal).request("a")
    state = journal.state("a")
    with pytest.raises(IllegalEntry, match="run 1 is not over yet"):
        folded(state, drafts(state, [PAST], NOW, Actor.CLI))


def test_numbers_of_folders_that_nobody_knows_are_not_given_again() -> None:
    _, state = defined()
    after = folded(state, drafts(state, [PAST], NOW, Actor.CLI, above=41))
    assert after.last_number == 42


def test_an_origin_is_read_back_as_it_was_written() -> None:
    journal, state = defined()
    journal.append([Append(state, tuple(drafts(state, [PAST], NOW, Actor.CLI)))])
    entry = next(iter(journal.entries(job="a", run=1)))
    assert isinstance(entry.body, Queued)
    assert entry.body.origin == Origin("openclaw", "j:1", BEGAN)
    assert entry.body.start_by == Deadline(BEGAN, 0, "imported")
    run = journal.run("a", 1)
    assert run is not None
    assert (run.queued_at, run.started_at, run.ended_at) == (BEGAN, BEGAN, BEGAN + SECOND)
