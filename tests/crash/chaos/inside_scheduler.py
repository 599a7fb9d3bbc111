"""Put the scheduler's crash windows into a process that is about to serve, and the others into its fork server."""

from __future__ import annotations

from pathlib import Path

import fsm.supervise.examine as examine
import fsm.supervise.forkclient as forkclient
import fsm.supervise.search as search
from chaos.tickets import Tickets
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.sqlite_writes import Writer
from fsm.model.commands import Judge
from fsm.model.entries import Ended, Queued, Released, SchedulerUp
from fsm.ports import Append
from fsm.scheduler.core import Scheduler
from fsm.scheduler.starter import Starter
from fsm.scheduler.watcher import Watcher
from fsm.supervise.launcher import ProcessLauncher

TESTS = Path(__file__).parents[1]


def install(tickets: Tickets) -> None:
    """The scheduler's own windows."""
    tickets.after(SqliteJournal, "append", "epoch_begun", lambda _, arguments: _holds(arguments[1], SchedulerUp))
    tickets.after(Scheduler, "begin", "recovered")
    tickets.after(Writer, "append", "uncommitted")
    tickets.after(SqliteJournal, "append", "queued", lambda _, arguments: _holds(arguments[1], Queued))
    tickets.after(ProcessLauncher, "arm", "arming")
    tickets.after(Starter, "armed", "armed", lambda intents, _: intents)
    tickets.before(ProcessLauncher, "go", "started")
    tickets.after(ProcessLauncher, "go", "gone")
    tickets.after(Watcher, "examine", "verdict_read", _judges)
    tickets.after(SqliteJournal, "append", "judged", lambda _, arguments: _judged_and_held(arguments[1]))
    tickets.before(search, "_end", "searching", lambda _, arguments: any(target.found for target in arguments[0]))
    tickets.after(Watcher, "searched", "searched", lambda intents, _: intents)
    tickets.after(SqliteJournal, "append", "released", lambda _, arguments: _holds(arguments[1], Released))


def install_marks(tickets: Tickets) -> None:
    """Places that no kill aims at, and where a test may want to halt a scheduler."""
    tickets.before(examine, "read_contents", "looking")


def install_in_fork_server(folder: str, said: str, without: list[str]) -> None:
    """The windows of the fork server, of supervisors and of commands; and the rules that they are to forget."""
    inside = f"from chaos.inside_supervisor import install; install({folder!r}, {said!r}, {without!r}); "
    begin = "import sys; sys.path.append(sys.argv[2]); "
    assert forkclient._START.startswith(begin)
    forkclient._START = f"{begin}sys.path.append({str(TESTS)!r}); {inside}{forkclient._START.removeprefix(begin)}"


def _holds(batch: list[Append], body: type[object]) -> bool:
    return any(isinstance(draft.body, body) for append in batch for draft in append.drafts)


def _judges(intents: object, _: object) -> bool:
    return isinstance(intents, list) and any(isinstance(intent.command, Judge) for intent in intents)


def _judged_and_held(batch: list[Append]) -> bool:
    """A verdict of a run that holds the slot, and no release beside it."""
    for append in batch:
        ended = {draft.run for draft in append.drafts if isinstance(draft.body, Ended)}
        released = {draft.run for draft in append.drafts if isinstance(draft.body, Released)}
        if append.state.slot in ended - released:
            return True
    return False
