"""What the words of the lifecycle mean, each in a sentence: the tables of words in specs/lifecycle.md are made from this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any  # a key of any of the four

from fsm.model.states import Cause, Evidence, Reason, RefusalReason

REASONS: Mapping[Reason, str] = {
    Reason.COMPLETED: "its command exited with 0; an agent's gave a result that stands (R-61); work in process ended without an error",
    Reason.START_FAILED: "it never executed: no supervisor could be armed, there is no such program, or it was never told to go",
    Reason.REFUSED: "whoever was to do the work declined it: the executor before it began, or a model",
    Reason.EXIT_CODE: "its command exited with another code than 0",
    Reason.SIGNAL: "its command was ended by a signal that no supervisor sent",
    Reason.ERROR: "work in process raised an error, or an agent's turn ended in one, whose class stands beside it",
    Reason.NO_RESULT: "an agent exited with 0 and answered nothing",
    Reason.QUEUE_TIMEOUT: "it was not started by its `start_by`",
    Reason.RUN_TIMEOUT: "it was still running at its `run_by`",
    Reason.IDLE_TIMEOUT: "it wrote nothing for as long as its `idle_timeout`",
    Reason.VANISHED: "its supervisor is gone without a verdict, and nothing of the run is left",
    Reason.REBOOTED: "the same, since the machine was started anew",
    Reason.UNREADABLE_REPORT: "its supervisor is gone, and what it left cannot be read",
    Reason.NODE_EXPIRED: "its host's lease is over, and its own supervisors have ended it by then; no scheduler of one host says so",
    Reason.CANCELLED: "somebody asked for its end",
    Reason.REPLACED: "a newer run took its place (`overlap = \"replace\"`)",
    Reason.JOB_REMOVED: "its job was removed",
    Reason.QUEUE_OVERFLOW: "an edit left no place for it in the queue",
    Reason.HOST_STOP: "its supervisor was told to end, as it is when the machine shuts down",
    Reason.OVERDUE: "past its `reap_by`, and its supervisor said nothing or what is left could not be ended",
}  # fmt: skip

REFUSALS: Mapping[RefusalReason, str] = {
    RefusalReason.ALREADY_RUNNING: "a run of the job is running",
    RefusalReason.ALREADY_QUEUED: "a run of the job waits",
    RefusalReason.SLOT_HELD: "the last run has ended, and something of it may still be alive",
    RefusalReason.QUEUE_FULL: "as many runs wait as may (`queue_limit`)",
    RefusalReason.PAUSED: "the job is paused",
    RefusalReason.BACKING_OFF: "a retry of the last run is to come",
    RefusalReason.BREAKER_OPEN: "too many runs failed in a row, and the cooldown is not over",
    RefusalReason.OVER_BUDGET: "too many runs failed at once, and the budget has not grown back",
    RefusalReason.MISSED: "nobody was there to answer it in time, and the job's `catch_up` does not make a run of it",
    RefusalReason.DRAINING: "the scheduler ends, and starts nothing any more",
}

EVIDENCE: Mapping[Evidence, str] = {
    Evidence.REPORT: "its supervisor saw its last descendant end, and said so",
    Evidence.CGROUP: "its control group is empty",
    Evidence.SCAN: "two searches in a row found no process of it",
    Evidence.REBOOT: "the machine was started anew since",
    Evidence.IMPORTED: "it ran under another scheduler, whose history says that it ended",
}

CAUSES: Mapping[Cause, str] = {
    Cause.SCHEDULE: "its scheduled time came",
    Cause.MANUAL: "somebody asked for it",
    Cause.RETRY: "a run before it did not succeed, and its job's policy, or somebody, tries again",
    Cause.CATCH_UP: "its scheduled time was missed, and is made up for",
    Cause.IMPORTED: "it ran under another scheduler, and is over",
}

WORDS: tuple[tuple[str, Mapping[Any, str]], ...] = (
    ("reason of an end", REASONS),
    ("reason of a refusal", REFUSALS),
    ("evidence of a release", EVIDENCE),
    ("cause of a run", CAUSES),
)
"""All of them, by what they say something of."""


def markdown() -> str:
    """A table for each kind of word."""
    tables = []
    for kind, words in WORDS:
        rows = [f"| `{word}` | {meaning} |" for word, meaning in words.items()]
        tables.append("\n".join([f"| {kind} | |", "| --- | --- |", *rows]))
    return "\n\n".join(tables) + "\n"
