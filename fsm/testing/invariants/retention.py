"""Laws of retention and of edits: what is pruned was over, and what stays means what it meant."""

from __future__ import annotations

from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.model.entries import Checkpoint, JobPut, Queued
from fsm.model.stream import JobState
from fsm.planning.retention import keep_of
from fsm.testing.invariants.law import Cut, Seen, of_entry, of_prune
from fsm.testing.ledger import same_due_times


@of_prune
def what_is_live_is_never_pruned(cut: Cut) -> str | None:
    """A run that is open or holds the slot stays, with every entry after its first one."""
    stays = {entry.seq for entry in cut.journal.entries(job=cut.stream.job)}
    for story in cut.stream.unsettled.values():
        first = next((entry.seq for entry in cut.entries if entry.run == story.number), None)
        if first is None or any(entry.seq >= first and entry.seq not in stays for entry in cut.entries):
            return f"{story.id} is {story.state}, and its entries are pruned"
        if cut.journal.run(cut.stream.job, story.number) is None:
            return f"{story.id} is {story.state}, and it is gone from the projection"
    return None


@of_prune
def a_cut_is_a_whole_prefix(cut: Cut) -> str | None:
    """Entries go as a whole prefix that ends right before a checkpoint."""
    stays = list(cut.journal.entries(job=cut.stream.job))
    if not stays or not isinstance(stays[0].body, Checkpoint) or stays[0].seq != cut.mark.seq:
        return f"{cut.stream.job} does not begin with the checkpoint {cut.mark.seq} that it was cut at"
    if [entry.id for entry in stays] != [entry.id for entry in cut.entries if entry.seq >= cut.mark.seq]:
        return f"{cut.stream.job} has lost entries behind the checkpoint {cut.mark.seq}"
    return None


@of_prune
def a_cut_leaves_the_fold(cut: Cut) -> str | None:
    """What stays folds on from the checkpoint to the same state, and the head is what it was."""
    job = cut.stream.job
    if (cut.journal.state(job), cut.journal.head(job)) != (cut.state, cut.head):
        return f"the fold of {job} is another one after it was pruned"
    state = JobState(job)
    try:
        for entry in cut.journal.entries(job=job):
            state = evolve(state, entry)
    except IllegalEntry as error:
        return f"what is left of {job} does not fold: {error}"
    return None if state == cut.state else f"what is left of {job} folds to another state"


@of_prune
def what_is_to_be_kept_stays(cut: Cut) -> str | None:
    """A run is pruned only once it is not among the job's newest `runs` runs, or older than `for`."""
    keep = keep_of(cut.stream.definition)
    if cut.now - cut.mark.at >= keep.for_us:
        return None  # all before the mark is older than that
    newest = [story for story in reversed(cut.stream.stories.values()) if not story.open][: keep.runs]
    for story in newest:
        if cut.journal.run(cut.stream.job, story.number) is None and cut.had(story.number):
            return f"{story.id} is pruned, and it is among the newest {keep.runs}"
    return None


@of_entry
def numbers_go_on(seen: Seen) -> str | None:
    """Numbers are given in ascending order within a job, and none twice, whatever was pruned or removed."""
    last = next(reversed(seen.stream.stories), 0)
    if isinstance(seen.entry.body, Queued) and seen.entry.run is not None and seen.entry.run <= last:
        return f"{seen.entry.job} gives the number {seen.entry.run} after {last}"
    return None


@of_entry
def an_edit_leaves_the_ticks(seen: Seen) -> str | None:
    """An edit that keeps schedule and zone moves no tick: what has come and has no answer is still to be answered."""
    body, stream = seen.entry.body, seen.stream
    if not isinstance(body, JobPut) or stream.definition is None or stream.fold is None:
        return None
    if stream.table is None or not same_due_times(stream.definition, body.job):
        return None
    after = stream.fold.accounted_to  # the fold has this entry already, the plain reading has not
    if (after, body.anchor) != (stream.answered_to, stream.anchor):
        return f"{stream.job} is edited, and its ticks are answered up to {after}, not {stream.answered_to}"
    return None
