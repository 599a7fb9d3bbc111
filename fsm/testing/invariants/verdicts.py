"""Laws of honesty: a verdict says what really happened, as the world knows it."""

from __future__ import annotations

from fsm.instants import Deadline
from fsm.model.entries import Ended, Released
from fsm.model.states import Evidence, Reason, State, Trigger
from fsm.testing.behaviours import Behaviour
from fsm.testing.invariants.law import Seen, of_entry
from fsm.testing.supervisor import SupervisorProcess


def _verdict(seen: Seen) -> tuple[Ended, SupervisorProcess] | None:
    """The verdict on a running run, and the supervisor that its start named."""
    body, story, supervisor = seen.entry.body, seen.story, seen.supervisor
    if isinstance(body, Ended) and story is not None and story.state is State.RUNNING and supervisor is not None:
        return body, supervisor
    return None


def _says_no(behaviour: Behaviour) -> bool:
    return behaviour.refuses or behaviour.no_result or behaviour.error_class is not None


@of_entry
def success_is_real(seen: Seen) -> str | None:
    """Succeeded only if it did: its command exited 0, seen by its own supervisor, before any other verdict."""
    judged = _verdict(seen)
    if judged is None or judged[0].trigger is not Trigger.SUCCEED:
        return None
    supervisor = judged[1]
    tree = supervisor.tree
    if tree is None or tree.ended_at is None or tree.exit_code != 0 or _says_no(supervisor.behaviour):
        return f"{supervisor.run_id} succeeded, and its command did not"
    return None


@of_entry
def failure_is_real(seen: Seen) -> str | None:
    """Failed with the exit code, signal or refusal that its command really ended with."""
    judged = _verdict(seen)
    if judged is None or judged[0].trigger is not Trigger.FAIL or judged[0].reason is Reason.START_FAILED:
        return None
    verdict, supervisor = judged
    tree = supervisor.tree
    if tree is None or tree.ended_at is None:
        return f"{supervisor.run_id} failed ({verdict.reason}), and its command has not ended"
    if (verdict.exit_code, verdict.signal) != (tree.exit_code, tree.signal):
        return f"{supervisor.run_id} failed with {verdict.exit_code}, and its command with {tree.exit_code}"
    if (verdict.reason is Reason.REFUSED) != (supervisor.behaviour.refuses and tree.signal is None):
        return f"{supervisor.run_id} failed ({verdict.reason}), which is not what it did"
    if verdict.reason is Reason.NO_RESULT and not supervisor.behaviour.no_result:
        return f"{supervisor.run_id} failed ({verdict.reason}), and its command is no agent that says nothing"
    return None


@of_entry
def never_started_is_real(seen: Seen) -> str | None:
    """start_failed only if it never executed."""
    body, story = seen.entry.body, seen.story
    if not isinstance(body, Ended) or story is None or body.reason is not Reason.START_FAILED:
        return None
    if story.number in seen.stream.executed:
        return f"{story.id} is start_failed, and it was executed"
    return None


@of_entry
def lost_is_real(seen: Seen) -> str | None:
    """`lost` is said only on evidence that the process is gone and left no result."""
    judged = _verdict(seen)
    if judged is None or judged[0].trigger is not Trigger.LOSE:
        return None
    verdict, supervisor = judged
    if supervisor.alive or supervisor.tree_alive:
        return f"{supervisor.run_id} is lost while {'its supervisor' if supervisor.alive else 'a process'} lives"
    if supervisor.report.verdict is not None and not supervisor.unreadable:
        return f"{supervisor.run_id} is lost, and its report says {supervisor.report.verdict.reason}"
    if (verdict.reason is Reason.UNREADABLE_REPORT) != supervisor.unreadable:
        return f"{supervisor.run_id} is lost ({verdict.reason}), which is not why"
    return None


@of_entry
def no_run_ends_early(seen: Seen) -> str | None:
    """No run is timed out, or overdue, before its stored deadline, whatever the wall clock does."""
    body, story = seen.entry.body, seen.story
    if not isinstance(body, Ended) or story is None:
        return None
    deadline: Deadline | None = None
    if body.reason is Reason.QUEUE_TIMEOUT:
        deadline = story.queued.start_by
    elif story.started is not None and body.reason is Reason.RUN_TIMEOUT:
        deadline = story.started.run_by  # judged by its supervisor in the boot that it was started in
        if deadline.boot_id != seen.world.boot_id:
            return None
    elif story.started is not None and body.reason is Reason.OVERDUE:
        deadline = story.started.reap_by
    if deadline is not None and not deadline.passed(seen.world.now()):
        return f"{story.id} ends ({body.reason}) {deadline.left(seen.world.now()) / 1e6} s before its deadline"
    return None


@of_entry
def stop_comes_before_a_foreign_verdict(seen: Seen) -> str | None:
    """Stop comes before a foreign verdict: it is in the arming's mailbox, or the supervisor is dead."""
    judged = _verdict(seen)
    if judged is None or judged[0] == judged[1].report.verdict or judged[0].trigger is Trigger.LOSE:
        return None
    verdict, supervisor = judged
    if verdict.trigger is not Trigger.REAP:
        return f"{supervisor.run_id} ends ({verdict.reason}) by nobody's evidence"
    if supervisor.alive and supervisor.stop is None:
        return f"{supervisor.run_id} is reaped ({verdict.reason}), and nobody told its supervisor"
    return None


@of_entry
def a_supervisors_word_comes_first(seen: Seen) -> str | None:
    """Only a run that its supervisor has not judged is judged by somebody else."""
    judged = _verdict(seen)
    if judged is None or judged[0] == judged[1].report.verdict:
        return None
    verdict, supervisor = judged
    if supervisor.report.verdict is None or supervisor.unreadable or supervisor.judged_at_t is None:
        return None
    if supervisor.stopped_at_t is None or supervisor.judged_at_t < supervisor.stopped_at_t:
        said = supervisor.report.verdict
        return f"{supervisor.run_id} ends ({verdict.reason}), and its supervisor had said {said.reason} before"
    return None


@of_entry
def evidence_is_of_the_right_arming(seen: Seen) -> str | None:
    """What another arming of the same run reports is never judged by."""
    judged = _verdict(seen)
    if judged is None or judged[0] == judged[1].report.verdict:
        return None
    verdict, own = judged
    for other in seen.world.folders.get(seen.entry.job, {}).get(own.order.number, ()):
        if other is not own and other.report.verdict == verdict:
            return f"{own.run_id} ends by the report of another arming [{other.nonce[:4]}]"
    return None


@of_entry
def release_names_its_arming_and_evidence(seen: Seen) -> str | None:
    """A released entry names the arming and its class of evidence."""
    body, story, supervisor = seen.entry.body, seen.story, seen.supervisor
    if not isinstance(body, Released) or story is None or story.started is None:
        return None
    if body.nonce != story.started.arming.nonce:
        return f"{story.id} is released by the evidence of another arming"
    if body.evidence is Evidence.REBOOT and story.started.arming.boot_id == seen.world.boot_id:
        return f"{story.id} is released by a reboot that was none"
    if body.evidence is Evidence.REPORT and (supervisor is None or supervisor.report.emptied is None):
        return f"{story.id} is released by a report that says nothing of its tree"
    return None
