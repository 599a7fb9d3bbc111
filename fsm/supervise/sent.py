"""An order as it is sent to the fork server: JSON in packets, and the reading end of the go pipe with the last one."""

from __future__ import annotations

import json
import socket

PACKET = 32 * 1024  # far below the smallest send buffer, so that a packet is taken whole or not at all
MAX_ORDER = 4 * 1024 * 1024  # twice what Linux takes as arguments and environment of a program
_MORE, _LAST = b"\1", b"\0"


class SentOrder:
    """What a supervisor needs to know. Every path is worked out by the launcher; times are CLOCK_BOOTTIME, µs.

    `cgroup` is the group to make, `home` a digest of the groups that the launcher and its supervisors are in.
    """

    __slots__ = (
        "argv",
        "arm_by_us",
        "arming_file",
        "boot_id",
        "cgroup",
        "cwd",
        "data_id",
        "env",
        "folder",
        "grace_us",
        "home",
        "job",
        "mailbox",
        "nonce",
        "number",
        "output_limit",
        "poke",
        "slot_lock",
    )

    def __init__(
        self,
        *,
        job: str,
        number: int,
        nonce: str,
        data_id: str,
        boot_id: str,
        folder: str,
        arming_file: str,
        mailbox: str,
        slot_lock: str,
        poke: str,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        grace_us: int,
        output_limit: int,
        arm_by_us: int,
        cgroup: str | None,
        home: str,
    ) -> None:
        self.job, self.number, self.nonce = job, number, nonce
        self.data_id, self.boot_id = data_id, boot_id
        self.folder, self.arming_file, self.mailbox = folder, arming_file, mailbox
        self.slot_lock, self.poke = slot_lock, poke
        self.argv, self.env, self.cwd = argv, env, cwd
        self.grace_us, self.output_limit, self.arm_by_us = grace_us, output_limit, arm_by_us
        self.cgroup, self.home = cgroup, home

    def encode(self) -> bytes:
        """As JSON, ASCII; a text that is no valid Unicode (an odd file name) survives it."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__}).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> SentOrder:
        """Back again. Raises TypeError or ValueError for what is no order."""
        return cls(**json.loads(data))


def packets(data: bytes) -> list[bytes]:
    """Cut an order into packets; each says whether more follow."""
    parts = [data[at : at + PACKET] for at in range(0, len(data), PACKET)] or [b""]
    return [_MORE + part for part in parts[:-1]] + [_LAST + parts[-1]]


def receive(channel: socket.socket) -> tuple[bytes, list[int]] | None:
    """Wait for the next order and its descriptors; None once the other side is gone.

    What is longer than an order can be comes back empty.
    """
    parts: list[bytes] = []
    length = 0
    while True:
        data, fds, _, _ = socket.recv_fds(channel, PACKET + 1, 1)
        if not data:
            return None
        length += len(data)
        if length <= MAX_ORDER:
            parts.append(data[1:])
        if data[:1] == _LAST:
            return (b"".join(parts) if length <= MAX_ORDER else b""), fds
