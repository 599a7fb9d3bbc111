"""The part of the journal contract about appending: places, hashes, conflicts, epochs, what cannot follow."""

from __future__ import annotations

import attrs
import pytest

from fsm.codec.entries import GENESIS, entry_to_dict, hash_of
from fsm.engine.evolve import evolve
from fsm.engine.steps import Step, step
from fsm.errors import BadValue, Conflict, Fenced, IllegalEntry, UnknownJob, WrongEpoch
from fsm.model.entries import JobPut, SchedulerAlive
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.states import Cause, State
from fsm.model.stream import JobState
from fsm.ports import Append, Journal
from fsm.testing.journal_base import JournalTests, everything, tell_a_long_story
from fsm.testing.scribe import Scribe


class AppendTests(JournalTests):
    """How entries come into a journal."""

    # ---- appending

    def test_an_empty_journal_answers_every_question(self, journal: Journal) -> None:
        assert everything(journal) == {
            "entries": [],
            "streams": {},
            "of_streams": {},
            "runs": [],
            "single_runs": [],
            "of_runs": {},
            "of_states": {state: [] for state in State},
            "jobs": [],
            "names": [],
            "due": [],
            "busy": [],
            "definitions": {},
            "last_id": 0,
            "epoch": 0,
        }
        assert journal.state("backup") == JobState("backup")
        assert journal.head("backup") == (0, GENESIS)
        assert journal.run("backup", 1) is None
        assert journal.append([]) == []
        with pytest.raises(UnknownJob):
            journal.definition("backup", 1)

    def test_what_was_folded_before_changes_nothing(self, scribe: Scribe, journal: Journal) -> None:
        """Steps spare a journal folding again, where they are of these drafts on this fold; others it passes over."""
        for name in ("with", "without", "forged", "one short"):
            scribe.define(name)
        for name in ("with", "without", "forged", "one short"):
            first = journal.state(name)
            queued, started = scribe.draft(name, scribe.queued(name), 1), scribe.draft(name, scribe.started(1), 1)
            one = step(first, queued)
            two = step(one.after, started)
            wrong = attrs.evolve(one.after, slot=7, version=9)
            alike = attrs.evolve(first), attrs.evolve(queued)
            steps = {
                "with": (one, two),
                "without": (),
                "forged": (Step(*alike, wrong, None), Step(alike[0], started, wrong, None)),
                "one short": (Step(first, queued, wrong, None),),
            }[name]
            (appended,) = journal.append([Append(first, (queued, started), steps)])
            assert appended.state == journal.state(name) == two.after
            assert journal.run(name, 1) == two.run
            assert [entry.body for entry in appended.entries] == [queued.body, started.body]
        before = everything(journal)
        journal.rebuild()
        assert everything(journal) == before

    def test_entries_are_numbered_and_chained(self, scribe: Scribe, journal: Journal) -> None:
        for job in ("a", "b"):
            scribe.define(job)
            scribe.run_through(job)
        entries = list(journal.entries())
        assert [entry.id for entry in entries] == list(range(1, len(entries) + 1))
        assert journal.last_id() == len(entries)
        for job in ("a", "b"):
            stream = [entry for entry in entries if entry.job == job]
            assert [entry.seq for entry in stream] == list(range(1, len(stream) + 1))
            assert [entry.prev_hash for entry in stream] == [GENESIS, *(entry.hash for entry in stream[:-1])]
            assert journal.head(job) == (len(stream), stream[-1].hash)
        for entry in entries:
            assert hash_of(entry_to_dict(entry)) == entry.hash

    def test_an_append_answers_with_what_is_stored(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("backup")
        drafts = (scribe.draft("backup", scribe.queued("backup"), 1), scribe.draft("backup", scribe.started(1), 1))
        result = scribe.append(state, *drafts)
        assert result.entries == tuple(journal.entries(after_id=1))
        assert result.state == journal.state("backup")
        assert [(entry.job, entry.at, entry.actor, entry.run, entry.body) for entry in result.entries] == [
            (draft.job, draft.at, draft.actor, draft.run, draft.body) for draft in drafts
        ]
        assert [entry.source for entry in result.entries] == [None, State.QUEUED]

    def test_the_fold_is_that_of_the_entries(self, scribe: Scribe, journal: Journal) -> None:
        tell_a_long_story(scribe)
        for job in journal.streams():
            state = JobState(job)
            for entry in journal.entries(job=job):
                state = evolve(state, entry)
            assert journal.state(job) == state

    def test_a_batch_may_go_on_in_a_stream_twice(self, scribe: Scribe, journal: Journal) -> None:
        first = scribe.define("backup")
        queued = scribe.draft("backup", scribe.queued("backup"), 1)
        started = scribe.draft("backup", scribe.started(1), 1)
        results = journal.append([Append(first, (queued,)), Append(evolve(first, queued), (started,))])
        assert [result.state.seq for result in results] == [2, 3]
        assert journal.state("backup") == results[1].state

    def test_an_append_without_drafts_only_checks(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("backup")
        (result,) = journal.append([Append(state, ())])
        assert (result.state, result.entries) == (state, ())
        with pytest.raises(Conflict):
            journal.append([Append(JobState("backup"), ())])

    # ---- conflicts: a batch lands as a whole, upon what its author saw, or not at all

    def test_a_stream_that_went_on_is_a_conflict(self, scribe: Scribe, journal: Journal) -> None:
        seen = scribe.define("backup")
        scribe.queue("backup")
        before = everything(journal)
        with pytest.raises(Conflict) as lost:
            scribe.append(seen, scribe.draft("backup", scribe.queued("backup"), 1))
        assert (lost.value.job, lost.value.expected, lost.value.actual) == ("backup", 1, 2)
        assert everything(journal) == before

    def test_a_stream_that_is_shorter_is_a_conflict(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("backup")
        ahead = evolve(state, scribe.draft("backup", scribe.queued("backup"), 1))
        with pytest.raises(Conflict) as lost:
            scribe.append(ahead, scribe.draft("backup", scribe.started(1), 1))
        assert (lost.value.expected, lost.value.actual) == (2, 1)

    @pytest.mark.parametrize("mistake", ["conflict", "illegal"])
    def test_nothing_of_a_batch_lands_when_its_last_part_cannot(
        self, mistake: str, scribe: Scribe, journal: Journal
    ) -> None:
        good, bad = scribe.define("good"), scribe.define("bad")
        fresh = JobState("fresh")
        if mistake == "conflict":
            scribe.queue("bad")
        before = everything(journal)
        number = 1 if mistake == "conflict" else 0
        batch = [
            Append(good, (scribe.draft("good", scribe.queued("good"), 1),)),
            Append(fresh, (scribe.draft("fresh", JobPut(Job("fresh"), 1, "test", scribe.now().utc)),)),
            Append(bad, (scribe.draft("bad", scribe.queued("bad"), number),)),
        ]
        with pytest.raises(Conflict if mistake == "conflict" else IllegalEntry):
            journal.append(batch)
        assert everything(journal) == before
        journal.append(batch[:2])  # and what was fine by itself still is
        assert journal.busy_jobs() == (["bad", "good"] if mistake == "conflict" else ["good"])

    def test_a_conflict_behind_a_legal_part_of_the_same_stream(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("backup")
        before = everything(journal)
        one = Append(state, (scribe.draft("backup", scribe.queued("backup"), 1),))
        with pytest.raises(Conflict) as lost:
            journal.append([one, one])
        assert (lost.value.expected, lost.value.actual) == (1, 2)
        assert everything(journal) == before

    # ---- epochs

    def test_a_scheduler_begins_the_next_epoch_only(self, scribe: Scribe, journal: Journal) -> None:
        assert scribe.up() == 1
        before = everything(journal)
        for epoch in (1, 3):
            with pytest.raises(WrongEpoch) as wrong:
                scribe.write(SCHEDULER_STREAM, scribe.up_body(epoch), epoch=epoch)
            assert (wrong.value.epoch, wrong.value.current) == (epoch, 1)
        assert everything(journal) == before
        assert scribe.up() == 2
        assert journal.epoch() == 2

    def test_an_epoch_that_is_over_appends_nothing(self, scribe: Scribe, journal: Journal) -> None:
        old = scribe.up()
        scribe.define("backup")
        new = scribe.up()
        before = everything(journal)
        with pytest.raises(Fenced) as fenced:
            scribe.write("backup", scribe.queued("backup"), 1, epoch=old)
        assert (fenced.value.epoch, fenced.value.current) == (old, new)
        with pytest.raises(Fenced):  # nor does one that never began
            scribe.write("backup", scribe.queued("backup"), 1, epoch=new + 1)
        assert everything(journal) == before
        scribe.write("backup", scribe.queued("backup"), 1, epoch=new)

    def test_there_is_no_epoch_before_the_first(self, scribe: Scribe, journal: Journal) -> None:
        """An entry of epoch 0 could be appended, and not be read again."""
        with pytest.raises(BadValue, match="epochs count from 1"):
            scribe.write("backup", scribe.job_body("backup"), epoch=0)
        assert journal.last_id() == 0

    def test_entries_carry_the_epoch_they_were_appended_under(self, scribe: Scribe, journal: Journal) -> None:
        epoch = scribe.up()
        scribe.write(SCHEDULER_STREAM, SchedulerAlive(epoch), epoch=epoch)
        scribe.define("backup")  # a client
        assert [entry.epoch for entry in journal.entries()] == [1, 1, None]

    def test_a_scheduler_that_comes_up_is_its_own_epoch(self, scribe: Scribe, journal: Journal) -> None:
        scribe.write(SCHEDULER_STREAM, scribe.up_body(1))
        assert [entry.epoch for entry in journal.entries()] == [1]

    def test_an_epoch_can_begin_in_one_batch_with_its_first_entries(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("backup")
        up = Append(JobState(SCHEDULER_STREAM), (scribe.draft(SCHEDULER_STREAM, scribe.up_body(1)),))
        journal.append([up, Append(state, (scribe.draft("backup", scribe.queued("backup"), 1),))], epoch=1)
        assert [entry.epoch for entry in journal.entries()] == [None, 1, 1]

    # ---- what cannot follow

    def test_the_same_scheduled_time_never_makes_two_runs(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("backup", schedule="* * * * *")
        refused = scribe.refuse("backup")
        tick = refused.body.last  # type: ignore[union-attr]  # it is a Refused
        before = everything(journal)
        with pytest.raises(IllegalEntry) as illegal:
            scribe.queue("backup", cause=Cause.SCHEDULE, scheduled_for=tick)
        assert illegal.value.requirement == "tick"
        assert everything(journal) == before

    def test_an_entry_in_the_wrong_stream(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("a")
        scribe.define("b")
        before = everything(journal)
        with pytest.raises(IllegalEntry):
            scribe.append(state, scribe.draft("b", scribe.queued("b"), 1))
        with pytest.raises(IllegalEntry):
            scribe.append(state, scribe.draft("a", JobPut(Job("b"), 2, "test", scribe.now().utc)))
        with pytest.raises(IllegalEntry):
            scribe.write("a", scribe.up_body(1))
        assert everything(journal) == before

    def test_an_entry_about_no_run_names_none(self, scribe: Scribe, journal: Journal) -> None:
        state = scribe.define("a")
        scribe.queue("a")
        before = everything(journal)
        for body, run in ((JobPut(Job("a"), 2, "test", scribe.now().utc), 1), (scribe.queued("a"), None)):
            with pytest.raises(IllegalEntry):
                scribe.write("a", body, run)
        assert everything(journal) == before
        assert state.version == 1

    def test_a_text_that_is_not_unicode_is_refused_and_nothing_changes(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        number = scribe.queue("a")
        scribe.start("a", number)
        before = everything(journal)
        with pytest.raises(BadValue):
            scribe.write("a", JobPut(Job("a", timeout="1s"), 2, "\udc80", scribe.now().utc))
        assert everything(journal) == before
        scribe.end("a", number, State.FAILED, error="\x00\x1f\u2028 𝄞 \ufffd")
        assert journal.run("a", number).error == "\x00\x1f\u2028 𝄞 \ufffd"  # type: ignore[union-attr]

    def test_a_schedule_that_cannot_be_read_is_refused(self, scribe: Scribe, journal: Journal) -> None:
        with pytest.raises(BadValue):
            scribe.define("a", schedule="0 0 30 2 *")
        assert journal.streams() == []
