"""The part of the journal contract about the lifecycle: every input that the table does not have is refused, every one
that it has is taken, and any story at all, legal or not, is taken as the reference takes it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings

from fsm.errors import BadValue, Conflict, CronfsmError, IllegalEntry
from fsm.journal.memory import MemoryJournal
from fsm.lifecycle.table import by_input, triples
from fsm.model.entries import (
    Body,
    Ended,
    Queued,
)
from fsm.model.states import Reason, State, Trigger
from fsm.ports import Append, Journal
from fsm.testing.journal_base import JournalTests, everything
from fsm.testing.journal_stories import Story, stories, told
from fsm.testing.scribe import Scribe

Triple = tuple[State | None, Trigger, Reason | None]

LEGAL: list[Triple] = triples()
ILLEGAL: list[Triple] = [
    triple
    for state in (None, *State)
    for trigger in Trigger
    for reason in (None, *Reason)
    if (triple := (state, trigger, reason)) not in LEGAL
]


def name(triple: Triple) -> str:
    """How a test of it is called."""
    return "-".join(str(part or "none") for part in triple)


def body_of(scribe: Scribe, number: int, trigger: Trigger, reason: Reason | None) -> Body:
    """A body for this trigger and reason, whether the lifecycle has them or not."""
    if trigger is Trigger.QUEUE and reason is None:
        return scribe.queued("a")
    if trigger is Trigger.START and reason is None:
        return scribe.started(number)
    return Ended(trigger, reason, scribe.now().utc)  # type: ignore[arg-type]  # a missing reason is to be refused


class LawTests(JournalTests):
    """The lifecycle, at the journal's door."""

    @pytest.mark.parametrize("triple", LEGAL, ids=name)
    def test_every_edge_is_taken(self, triple: Triple, scribe: Scribe, journal: Journal) -> None:
        state, trigger, reason = triple
        scribe.define("a")
        number = scribe.bring("a", state)
        entry = scribe.write("a", body_of(scribe, number, trigger, reason), number).entries[0]
        run = journal.run("a", number)
        assert run is not None
        assert (run.state, run.reason) == (by_input()[state, trigger].target, reason)
        assert entry.source is state
        assert list(journal.entries(job="a", run=number))[-1] == entry

    def test_every_other_input_is_refused_and_changes_nothing(self, scribe: Scribe, journal: Journal) -> None:
        # One test for all: they are over a thousand, and a journal of its own for each would take minutes.
        for state in (None, *State):
            job = str(state or "none")
            scribe.define(job)
            number = scribe.bring(job, state)
            before = everything(journal)
            for _, trigger, reason in (triple for triple in ILLEGAL if triple[0] is state):
                body = body_of(scribe, number, trigger, reason)
                if isinstance(body, Queued):
                    body = attrs.evolve(body, version=1)
                with pytest.raises(IllegalEntry):
                    scribe.write(job, body, number)
                assert journal.state(job).seq == before["streams"][job][1].seq, name((state, trigger, reason))
            assert everything(journal) == before

    def test_no_two_runs_hold_the_slot(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        first, second = scribe.bring("a", State.RUNNING), scribe.bring("a", State.QUEUED)
        for verdict in (None, State.TIMED_OUT):
            if verdict is not None:
                scribe.end("a", first, verdict)  # a verdict frees no slot
            before = everything(journal)
            with pytest.raises(IllegalEntry) as illegal:
                scribe.start("a", second)
            assert illegal.value.requirement == "overlap"
            assert everything(journal) == before
        scribe.release("a", first)
        scribe.start("a", second)

    def test_a_slot_is_released_once_by_the_arming_that_held_it(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        waiting = scribe.bring("a", State.QUEUED)
        number = scribe.bring("a", State.RUNNING)
        for run in (number, waiting):  # before the verdict; by a run that never started
            with pytest.raises(IllegalEntry):
                scribe.release("a", run)
        scribe.end("a", number)
        before = everything(journal)
        stranger = scribe.released(number, nonce="f" * 16)
        for run, body in ((number, stranger), (waiting, scribe.released(waiting)), (9, scribe.released(9))):
            with pytest.raises(IllegalEntry):
                scribe.write("a", body, run)
        assert everything(journal) == before
        scribe.release("a", number)
        with pytest.raises(IllegalEntry):
            scribe.release("a", number)

    def test_a_number_is_never_given_twice(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        scribe.run_through("a")
        scribe.remove("a")
        scribe.define("a")
        before = everything(journal)
        for number in (0, -1, 1):
            with pytest.raises(IllegalEntry):
                scribe.write("a", scribe.queued("a"), number)
        assert everything(journal) == before
        scribe.write("a", scribe.queued("a"), 7)  # one may leave numbers out
        assert journal.state("a").last_number == 7

    def test_a_body_that_does_not_fit_its_trigger_is_refused(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        number = scribe.bring("a", State.QUEUED)
        before = everything(journal)
        for trigger, run in ((Trigger.START, number), (Trigger.QUEUE, number), (Trigger.QUEUE, number + 1)):
            verdict = Ended(trigger, None, scribe.now().utc)  # type: ignore[arg-type]  # that is the mistake
            with pytest.raises(IllegalEntry):
                scribe.write("a", verdict, run)
        assert everything(journal) == before

    def test_any_story_goes_as_in_the_reference(self) -> None:
        @given(stories())
        @settings(max_examples=60, deadline=None)
        def goes(story: Story) -> None:
            with tempfile.TemporaryDirectory() as folder:
                mine, reference = self.make(Path(folder)), MemoryJournal(node="here")
                try:
                    for batch in told(story, reference):
                        assert _answer(mine, *batch) == _answer(reference, *batch)
                    assert everything(mine) == everything(reference)
                    mine.rebuild()
                    assert everything(mine) == everything(reference)
                finally:
                    mine.close()

        goes()


def _answer(journal: Journal, batch: list[Append], epoch: int | None) -> object:
    try:
        return journal.append(batch, epoch=epoch)
    except (Conflict, IllegalEntry, BadValue, CronfsmError) as refusal:
        return type(refusal), vars(refusal)
