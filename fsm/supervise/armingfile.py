"""The file of one arming: its life lock and its report. The layout is in specs/supervision.md.

The supervisor's side, and what both sides know. `fsm.supervise.report` makes values of what was written. A supervisor
is a fork that copies each page it touches, so the usual payloads are put together without the JSON encoder.
"""

from __future__ import annotations

import binascii
import errno
import json
import os
import time

from fsm.supervise.locks import lock_open_file

SIZE = 4096
VERSION = 1
FRAME = 12  # magic (4), version (u16), length of the payload (u16), its CRC-32 (u32), little endian
_MAKE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_LOCK_TRIES, _LOCK_PAUSE_S = 200, 0.005  # an examiner keeps its shared lock for one append; a second is ample


class Unreadable(Exception):
    """A part that was written and can't be read: damaged, foreign, or of a newer version. Field: `why`."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Part:
    """One region of the file. `room`: bytes of its payload, at most."""

    def __init__(self, magic: bytes, offset: int, size: int) -> None:
        self.magic, self.offset, self.size = magic, offset, size
        self.room = size - FRAME

    def pack(self, payload: bytes) -> bytes:
        """The region, filled. Raises ValueError for what doesn't fit."""
        if len(payload) > self.room:
            raise ValueError(f"{len(payload)} bytes don't fit the {self.room} of part {self.magic.decode()}")
        checksum = binascii.crc32(payload).to_bytes(4, "little")
        frame = self.magic + VERSION.to_bytes(2, "little") + len(payload).to_bytes(2, "little") + checksum
        return (frame + payload).ljust(self.size, b"\0")

    def unpack(self, file: bytes) -> dict[str, object] | None:
        """What the region says, None where it was never written. Raises `Unreadable`."""
        region = file[self.offset : self.offset + self.size]
        if not any(region):
            return None
        if len(region) < self.size:
            raise Unreadable("the file is cut")
        name = self.magic.decode()
        if region[:4] != self.magic:
            raise Unreadable(f"part {name} begins with {region[:4]!r}")
        version, length = int.from_bytes(region[4:6], "little"), int.from_bytes(region[6:8], "little")
        if version != VERSION:
            raise Unreadable(f"part {name} has format version {version}; here {VERSION} is known")
        payload = region[FRAME : FRAME + length]
        if len(payload) != length or binascii.crc32(payload) != int.from_bytes(region[8:12], "little"):
            raise Unreadable(f"the checksum of part {name} is wrong")
        try:
            body = json.loads(payload)
        except ValueError:
            raise Unreadable(f"part {name} is no JSON") from None
        if not isinstance(body, dict):
            raise Unreadable(f"part {name} is no object")
        return body


HEADER = Part(b"CFah", 0, 2048)
VERDICT = Part(b"CFve", 2048, 512)  # a sector each: a disk writes it whole or not at all
EMPTIED = Part(b"CFem", 2560, 512)
COMMAND = Part(b"CFco", 3072, 512)
AGENT = Part(b"CFag", SIZE, 3 * SIZE)
SIZE_OF_AGENT = SIZE + AGENT.size  # the file of an agent's run: what its output said is preallocated, too


def verdict_part(
    trigger: str,
    reason: str,
    ended_at_us: int,
    *,
    started_at_us: int | None = None,
    exit_code: int | None = None,
    signal: int | None = None,
    error_class: str | None = None,
    error: str | None = None,
) -> bytes:
    """How a run ended, in the words of the lifecycle table; instants in UTC microseconds.

    An error text that doesn't fit is cut.
    """
    text = f'{{"trigger":"{trigger}","reason":"{reason}","ended_at_us":{ended_at_us}'
    if started_at_us is not None:
        text += f',"started_at_us":{started_at_us}'
    if exit_code is not None:
        text += f',"exit_code":{exit_code}'
    if signal is not None:
        text += f',"signal":{signal}'
    if error_class is not None:
        text += f',"error_class":"{error_class}"'
    if error is not None:
        text += f',"error":{json_text(error, VERDICT.room - len(text) - 10)}'
    return VERDICT.pack(text.encode("ascii") + b"}")


def emptied_part(at_us: int, code: int | None = None, output: int = 0, dropped: int = 0) -> bytes:
    """The end of the tree, and how its command really ended: `code` is negative for a signal, None for neither.

    `output` and `dropped` count bytes.
    """
    text = f'{{"at_us":{at_us},"output_bytes":{output},"output_dropped":{dropped}'
    if code is not None:
        text += f',"exit_code":{code}' if code >= 0 else f',"signal":{-code}'
    return EMPTIED.pack(text.encode("ascii") + b"}")


def agent_part(evidence: dict[str, object]) -> bytes:
    """What an agent's output said, in the fields of `fsm.model.agent.AgentEvidence`. What doesn't fit is left out."""
    for without in ("", "denied", "answer"):
        evidence = {name: value for name, value in evidence.items() if name != without}
        payload = json.dumps(evidence, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if len(payload) <= AGENT.room:
            break
    return AGENT.pack(payload)


def json_text(text: str, room: int) -> str:
    """`text` as JSON, ASCII, cut until it is `room` bytes at most."""
    encoded = json.dumps(text)
    while len(encoded) > room and text:
        text = text[: max(0, len(text) - max(1, (len(encoded) - room) // 12))]  # a character is 1 to 12 bytes
        encoded = json.dumps(text + "…")
    return encoded


class ArmingFile:
    """Made once, overwritten in place. Holding it open holds the life lock.

    `fd` is the descriptor that does; a child closes its copy before anything else. Syncing is the caller's.
    """

    __slots__ = ("fd",)

    def __init__(self, path: str | bytes, header: bytes, size: int = SIZE) -> None:
        """Make the file, take the life lock, fill it in full. Raises OSError (no room, exists already, …).

        It is durable only once the caller has synced it and its folders.
        """
        self.fd = os.open(path, _MAKE, 0o600)
        try:
            if not lock_open_file(self.fd):
                self._insist()
            self._write(0, HEADER.pack(header).ljust(size, b"\0"))
        except BaseException:
            os.close(self.fd)
            raise

    def _insist(self) -> None:
        for _ in range(_LOCK_TRIES):
            time.sleep(_LOCK_PAUSE_S)
            if lock_open_file(self.fd):
                return
        raise OSError(errno.EAGAIN, "somebody keeps the life lock of a new arming")

    def command(self, pid: int, forked_at_boot_us: int) -> None:
        """Which process the command is; it leads the session of that number. Not synced: a reboot ends its meaning."""
        self._write(COMMAND.offset, COMMAND.pack(b'{"pid":%d,"forked_at_boot_us":%d}' % (pid, forked_at_boot_us)))

    def write(self, verdict: bytes | None, emptied: bytes | None) -> None:
        """Overwrite one part of the report, or both at once, with what `verdict_part` and `emptied_part` give.

        Not synced yet. Raises OSError.
        """
        if verdict is not None:
            self._write(VERDICT.offset, verdict if emptied is None else verdict + emptied)
        elif emptied is not None:
            self._write(EMPTIED.offset, emptied)

    def agent(self, evidence: bytes) -> None:
        """What `agent_part` gives. Before the verdict, so that nobody finds that without this. Raises OSError."""
        self._write(AGENT.offset, evidence)

    def _write(self, offset: int, data: bytes) -> None:
        if os.pwrite(self.fd, data, offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Let the life lock go: the supervisor is gone from here on."""
        os.close(self.fd)
