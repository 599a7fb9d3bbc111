"""A scheduler's comings and goings, in the stream of their own, so that a checker can tell downtime from neglect."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from fsm.errors import Conflict, StoreError
from fsm.instants import Deadline, Moment
from fsm.model.entries import Body, Draft, NumbersTaken, SchedulerAlive, SchedulerDown, SchedulerDraining, SchedulerUp
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.settings import Settings
from fsm.model.states import Actor
from fsm.ports import Append, Journal
from fsm.scheduler.book import MAX_TRIES


@frozen(slots=True)
class Who:
    """What a scheduler says of itself in the journal."""

    pid: int
    version: str


class Presence:
    """One scheduler's entries about itself. Every method raises `StoreError` where the store cannot take it, `Fenced`
    or, when it begins, `WrongEpoch` when another scheduler took over."""

    def __init__(self, journal: Journal, who: Who) -> None:
        self._journal, self._who = journal, who
        self.epoch = 0

    def up(self, now: Moment, settings: Settings, taken: Mapping[str, int]) -> None:
        """Begin the next epoch. In the same transaction, numbers are `taken` that runs have which the journal does not
        know (highest number by job): nobody who sees this scheduler up can be given one of them."""
        self.epoch = self._journal.epoch() + 1
        groups = settings.groups or None
        body = SchedulerUp(self.epoch, self._who.pid, now.boot_id, self._who.version, settings.max_running, groups)
        self._append(body, now, taken)

    def alive(self, now: Moment) -> None:
        """It is still there."""
        self._append(SchedulerAlive(self.epoch), now)

    def draining(self, now: Moment, until: Deadline) -> None:
        """It is still there, starts nothing more, and ends by `until`."""
        self._append(SchedulerDraining(self.epoch, until), now)

    def down(self, now: Moment, reason: str) -> None:
        """It ended in good order."""
        self._append(SchedulerDown(self.epoch, reason), now)

    def _append(self, body: Body, now: Moment, taken: Mapping[str, int] | None = None) -> None:
        for _ in range(MAX_TRIES):
            batch = [self._draft(SCHEDULER_STREAM, body, now, Actor.SCHEDULER)]
            for job, up_to in (taken or {}).items():
                one = self._draft(job, NumbersTaken(up_to), now, Actor.RECOVERY)
                if up_to > one.state.last_number:
                    batch.append(one)
            try:
                self._journal.append(batch, epoch=self.epoch)
            except Conflict:
                continue  # a client has changed a setting, which stands in the same stream, or asked for a run
            return
        raise StoreError(f"lost {MAX_TRIES} races in a row for the stream of the schedulers")

    def _draft(self, stream: str, body: Body, now: Moment, actor: Actor) -> Append:
        return Append(self._journal.state(stream), (Draft(stream, now.utc, actor, None, body),))
