"""The part of the journal contract about retention: streams are cut at checkpoints, and lose only what is over."""

from __future__ import annotations

import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsm.errors import IllegalEntry, UnknownJob
from fsm.instants import HOUR, Instant
from fsm.journal.export import export_lines
from fsm.journal.memory import MemoryJournal
from fsm.journal.verify import verify_lines
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Checkpoint
from fsm.model.states import SlotState, State
from fsm.model.stream import JobState
from fsm.ports import Journal, Pruned, RunQuery
from fsm.testing.journal_base import JournalTests, everything, tell_a_long_story
from fsm.testing.scribe import Scribe

STEPS = ("run", "fail", "refuse", "mark", "prune", "edit", "queue", "start", "end", "release", "remove")


class PruningTests(JournalTests):
    """Checkpoints, and cuts at them."""

    def test_a_stream_is_cut_at_its_checkpoint_and_stays_what_it_was(self, scribe: Scribe, journal: Journal) -> None:
        tell_a_long_story(scribe)
        scribe.define("d", schedule="*/5 * * * *")
        for _ in range(5):
            scribe.run_through("d")
            scribe.refuse("d")
        mark = scribe.mark("d")
        later = [scribe.run_through("d", State.FAILED) for _ in range(2)]
        before = everything(journal)
        assert journal.prune("d", mark) == Pruned(mark.seq - 1, 5)
        assert next(journal.entries(job="d")).seq == mark.seq
        assert journal.runs(RunQuery("d")) == later[::-1]
        assert journal.run("d", 5) is None
        after = everything(journal)
        for same in ("streams", "jobs", "names", "due", "busy", "last_id", "epoch"):
            assert after[same] == before[same]
        assert [entry for entry in before["entries"] if entry.job != "d" or entry.seq >= mark.seq] == after["entries"]
        _is_whole(journal)
        assert scribe.queue("d") == 8  # numbers go on, and so do entries
        assert journal.last_id() == before["last_id"] + 1
        _is_whole(journal)

    def test_a_run_that_went_on_over_the_checkpoint_stays(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        scribe.run_through("a")
        held = scribe.bring("a", State.TIMED_OUT)
        waiting = scribe.queue("a")
        mark = scribe.mark("a")
        with pytest.raises(IllegalEntry) as refused:
            journal.prune("a", mark)
        assert refused.value.requirement == "retention"
        scribe.release("a", held)
        scribe.start("a", waiting)
        scribe.end("a", waiting)
        with pytest.raises(IllegalEntry):
            journal.prune("a", mark)  # it holds the slot still
        scribe.release("a", waiting)
        told = [journal.run("a", number) for number in (held, waiting)]
        assert journal.prune("a", mark) == Pruned(mark.seq - 1, 1)
        assert [journal.run("a", number) for number in (held, waiting)] == told
        assert all(run is not None and run.slot is SlotState.FREE for run in told)
        seqs = [entry.seq - mark.seq for entry in journal.entries(job="a", run=waiting)]
        assert seqs == [2, 3, 4]  # how it began stands in the checkpoint
        _is_whole(journal)

    def test_nothing_is_pruned_but_up_to_a_checkpoint(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        scribe.run_through("a")
        mark = scribe.mark("a")
        before = everything(journal)
        for seq in (1, 3, mark.seq - 1, mark.seq + 1, 99):
            with pytest.raises(IllegalEntry):
                journal.prune("a", attrs.evolve(mark, seq=seq))
        with pytest.raises(IllegalEntry):
            journal.prune("nobody", mark)
        assert everything(journal) == before
        journal.prune("a", mark)
        assert journal.prune("a", mark) == Pruned()  # twice is once

    def test_only_an_honest_checkpoint_is_taken(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        scribe.run_through("a")
        state, (length, last_hash) = journal.state("a"), journal.head("a")
        before = everything(journal)
        for body in (
            Checkpoint(length - 1, last_hash, state),
            Checkpoint(length, "f" * 64, state),
            Checkpoint(length, last_hash, attrs.evolve(state, last_number=9)),
            Checkpoint(length, last_hash, attrs.evolve(state, job="b")),
            Checkpoint(length, last_hash, JobState("a")),
        ):
            with pytest.raises(IllegalEntry) as refused:
                scribe.write("a", body)
            assert refused.value.requirement == "checkpoint"
        for count in (0, 5):
            with pytest.raises(IllegalEntry):
                scribe.write("new", Checkpoint(count, "0" * 64, JobState("new", count)))
        assert everything(journal) == before

    def test_a_span_tells_what_may_go(self, scribe: Scribe, journal: Journal) -> None:
        assert journal.span("a", 3).seq == 0
        scribe.define("a")
        for _ in range(4):
            scribe.run_through("a")
        assert journal.span("a", 3).marks == ()
        first = scribe.mark("a")
        number = scribe.bring("a", State.RUNNING)
        span = journal.span("a", 3)
        assert (span.seq, span.pruned, span.marks, span.begin) == (journal.head("a")[0], 0, (first,), None)
        assert (span.spare, span.live) == (1, number)
        assert span.last_at == list(journal.entries(job="a"))[-1].at
        journal.prune("a", first)
        assert journal.span("a", 3).begin == first
        scribe.end("a", number)
        second = scribe.mark("a")
        assert journal.span("a", 3).live == number
        scribe.release("a", number)
        span = journal.span("a", 0)
        assert (span.pruned, span.marks, span.spare, span.live) == (first.seq - 1, (first, second), number, None)

    def test_old_definitions_go_with_their_entries(self, scribe: Scribe, journal: Journal) -> None:
        for timeout in ("1m", "2m", "3m"):
            scribe.define("a", timeout=timeout)
        mark = scribe.mark("a")
        scribe.define("a", timeout="4m")
        journal.prune("a", mark)
        assert [journal.definition("a", version).timeout_us // 60_000_000 for version in (3, 4)] == [3, 4]
        for version in (1, 2):
            with pytest.raises(UnknownJob):
                journal.definition("a", version)
        _is_whole(journal)

    def test_a_removed_job_keeps_its_numbers(self, scribe: Scribe, journal: Journal) -> None:
        scribe.define("a")
        scribe.run_through("a")
        scribe.remove("a")
        mark = scribe.mark("a")
        journal.prune("a", mark)
        _is_whole(journal)
        assert len(list(journal.entries())) == 1
        assert journal.job_names() == []
        scribe.define("a")
        assert scribe.queue("a") == 2

    def test_the_schedulers_stream_keeps_its_epoch(self, scribe: Scribe, journal: Journal) -> None:
        for _ in range(3):
            scribe.up()
        mark = scribe.mark("@scheduler", epoch=3)
        journal.prune("@scheduler", mark)
        assert journal.epoch() == 3
        _is_whole(journal)
        assert scribe.up() == 4

    def test_streams_are_named_page_by_page(self, scribe: Scribe, journal: Journal) -> None:
        for name in ("c", "a", "b"):
            scribe.define(name)
        assert journal.streams() == ["a", "b", "c"]
        assert journal.streams(limit=2) == ["a", "b"]
        assert journal.streams(after="b", limit=2) == ["c"]

    def test_any_story_is_cut_as_the_reference_cuts_it(self) -> None:
        @given(st.lists(st.sampled_from(STEPS), min_size=4, max_size=30))
        @settings(max_examples=60, deadline=None)
        def goes(steps: list[str]) -> None:
            with tempfile.TemporaryDirectory() as folder:
                mine, reference = self.make(Path(folder)), MemoryJournal(node="here")
                try:
                    writers = Scribe(mine), Scribe(reference)
                    for step in steps:
                        assert _told(writers[0], step) == _told(writers[1], step)
                    _is_whole(mine)
                    assert _alike(mine) == _alike(reference)
                finally:
                    mine.close()

        goes()


def _alike(journal: Journal) -> dict[str, object]:
    """What two journals say alike, whatever the name of their machine, which is in the hashes."""
    said = everything(journal)
    said["entries"] = [(entry.id, entry.job, entry.seq, entry.run, type(entry.body)) for entry in said["entries"]]
    return {key: said[key] for key in ("entries", "runs", "jobs", "due", "busy", "last_id", "definitions")}


def _told(scribe: Scribe, step: str) -> object:
    """One step of a story, and what came of it; nothing where it cannot be taken now."""
    journal = scribe.journal
    state = journal.state("a")
    try:
        if step == "edit" or state.definition is None:
            scribe.define("a", schedule="*/5 * * * *", timeout=f"{state.version + 1}m")
        elif step in ("run", "fail") and not state.runs:
            scribe.run_through("a", State.SUCCEEDED if step == "run" else State.FAILED)
        elif step == "refuse":
            scribe.refuse("a", first=Instant(scribe.now().utc + HOUR), last=Instant(scribe.now().utc + HOUR))
        elif step == "mark" and all(run.version == state.version for run in state.runs):
            scribe.mark("a")
        elif step == "prune":
            marks = journal.span("a", 2).marks
            return [journal.prune("a", mark) for mark in marks[-1:]]
        elif step == "queue":
            scribe.queue("a")
        elif step == "start" and state.slot is None and state.runs:
            scribe.start("a", state.runs[-1].number)
        elif step in ("end", "release") and state.slot is not None:
            (scribe.end if step == "end" else scribe.release)("a", state.slot)
        elif step == "remove":
            scribe.remove("a")
    except IllegalEntry as illegal:
        return illegal.requirement
    return None


def _is_whole(journal: Journal) -> None:
    """It verifies, live and exported, and is the same after it was folded anew."""
    assert list(verify_journal(journal)) == []
    assert list(verify_lines(export_lines(journal))) == []
    before = everything(journal)
    journal.rebuild()
    assert everything(journal) == before
    assert list(verify_journal(journal)) == []
