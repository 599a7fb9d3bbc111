"""Retention: what is planned, what the scheduler prunes by itself, and what is left wherever it stops."""

from __future__ import annotations

import attrs
import pytest

from fsm.client.prune import Pruner
from fsm.errors import BadValue
from fsm.instants import DAY, HOUR, Instant
from fsm.journal.memory import MemoryJournal
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Checkpoint, SchedulerAlive
from fsm.model.job import SCHEDULER_STREAM, Job, Keep
from fsm.model.settings import Settings
from fsm.model.states import Actor, State
from fsm.planning import retention
from fsm.planning.retention import LEAST_BETWEEN, MOST_BETWEEN, Mark, Span, cut, cuts, spacing, wants_mark
from fsm.ports import RunQuery
from fsm.scheduler.presence import Presence, Who
from fsm.testing import Simulation, hang, succeed
from fsm.testing.scribe import Scribe

T = Instant(1_800_000_000_000_000)


# ---- the key


def test_what_is_kept_has_finite_defaults() -> None:
    assert Job("a").keep is None
    assert retention.keep_of(Job("a")) == retention.keep_of(None) == Keep(1_000, 400 * DAY)
    assert Job("a", keep={"runs": 5}).keep == Keep(5, 400 * DAY)
    assert Job("a", keep={"for": "30d"}).keep == Keep(1_000, 30 * DAY)


@pytest.mark.parametrize(
    "keep",
    [
        {"runs": 0},
        {"runs": "7"},
        {"runs": True},
        {"for": "0s"},
        {"for": "soon"},
        {"days": 3},
        7,
        "30d",
        {"runs": 10**9},
    ],
)
def test_what_cannot_be_kept_is_said(keep: object) -> None:
    with pytest.raises(BadValue, match=r"keep|table"):
        Job("a", keep=keep)


# ---- the plan


def span(*marks: Mark, **more: object) -> Span:
    return Span("a", marks[-1].seq + 10, 0, T, marks, **more)  # type: ignore[arg-type]


def test_the_next_checkpoint_is_cut_at_once_all_before_it_may_go() -> None:
    keep = Keep(10)
    first, second = Mark(41, T, 10), Mark(81, T, 20)
    assert cut(span(first, second, spare=9), keep, T) is None
    assert cut(span(first, second, spare=10), keep, T) == first
    assert cut(span(first, second, spare=25), keep, T) == first
    assert cuts(span(first, second, spare=25), keep, T) == [first, second]
    assert cut(attrs.evolve(span(first, second, spare=25), pruned=40), keep, T) == second


@pytest.mark.requirement("R-70")
def test_nothing_that_is_open_is_cut_off_nor_anything_after_it() -> None:
    first, second = Mark(41, T, 10), Mark(81, T, 20)
    later = Instant(T + 500 * DAY)
    for live, found in ((5, []), (10, []), (11, [first]), (20, [first]), (21, [first, second])):
        assert cuts(span(first, second, spare=30, live=live), Keep(10), later) == found


def test_what_is_too_old_goes_although_it_is_little() -> None:
    mark = Mark(41, T, 10)
    keep = Keep(1_000, DAY)
    assert cut(span(mark), keep, Instant(T + DAY - 1)) is None
    assert cut(span(mark), keep, Instant(T + DAY)) == mark


def test_refusals_without_any_run_are_kept_for_their_time() -> None:
    mark = Mark(300, T, 0)
    assert cut(span(mark), Keep(1), T) is None
    assert cut(span(mark), Keep(1, DAY), Instant(T + DAY)) == mark


def test_checkpoints_are_a_tenth_of_what_is_kept_apart() -> None:
    assert [spacing(Keep(runs)) for runs in (1, 100, 500, 1_000, 100_000)] == [
        LEAST_BETWEEN,
        LEAST_BETWEEN,
        200,
        MOST_BETWEEN,
        MOST_BETWEEN,
    ]


def test_a_checkpoint_waits_for_a_run_of_an_older_definition() -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("a")
    scribe.bring("a", State.QUEUED)
    quiet = Instant(scribe.now().utc + 31 * DAY)

    def wanted() -> bool:
        return wants_mark(scribe.journal.state("a"), scribe.journal.span("a", 1), Keep(), quiet)

    assert wanted()
    scribe.define("a", timeout="1m")
    assert not wanted()
    scribe.remove("a")
    assert not wanted()


# ---- the scheduler by itself


def bounded(sim: Simulation, job: str) -> tuple[int, int]:
    """Runs and entries that are left of a job."""
    return len(sim.runs(job)), len(sim.journal(job))


@pytest.mark.requirement("R-70")
@pytest.mark.requirement("R-71")
def test_under_a_steady_load_a_stream_stays_bounded() -> None:
    sim = Simulation()
    sim.add_job("often", schedule="* * * * *", keep={"runs": 20})
    sim.script("often", [succeed(after="1s")])
    most = 0
    for _ in range(8):
        sim.advance("1h")
        most = max(most, bounded(sim, "often")[1])
        sim.check()
    runs, _ = bounded(sim, "often")
    assert 20 <= runs <= 20 + 2 * spacing(Keep(20)) // 4
    assert most <= 4 * 20 + 4 * LEAST_BETWEEN
    assert sim.runs("often")[0].id == "often/480"  # numbers went on
    assert list(verify_journal(sim.store)) == []


