"""The stop mailbox of an arming: a stop and a go exclude each other here. The protocol is in specs/supervision.md.

Imported by the supervisor: no values of the model, only their words.
"""

from __future__ import annotations

import errno
import os
import time

from fsm.supervise.locks import try_lock

SIZE, HALF = 128, 64
WAITING, EXECUTING = b"cronfsm-mailbox 1 waiting", b"cronfsm-mailbox 1 executing"
REASONS = frozenset({"cancelled", "replaced", "job_removed", "host_stop", "overdue"})
"""What a running run may be stopped for (the lifecycle table's reasons of running -> reaped; a test compares)."""

_UNKNOWN = "cancelled"  # what a stop counts as whose reason is of a newer version: it is still a stop

_TRIES, _PAUSE_S = 10, 0.002  # a holder needs microseconds; one that needs 20 ms is stopped by a signal


class Damaged(Exception):
    """The mailbox can't be relied upon: whoever would execute must not."""


def create(path: str | bytes) -> None:
    """Make an empty mailbox. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.write(fd, WAITING.ljust(SIZE, b"\0")) != SIZE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(fd)


def _lock(path: str | bytes) -> int | None:
    for attempt in range(_TRIES):
        fd = try_lock(path)
        if fd is not None:
            return fd
        if attempt + 1 < _TRIES:
            time.sleep(_PAUSE_S)
    return None


def _reason(data: bytes) -> str | None:
    text = data[HALF:].rstrip(b"\0").decode("ascii", "replace")
    if not text:
        return None
    return text if text in REASONS else _UNKNOWN


def put_stop(path: str | bytes, reason: str) -> bool:
    """Put a stop in; the first one's reason stays. False while the mailbox is busy. Waits 20 ms at most.

    Raises ValueError for what is no reason to stop, FileNotFoundError where there is no mailbox.
    """
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is not one of {', '.join(sorted(REASONS))}")
    fd = _lock(path)
    if fd is None:
        return False
    try:
        if _reason(os.pread(fd, SIZE, 0)) is None:
            os.pwrite(fd, reason.encode("ascii").ljust(HALF, b"\0"), HALF)
    finally:
        os.close(fd)
    return True


def begin(path: str | bytes) -> tuple[bool, str | None]:
    """The supervisor's step before it executes: (True, None), or (False, reason) if a stop is there.

    (False, None) while the mailbox is busy. Raises `Damaged`.
    """
    try:
        fd = _lock(path)
    except OSError as error:
        raise Damaged(f"its stop mailbox can't be used: {error.strerror}") from error
    if fd is None:
        return False, None
    try:
        data = os.pread(fd, SIZE, 0)
        reason = _reason(data)
        if reason is not None:
            return False, reason
        if data.rstrip(b"\0") != WAITING:
            raise Damaged("its stop mailbox is damaged")
        os.pwrite(fd, EXECUTING.ljust(HALF, b"\0"), 0)
    except OSError as error:
        raise Damaged(f"its stop mailbox can't be used: {error.strerror}") from error
    finally:
        os.close(fd)
    return True, None


def stop_in(path: str | bytes) -> str | None:
    """The reason of the stop that is there, or None. Without the lock: a reason is written at once, and only once."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return _reason(os.pread(fd, SIZE, 0))
    except OSError:
        return None
    finally:
        os.close(fd)
