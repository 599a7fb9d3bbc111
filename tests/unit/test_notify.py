"""Notifications on a simulated clock: what is told, in which order, through outages, crashes and floods."""

from __future__ import annotations

from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from cli_kit import World
from hypothesis import given
from hypothesis import strategies as st

from fsm.instants import DAY, HOUR, MINUTE, SECOND, Duration, Instant, format_duration
from fsm.model.entries import Ended
from fsm.model.job import Job
from fsm.model.receivers import Receiver
from fsm.model.states import Reason, Trigger
from fsm.notify import ledger
from fsm.notify.deliver import ping_address
from fsm.notify.desk import AT_ONCE, Delivery, Desk
from fsm.notify.lanes import LONGEST_WAIT, MOST_WAITING, Book, Channel, Lane, Message, text_of
from fsm.notify.notifier import Deliverer

WITHIN_S = 120.0
"""What takes longer does not come any more."""


def next_of(told: SimpleQueue[str]) -> str:
    try:
        return told.get(timeout=WITHIN_S)
    except Empty:
        raise AssertionError("nobody was told") from None


class Told:
    """A desk, and receivers that are up or down: what they got is (job, key, run id, missed)."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, str(folder)
        self.down: set[str] = set()
        self.got: list[tuple[str, str, str, int]] = []
        self.attempts = 0
        self.again()

    def again(self) -> None:
        """A scheduler begins: what was not saved is gone."""
        self.desk = Desk.of_folder(self.folder, self.world.journal)
        self.desk.save()

    @property
    def now(self) -> Instant:
        return self.world.clock.now().utc

    def deliver(self, delivery: Delivery) -> str | None:
        self.attempts += 1
        if delivery.message.key in self.down or delivery.job.name in self.down:
            return "it answered 500"
        message = delivery.message
        self.got.append((delivery.job.name, message.key, message.event["run_id"], message.missed))
        return None

    def work(self, *, save: bool = True) -> None:
        """Until nothing is due at this time."""
        while self.desk.feed():
            pass
        self.desk.save()
        while due := self.desk.due(self.now):
            for delivery in due:
                self.desk.settle(delivery, self.deliver(delivery), self.now)
        if save:
            self.desk.save()

    def keys(self) -> list[tuple[str, str]]:
        return [(key, run) for _, key, run, _ in self.got]


@pytest.fixture
def world(capsys: pytest.CaptureFixture[str]) -> World:
    world = World(capsys)
    world.up()
    return world


@pytest.fixture
def told(world: World, tmp_path: Path) -> Told:
    return Told(world, tmp_path)


HOOKS = {"on_failure": "https://a.example/f", "on_recovery": "https://a.example/r"}


def once(world: World, job: str, reason: Reason | None = None) -> None:
    """One run, that succeeds, or ends for this reason."""
    world.engine.request(job, force=True)
    world.start(job)
    now = world.clock.now().utc
    if reason is None:
        world.end(job)
    elif reason is Reason.CANCELLED:
        world.end(job, Ended(Trigger.REAP, reason, now))
    else:
        world.end(job, Ended(Trigger.FAIL, reason, now, exit_code=3))


def later(world: World, length: int) -> None:
    world.clock.to(format_duration(Duration(length)))


@pytest.mark.requirement("R-75")
def test_a_repeated_failure_is_one_message_until_it_recovers(world: World, told: Told) -> None:
    world.define("a", **HOOKS)
    ends = [None, Reason.EXIT_CODE, Reason.EXIT_CODE, Reason.CANCELLED, Reason.EXIT_CODE, None, None, Reason.EXIT_CODE]
    for reason in ends:
        once(world, "a", reason)
        told.work()
    assert told.keys() == [("on_failure", "a/2"), ("on_recovery", "a/6"), ("on_failure", "a/8")]


@pytest.mark.requirement("R-75")
def test_that_a_job_fails_is_known_over_a_restart(world: World, told: Told) -> None:
    world.define("a", **HOOKS)
    for reason in (Reason.EXIT_CODE, Reason.EXIT_CODE, None):
        once(world, "a", reason)
        told.work()
        told.again()
    assert told.keys() == [("on_failure", "a/1"), ("on_recovery", "a/3")]


@pytest.mark.requirement("R-76")
def test_a_receiver_that_is_down_for_an_hour(world: World, told: Told) -> None:
    """A run a minute, failing and succeeding in turn. Then one message for each lane: the newest, and a count."""
    world.define("a", **HOOKS, on_end="https://a.example/e", ping="https://a.example/")
    world.define("b", **HOOKS)
    told.down = {"a"}
    for minute in range(60):
        once(world, "a", Reason.EXIT_CODE if minute % 2 == 0 else None)
        once(world, "b", Reason.EXIT_CODE if minute == 0 else None)
        told.work()
        later(world, MINUTE)
    assert [each[0] for each in told.got] == ["b", "b"], "its neighbour was told at once"
    assert told.attempts < 2 + 3 * 15, "an hour of backoff is a dozen attempts for each lane"
    for lane in told.desk.book.lanes.values():
        assert len(lane.waiting) == 1, "and what is kept does not grow"
    told.down, told.got = set(), []
    later(world, LONGEST_WAIT)
    told.work()
    assert sorted(told.got) == [
        ("a", "on_end", "a/60", 59),
        ("a", "on_recovery", "a/60", 59),
        ("a", "ping", "a/60", 119),
    ]
    told.work()
    once(world, "a", Reason.EXIT_CODE)
    told.work()
    assert sorted(told.keys()[3:]) == [("on_end", "a/61"), ("on_failure", "a/61"), ("ping", "a/61"), ("ping", "a/61")]


@pytest.mark.requirement("R-76")
def test_a_crash_between_delivery_and_note(world: World, told: Told) -> None:
    world.define("a", on_end="https://a.example/e")
    once(world, "a")
    told.work(save=False)
    told.again()
    told.work()
    assert told.keys() == [("on_end", "a/1")] * 2
    told.again()
    told.work()
    assert len(told.got) == 2, "what was noted is not told again"


@pytest.mark.requirement("R-76")
def test_a_crash_before_anything_was_noted(world: World, told: Told) -> None:
    world.define("a", **HOOKS)
    once(world, "a", Reason.EXIT_CODE)
    told.desk.feed()
    told.again()
    told.work()
    assert told.keys() == [("on_failure", "a/1")]


@pytest.mark.requirement("R-76")
def test_a_short_trouble_loses_nothing(world: World, told: Told) -> None:
    world.define("a", on_end="https://a.example/e")
    told.down = {"a"}
    for _ in range(3):
        once(world, "a")
        told.work()
    told.down = set()
    later(world, 5 * SECOND)
    told.work()
    assert [(run, missed) for *_, run, missed in told.got] == [("a/1", 0), ("a/2", 0), ("a/3", 0)]


@pytest.mark.requirement("R-76")
def test_a_flood_is_bounded_and_counted(world: World, told: Told) -> None:
    world.define("a", on_end="https://a.example/e")
    for _ in range(MOST_WAITING + 5):
        once(world, "a")
    told.work()
    assert len(told.got) == MOST_WAITING
    assert [each[3] for each in told.got] == [5] + [0] * (MOST_WAITING - 1)
    assert told.got[-1][2] == f"a/{MOST_WAITING + 5}"


@pytest.mark.requirement("R-76")
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2 * HOUR)), max_size=60))
def test_every_message_is_told_or_counted_in_order(steps: list[tuple[bool, int]]) -> None:
    """Whatever a receiver does: told and counted together are all, in order, and at the end nothing waits."""
    lane, told, counted, now = Lane(), [], 0, 0
    for number, (up, later) in enumerate([*steps, (True, DAY)]):
        lane.put(Message("on_end", {"number": number}))
        now += later
        while lane.due(Instant(now)):
            first = lane.waiting[0]
            if not up:
                lane.failed("down", Instant(now))
                continue
            told.append(first.event["number"])
            counted += first.missed
            lane.told(first)
    assert lane.waiting == []
    assert told == sorted(set(told))
    assert len(told) + counted == len(steps) + 1
    assert told[-1] == len(steps)


def test_what_is_delivered_while_it_is_summarised_is_not_counted_as_missed() -> None:
    lane = Lane()
    lane.put(Message("on_end", {}))
    for _ in range(3):
        lane.failed("down", Instant(0))
    under_way = lane.waiting[0]
    lane.put(Message("on_end", {"new": 1}))
    assert lane.waiting == [Message("on_end", {"new": 1}, 1)]
    lane.told(under_way)
    assert lane.waiting == [Message("on_end", {"new": 1}, 0)]


def test_nobody_is_told_of_what_was_before_the_first_scheduler(world: World, tmp_path: Path) -> None:
    world.define("a", on_end="https://a.example/e")
    once(world, "a")
    told = Told(world, tmp_path)
    told.work()
    assert told.got == []
    once(world, "a")
    told.work()
    assert told.keys() == [("on_end", "a/2")]


def test_what_nobody_asks_for_any_more_is_dropped(world: World, told: Told) -> None:
    world.define("a", on_end="https://a.example/e")
    told.down = {"a"}
    once(world, "a")
    told.work()
    world.define("a")
    told.down = set()
    later(world, HOUR)
    told.work()
    assert (told.got, told.desk.book.lanes) == ([], {})


def test_a_restored_journal_is_shorter_than_the_book(world: World, told: Told) -> None:
    world.define("a", on_end="https://a.example/e")
    told.desk.book.cursor = 1_000_000
    ledger.save(told.folder, told.desk.book)
    told.again()
    once(world, "a")
    told.work()
    assert told.keys() == [("on_end", "a/1")]


def test_more_entries_than_are_read_at_once(world: World, told: Told) -> None:
    world.define("a", **HOOKS)
    for _ in range(AT_ONCE // 3):
        once(world, "a")
    once(world, "a", Reason.EXIT_CODE)
    told.work()
    assert told.keys() == [("on_failure", f"a/{AT_ONCE // 3 + 1}")]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "cursor": "x"}', "\x00"])
def test_a_damaged_book_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / ledger.FILE).write_text(text)
    assert ledger.load(str(tmp_path)) is None


def test_the_book_comes_back_as_it_was_written(tmp_path: Path) -> None:
    lane = Lane([Message("ping", {"data": {"state": "failed"}}, 3)], 4, Instant(5), Instant(6), "why")
    book = Book(7, {"größe", "b"}, {("a", Channel.PING): lane})
    ledger.save(str(tmp_path), book)
    assert ledger.load(str(tmp_path)) == book
    assert (tmp_path / ledger.FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("address", "state", "expected"),
    [
        ("https://h.example/uuid", "running", "https://h.example/uuid/start"),
        ("https://h.example/uuid?rid=1", "succeeded", "https://h.example/uuid?rid=1"),
        ("https://h.example/key/", "timed_out", "https://h.example/key/gr%C3%B6%C3%9Fe%2F2/fail"),
        ("https://h.example/key/", "reaped", "https://h.example/key/gr%C3%B6%C3%9Fe%2F2/fail"),
    ],
)
def test_where_a_ping_goes(address: str, state: str, expected: str) -> None:
    assert ping_address(address, "größe/2", state) == expected


def test_a_message_in_words() -> None:
    event: dict[str, Any] = {"run_id": "a/4", "data": {"state": "timed_out", "reason": "run_timeout"}}
    assert text_of("a", Message("on_failure", event)) == "a timed out (run_timeout): a/4"
    event["data"] = {"state": "succeeded", "reason": "completed"}
    told = text_of("a", Message("on_recovery", event, 2))
    assert told == "a recovered: a/4; 2 earlier messages could not be delivered"


@pytest.mark.requirement("R-77")
def test_a_journal_that_cannot_be_read_ends_no_thread_and_raises_nothing(world: World) -> None:
    said: list[str] = []

    def broken() -> Any:
        raise OSError("no such file")

    deliverer = Deliverer(broken, lambda: world.clock.now().utc, said.append)
    deliverer.wake()
    deliverer.close()
    assert said == ["notifications wait: no such file"]


@pytest.mark.requirement("R-77")
def test_others_are_told_while_a_delivery_hangs(world: World) -> None:
    """It hangs until the others have been told, and then some more come: each has its own turn."""
    world.define("a", on_end="https://a.example/")
    world.define("b", on_end="https://b.example/")
    for job in ("a", "b", "b"):
        once(world, job)
    let, hanging, told = Event(), Event(), SimpleQueue[str]()

    def send(job: Job, receiver: Receiver, message: Message) -> None:
        if job.name == "a":
            hanging.set()
            assert let.wait(WITHIN_S)
        else:
            assert hanging.wait(WITHIN_S)
        told.put(message.event["run_id"])

    desk = Desk(world.journal, Book(), lambda book: None)
    closed = Event()
    journal = SimpleNamespace(close=closed.set)
    deliverer = Deliverer(lambda: (desk, journal), lambda: world.clock.now().utc, print, send)  # type: ignore[arg-type, return-value]
    assert [next_of(told), next_of(told)] == ["b/1", "b/2"]
    let.set()
    assert next_of(told) == "a/1"
    deliverer.close()
    assert closed.is_set()
    assert desk.book.lanes == {}


def test_check_and_notify_tell_of_what_cannot_be_delivered(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRONFSM_HOME", str(tmp_path))
    world.define("a", on_end="https://a.example/e")
    assert world.ok("notify") == "Nothing waits to be delivered.\n"
    once(world, "a")
    told.down = {"a"}
    told.work()
    assert "cannot be delivered" not in world.call("check")[1]
    later(world, 11 * MINUTE)
    assert "on_end of a cannot be delivered since 11m: it answered 500" in world.call("check")[1]
    assert "on_end of a cannot be delivered since 11m" in world.call("check", "--job", "a")[1]
    assert world.ok("notify").startswith("a: on_end (end): 1 waiting; 1 attempt failed: it answered 500; next attempt")
    assert world.json("notify")[0]["failing_since"] == "2026-11-20T02:00:00.000000Z"
