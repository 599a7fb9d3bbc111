"""Laws that hold at any time: nothing is open too long, nothing is forgotten, the projection is the fold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fsm.client.orders import ARM_WITHIN
from fsm.instants import format_duration, format_instant
from fsm.model.job import REAP_MARGIN, SCHEDULER_STREAM
from fsm.model.states import SlotState
from fsm.planning.refusals import WRITE_EVERY
from fsm.scheduler.core import SETTLE_WITHIN, SWEEP_EVERY
from fsm.scheduler.watcher import SEARCH_AGAIN
from fsm.testing.invariants.law import standing
from fsm.testing.ledger import Story, Stream
from fsm.testing.supervisor import SupervisorProcess

if TYPE_CHECKING:
    from fsm.testing.witness import Standing


def _calm(now: Standing, allowed: int) -> bool:
    """Whether a scheduler has been up, undisturbed, for longer than anything may take."""
    return now.scheduler is not None and now.calm_us > allowed


def _supervisor(now: Standing, story: Story) -> SupervisorProcess | None:
    return None if story.started is None else now.world.supervisors.get(story.started.arming.nonce)


@standing
def no_run_is_open_past_its_deadline(now: Standing) -> Iterator[str]:
    """While a scheduler is up, no run is open past its deadline plus one sweep."""
    allowed = SWEEP_EVERY + now.slack_us
    if not _calm(now, allowed):
        return
    for story in now.witness.unsettled():
        if story.open:
            deadline = story.queued.start_by if story.started is None else story.started.reap_by
            over = -deadline.left(now.world.now())
            if over > allowed:
                yield f"{story.id} is {story.state}, {format_duration(over)} past its deadline"


@standing
def what_is_known_is_journaled(now: Standing) -> Iterator[str]:
    """The verdict is journaled the moment it is known, and within one sweep where the hint of it was lost."""
    allowed = SWEEP_EVERY + now.slack_us
    if not _calm(now, allowed):
        return
    for story in now.witness.unsettled():
        supervisor = _supervisor(now, story)
        if story.open and supervisor is not None and supervisor.judged_at_t is not None:
            known = now.world.t - max(supervisor.judged_at_t, story.started_t)
            if known > allowed and not supervisor.unreadable:
                yield f"{story.id} is open, and its supervisor judged it {format_duration(known)} ago"


@standing
def a_mute_supervisor_is_killed(now: Standing) -> Iterator[str]:
    """After verdict and grace a mute supervisor is killed."""
    for story in now.witness.unsettled():
        supervisor = _supervisor(now, story)
        if story.open or supervisor is None or not supervisor.alive:
            continue
        allowed = supervisor.order.grace_us + REAP_MARGIN + SWEEP_EVERY + now.slack_us
        over = now.world.t - story.ended_t
        if _calm(now, allowed) and over > allowed:
            yield f"{story.id} ended {format_duration(over)} ago, and its supervisor lives"


@standing
def every_slot_is_freed(now: Standing) -> Iterator[str]:
    """Every slot is freed once its processes are gone."""
    allowed = SWEEP_EVERY + SEARCH_AGAIN + now.slack_us
    if not _calm(now, allowed):
        return
    for story in now.witness.unsettled():
        supervisor = _supervisor(now, story)
        if supervisor is None or supervisor.gone_at_t is None or supervisor.tree_alive:
            continue
        last = 0 if supervisor.tree is None else supervisor.tree.last_end_t
        gone = now.world.t - max(supervisor.gone_at_t, last, story.started_t)
        if gone > allowed and not now.world.slot_locked(story.job):
            yield f"{story.id} holds the slot, and all of it is gone since {format_duration(gone)}"


@standing
def every_tick_has_an_answer(now: Standing) -> Iterator[str]:
    """Every tick is accounted for: up to the scheduler's last turn, each has its answer, written or deferred."""
    scheduler, until = now.scheduler, now.turned_utc
    if scheduler is None or until is None or now.pending or now.faulty_store:
        return
    if not _calm(now, SETTLE_WITHIN + now.slack_us):
        return
    for stream in now.witness.streams.values():
        table, after = stream.table, stream.answered_to
        if table is None or after is None:
            continue
        deferred = scheduler.book.deferred.get(stream.job)
        if deferred is not None:
            after = max(after, deferred.until)
        left = table.span(after, stream.come_until(until), stream.anchor)
        if left is not None:
            yield f"{stream.job} has not answered {left.count} ticks, the first of {format_instant(left.first)}"


