"""Hold a run that has the slot against what was found of its execution.

The rules, in the order they count (source: the design's section Evidence; each stands for a hole that a model checker
found):

- The supervisor is alive: it goes on judging. What it has said so far is taken.
- It is gone and left a verdict: that is the verdict, whenever it is read.
- It is gone, and the machine was started anew since: nothing of the run is alive.
- It is gone without a verdict: what is left of the run is searched for and ended; only then the run is lost.
- The slot is released when the report says that the tree is gone, or a search found nothing more.
"""

from __future__ import annotations

from attrs import frozen

from fsm.instants import Moment
from fsm.model.commands import Command, Judge, Release
from fsm.model.entries import Ended
from fsm.model.facts import Finding
from fsm.model.run import Arming, Run
from fsm.model.states import Evidence, Reason, State, Trigger

_LOST_TEXT = {
    Reason.VANISHED: "its supervisor and its processes are gone, and it left no result",
    Reason.REBOOTED: "the machine was started anew while it ran, and it left no result",
    Reason.UNREADABLE_REPORT: "its supervisor is gone, and the report it left cannot be read",
}


@frozen(slots=True)
class Reconciled:
    """What follows from a finding: commands for the stream, and whether survivors must be searched for first."""

    commands: tuple[Command, ...] = ()
    search: bool = False


def reconcile(run: Run, arming: Arming, finding: Finding, now: Moment) -> Reconciled:
    """What follows for `run`, which holds the slot through `arming`."""
    report = finding.report
    verdict = report.verdict if report is not None else None
    judged: tuple[Command, ...] = ()
    if run.state is State.RUNNING and verdict is not None:
        judged = (Judge(run.number, verdict),)
    if finding.alive:
        return Reconciled(judged)
    known = bool(judged) or run.state.terminal
    if known and report is not None and report.emptied is not None:
        emptied = report.emptied
        release = Release(run.number, arming.nonce, Evidence.REPORT, emptied.at, emptied.exit_code, emptied.signal)
        return Reconciled((*judged, release))
    if arming.boot_id != now.boot_id:
        return Reconciled((*judged, *gone(run, arming, Evidence.REBOOT, now, finding, known=known)))
    return Reconciled(judged, search=True)


def gone(
    run: Run, arming: Arming, evidence: Evidence, now: Moment, finding: Finding, *, known: bool
) -> tuple[Command, ...]:
    """Nothing of the run is alive: release its slot, after the verdict `lost` where no other is known."""
    release = Release(run.number, arming.nonce, evidence)
    if known:
        return (release,)
    if finding.unreadable:
        reason = Reason.UNREADABLE_REPORT
    elif evidence is Evidence.REBOOT:
        reason = Reason.REBOOTED
    else:
        reason = Reason.VANISHED
    return (Judge(run.number, Ended(Trigger.LOSE, reason, now.utc, error=_LOST_TEXT[reason])), release)
