"""The entry point: the group, and the one place where errors become a sentence and an exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

import fsm
from fsm.cli.context import Session
from fsm.cli.exits import Exit, exit_of
from fsm.cli.group import Group
from fsm.cli.output import complain, give_up_stdout
from fsm.errors import CronfsmError


@click.command(
    cls=Group,
    name="cronfsm",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command has its own help: cronfsm COMMAND --help",
)
@click.version_option(fsm.__version__, prog_name="cronfsm", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Scheduled runs that always end and never overlap, whatever crashes."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code."""
    if "_CRONFSM_COMPLETE" in os.environ:
        from fsm.cli.completion import complete

        complete(cli, Session())
        sys.exit(0)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str], session: Session | None = None) -> int:
    """Run one command; the result is its exit code. No exception leaves this."""
    session = session or Session()
    _missing_streams()
    _forgiving_streams()
    try:
        _check_text(arguments)
        code = cli.main(list(arguments), prog_name="cronfsm", obj=session, standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt) as stop:
        sentence = str(stop)
        if sentence:
            complain(sentence)
        return Exit.INTERRUPTED
    except click.ClickException as error:
        complain(_usage(error))
        return Exit.USAGE
    except SystemExit as end:  # click's own answer to a closed pipe
        return _closed_pipe() if end.code == 1 else int(end.code or 0)
    except BrokenPipeError:
        return _closed_pipe()
    except CronfsmError as error:
        return _failed(session, str(error), exit_of(error))
    except OSError as error:
        give_up_stdout()  # if that is what could not be written to, it cannot be at exit either
        return _failed(session, _system_error(error), Exit.USAGE)
    except Exception as error:
        return _failed(session, _mistake(error), Exit.BUG)
    finally:
        session.close()
    return code if isinstance(code, int) else Exit.DONE


def _missing_streams() -> None:
    """Started without a stdout or stderr (``>&-``), what would be written goes nowhere; and no file that is opened
    gets the number of one of them, and with it what was meant for a person."""
    if sys.stdout is None or sys.stderr is None:
        for number in (0, 1, 2):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _forgiving_streams() -> None:
    """A name that the terminal's encoding does not have is written out; it is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _check_text(arguments: Sequence[str]) -> None:
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError(f"{argument!r} is not UTF-8 text") from None


_RANGE = re.compile(r"is not in the range (\d+)<=x<=(\d+)")


def _usage(error: click.ClickException) -> str:
    """One sentence, and where the right usage is written."""
    sentence = " ".join(error.format_message().split())  # what there is to choose from, click makes a list of
    sentence = sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence
    sentence = sentence.replace(". Did you mean", "; did you mean").replace(". Choose from: ", "; it is one of: ")
    sentence = _RANGE.sub(r"is not in the range \1 to \2", sentence)
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None:
        sentence = sentence.rstrip(".")
        sentence += f"{'' if sentence.endswith('?') else ';'} see: {context.command_path} --help"
    return sentence


def _failed(session: Session, sentence: str, code: Exit) -> Exit:
    """Say it; with ``--debug``, show where it comes from, too."""
    if session.debug:
        import traceback

        click.echo(traceback.format_exc(), err=True, nl=False)
    complain(sentence)
    return code


def _system_error(error: OSError) -> str:
    return (f"{error.filename}: " if error.filename else "") + (error.strerror or str(error))


def _mistake(error: Exception) -> str:
    return (
        f"this is a mistake in cronfsm itself: {type(error).__name__}: {error}\n"
        "run the same with --debug to see where, and please report it"
    )


def _closed_pipe() -> int:
    """The reader had enough (``| head``): no fault of anyone."""
    give_up_stdout()
    return Exit.DONE