@standing
def refusals_are_written_within_the_hour(now: Standing) -> Iterator[str]:
    """Refusals that follow with the same reason and blocker are one interval entry an hour."""
    allowed = WRITE_EVERY + now.slack_us
    if now.scheduler is None or now.turned_utc is None or not _calm(now, allowed):
        return
    for job in now.scheduler.book.deferred:
        state = now.journal.state(job)
        late = 0 if state.refused_at is None else now.turned_utc - state.refused_at
        if late > allowed:
            yield f"{job} has refused ticks, and its last entry that says so is {format_duration(late)} old"


@standing
def the_projection_is_the_fold(now: Standing) -> Iterator[str]:
    """The projection is what the entries fold to, and can be dropped and rebuilt with the same result."""
    for job in now.witness.touched:
        stream = now.witness.streams[job]
        if stream.fold is not None and now.journal.state(job) != stream.fold:
            yield f"the projection of {job} is not the fold of its entries"
        if job != SCHEDULER_STREAM:
            yield from _runs_agree(now, stream)
    busy = {stream.job for stream in now.witness.streams.values() if stream.unsettled}
    if set(now.journal.busy_jobs()) != busy:
        yield f"busy are {sorted(busy)}, and the projection says {sorted(now.journal.busy_jobs())}"


def _runs_agree(now: Standing, stream: Stream) -> Iterator[str]:
    begin = now.journal.span(stream.job, 0).begin
    for number in stream.changed:
        if begin is not None and number <= begin.last_number:
            continue  # pruned since
        story, run = stream.stories[number], now.journal.run(stream.job, number)
        if run is None:
            yield f"{story.id} is not in the projection"
            continue
        reason = None if story.ended is None else story.ended.reason
        slot = SlotState.HELD if stream.slot == number else SlotState.FREE
        if (run.state, run.reason, run.slot) != (story.state, reason, slot):
            yield f"{story.id} is {story.state} ({reason}), slot {slot}, and the projection says {run}"


@standing
def late_evidence_moves_nothing(now: Standing) -> Iterator[str]:
    """What is learnt after the verdict is recorded beside it, never over it: no fold forgets how a run ended."""
    for job in now.witness.touched:
        for number in now.witness.streams[job].changed:
            story, run = now.witness.streams[job].stories[number], now.journal.run(job, number)
            if story.ended is not None and run is not None:
                said, first = (run.reason, run.ended_at), (story.ended.reason, story.ended.ended_at)
                if said != first:
                    yield f"{story.id} ended as {first}, and the projection says {said} now"


@standing
def what_is_journaled_is_published(now: Standing) -> Iterator[str]:
    """Events are published in the same step as the journaled transition and in its order, none twice, none left out."""
    published = [event.id for event in now.published]
    expected = [entry_id for entry_id in now.witness.transitions if entry_id > now.published_after]
    if published != expected[: len(published)]:
        yield f"published are the entries {published[-20:]}, and journaled are {expected[-20:]}"
    elif not now.pending and not now.faulty_store and len(published) < len(expected):
        yield f"the entries {expected[len(published) :]} are transitions that nobody was told of"


@standing
def there_is_room_for_all_that_run(now: Standing) -> Iterator[str]:
    """No more runs hold a slot at once than `max_running` allows."""
    held = [stream.job for stream in now.witness.streams.values() if stream.slot is not None]
    most = now.witness.max_running
    if most is not None and len(held) > max(most, now.witness.used_at_change):
        yield f"{len(held)} runs hold a slot, and {most} may: {', '.join(held)}"


@standing
def a_group_has_no_more_runs_than_it_may(now: Standing) -> Iterator[str]:
    """No more runs of a group hold a slot at once than its `max_running` allows, but for those that were let in before
    it was lowered."""
    held: dict[str | None, list[Story]] = {}
    for stream in now.witness.streams.values():
        if stream.slot is not None:
            story = stream.stories[stream.slot]
            named = now.journal.definition(stream.job, story.queued.version).group
            held.setdefault(named, []).append(story)
    let_in_by = now.witness.groups_t + ARM_WITHIN + now.slack_us
    for group in now.witness.groups:
        some = held.get(group.name, [])
        if len(some) > group.max_running and max(story.started_t for story in some) > let_in_by:
            names = ", ".join(story.id for story in some)
            yield f"{len(some)} runs of group {group.name} hold a slot, and {group.max_running} may: {names}"


@standing
def the_scheduler_is_well(now: Standing) -> Iterator[str]:
    """A store that takes every entry is no trouble to a scheduler."""
    if now.scheduler is not None and now.scheduler.trouble is not None and not now.faulty_store:
        yield f"the scheduler says: {now.scheduler.trouble}"


@standing
def the_fenced_one_ends(now: Standing) -> Iterator[str]:
    """A scheduler that has been replaced finds out in its next turn, before it does anything, and ends."""
    for epoch in now.rivals:
        if epoch >= now.witness.epoch:
            yield f"a scheduler saw epoch {epoch} begin, which is another one's, and goes on"
