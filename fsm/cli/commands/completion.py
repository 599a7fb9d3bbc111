"""``cronfsm completion``: what a shell reads to complete commands, jobs and runs."""

from __future__ import annotations

import click

from fsm.cli.context import Session
from fsm.cli.group import Command


@click.command(
    "completion",
    cls=Command,
    examples=[
        "cronfsm completion bash >> ~/.bashrc",
        "cronfsm completion zsh >> ~/.zshrc",
        "cronfsm completion fish > ~/.config/fish/completions/cronfsm.fish",
    ],
)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion_command(session: Session, shell: str) -> None:
    """The script with which a shell completes commands, options, names of jobs and ids of runs.

    Put it where the shell reads it when it starts (see the examples; for zsh, after compinit), and open a new shell. To
    try it at once: eval "$(cronfsm completion bash)"
    """
    from fsm.cli.completion import script

    if session.as_json:
        session.output.document({"shell": shell, "script": script(shell)})
    else:
        session.output.text(script(shell).rstrip("\n"))
