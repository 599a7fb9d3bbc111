"""What is to be told, and when it is tried: pure, a fold over lifecycle events.

A *lane* is one job's way to one kind of receiver: ``alert`` (`on_failure` and `on_recovery`: one order for both),
``end`` or ``ping``. Its messages are delivered in order; the first one blocks those behind it. While a receiver is
down, a lane keeps its newest message only and counts the others, so that its recovery is no storm.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from attrs import define, evolve, field, frozen

from fsm.instants import HOUR, SECOND, Duration, Instant
from fsm.model.events import LifecycleEvent
from fsm.model.job import Job
from fsm.model.receivers import Receiver
from fsm.model.states import Reason, State
from fsm.planning.failures import SAYS_NOTHING
from fsm.plural import many

FIRST_WAIT = Duration(5 * SECOND)
"""Before a failed delivery is tried again; then twice as long each time,"""

LONGEST_WAIT = Duration(HOUR)
"""and no longer than this: whoever repairs a receiver is told within the hour."""

DOWN_AFTER = 3
"""Failed attempts (15 seconds, and what they took) after which a receiver is down: what waits is summarised."""

MOST_WAITING = 100
"""Messages that wait in one lane; of more than these the older ones are counted only."""

NO_FAILURE = SAYS_NOTHING - {Reason.QUEUE_TIMEOUT}
"""Ends that say nothing about a job to a person. That it waited in vain is something to know."""


class Channel(StrEnum):
    """The lanes of a job."""

    ALERT = "alert"
    END = "end"
    PING = "ping"


@frozen(slots=True)
class Message:
    """What is told: the key of the job that says whom, the event as JSON, and how many before it were not told."""

    key: str
    event: dict[str, Any]
    missed: int = 0


@define(slots=True)
class Lane:
    """One job's messages to one receiver. `since` is when its first attempt failed, `error` what was wrong last."""

    waiting: list[Message] = field(factory=list)
    attempts: int = 0
    next_at: Instant = field(default=Instant(0))
    since: Instant | None = None
    error: str | None = None

    def put(self, message: Message) -> None:
        """One more to tell."""
        self.waiting.append(message)
        self._summarise()

    def told(self, message: Message) -> None:
        """It was delivered. Where it was summarised meanwhile, what stands in its place has not missed it."""
        if self.waiting[0] is message:
            del self.waiting[0]
        else:
            first = self.waiting[0]
            self.waiting[0] = evolve(first, missed=max(0, first.missed - 1 - message.missed))
        self.attempts, self.next_at, self.since, self.error = 0, Instant(0), None, None

    def failed(self, error: str, now: Instant) -> None:
        """It was not; it is tried again after a while."""
        self.attempts += 1
        self.since, self.error = self.since or now, error
        wait = min(FIRST_WAIT << min(self.attempts - 1, 32), LONGEST_WAIT)
        self.next_at = Instant(now + wait)
        self._summarise()

    def due(self, now: Instant) -> bool:
        """Whether an attempt may be made. A clock that was set back does not make it wait longer than it would."""
        return bool(self.waiting) and not now < self.next_at <= now + LONGEST_WAIT

    def _summarise(self) -> None:
        keep = 1 if self.attempts >= DOWN_AFTER else MOST_WAITING
        gone, self.waiting = self.waiting[:-keep], self.waiting[-keep:]
        missed = sum(1 + message.missed for message in gone)
        if missed:
            self.waiting[0] = evolve(self.waiting[0], missed=self.waiting[0].missed + missed)


@define(slots=True)
class Book:
    """All that has to survive: how far the journal was read, which jobs fail, and what waits. Keys of `lanes` are job
    and channel."""

    cursor: int = 0
    failing: set[str] = field(factory=set)
    lanes: dict[tuple[str, Channel], Lane] = field(factory=dict)

    def see(self, job: Job, event: LifecycleEvent, as_json: dict[str, Any]) -> bool:
        """Fold one event of a job, defined as it is now. Whether anything changed."""
        changed = False
        for channel, key in self._keys(job, event):
            if key is None:  # it changes what is known, and nobody is told
                changed = True
                continue
            self.lanes.setdefault((job.name, channel), Lane()).put(Message(key, as_json))
            changed = True
        return changed

    def _keys(self, job: Job, event: LifecycleEvent) -> Iterator[tuple[Channel, str | None]]:
        if job.ping is not None and event.phase != "queued":
            yield Channel.PING, "ping"
        if event.phase not in ("end", "error"):
            return
        if job.on_end is not None:
            yield Channel.END, "on_end"
        if event.state is State.SUCCEEDED and job.name in self.failing:
            self.failing.discard(job.name)
            yield Channel.ALERT, "on_recovery" if job.on_recovery is not None else None
        elif event.phase == "error" and event.reason not in NO_FAILURE and job.name not in self.failing:
            self.failing.add(job.name)
            yield Channel.ALERT, "on_failure" if job.on_failure is not None else None

    def forget_empty(self) -> None:
        """Lanes in which nothing waits need not be kept."""
        self.lanes = {key: lane for key, lane in self.lanes.items() if lane.waiting}


def whom(job: Job | None, key: str) -> Receiver | None:
    """The receiver, as the job names it now; None where it names none any more."""
    found: Receiver | None = None if job is None else getattr(job, key)
    return found


def text_of(job: str, message: Message) -> str:
    """The message in words, for receivers that are people: ``backup failed (exit_code): backup/42``."""
    data = message.event["data"]
    state, reason = str(data["state"]), data["reason"]
    word = "recovered" if message.key == "on_recovery" else state.replace("_", " ")
    why = f" ({reason})" if state not in (State.SUCCEEDED, State.QUEUED, State.RUNNING) and reason else ""
    more = f"; {many(message.missed, 'earlier message')} could not be delivered" if message.missed else ""
    return f"{job} {word}{why}: {message.event['run_id']}{more}"
