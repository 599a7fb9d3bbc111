"""Arm and go, seen from the launcher: one object for an arming from its order until it is told to go or given up."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from fsm.instants import format_instant
from fsm.model.facts import Execution, Order
from fsm.model.secrets import is_secret
from fsm.supervise.envfile import read_env_file
from fsm.supervise.folder import DataFolder
from fsm.supervise.forkclient import ForkServer
from fsm.supervise.sent import MAX_ORDER, SentOrder

_SHORTEST_SECRET = 6  # characters
_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"  # where neither the job nor the environment has one


class Handshake:
    """`pipe` is the writing end of its go pipe, None once it was told or taken back. `execution` comes with `armed`."""

    __slots__ = ("boot_id", "cgroup", "encoded", "execution", "order", "pipe", "resent", "server", "suspect")

    def __init__(self, order: Order, sent: SentOrder, boot_id: str) -> None:
        self.order, self.boot_id, self.cgroup = order, boot_id, sent.cgroup
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


def make_order(
    folder: DataFolder,
    order: Order,
    boot_id: str,
    *,
    inherited: Mapping[str, str],
    cgroup_parent: str | None,
    home: str,
) -> SentOrder:
    """Work out all that a supervisor needs. Raises ValueError with a sentence where the order can't be followed.

    `inherited` is the environment that commands inherit, `home` a digest of the control groups that supervisors are in.
    """
    argv = _argv(order)
    from_file = read_env_file(order.env_file) if order.env_file is not None else []
    env = [*order.env, *from_file]
    size = sum(map(len, argv)) + sum(len(name) + len(text) for name, text in env)
    if size > MAX_ORDER // 8:  # a character is 4 bytes at most; Linux takes less anyway
        raise ValueError(f"job {order.job}: its command and environment are too large ({size} characters)")
    token = folder.token(order.nonce)
    scheduled_for = "" if order.scheduled_for is None else format_instant(order.scheduled_for)
    # A group would have to stay for as long as what is left behind does, and nobody would be there to remove it.
    parent = None if order.keep_leftovers else cgroup_parent
    cgroup = os.path.join(parent, f"cronfsm-{token}") if parent else None
    header = {
        "job": order.job,
        "number": order.number,
        "nonce": order.nonce,
        "data_id": folder.id,
        "boot_id": boot_id,
        "home": home,
    }
    return SentOrder(
        nonce=order.nonce.encode("ascii"),
        header=json.dumps(header, separators=(",", ":")).encode("ascii")[:-1],
        folder=os.fsencode(folder.run_folder(order.job, order.number)),
        arming_file=os.fsencode(folder.arming_file(order.job, order.number, order.nonce)),
        mailbox=os.fsencode(folder.mailbox(order.job, order.number, order.nonce)),
        slot_lock=os.fsencode(folder.slot_lock(order.job)),
        poke=os.fsencode(folder.poke),
        argv=[os.fsencode(word) for word in argv],
        programs=_programs(argv[0], dict(env).get("PATH", inherited.get("PATH"))),
        env=_encoded(
            *env,
            ("CRONFSM_RUN_ID", order.run_id),
            ("CRONFSM_RUN_TOKEN", token),
            ("CRONFSM_JOB", order.job),
            ("CRONFSM_ATTEMPT", str(order.attempt)),
            ("CRONFSM_SCHEDULED_FOR", scheduled_for),
            ("CRONFSM_SESSION_KEY", order.session_key),
            ("CRONFSM_HOME", folder.path),  # so that a command that calls cronfsm means this scheduler
        ),
        cwd=None if order.cwd is None else os.fsencode(order.cwd),
        grace_us=order.grace_us,
        output_limit=order.output_limit,
        arm_by_us=order.arm_by.boot,
        cgroup=cgroup,
        idle_us=order.idle_timeout_us or 0,
        keep=order.keep_leftovers,
        agent=None if order.agent is None else str(order.agent),
        secrets=[] if order.agent is None else _secrets(from_file, [*inherited.items(), *order.env]),
    )


def _secrets(from_file: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> list[bytes]:
    """Values that an agent's evidence must not hold, the longest first. Very short ones are words, not secrets."""
    texts = {text for _, text in from_file} | {text for name, text in others if is_secret(name)}
    return sorted((os.fsencode(text) for text in texts if len(text) >= _SHORTEST_SECRET), key=len, reverse=True)


def _argv(order: Order) -> list[str]:
    if order.command is not None:
        return list(order.command)
    if order.shell is not None:
        return ["/bin/sh", "-c", order.shell]
    raise ValueError(f"job {order.job} has no command: there is nothing to execute")


def _programs(program: str, path: str | None) -> list[bytes]:
    """Where to look for it, as execvp(3) does."""
    if "/" in program:
        return [os.fsencode(program)]
    return [os.fsencode(os.path.join(folder or ".", program)) for folder in (path or _DEFAULT_PATH).split(":")]


def _encoded(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(os.fsencode(name), os.fsencode(text)) for name, text in pairs]
