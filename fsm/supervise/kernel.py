"""Kernel calls that Python 3.11 has no function for.

Imported by the fork server before it forks, so that nothing of it can fail late.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the C module itself, see below
import ctypes
import os
import sys
from collections.abc import Iterable

_libc = ctypes.CDLL(None, use_errno=True)
# Looked up once, before a fork: ctypes makes an object of each at its first use.
_prctl, _timerfd_create, _timerfd_settime = _libc.prctl, _libc.timerfd_create, _libc.timerfd_settime
_LONG = ctypes.sizeof(ctypes.c_long)
_LONGEST: int = (1 << (8 * _LONG - 1)) - 1

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_CLOCK_REALTIME, _CLOCK_BOOTTIME = 0, 7
_TFD_TIMER_ABSTIME, _TFD_TIMER_CANCEL_ON_SET = 1, 2
_NEVER_US = 253_000_000_000_000_000  # in the year 9987
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC  # SFD_ and TFD_ flags are defined as these

# What `signal` wraps in enums: a fork copies each page that such a wrapper touches.
set_mask = _signal.pthread_sigmask

SIGNAL_RECORD = 128  # bytes of a struct signalfd_siginfo


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def become_subreaper() -> None:
    """Descendants whose parent ends become children of this process, instead of init's. Not inherited by a fork."""
    _checked(_prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal to this process when its parent ends. Kept over an exec, unless set-user-ID."""
    _checked(_prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def set_name(name: str) -> None:
    """What `ps` and `top` call this process: at most 15 bytes."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]), 0, 0, 0)


def default_signal(number: int) -> None:
    """Give a signal its default disposition."""
    _signal.signal(number, _signal.SIG_DFL)


def signal_descriptor(signals: Iterable[int]) -> int:
    """A non-blocking signalfd for these signals, which the caller must have blocked."""
    mask = 0
    for number in signals:
        mask |= 1 << (number - 1)
    # the kernel's sigset is 8 bytes, the C library's 128
    words = (ctypes.c_uint64 * 16)(mask)
    return _checked(_libc.signalfd(-1, ctypes.byref(words), _NONBLOCK | _CLOEXEC), "signalfd")


def _timer_spec(at_us: int) -> bytes:
    """A struct itimerspec that fires once: four numbers of the width of a long, of which the first two are 0."""
    seconds, rest_us = divmod(at_us, 1_000_000)
    seconds = min(seconds, _LONGEST)
    return bytes(2 * _LONG) + seconds.to_bytes(_LONG, sys.byteorder) + (rest_us * 1000).to_bytes(_LONG, sys.byteorder)


def boot_timer() -> int:
    """A non-blocking timerfd that counts CLOCK_BOOTTIME: suspended time counts, the wall clock does not."""
    return _checked(_timerfd_create(_CLOCK_BOOTTIME, _NONBLOCK | _CLOEXEC), "timerfd_create")


def set_boot_timer(fd: int, at_us: int | None) -> None:
    """Let the timer fire at this CLOCK_BOOTTIME (µs), at once if that has passed; None: not at all."""
    spec = _timer_spec(0 if at_us is None else max(at_us, 1))
    _checked(_timerfd_settime(fd, _TFD_TIMER_ABSTIME, spec, None), "timerfd_settime")


def wall_timer() -> int:
    """A non-blocking timerfd that follows the wall clock; for `set_wall_timer`."""
    return _checked(_timerfd_create(_CLOCK_REALTIME, _NONBLOCK | _CLOEXEC), "timerfd_create")


def set_wall_timer(fd: int, at_us: int | None) -> None:
    """Let the timer fire at this instant (µs, UTC), or as soon as somebody sets the clock: then reading it fails with
    ECANCELED. None: only for the latter."""
    spec = _timer_spec(_NEVER_US if at_us is None else max(at_us, 1))
    _checked(_timerfd_settime(fd, _TFD_TIMER_ABSTIME | _TFD_TIMER_CANCEL_ON_SET, spec, None), "timerfd_settime")


def file_system_magic(path: str) -> int:
    """`f_type` of statfs(2) for the file system that holds `path`."""
    buffer = (ctypes.c_char * 512)()  # struct statfs has at most 120 bytes
    _checked(_libc.statfs(os.fsencode(path), ctypes.byref(buffer)), f"statfs({path})")
    width = 4 if os.uname().machine == "s390x" else ctypes.sizeof(ctypes.c_long)
    return int.from_bytes(buffer.raw[:width], sys.byteorder) & 0xFFFFFFFF
