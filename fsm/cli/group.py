"""The group of commands: each module is imported only when its command is used, for imports are most of the time a
command takes. What all commands share, the options of the data folder and of the output, is added here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from fsm.cli.context import Session
from fsm.cli.exits import MEANING

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Scheduler": {
        "serve": ("serve", "Apply a jobs file if one is given, then run what is due, in the foreground."),
        "status": ("status", "Is a scheduler up, and what is it doing?"),
        "top": ("top", "Live: what runs, what waits and why, what ended, what comes."),
        "check": ("check", "Is all well? One line and an exit code for a monitor."),
        "notify": ("notify", "What waits to be delivered; or tell the receivers of a job, to try them."),
        "service": ("service", "Let systemd keep the scheduler up."),
        "completion": ("completion", "What a shell reads to complete commands, jobs and runs."),
    },
    "Journal": {
        "backup": ("backup", "A consistent copy of the journal, while all goes on."),
        "restore": ("restore", "Put a backup into the journal's place, and keep the old one."),
        "export": ("export", "Runs or entries as CSV, JSON Lines or Parquet."),
    },
    "Jobs": {
        "apply": ("apply", "Make the stored jobs equal to those of a file."),
        "add": ("add", "Add one job, or change it, without a file."),
        "remove": ("remove", "Take a job away, and end what it runs."),
        "list": ("list", "All jobs: when they are due, what they do now, how they last ended."),
        "show": ("show", "Everything about one job or one run."),
        "next": ("next", "When a job is due next."),
        "try": ("trying", "What a crontab or a jobs file would do in the days to come."),
        "pause": ("pause", "Refuse a job's ticks until it is resumed."),
        "resume": ("pause", "Let a paused job run again."),
    },
    "Runs": {
        "run": ("run", "Ask for a run now."),
        "retry": ("retry", "A new run in the place of one that did not succeed."),
        "runs": ("runs", "The history, newest first."),
        "logs": ("logs", "What a run has printed."),
        "cancel": ("cancel", "End a run and its processes, with or without a scheduler."),
    },
    "From elsewhere": {
        "import": ("imports", "Bring in the jobs and history of OpenClaw, or the jobs of a crontab."),
        "rescue": ("rescue", "Free an OpenClaw gateway that is stuck, or whose session store grew too large."),
    },
    "Evidence": {
        "explain": ("explain", "Why a job ran, or did not, tick by tick."),
        "events": ("events", "What happened to runs, as lifecycle events, from any point on."),
        "journal": ("journal", "The entries of the journal themselves."),
        "verify": ("verify", "Check the whole journal: hash chain, transitions, invariants."),
        "prune": ("prune", "Delete what is older, or more, than each job's keep says."),
        "doctor": ("doctor", "What is wrong with the journal, what can be done, and do it."),
    },
}
"""Section of the help, command, (module in `fsm.cli.commands`, its purpose in one line)."""

COMMANDS = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


def _settings(ctx: click.Context) -> Session:
    return ctx.ensure_object(Session)


def _data_dir(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        _settings(ctx).choose_folder(value)


def _as_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        _settings(ctx).as_json = True


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        _settings(ctx).debug = True


def common_options() -> list[click.Parameter]:
    """The options that stand before as well as after the name of a command."""
    return [
        click.Option(
            ["--data-dir"],
            metavar="FOLDER",
            expose_value=False,
            callback=_data_dir,
            help="Where journal, locks and output lie [default: $CRONFSM_HOME, else your state folder].",
        ),
        click.Option(["--json", "json_"], is_flag=True, expose_value=False, callback=_as_json, help="Answer in JSON."),
        click.Option(["--debug"], is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks of errors."),
    ]


class Command(click.Command):
    """A command with the common options, whose help ends with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *common_options()]
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they are typed."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"  {example}\n")


class Group(click.Group):
    """The group, whose commands are known by name and imported when they are asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *common_options()]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, as the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"fsm.cli.commands.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        if ctx.resilient_parsing:  # a shell asks what may come next
            from fsm.cli.completion import complete_names

            complete_names(command.params)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but for an unknown name, which gets the nearest one said."""
        name = args[0]
        if name == "help":  # as one types it without thinking: help, or help COMMAND
            if args[1:] and args[1] in COMMANDS:
                return super().resolve_command(ctx, [args[1], "--help"])
            click.echo(ctx.get_help())
            ctx.exit()
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            nearest = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else "see: cronfsm --help"
            raise click.UsageError(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, without importing any; then the exit codes."""
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, purpose) for name, (_, purpose) in commands.items()])
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in MEANING.items()])
