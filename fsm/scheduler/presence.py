"""A scheduler's comings and goings, in the stream of their own, so that a checker can tell downtime from neglect."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from attrs import frozen

from fsm.errors import Conflict, Fenced, StoreError
from fsm.instants import Deadline, Instant, Moment
from fsm.model.entries import (
    Body,
    Checkpoint,
    Draft,
    Entry,
    NumbersTaken,
    SchedulerAlive,
    SchedulerDown,
    SchedulerDraining,
    SchedulerUp,
)
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.settings import Settings
from fsm.model.states import Actor
from fsm.model.stream import FOLD
from fsm.planning.retention import SCHEDULERS_BETWEEN, TERM
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
        self._signs = 0  # of life, in this term
        self._over = False  # this term's end is said, and the next one has not begun
        self._tried: tuple[Body, Instant] | None = None  # the beginning that was tried last, and when

    def up(self, now: Moment, settings: Settings, taken: Mapping[str, int]) -> None:
        """Begin the next epoch. In the same transaction, numbers are `taken` that runs have which the journal does not
        know (highest number by job): nobody who sees this scheduler up can be given one of them."""
        self._mark(now)
        epoch, groups = self._journal.epoch() + 1, settings.groups or None
        body = SchedulerUp(epoch, self._who.pid, now.boot_id, self._who.version, settings.max_running, groups)
        self._tried = body, now.utc
        self._append(body, now, epoch, taken)
        self._begun(epoch)

    def _begun(self, epoch: int) -> None:
        self.epoch, self._signs, self._over = epoch, 0, False

    def began(self, entry: Entry) -> bool:
        """Whether this entry is the beginning of a term of our own: the store said that it could not take it, and has
        it all the same. Then we are in that term. Nobody else begins the same epoch within the same microsecond."""
        mine = self._tried == (entry.body, entry.at)
        if mine and isinstance(entry.body, SchedulerUp):
            self._begun(entry.body.epoch)
        return mine

    def alive(self, now: Moment) -> None:
        """It is still there. Between two terms there is nothing to say but the beginning of the next one."""
        if not self._over:
            self._append(SchedulerAlive(self.epoch), now, self.epoch)
            self._signs += 1

    def renew(self, now: Moment, settings: Settings) -> bool:
        """Begin a new term where this one is long enough. Raises `Fenced` where somebody else has begun one.

        Where the store takes the end of this term and not the beginning of the next, that one is begun when it is asked
        again: this scheduler goes on under its old epoch meanwhile, which is the journal's.
        """
        if not self._over:
            if self._signs < TERM:
                return False
            self.down(now, "a new term")
            self._over = True
        if self._journal.epoch() != self.epoch:
            raise Fenced(self.epoch, self._journal.epoch())
        self.up(now, settings, {})
        return True

    def _mark(self, now: Moment) -> None:
        """A checkpoint before a scheduler comes up, where enough came since the last one. If this process stops after
        it, the next scheduler comes up behind it."""
        state, (length, last_hash) = self._journal.state(SCHEDULER_STREAM), self._journal.head(SCHEDULER_STREAM)
        marks = self._journal.span(SCHEDULER_STREAM, 0).marks
        if length - (marks[-1].seq if marks else 0) >= SCHEDULERS_BETWEEN and state.seq == length:
            body = Checkpoint(length, last_hash, state, FOLD)
            draft = Draft(SCHEDULER_STREAM, now.utc, Actor.SCHEDULER, None, body)
            with suppress(Conflict):  # somebody is appending; the next one sets it
                self._journal.append([Append(state, (draft,))])

    def draining(self, now: Moment, until: Deadline) -> None:
        """It is still there, starts nothing more, and ends by `until`."""
        self._append(SchedulerDraining(self.epoch, until), now, self.epoch)

    def down(self, now: Moment, reason: str) -> None:
        """It ended in good order."""
        self._append(SchedulerDown(self.epoch, reason), now, self.epoch)

    def _append(self, body: Body, now: Moment, epoch: int, taken: Mapping[str, int] | None = None) -> None:
        for _ in range(MAX_TRIES):
            batch = [self._draft(SCHEDULER_STREAM, body, now, Actor.SCHEDULER)]
            for job, up_to in (taken or {}).items():
                one = self._draft(job, NumbersTaken(up_to), now, Actor.RECOVERY)
                if up_to > one.state.last_number:
                    batch.append(one)
            try:
                self._journal.append(batch, epoch=epoch)
            except Conflict:
                continue  # a client has changed a setting, which stands in the same stream, or asked for a run
            return
        raise StoreError(f"lost {MAX_TRIES} races in a row for the stream of the schedulers")

    def _draft(self, stream: str, body: Body, now: Moment, actor: Actor) -> Append:
        return Append(self._journal.state(stream), (Draft(stream, now.utc, actor, None, body),))
