"""``cronfsm run --here``: a run in this terminal, by its own supervisor, with its output as it comes."""

from __future__ import annotations

import os
import secrets
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fsm.cli.captured import CapturedOutput
from fsm.cli.commands.logs import Raw
from fsm.cli.context import Session
from fsm.cli.exits import exit_of_state
from fsm.cli.output import give_up_stdout, note
from fsm.cli.runend import Interrupted, told_end
from fsm.cli.settling import canceller, see_off
from fsm.client.engine import Engine
from fsm.client.here import Here
from fsm.client.settle import Settler
from fsm.client.waiting import POLL_S
from fsm.model.run import Run
from fsm.model.states import State
from fsm.supervise.folder import DataFolder
from fsm.supervise.launcher import ProcessLauncher

_CHANNEL = "poke.here-"


def run_here(session: Session, engine: Engine, run: Run) -> int:
    """Execute the queued run, or follow it where a scheduler does; the exit code is that of its end."""
    captured, raw = CapturedOutput(session.folder.run_folder(run.job, run.number)), Raw(session.output)
    with _own_channel(session.folder) as folder:
        launcher = ProcessLauncher(folder, session.clock)
        try:
            here = _here(session, engine, launcher)
            served = session.served() is not None
            note(
                f"{run.id} " + ("is started by the scheduler that is up" if served else "runs here; Ctrl-C cancels it")
            )
            show = _until_nobody_reads(lambda: raw.show(captured.read()))
            ended = here.follow(run, show, served=lambda: session.served() is not None)
        except KeyboardInterrupt:
            raise Interrupted(_cancelled(session, engine, run)) from None
        finally:
            launcher.close()
    note(told_end(session, ended))
    return exit_of_state(ended.state)


def _until_nobody_reads(show: Callable[[], None]) -> Callable[[], None]:
    """A reader that has had enough (``| head``) ends what is shown, not the run, nor the care for it."""

    def shown() -> None:
        try:
            show()
        except BrokenPipeError:
            give_up_stdout()

    return shown


def _here(session: Session, engine: Engine, launcher: ProcessLauncher) -> Here:
    poll = select.poll()
    poll.register(launcher.fileno(), select.POLLIN)

    def wait(seconds: float) -> None:
        poll.poll(min(seconds, POLL_S) * 1000)

    settler = Settler(engine.journal, launcher, session.clock, pause=wait, poke=session.poke)
    return Here(engine, launcher, settler, nonce=lambda: secrets.token_hex(8), wait=wait)


def _cancelled(session: Session, engine: Engine, run: Run) -> str:
    now = engine.find(run.id)
    if not now.state.terminal:
        now = canceller(session).cancel(now)
    see_off(session, now)
    return f"{run.id} is cancelled" if now.state is State.REAPED else f"{run.id} had ended before: it {now.state}"


@contextmanager
def _own_channel(folder: DataFolder) -> Iterator[DataFolder]:
    """The data folder with a channel of this process: the folder's own is the scheduler's, who may come up any time.

    If this process is killed, its channel is left, and removed by the next one.
    """
    for name in os.listdir(folder.path):
        pid = name.removeprefix(_CHANNEL)
        if pid != name and not os.path.exists(f"/proc/{pid}"):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder.path, name))
    mine = DataFolder(folder.path)
    mine.poke = os.path.join(folder.path, f"{_CHANNEL}{os.getpid()}")
    os.mkfifo(mine.poke, 0o600)
    try:
        yield mine
    finally:
        os.unlink(mine.poke)
