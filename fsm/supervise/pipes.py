"""What a command writes: taken in bounded bites, kept up to its limit, and for an agent also held to be understood."""

from __future__ import annotations

import os
from collections.abc import Callable

from fsm.agents.output import Output, Printed
from fsm.supervise.capture import Capture
from fsm.supervise.sent import SentOrder
from fsm.supervise.waiting import Waiter, awake_us

_READ = 65536  # what a pipe holds by default
_READS_AT_ONCE = 16  # then signals and deadlines get their turn, however much a command prints
_DRAIN = 64  # reads at the end: four times the largest pipe an unprivileged process can make (1 MiB)


class Pipes:
    """The read ends of one command's output. Nothing here waits."""

    __slots__ = ("_capture", "_errors", "_heard_us", "_order", "_output", "_printed", "_waiter")

    def __init__(self, order: SentOrder, waiter: Waiter) -> None:
        self._order, self._waiter = order, waiter
        self._output: int | None = None  # the command's, until nobody can write any more
        self._errors: int | None = None  # an agent's standard error; any other command's is its output
        self._printed = Printed() if order.agent is not None else None  # what an agent says of how it went
        self._capture: Capture | None = None  # once there is output
        self._heard_us = 0  # CLOCK_MONOTONIC at its start, then at its last output; only where there is an idle timeout

    def listen(self) -> None:
        """The silence that an idle timeout bounds begins now."""
        if self._order.idle_us:
            self._heard_us = awake_us()

    def open(self, output: int, errors: int | None) -> None:
        """The command is there, and these are what it writes to."""
        self._output, self._errors = output, errors
        self._waiter.add(output)
        if errors is not None:
            self._waiter.add(errors)

    def ready(self, fd: int) -> None:
        """Take what is there to be read at `fd`, if it is one of these."""
        if fd == self._output:
            self._take_output(_READS_AT_ONCE)
        elif fd == self._errors:
            self._take_errors(_READS_AT_ONCE)

    def drain(self) -> None:
        """Take all that has been written, also where somebody holds the other end open."""
        self._take_output(_DRAIN)
        self._take_errors(_DRAIN)  # some versions of an agent print their result there

    def silence_left_us(self) -> int:
        """How much longer it may be silent; only for an order with an idle timeout."""
        return self._heard_us + self._order.idle_us - awake_us()

    def said(self) -> Output:
        """What an agent has printed, without the secrets that it was given."""
        assert self._printed is not None  # it is asked of agents only
        return self._printed.output().without(self._order.secrets)

    def close(self) -> tuple[int, int]:
        """Take what is left; bytes that were written in all, and bytes that were not kept."""
        self.drain()
        if self._capture is None:
            return 0, 0
        self._capture.close()
        return self._capture.total, self._capture.dropped

    def _take_output(self, reads: int) -> None:
        if self._output is not None:
            self._output = self._take(self._output, reads, self._printed.out if self._printed is not None else None)

    def _take_errors(self, reads: int) -> None:
        if self._errors is not None and self._printed is not None:
            self._errors = self._take(self._errors, reads, self._printed.err)

    def _take(self, fd: int, reads: int, keep: Callable[[bytes], None] | None) -> int | None:
        """The descriptor, or None once nobody can write to it any more."""
        for _ in range(reads):
            try:
                data = os.read(fd, _READ)
            except BlockingIOError:
                return fd
            if not data:
                self._waiter.remove(fd)
                os.close(fd)
                return None
            self.listen()
            if self._capture is None:
                self._capture = Capture(self._order.folder, self._order.output_limit)
            self._capture.keep(data)
            if keep is not None:
                keep(data)
        return fd
