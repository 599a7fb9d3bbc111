"""In a process of its own: the real `Server` on a data folder, which tells of every event on stdout.

A line an event: phase, run, and CLOCK_MONOTONIC in ns when a subscriber heard of it, which is after its commit.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import sys
import time

from fsm.model.events import LifecycleEvent
from fsm.scheduler.serve import Server
from fsm.supervise.folder import DataFolder


def _tell(event: LifecycleEvent) -> None:
    os.write(1, f"{event.phase} {event.run_id} {time.monotonic_ns()}\n".encode())


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--profile", help="write what cProfile says of the scheduler's thread into this file")
    options = parser.parse_args()
    server = Server(DataFolder(options.folder), on_event=_tell, say=_say)
    if options.profile is None:
        server.run()
        return
    profile = cProfile.Profile(time.thread_time)  # what it computes, not how long it waits
    try:
        profile.runcall(server.run)
    finally:
        profile.dump_stats(options.profile)


if __name__ == "__main__":
    main()
