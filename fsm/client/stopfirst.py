"""Stop goes before a foreign verdict, and the supervisor's own verdict before ours: what `Engine.cancel` does first.

Crash windows, if this process stops
- after the stop was put: the supervisor ends the run and reports ``reaped``; whoever looks next takes that verdict;
- after the supervisor's own verdict was read, before it is appended: it is read again by whoever looks next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from fsm.client.answers import Stopper, SupervisorMute
from fsm.client.decider import Decider
from fsm.engine.wanted import still_wanted
from fsm.errors import IllegalTransition, UnknownRun
from fsm.model.commands import Command, Judge, Release
from fsm.model.facts import Execution, StopAnswer
from fsm.model.run import Run
from fsm.model.states import Actor, Evidence, Reason, Trigger
from fsm.planning.reconciliation import reconcile
from fsm.ports import Clock, Journal

BUSY_TRIES, BUSY_PAUSE_S = 50, 0.02
"""How often, and how far apart, a busy mailbox is tried again: a second or two. Who holds it needs microseconds, and on
a loaded machine its turn; only a holder that was stopped by a signal needs longer."""

Sleep = Callable[[float], None]
"""Waits for so many seconds; `time.sleep`, or what a test has instead."""


def stop_first(stopper: Stopper, execution: Execution, reason: Reason, pause: Sleep) -> None:
    """Put a stop into the mailbox of a living supervisor, or see it dead. One that hangs while it holds its own
    mailbox is killed: nothing else reaches it.

    Raises `SupervisorMute`; then nobody was told, and nobody may judge.
    """
    if _told(stopper, execution, reason, pause):
        return
    stopper.kill(execution)
    if not _told(stopper, execution, reason, pause):
        raise SupervisorMute(f"{execution.job}/{execution.number}", "its supervisor hangs and cannot be killed")


def _told(stopper: Stopper, execution: Execution, reason: Reason, pause: Sleep) -> bool:
    for attempt in range(BUSY_TRIES):
        if attempt:
            pause(BUSY_PAUSE_S)
        if stopper.stop(execution, reason) is not StopAnswer.BUSY:
            return True
    return False


def take_verdict(journal: Journal, clock: Clock, poke: Callable[[], object] | None, stopper: Stopper, run: Run) -> None:
    """Append the verdict that the supervisor of a running run has given already, if it has. What it is taken from is
    kept from changing until that is appended."""
    if run.arming is None or run.arming.in_process:
        return
    examination = stopper.examine(Execution(run.job, run.number, run.arming))
    try:
        found = reconcile(run, run.arming, examination.finding, clock.now())
        append_found(journal, clock, poke, run.job, (each for each in found.commands if isinstance(each, Judge)))
    finally:
        examination.close()


def append_found(
    journal: Journal, clock: Clock, poke: Callable[[], object] | None, job: str, commands: Iterable[Command]
) -> None:
    """Append what was found of a run, each command on the word of whoever it comes from. What somebody else has
    written since is left out."""
    for command in commands:
        if still_wanted(journal.state(job), command, clock.now().utc):
            with suppress(IllegalTransition, UnknownRun):
                Decider(journal, clock, poke, _actor(command)).do_all([(job, [command])])


def _actor(command: Command) -> Actor:
    """On whose word, as a scheduler would say it."""
    if isinstance(command, Judge):
        return Actor.RECOVERY if command.verdict.trigger is Trigger.LOSE else Actor.SUPERVISOR
    if isinstance(command, Release):
        return Actor.SUPERVISOR if command.evidence is Evidence.REPORT else Actor.RECOVERY
    return Actor.REAPER