@pytest.mark.requirement("R-70")
def test_an_open_run_keeps_its_entries_and_all_after_them() -> None:
    sim = Simulation()
    sim.add_job("stuck", schedule="* * * * *", keep={"runs": 1, "for": "1h"}, timeout="10h", start_within="1h")
    sim.script("stuck", [hang()])
    sim.advance("8h")
    (run,) = sim.runs("stuck")
    assert run.state == "running"
    numbers = [entry.seq for entry in sim.store.entries(job="stuck", run=1)]
    assert len(numbers) == 2
    sim.advance("3h")
    assert sim.runs("stuck")[-1].state != "running"
    sim.check()
    assert list(verify_journal(sim.store)) == []


def test_a_job_that_was_removed_long_ago_shrinks_to_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "QUIET", 2 * HOUR)
    monkeypatch.setattr(retention, "DEFAULT", Keep(1_000, DAY))
    sim = Simulation()
    sim.add_job("gone", keep={"runs": 5, "for": "1d"})
    for _ in range(3):
        sim.request("gone")
        sim.advance("1m")
    sim.remove_job("gone")
    sim.advance("3h")  # quiet: a checkpoint
    assert any(isinstance(entry.body, Checkpoint) for entry in sim.journal("gone"))
    sim.advance("25h")  # it was removed, so that its own keep counts no more
    (entry,) = sim.journal("gone")
    assert isinstance(entry.body, Checkpoint)
    assert sim.store.last_numbers()["gone"] == 3
    sim.check()


def test_the_schedulers_own_stream_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "SCHEDULERS", Keep(100))
    monkeypatch.setattr("fsm.scheduler.presence.TERM", 40)
    monkeypatch.setattr("fsm.scheduler.presence.SCHEDULERS_BETWEEN", 20)
    sim = Simulation()
    sim.add_job("a", schedule="0 3 * * *")
    sim.advance("6d")  # 576 signs of life
    entries = list(sim.store.entries(job=SCHEDULER_STREAM))
    assert len(entries) < 100 + 2 * 45
    assert sim.store.epoch() > 12  # terms
    sim.check()
    before = sim.store.epoch()
    sim.store.rebuild()
    assert sim.store.epoch() == before
    assert list(verify_journal(sim.store)) == []


def test_a_term_ends_and_the_next_begins_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsm.scheduler.presence.TERM", 2)
    scribe = Scribe(MemoryJournal())
    presence = Presence(scribe.journal, Who(1, "0"))
    presence.up(scribe.now(), Settings(), {})
    presence.alive(scribe.now())
    assert not presence.renew(scribe.now(), Settings())
    presence.alive(scribe.now())
    assert presence.renew(scribe.now(), Settings())
    assert (presence.epoch, scribe.journal.epoch()) == (2, 2)
    presence.alive(scribe.now())
    bodies = [entry.body for entry in scribe.journal.entries()]
    assert isinstance(bodies[-1], SchedulerAlive)
    assert list(verify_journal(scribe.journal)) == []


# ---- crash windows


class Folders:
    """What runs have left."""

    def __init__(self, numbers: set[int]) -> None:
        self.there = numbers

    def numbers(self, job: str) -> list[int]:
        return sorted(self.there)

    def size(self, job: str, number: int) -> int:
        return 10

    def discard(self, job: str, number: int) -> None:
        self.there.discard(number)


@pytest.mark.requirement("R-70")
@pytest.mark.parametrize("stop_after", range(6))
def test_wherever_it_stops_the_next_one_goes_on(stop_after: int) -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("a", keep={"runs": 2})
    for _ in range(25):
        scribe.run_through("a")
    folders = Folders(set(range(1, 26)))

    def step(pruner: Pruner) -> bool:
        """Whether there was anything to do."""
        if pruner.cut("a") is not None or pruner.mark("a"):
            return True
        begin = scribe.journal.span("a", 0).begin
        left = [] if begin is None else pruner.left_behind("a", begin)
        for number in left[:3]:
            folders.discard("a", number)
        return bool(left)

    assert step(Pruner(scribe.journal, _Clock(scribe), folders, Actor.CLI))  # a checkpoint
    for _ in range(12):
        scribe.run_through("a")
        folders.there.add(scribe.journal.state("a").last_number)
    for most in (stop_after, 100):  # the first is killed after so many steps, and another one comes
        pruner = Pruner(scribe.journal, _Clock(scribe), folders, Actor.CLI)
        steps = 0
        while steps < most and step(pruner):
            steps += 1
            assert list(verify_journal(scribe.journal)) == []
    known = {run.number for run in scribe.journal.runs(RunQuery("a"))}
    assert known == set(range(26, 38))
    assert folders.there == known


class _Clock:
    def __init__(self, scribe: Scribe) -> None:
        self.now = scribe.now


def test_a_plan_is_what_is_done() -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("a", keep={"runs": 3})
    pruner = Pruner(scribe.journal, _Clock(scribe), None, Actor.CLI)
    for _ in range(60):
        scribe.run_through("a")
        pruner.mark("a")
    plan = pruner.plan("a")
    done = []
    while (pruned := pruner.cut("a")) is not None:
        done.append(pruned)
    assert len(done) > 2
    assert (plan.entries, plan.runs) == (sum(one.entries for one in done), sum(one.runs for one in done))
    assert pruner.plan("a").mark is None
