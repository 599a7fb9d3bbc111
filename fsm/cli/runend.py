"""What is said when the run that somebody waits for has ended, or the wait has."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.tables import plain
from fsm.cli.words import ending
from fsm.model.run import Run
from fsm.model.states import State


class Interrupted(click.Abort):
    """Ctrl-C while waiting; carries the sentence to say."""


def told_end(session: Session, ended: Run) -> str:
    """How a run ended, in one sentence, and its error if that says more."""
    text = session.output.paint_state(ended.state, f"{ended.id} {ending(ended)}.")
    more = ended.error and ended.state is not State.TIMED_OUT  # a timeout's text says what is said already
    return f"{text}\n{plain(ended.error or '')}" if more else text
