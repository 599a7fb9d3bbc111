"""Put the crash windows of the fork server, of supervisors and of commands into a fork server that is about to serve.

Imported by the fork server's own start line, before anything is forked.
"""

from __future__ import annotations

import fsm.supervise.arming as arming
import fsm.supervise.child as child
import fsm.supervise.execution as execution
import fsm.supervise.forkserver as forkserver
import fsm.supervise.mailbox as mailbox
import fsm.supervise.supervisor as supervisor
from chaos.rules_supervisor import RULES
from chaos.tickets import Tickets
from fsm.supervise.armingfile import ArmingFile


def install(folder: str, said: str, without: list[str]) -> None:
    """All of them; `without` names rules that are to be forgotten."""
    for rule in without:
        RULES[rule]()
    tickets = Tickets(folder, said)
    tickets.after(forkserver, "receive", "order_received", lambda received, _: received is not None)
    tickets.after(forkserver, "_fork", "supervisor_forked")
    tickets.after(supervisor, "become_subreaper", "born")
    tickets.after(arming, "_take_slot", "slot_taken")
    tickets.after(ArmingFile, "__init__", "half_filed")
    tickets.after(arming, "_make_files", "filed")
    tickets.after(supervisor._Supervisor, "_say_armed", "armed_said")
    tickets.after(mailbox, "begin", "marked", lambda result, _: result[0])
    tickets.after(child, "start", "forked")
    tickets.after(ArmingFile, "command", "command_noted")
    tickets.after(ArmingFile, "write", "verdict_written", lambda _, a: a[1] is not None and a[2] is None)
    tickets.after(execution.Execution, "_terminate", "terminated")
    tickets.after(execution.Execution, "_announce", "announced")
    tickets.after(execution.Execution, "_kill", "killing")
    tickets.after(ArmingFile, "write", "emptied_written", lambda _, a: a[2] is not None)
    tickets.after(execution, "write_report", "reported")
    tickets.after(supervisor, "write_report", "disarmed")
    tickets.before(ArmingFile, "close", "slot_closed")
    tickets.before(child, "_become", "command_forked")
    tickets.before(child, "_exec", "before_exec")
