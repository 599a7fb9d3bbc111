"""The crash windows that the design marks, by name: where a process can stop between two steps that belong together.

`inside_scheduler` and `inside_supervisor` put them where they belong.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class Victim(StrEnum):
    """Whom a kill hits."""

    SCHEDULER = "scheduler"
    FORK_SERVER = "fork server"
    SUPERVISOR = "supervisor"
    COMMAND = "command"


@frozen
class Window:
    """One of them. `rare`: it comes only after something else went wrong, so whoever waits for it must be patient."""

    name: str
    victim: Victim
    where: str
    rare: bool = False


WINDOWS = (
    Window("epoch_begun", Victim.SCHEDULER, "its `up` is journaled, nothing was examined yet"),
    Window("recovered", Victim.SCHEDULER, "what is open was examined, and no verdict of it is journaled yet"),
    Window("uncommitted", Victim.SCHEDULER, "entries are inserted, and not committed"),
    Window("queued", Victim.SCHEDULER, "a run is queued, nobody is armed for it"),
    Window("arming", Victim.SCHEDULER, "an arming is ordered, nobody is armed yet"),
    Window("armed", Victim.SCHEDULER, "a supervisor is armed, its start is not journaled"),
    Window("started", Victim.SCHEDULER, "the start is journaled, and go was not said"),
    Window("gone", Victim.SCHEDULER, "go was said"),
    Window("verdict_read", Victim.SCHEDULER, "a verdict was read from a report, and is not journaled"),
    Window("judged", Victim.SCHEDULER, "a verdict is journaled, and its slot is held"),
    Window("searching", Victim.SCHEDULER, "survivors were found, and live", rare=True),
    Window("searched", Victim.SCHEDULER, "a search is over, and nothing of it is journaled", rare=True),
    Window("released", Victim.SCHEDULER, "a slot is released"),
    Window("order_received", Victim.FORK_SERVER, "it has an order, and no supervisor is forked for it"),
    Window("supervisor_forked", Victim.FORK_SERVER, "it has forked a supervisor"),
    Window("born", Victim.SUPERVISOR, "S1: a subreaper in a session of its own"),
    Window("slot_taken", Victim.SUPERVISOR, "S2: it has the slot lock, and no files"),
    Window("half_filed", Victim.SUPERVISOR, "S3: its arming file is made, nothing is synced, there is no mailbox"),
    Window("filed", Victim.SUPERVISOR, "S3: its files are made"),
    Window("armed_said", Victim.SUPERVISOR, "S4: it has said that it is armed"),
    Window("marked", Victim.SUPERVISOR, "S5: it has marked that it executes"),
    Window("forked", Victim.SUPERVISOR, "S6: the command is forked"),
    Window("command_noted", Victim.SUPERVISOR, "S7: its file says which process the command is"),
    Window("verdict_written", Victim.SUPERVISOR, "S8: a verdict is written, nothing was signalled or synced"),
    Window("terminated", Victim.SUPERVISOR, "S8: the tree was told to end, the verdict is not synced"),
    Window("announced", Victim.SUPERVISOR, "S8: the verdict is synced and poked"),
    Window("killing", Victim.SUPERVISOR, "S9: SIGKILL went to the tree"),
    Window("emptied_written", Victim.SUPERVISOR, "S11: the end of the report is written, and not synced"),
    Window("reported", Victim.SUPERVISOR, "S11: the report is whole, both locks are held"),
    Window("slot_closed", Victim.SUPERVISOR, "S12: the slot lock is let go, the life lock is held"),
    Window("disarmed", Victim.SUPERVISOR, "it has reported that it was not told to go", rare=True),
    Window("command_forked", Victim.COMMAND, "it still holds its supervisor's life lock"),
    Window("before_exec", Victim.COMMAND, "it is about to execute the program"),
)

BY_NAME = {window.name: window for window in WINDOWS}
