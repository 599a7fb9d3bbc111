"""``cronfsm service``: let systemd keep the scheduler up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from fsm.cli.context import Session
from fsm.cli.exits import Exit
from fsm.cli.group import Command
from fsm.cli.output import complain
from fsm.cli.unitfile import Unit

NAME = "cronfsm.service"
_WITHIN_S = 30.0  # for one call of systemctl


@click.command(
    "service",
    cls=Command,
    examples=[
        "cronfsm service install jobs.toml",
        "cronfsm service install --system /etc/cronfsm/jobs.toml",
        "cronfsm service status",
        "cronfsm service uninstall",
    ],
)
@click.argument("action", type=click.Choice(["install", "uninstall", "status"]))
@click.argument("file", metavar="[JOBS.toml]", type=click.Path(path_type=Path), required=False)
@click.option("--system", is_flag=True, help="A unit of the machine instead of a user's own. Needs root.")
@click.option("--print", "print_only", is_flag=True, help="Show the unit and do nothing.")
@click.pass_obj
def service_command(session: Session, action: str, file: Path | None, system: bool, print_only: bool) -> int:
    """Install, remove or look at a systemd unit that serves this data folder.

    The unit restarts the scheduler whenever it ends, and a restart leaves running what runs. A user's unit runs while
    the user is logged in, or always after: loginctl enable-linger
    """
    path = _unit_path(system)
    if action == "status":
        return _status(session, path, system)
    if action == "uninstall":
        return _uninstall(session, path, system, print_only=print_only)
    if file is not None:
        from fsm.scheduler.serve import read_jobs_file

        read_jobs_file(file)  # a mistake in it is better shown now than in the log of a service
    unit = Unit(
        _program(),
        session.folder_path,
        None if file is None else str(file.resolve()),
        not system,
        os.environ.get("PATH", os.defpath),
    )
    if print_only:
        session.output.text(unit.text().rstrip("\n"))
        return Exit.DONE
    changed = path.exists() and path.read_text(encoding="utf-8", errors="replace") != unit.text()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unit.text(), encoding="utf-8")
    # A scheduler that is up already would go on as the old unit has it; a restart ends no run.
    restart = [["restart", NAME]] if changed else []
    for words in (["daemon-reload"], ["enable", "--now", NAME], *restart):
        problem = _systemctl(words, system)
        if problem is not None:
            complain(f"{path} is written, but systemctl {' '.join(words)} did not work: {problem}")
            return Exit.USAGE
    _say(session, {"installed": str(path)}, f"{path} is installed, and {NAME} is up.")
    return Exit.DONE


def _program() -> tuple[str, ...]:
    """How this cronfsm is called, so that a service finds the same one."""
    called = shutil.which(sys.argv[0]) if os.path.basename(sys.argv[0]) == "cronfsm" else None
    if called is not None:
        return (os.path.abspath(called),)
    return (sys.executable, "-m", "fsm.cli")


def _unit_path(system: bool) -> Path:
    if system:
        return Path("/etc/systemd/system") / NAME
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(config) / "systemd" / "user" / NAME


def _systemctl(words: list[str], system: bool) -> str | None:
    """Call it; None when that worked, else why not, in a sentence."""
    try:
        done = subprocess.run(
            ["systemctl", *([] if system else ["--user"]), *words],
            capture_output=True,
            timeout=_WITHIN_S,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "there is no systemctl on this machine"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.strip().splitlines()[0] if done.stderr.strip() else f"exit code {done.returncode}"


def _status(session: Session, path: Path, system: bool) -> int:
    installed = path.exists()
    problem = _systemctl(["is-active", "--quiet", NAME], system) if installed else "it is not installed"
    active = installed and problem is None
    text = f"{path} is {'' if installed else 'not '}there, and {NAME} is {'' if active else 'not '}active."
    if not installed:
        text = f"no service is installed ({path}); to do so: cronfsm service install"
    _say(session, {"unit": str(path), "installed": installed, "active": active}, text)
    return Exit.DONE


def _uninstall(session: Session, path: Path, system: bool, *, print_only: bool) -> int:
    if not path.exists():
        _say(session, {"uninstalled": None}, f"no service is installed ({path}); nothing is done.")
        return Exit.DONE
    if print_only:
        session.output.text(f"would stop and disable {NAME} and remove {path}")
        return Exit.DONE
    problem = _systemctl(["disable", "--now", NAME], system)
    path.unlink()
    _systemctl(["daemon-reload"], system)
    _say(session, {"uninstalled": str(path)}, f"{path} is removed; its runs, if any, go on.")
    if problem is not None:
        complain(f"systemctl disable --now {NAME} did not work: {problem}")
    return Exit.DONE


def _say(session: Session, document: dict[str, object], text: str) -> None:
    if session.as_json:
        session.output.document(document)
    else:
        session.output.text(text)
