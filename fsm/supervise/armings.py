"""Armings under way: ordered from the fork server, armed or not, told to go or taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from fsm.model.facts import Armed, ArmFailed, Execution, Fact, Order
from fsm.model.run import Arming
from fsm.supervise.events import END, READ, WRITE, Events
from fsm.supervise.forkclient import ForkServer
from fsm.supervise.handshake import Handshake
from fsm.supervise.sent import SentOrder
from fsm.supervise.waiting import boot_us
from fsm.supervise.watches import Watches

_ANSWER_MARGIN_US = 500_000  # past the arm deadline: a supervisor that says "busy" at its deadline is heard first
_LOOK_AGAIN_US = 50_000  # a fork server that is being killed is gone by then


class Armings:
    """Those that are not executing yet. `fact` takes what happens to them, `changed` a nonce to look at.

    `hear` is called before an arming is given up: what its supervisor said may not have been read yet.
    """

    def __init__(
        self,
        events: Events,
        watches: Watches,
        environ: Mapping[str, str],
        *,
        fact: Callable[[Fact], None],
        changed: Callable[[str], None],
        hear: Callable[[], None],
    ) -> None:
        self._events, self._watches, self._environ = events, watches, environ
        self._fact, self._changed, self._hear = fact, changed, hear
        self._open: dict[str, Handshake] = {}
        self._server: ForkServer | None = None
        self._retired: list[ForkServer] = []
        self._checking = False  # for arm deadlines: one timer for all of them

    @property
    def server(self) -> ForkServer | None:
        """The fork server in use."""
        return self._server

    def begin(self, order: Order, sent: SentOrder, boot_id: str) -> None:
        """Order it. An `Armed` or an `ArmFailed` follows, at the arm deadline at the latest."""
        handshake = self._open[order.nonce] = Handshake(order, sent, boot_id)
        self._send(handshake)
        self._check_later()

    def go(self, nonce: str, run_by_us: int) -> bool:
        """Tell it; False if there is nobody to tell."""
        handshake = self._open.get(nonce)
        told = False
        if handshake is not None:
            self._unwatch(handshake)
            told = handshake.execution is not None and handshake.go(run_by_us)
            self.take_back(nonce)
        return told

    def take_back(self, nonce: str) -> None:
        """Close its pipe, which disarms one that was not told to go. Harmless for one that is unknown."""
        handshake = self._open.pop(nonce, None)
        if handshake is not None:
            self._unwatch(handshake)
            handshake.close()

    def _send(self, handshake: Handshake) -> None:
        try:
            server = self.serve()
            handshake.send(server)
        except OSError as error:
            self._fail(handshake, f"no supervisor can be started: {error.strerror}")
            return
        assert handshake.pipe is not None
        self._events.watch(handshake.pipe, END, lambda: self._unread(handshake))
        if server.waiting:
            self._events.watch(server.fileno(), READ | WRITE, lambda: self._flush(server))

    def _fail(self, handshake: Handshake, error: str, *, busy: bool = False) -> None:
        order = handshake.order
        self.take_back(order.nonce)
        self._fact(ArmFailed(order.job, order.number, order.nonce, error, busy))

    def _unwatch(self, handshake: Handshake) -> None:
        if handshake.pipe is not None:
            self._events.unwatch(handshake.pipe)

    # ---- what supervisors say

    def armed(self, nonce: str, pid: int, pid_start: int, *, cgroup: bool) -> None:
        """A supervisor says that it is armed. It may say so twice, and may have ended since."""
        handshake = self._open.get(nonce)
        if handshake is None or handshake.execution is not None:
            return
        order = handshake.order
        arming = Arming(nonce, handshake.boot_id, pid, pid_start, cgroup=handshake.cgroup if cgroup else None)
        self._watches.add(arming)
        if self._watches.ended(nonce):
            self._fail(handshake, "its supervisor ended as soon as it was armed")
            return
        handshake.execution = Execution(order.job, order.number, arming)
        self._fact(Armed(handshake.execution))

    def not_armed(self, nonce: str, error: str, *, busy: bool) -> None:
        """A supervisor says that it can't be armed."""
        handshake = self._open.get(nonce)
        if handshake is not None and handshake.execution is None:
            self._fail(handshake, error, busy=busy)

    # ---- those that say nothing

    def _unread(self, handshake: Handshake) -> None:
        """Nobody holds the reading end of its pipe any more: the supervisor is gone, or never was."""
        self._unwatch(handshake)
        if handshake.execution is None:
            self._hear()
        if self._open.get(handshake.order.nonce) is not handshake:
            return
        if handshake.execution is not None:
            self._changed(handshake.order.nonce)
        elif handshake.server is not None and not handshake.server.alive() and not handshake.resent:
            handshake.resent = True
            self._send(handshake)  # lost with the fork server, before a supervisor was forked for it
        elif not handshake.suspect:
            handshake.suspect = True  # the fork server may be dying this very moment
            self._events.call_at(boot_us() + _LOOK_AGAIN_US, lambda: self._unread(handshake))
        else:
            self._fail(handshake, "its supervisor could not be forked, or ended before it was armed")

    def _check_later(self) -> None:
        waiting = [h.order.arm_by.boot for h in self._open.values() if h.execution is None]
        if waiting and not self._checking:
            self._checking = True
            self._events.call_at(min(waiting) + _ANSWER_MARGIN_US, self._check)

    def _check(self) -> None:
        self._checking = False
        late = boot_us() - _ANSWER_MARGIN_US
        for handshake in list(self._open.values()):
            if handshake.execution is None and handshake.order.arm_by.boot <= late:
                self._fail(handshake, "its supervisor said nothing within the arm deadline")
                if self._server is handshake.server and self._server is not None:
                    # it may be stopped or stuck; to replace it harms nobody: orders it has not taken are sent again
                    self._retire(self._server, kill=True)
        self._check_later()

    # ---- the fork server

    def serve(self) -> ForkServer:
        """The fork server; a new one where the last is gone. Raises OSError."""
        self._retired = [server for server in self._retired if not server.collect()]
        if self._server is not None and not self._server.alive():
            self._retire(self._server)
        if self._server is None:
            server = self._server = ForkServer(self._environ)
            self._events.watch(server.fileno(), READ, lambda: self._flush(server))
        return self._server

    def _flush(self, server: ForkServer) -> None:
        if not server.alive():
            self._retire(server)
            with contextlib.suppress(OSError):
                self.serve()  # the next order finds it warm
            return
        server.flush()
        self._events.watch(server.fileno(), READ | WRITE if server.waiting else READ, lambda: self._flush(server))

    def _retire(self, server: ForkServer, *, kill: bool = False) -> None:
        self._events.unwatch(server.fileno())
        server.retire(kill=kill)
        self._retired.append(server)
        if self._server is server:
            self._server = None

    def close(self) -> None:
        """Take back whatever is open, and let the fork server end."""
        for nonce in list(self._open):
            self.take_back(nonce)
        if self._server is not None:
            self._retire(self._server)
        for server in self._retired:
            server.close()
        self._retired.clear()
