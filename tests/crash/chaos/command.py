"""What the jobs of these tests execute. Each line that it appends to its job's file says who it is and what time it is.

    start NONCE RUN BOOT_NS UTC_NS PID     first of all
    beat / child …                          now and then, as long as it lives; `child` for a descendant
    end …                                   last of all

Run as ``python -I -S command.py FILE LASTS_S CODE WAYS…``, with the environment of a run. Ways: ``ignore-term``;
``child`` leaves a grandchild that has closed its descriptors, ``heir`` one that has not; ``wait:FIFO`` waits for a line
before it ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time

BEAT_S = 0.05


def main(path: str, lasts_s: float, code: int, *ways: str) -> int:
    """Live for a while, and say so."""
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if "ignore-term" in ways:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(log, "start")
    if "child" in ways or "heir" in ways:
        far_child(log, heir="heir" in ways)
    live(log, "beat", lasts_s)
    for way in ways:
        if way.startswith("wait:"):
            with open(way.removeprefix("wait:")) as fifo:
                fifo.readline()
    say(log, "end")
    return code


def say(log: int, what: str) -> None:
    """One line, in one write."""
    boot, utc = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
    nonce = os.environ["CRONFSM_RUN_TOKEN"].partition("-")[2]
    line = f"{what} {nonce} {os.environ['CRONFSM_RUN_ID']} {boot} {utc} {os.getpid()}\n"
    os.write(log, line.encode())


def live(log: int, what: str, lasts_s: float) -> None:
    """Beat until the time is over."""
    until = time.monotonic() + lasts_s
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(BEAT_S, left))
        say(log, what)


def far_child(log: int, *, heir: bool) -> None:
    """A grandchild in a session of its own whose parent is gone, and that lives until somebody ends it. It has closed
    every descriptor, the slot lock's too, unless it is an heir."""
    if os.fork() != 0:
        os.wait()
        return
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not heir:
        os.dup2(log, 0)
        os.closerange(1, 1024)
        log = 0
    say(log, "child")
    live(log, "child", 600)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
