"""The file of one arming: its life lock and its report. The layout is in specs/supervision.md.

Plain dictionaries here, for the supervisor imports as little as it can; `fsm.supervise.report` makes values of them.
"""

from __future__ import annotations

import binascii
import errno
import json
import os
import struct
import time

from fsm.supervise.locks import lock_open_file

SIZE = 4096
VERSION = 1
_FRAME = struct.Struct("<4sHHI")  # magic, version, length of the payload, its CRC-32
_LOCK_TRIES, _LOCK_PAUSE_S = 200, 0.005  # an examiner keeps its shared lock for one append; a second is ample


class Unreadable(Exception):
    """A part that was written and can't be read: damaged, foreign, or of a newer version. Field: `why`."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Part:
    """One region of the file."""

    def __init__(self, magic: bytes, offset: int, size: int) -> None:
        self.magic, self.offset, self.size = magic, offset, size

    def pack(self, body: dict[str, object]) -> bytes:
        """The region, filled. An `error` that doesn't fit is cut; raises ValueError if the rest doesn't fit either."""
        room = self.size - _FRAME.size
        payload = _json(body)
        error = body.get("error")
        while len(payload) > room and isinstance(error, str) and error:
            error = error[: max(0, len(error) - max(4, (len(payload) - room) // 6))]  # a character is 1 to 12 bytes
            payload = _json({**body, "error": error + "…"})
        if len(payload) > room:
            raise ValueError(f"{len(payload)} bytes don't fit the {room} of part {self.magic.decode()}")
        frame = _FRAME.pack(self.magic, VERSION, len(payload), binascii.crc32(payload))
        return (frame + payload).ljust(self.size, b"\0")

    def unpack(self, file: bytes) -> dict[str, object] | None:
        """What the region says, None where it was never written. Raises `Unreadable`."""
        region = file[self.offset : self.offset + self.size]
        if not any(region):
            return None
        if len(region) < self.size:
            raise Unreadable("the file is cut")
        magic, version, length, checksum = _FRAME.unpack_from(region)
        if magic != self.magic:
            raise Unreadable(f"part {self.magic.decode()} begins with {magic!r}")
        if version != VERSION:
            raise Unreadable(f"format version {version}, of which {VERSION} is known here")
        payload = region[_FRAME.size : _FRAME.size + length]
        if len(payload) != length or binascii.crc32(payload) != checksum:
            raise Unreadable(f"the checksum of part {self.magic.decode()} is wrong")
        try:
            body = json.loads(payload)
        except ValueError:
            raise Unreadable(f"part {self.magic.decode()} is no JSON") from None
        if not isinstance(body, dict):
            raise Unreadable(f"part {self.magic.decode()} is no object")
        return body


HEADER = Part(b"CFah", 0, 2048)
VERDICT = Part(b"CFve", 2048, 512)  # a sector each: a disk writes it whole or not at all
EMPTIED = Part(b"CFem", 2560, 512)
COMMAND = Part(b"CFco", 3072, 512)


def _json(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode("ascii")


class ArmingFile:
    """The supervisor's side: made once, overwritten in place. Holding it open holds the life lock."""

    def __init__(self, path: str, header: dict[str, object]) -> None:
        """Make the file, take the life lock, fill it in full. Raises OSError (no room, exists already, …).

        It is durable only once the caller has synced it (`sync`) and its folders.
        """
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._lock()
            self._write(HEADER, HEADER.pack(header).ljust(SIZE, b"\0"))
        except BaseException:
            os.close(self._fd)
            raise

    def _lock(self) -> None:
        for _ in range(_LOCK_TRIES):
            if lock_open_file(self._fd):
                return
            time.sleep(_LOCK_PAUSE_S)
        raise OSError(errno.EAGAIN, "somebody keeps the life lock of a new arming")

    @property
    def fd(self) -> int:
        """The descriptor that holds the life lock; a child closes its copy before anything else."""
        return self._fd

    def sync(self) -> None:
        """Have all of it on the disk. Raises OSError."""
        os.fsync(self._fd)

    def command(self, pid: int, start: int, session: int) -> None:
        """Which process the command is. Not synced: it means nothing after a reboot."""
        self._write(COMMAND, COMMAND.pack({"pid": pid, "pid_start": start, "session": session}))

    def write(self, verdict: dict[str, object] | None, emptied: dict[str, object] | None) -> None:
        """Overwrite one part, or both at once. Not synced yet. Raises OSError."""
        if verdict is not None and emptied is not None:
            self._write(VERDICT, VERDICT.pack(verdict) + EMPTIED.pack(emptied))
        elif verdict is not None:
            self._write(VERDICT, VERDICT.pack(verdict))
        elif emptied is not None:
            self._write(EMPTIED, EMPTIED.pack(emptied))

    def sync_report(self) -> None:
        """Have what was overwritten on the disk. Raises OSError."""
        os.fdatasync(self._fd)

    def _write(self, part: Part, data: bytes) -> None:
        if os.pwrite(self._fd, data, part.offset) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Let the life lock go: the supervisor is gone from here on."""
        os.close(self._fd)
