"""Arm and go, seen from the launcher: one object for an arming from its order until it is told to go or given up."""

from __future__ import annotations

import os

from fsm.instants import format_instant
from fsm.model.facts import Execution, Order
from fsm.supervise.cgroup import Cgroup
from fsm.supervise.folder import DataFolder
from fsm.supervise.forkclient import ForkServer
from fsm.supervise.sent import MAX_ORDER, SentOrder


class Handshake:
    """`pipe` is the writing end of its go pipe, None once it was told or taken back. `execution` comes with `armed`."""

    __slots__ = ("encoded", "execution", "order", "pipe", "resent", "sent", "server", "suspect")

    def __init__(self, order: Order, sent: SentOrder) -> None:
        self.order, self.sent = order, sent
        self.encoded = sent.encode()
        self.server: ForkServer | None = None
        self.pipe: int | None = None
        self.execution: Execution | None = None
        self.resent = False  # to a second fork server: once is enough
        self.suspect = False  # nobody reads its pipe, and the fork server seemed to be alive

    def send(self, server: ForkServer) -> None:
        """Order it from this fork server. Raises OSError where no pipe can be made."""
        self.close()
        read, self.pipe = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.pipe, False)
        self.server = server
        server.send(self.encoded, read)

    def go(self, run_by_us: int) -> bool:
        """Tell it; False if there is nobody to tell."""
        if self.pipe is None:
            return False
        try:
            os.write(self.pipe, f"go {self.order.nonce} {run_by_us}\n".encode())
        except OSError:
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        """Close the pipe: without a go before, that disarms."""
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None


def make_order(folder: DataFolder, order: Order, boot_id: str, cgroup_parent: str | None, home: str) -> SentOrder:
    """Work out all that a supervisor needs. Raises ValueError with a sentence where the order can't be followed."""
    if order.command is not None:
        argv = list(order.command)
    elif order.shell is not None:
        argv = ["/bin/sh", "-c", order.shell]
    else:
        raise ValueError(f"job {order.job} has no command: there is nothing to execute")
    size = sum(map(len, argv)) + sum(len(name) + len(text) for name, text in order.env)
    if size > MAX_ORDER // 12:  # a character is at most 12 bytes of JSON; Linux takes less anyway
        raise ValueError(f"job {order.job}: its command and environment are too large ({size} characters)")
    token = folder.token(order.nonce)
    env = dict(order.env)
    env["CRONFSM_RUN_ID"] = order.run_id
    env["CRONFSM_RUN_TOKEN"] = token
    env["CRONFSM_JOB"] = order.job
    env["CRONFSM_ATTEMPT"] = str(order.attempt)
    env["CRONFSM_SCHEDULED_FOR"] = "" if order.scheduled_for is None else format_instant(order.scheduled_for)
    env["CRONFSM_SESSION_KEY"] = order.session_key
    return SentOrder(
        job=order.job,
        number=order.number,
        nonce=order.nonce,
        data_id=folder.id,
        boot_id=boot_id,
        folder=folder.run_folder(order.job, order.number),
        arming_file=folder.arming_file(order.job, order.number, order.nonce),
        mailbox=folder.mailbox(order.job, order.number, order.nonce),
        slot_lock=folder.slot_lock(order.job),
        poke=folder.poke,
        argv=argv,
        env=env,
        cwd=order.cwd,
        grace_us=order.grace_us,
        output_limit=order.output_limit,
        arm_by_us=order.arm_by.boot,
        cgroup=Cgroup(os.path.join(cgroup_parent, f"cronfsm-{token}")).path if cgroup_parent else None,
        home=home,
    )
