"""A subscriber that raises or hangs harms nobody: neither the scheduler nor other subscribers."""

from __future__ import annotations

import threading

from fsm.instants import Instant
from fsm.model.events import LifecycleEvent
from fsm.model.states import State
from fsm.scheduler import publish
from fsm.scheduler.publish import Broadcast, Courier


def _event(number: int) -> LifecycleEvent:
    return LifecycleEvent(
        number, f"a/{number}", number, Instant(0), f"cron:a:run:{number}", "queued", State.QUEUED, None
    )


def test_every_subscriber_gets_every_event_in_order() -> None:
    broadcast, first, second = Broadcast(), [], []
    done = threading.Barrier(3)

    def hear(heard: list[int], event: LifecycleEvent) -> None:
        heard.append(event.id)
        if event.id == 50:
            done.wait(120)

    broadcast.subscribe(lambda event: hear(first, event))
    broadcast.subscribe(lambda event: hear(second, event))
    for number in range(1, 51, 5):
        broadcast.publish([_event(number + more) for more in range(5)])
    done.wait(120)
    broadcast.close()
    assert first == second == list(range(1, 51))


def test_one_that_raises_hears_the_next_event_all_the_same() -> None:
    heard: list[int] = []
    last = threading.Event()

    def hear(event: LifecycleEvent) -> None:
        heard.append(event.id)
        if event.id == 2:
            last.set()
        raise RuntimeError("not my day")

    broadcast = Broadcast()
    broadcast.subscribe(hear)
    broadcast.publish([_event(1), _event(2)])
    assert last.wait(120)
    broadcast.close()
    assert heard == [1, 2]


def test_one_that_hangs_is_never_waited_for_and_loses_only_its_own_events(monkeypatch) -> None:
    monkeypatch.setattr(publish, "MAX_WAITING", 10)
    monkeypatch.setattr(publish, "CLOSE_WITHIN_S", 0.01)
    held, inside = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        inside.set()
        held.wait(120)

    stuck: Courier[int] = Courier(hang, "stuck")
    stuck.put(0)
    assert inside.wait(120)
    for number in range(100):
        stuck.put(number)  # returns at once, a hundred times
    assert stuck.dropped == 90
    stuck.close()
    held.set()
