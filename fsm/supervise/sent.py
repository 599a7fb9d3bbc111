"""An order as it is sent to the fork server, in packets, and the reading end of the go pipe with the last one.

Launcher and fork server are one program on one Python, so the order is marshalled: decoding it touches a third of
the memory that JSON would, and each page a fork touches is copied.
"""

from __future__ import annotations

import marshal
import socket

PACKET = 32 * 1024  # far below the smallest send buffer, so that a packet is taken whole or not at all
MAX_ORDER = 4 * 1024 * 1024  # twice what Linux takes as arguments and environment of a program
_MORE, _LAST = b"\1", b"\0"


class SentOrder:
    """What a supervisor needs to know. Times are CLOCK_BOOTTIME, µs.

    Every path is worked out by the launcher, and every name and text is bytes, encoded as the launcher's locale has
    it: the fork server's own may be another one.

    `header` is the header of the arming file as JSON, open at its end for what only the supervisor knows; `programs`
    are the places to look for the program, in order; `env` is added to the environment that the fork server was
    given; `cgroup` is the group to make. `idle_us`: without output for so long it is ended, 0: never. `keep`: what the
    command leaves behind is neither ended nor waited for. `agent`: the format in which the command says how it went,
    None where its exit code does. `secrets`: what must not stand in the evidence of an agent.
    """

    __slots__ = (
        "agent",
        "argv",
        "arm_by_us",
        "arming_file",
        "cgroup",
        "cwd",
        "env",
        "folder",
        "grace_us",
        "header",
        "idle_us",
        "keep",
        "mailbox",
        "nonce",
        "output_limit",
        "poke",
        "programs",
        "secrets",
        "slot_lock",
    )

    def __init__(
        self,
        nonce: bytes,
        header: bytes,
        folder: bytes,
        arming_file: bytes,
        mailbox: bytes,
        slot_lock: bytes,
        poke: bytes,
        argv: list[bytes],
        programs: list[bytes],
        env: list[tuple[bytes, bytes]],
        cwd: bytes | None,
        grace_us: int,
        output_limit: int,
        arm_by_us: int,
        cgroup: str | None,
        idle_us: int = 0,
        keep: bool = False,
        agent: str | None = None,
        secrets: list[bytes] | None = None,
    ) -> None:
        self.nonce, self.header, self.folder = nonce, header, folder
        self.arming_file, self.mailbox, self.slot_lock, self.poke = arming_file, mailbox, slot_lock, poke
        self.argv, self.programs, self.env, self.cwd = argv, programs, env, cwd
        self.grace_us, self.output_limit, self.arm_by_us, self.cgroup = grace_us, output_limit, arm_by_us, cgroup
        self.idle_us, self.keep = idle_us, keep
        self.agent, self.secrets = agent, secrets or []

    def encode(self) -> bytes:
        """For `decode` of the same version of this program and of Python."""
        return marshal.dumps(
            (
                self.nonce,
                self.header,
                self.folder,
                self.arming_file,
                self.mailbox,
                self.slot_lock,
                self.poke,
                self.argv,
                self.programs,
                self.env,
                self.cwd,
                self.grace_us,
                self.output_limit,
                self.arm_by_us,
                self.cgroup,
                self.idle_us,
                self.keep,
                self.agent,
                self.secrets,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> SentOrder:
        """Back again. Raises TypeError, ValueError or EOFError for what is no order."""
        return cls(*marshal.loads(data))


def packets(data: bytes) -> list[bytes]:
    """Cut an order into packets; each says whether more follow."""
    parts = [data[at : at + PACKET] for at in range(0, len(data), PACKET)] or [b""]
    return [_MORE + part for part in parts[:-1]] + [_LAST + parts[-1]]


def receive(channel: socket.socket) -> tuple[bytes, list[int]] | None:
    """Wait for the next order and its descriptors; None once the other side is gone.

    What is longer than an order can be comes back empty.
    """
    data, fds, _, _ = socket.recv_fds(channel, PACKET + 1, 1)
    if data[:1] == _LAST:
        return data[1:], fds  # nearly every order
    parts: list[bytes] = []
    length = 0
    while data:
        length += len(data)
        if length <= MAX_ORDER:
            parts.append(data[1:])
        if data[:1] == _LAST:
            return (b"".join(parts) if length <= MAX_ORDER else b""), fds
        data, fds, _, _ = socket.recv_fds(channel, PACKET + 1, 1)
    return None
