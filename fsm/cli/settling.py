"""What commands that end runs have in common: settle them without a scheduler, and wait until they are gone."""

from __future__ import annotations

import time

from fsm.cli.context import Session
from fsm.client.answers import Stopper
from fsm.client.cancel import Canceller
from fsm.client.settle import Look, Settler
from fsm.client.waiting import wait_for_end
from fsm.instants import Duration
from fsm.model.facts import Execution, StopAnswer
from fsm.model.run import Run
from fsm.model.states import Reason
from fsm.ports import Examination


def settler(session: Session) -> Settler:
    """A settler of the session's journal."""
    journal = session.journal_to_change()
    return Settler(journal, session.launcher, session.clock, pause=time.sleep, poke=session.poke)


def canceller(session: Session) -> Canceller:
    """A canceller of the session's journal."""
    journal = session.journal_to_change()
    return Canceller(journal, session.launcher, session.clock, pause=time.sleep, poke=session.poke)


def see_off(session: Session, run: Run) -> Look:
    """Wait, for the job's grace and some seconds at most, until nothing of an ended run is alive."""
    journal = session.journal_to_change()
    grace = journal.definition(run.job, run.version).grace_us
    return settler(session).see_off(run, Duration(grace), served=lambda: session.served() is not None)


def await_end(session: Session, run: Run) -> Run:
    """The run once it has ended by itself, tended where no scheduler is up. Its own deadlines bound the wait."""
    settling = settler(session)

    def tend(found: Run) -> None:
        if session.served() is None:
            settling.tend(found)

    return wait_for_end(session.journal, run.job, run.number, pause=time.sleep, tend=tend)


def stopper(session: Session) -> Stopper:
    """What an engine needs to end processes; made when it is first used, for most changes end none."""
    return _Late(session)


class _Late:
    def __init__(self, session: Session) -> None:
        self._session = session

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        return self._session.launcher.stop(execution, reason)

    def kill(self, execution: Execution) -> None:
        self._session.launcher.kill(execution)

    def examine(self, execution: Execution) -> Examination:
        return self._session.launcher.examine(execution)
