"""The next command to type, for the data folder that this one was given."""

from __future__ import annotations

from shlex import quote

import click

from fsm.cli.context import Session


def again(command: str) -> str:
    """`command`, which starts with ``cronfsm``, with the ``--data-dir`` of this call: ready to be copied into a shell.

    A folder that comes from the environment comes from there again.
    """
    context = click.get_current_context(silent=True)
    session = context.find_object(Session) if context is not None else None
    if session is None or session.chosen_folder is None:
        return command
    program, _, rest = command.partition(" ")
    return f"{program} --data-dir {quote(session.chosen_folder)} {rest}"
