"""Laws of a run's life: one at a time, journaled before it happens, ended once."""

from __future__ import annotations

from fsm.lifecycle.table import triples
from fsm.model.entries import Ended, Queued, Released, Started
from fsm.model.states import TERMINAL, Reason, State, Trigger
from fsm.testing.invariants.law import Execution, Seen, of_arming, of_entry, of_execution

_LEGAL = frozenset(triples())


@of_entry
def terminal_is_final(seen: Seen) -> str | None:
    """Terminal is final."""
    story = seen.story
    if isinstance(seen.entry.body, Started | Ended) and story is not None and story.state in TERMINAL:
        return f"{story.id} is {story.state} and takes another transition"
    return None


@of_entry
def every_transition_is_in_the_table(seen: Seen) -> str | None:
    """Each run is an explicit finite-state machine: the table has every transition it takes."""
    body, story = seen.entry.body, seen.story
    state = None if story is None else story.state
    taken: tuple[State | None, Trigger, Reason | None]
    if isinstance(body, Queued):
        taken = (state, Trigger.QUEUE, None)
    elif isinstance(body, Started):
        taken = (state, Trigger.START, None)
    elif isinstance(body, Ended):
        taken = (state, body.trigger, body.reason)
    else:
        return None
    return None if taken in _LEGAL else f"run {seen.entry.run} is {state} and takes {taken[1]} ({taken[2]})"


@of_entry
def no_overlap_in_the_journal(seen: Seen) -> str | None:
    """A job holds one slot: no run starts before the one that had it is released."""
    slot = seen.stream.slot
    if isinstance(seen.entry.body, Started) and slot is not None:
        return f"run {seen.entry.run} starts while run {slot} holds the slot"
    return None


@of_entry
def running_only_with_an_armed_supervisor(seen: Seen) -> str | None:
    """Arm, journal, go: a run is never running on hope."""
    body = seen.entry.body
    if not isinstance(body, Started):
        return None
    supervisor = seen.world.supervisors.get(body.arming.nonce)
    if supervisor is None or not supervisor.was_armed:
        return f"run {seen.entry.run} is started by an arming that was never armed"
    if (supervisor.order.job, supervisor.order.number) != (seen.entry.job, seen.entry.run):
        return f"run {seen.entry.run} is started by an arming of {supervisor.run_id}"
    return None


@of_entry
def released_only_when_all_is_gone(seen: Seen) -> str | None:
    """The job's slot is freed only by evidence that the process tree is gone."""
    if not isinstance(seen.entry.body, Released) or seen.story is None:
        return None
    if seen.story.state not in TERMINAL:
        return f"{seen.story.id} is released before its verdict"
    for supervisor in seen.world.of_job(seen.entry.job):
        if supervisor.order.number == seen.story.number and supervisor.executed:
            what = "supervisor" if supervisor.alive else "process"
            return f"{seen.story.id} is released while a {what} of it lives"
    if seen.supervisor is not None and seen.supervisor.alive:
        return f"{seen.story.id} is released while its supervisor lives"
    return None


@of_arming
def one_arming_at_a_time(act: Execution) -> str | None:
    """Each execution is named by its arming: a scheduler arms a queued run once at a time."""
    launcher = act.supervisor.pipe
    others = [] if launcher is None else launcher.arming(act.stream.job)
    if any(nonce != act.supervisor.nonce for nonce in others):
        return f"{act.supervisor.run_id} is armed while another arming of {act.stream.job} is under way"
    return None


@of_execution
def executes_only_what_is_journaled(act: Execution) -> str | None:
    """Every transition is appended to a journal before its effect happens; a judged run never starts executing."""
    story = act.stream.stories.get(act.supervisor.order.number)
    if story is None or story.started is None:
        return f"{act.supervisor.run_id} executes and its start is not journaled"
    if story.started.arming.nonce != act.supervisor.nonce:
        return f"{act.supervisor.run_id} is executed by another arming than its start names"
    if story.state is not State.RUNNING:
        return f"{story.id} executes although it is {story.state}"
    return None


@of_execution
def executes_once(act: Execution) -> str | None:
    """A run is one intended execution."""
    if act.supervisor.order.number in act.stream.executed:
        return f"{act.supervisor.run_id} executes for the second time"
    return None


@of_execution
def one_process_tree(act: Execution) -> str | None:
    """No job overlaps: there is never more than one process tree of a job."""
    trees = act.world.trees(act.stream.job)
    if len(trees) > 1:
        return f"{act.supervisor.run_id} executes while a process of another run of {act.stream.job} lives"
    return None
