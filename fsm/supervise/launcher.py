"""`fsm.ports.Launcher` with real processes. Driven by a synchronous turn; nothing here waits for long.

All that it waits for stands behind one descriptor (`fileno`): messages, ends of supervisors, go pipes that nobody
reads any more, arm deadlines, ended searches. What has come is fetched with `facts`.

One that only looks, stops and searches (a command line without a scheduler) opens neither the channel nor a fork
server: `listen`, or the first `arm`, does.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fsm.errors import FolderUnusable
from fsm.instants import Deadline
from fsm.model.facts import ArmFailed, Changed, Execution, Fact, Order, Searched, StopAnswer
from fsm.model.states import Reason
from fsm.ports import Clock, Examination
from fsm.supervise import stopping
from fsm.supervise.armings import Armings
from fsm.supervise.cgroup import find_parent
from fsm.supervise.events import READ, Events
from fsm.supervise.examine import look
from fsm.supervise.folder import DataFolder
from fsm.supervise.handshake import make_order
from fsm.supervise.leftbehind import armings_of, living, numbers_above
from fsm.supervise.poke import PokeReader
from fsm.supervise.search import Searcher
from fsm.supervise.survivors import home_of
from fsm.supervise.waiting import boot_us
from fsm.supervise.watches import Watches

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_LOOK_AGAIN_US = 50_000
_MAX_HINTS = 4096  # other messages kept for the scheduler; it looks at the journal anyway


class ProcessLauncher:
    """Supervisors of one data folder.

    `environ` is what commands inherit, by default this process's environment as it is now; ``CRONFSM_*`` is taken out.
    """

    def __init__(self, folder: DataFolder, clock: Clock, *, environ: Mapping[str, str] | None = None) -> None:
        base = dict(os.environ if environ is None else environ)
        inherited = {name: text for name, text in base.items() if not name.startswith("CRONFSM_")}
        self._folder = folder
        self._boot_id = clock.now().boot_id
        self._cgroup_parent = find_parent(base.get("CRONFSM_CGROUP"))
        self._inherited = inherited
        self._home = home_of("self")
        self._facts: deque[Fact] = deque()
        self._changed: set[str] = set()  # those of `_facts`
        self._hints: deque[dict[str, Any]] = deque(maxlen=_MAX_HINTS)
        self._poke: PokeReader | None = None
        self._events = Events()
        self._watches = Watches(self._events, self._boot_id, self._change)
        self._armings = Armings(
            self._events, self._watches, inherited, fact=self._add, changed=self._change, hear=self._hear
        )
        self._searched: deque[Searched] = deque()  # filled by the searcher's thread
        self._searcher = Searcher(folder, self._boot_id, self._search_ended)
        self._detach: Callable[[], None] | None = None

    # ---- being driven

    def listen(self) -> None:
        """Open the channel and start the fork server. Only the one scheduler of the folder does. Harmless repeated.

        Raises `FolderUnusable`. A fork server that can't be started is tried again with the next arming.
        """
        if self._poke is None:
            try:
                self._poke = PokeReader(self._folder.poke)
            except OSError as error:
                raise FolderUnusable(self._folder.poke, error.strerror or str(error)) from error
            self._events.watch(self._poke.fileno(), READ, self._hear)
        with contextlib.suppress(OSError):
            self._armings.serve()

    def fileno(self) -> int:
        """Readable when something has happened; `facts` or `run_events` quiets it."""
        return self._events.fileno()

    def attach(self, loop: AbstractEventLoop, wake: Callable[[], None]) -> None:
        """Let the loop call `wake` whenever there are new facts or hints; until `close`. Raises as `listen`."""
        self.listen()
        fd = self.fileno()

        def ready() -> None:
            self._run()
            if self._facts or self._hints:
                wake()

        def detach() -> None:
            if not loop.is_closed():
                loop.remove_reader(fd)

        loop.add_reader(fd, ready)
        self._detach = detach

    def _run(self) -> None:
        self._events.run()
        while self._searched:
            self._facts.append(self._searched.popleft())

    def facts(self) -> Sequence[Fact]:
        """What has happened since the last call, in order. Does not wait."""
        self._run()
        facts = list(self._facts)
        self._facts.clear()
        self._changed.clear()
        return facts

    def hints(self) -> list[dict[str, Any]]:
        """Messages of others (a command line) that came through the channel: look at the journal."""
        hints = list(self._hints)
        self._hints.clear()
        return hints

    @property
    def fork_server_pid(self) -> int | None:
        """The pid of the fork server in use, for whoever lists the processes of a scheduler."""
        server = self._armings.server
        return server.pid if server is not None else None

    def close(self) -> None:
        """Let go of everything: what is armed and was not told to go disarms; what executes goes on."""
        if self._detach is not None:
            self._detach()
            self._detach = None
        self._searcher.close()
        self._armings.close()
        self._watches.close()
        if self._poke is not None:
            self._poke.close()
            self._poke = None
        self._events.close()

    # ---- arm, go, disarm

    def arm(self, order: Order) -> None:
        """Begin to arm a supervisor; `Armed` or `ArmFailed` follows. Raises `FolderUnusable`."""
        self.listen()
        try:
            sent = make_order(
                self._folder,
                order,
                self._boot_id,
                inherited=self._inherited,
                cgroup_parent=self._cgroup_parent,
                home=self._home,
            )
        except ValueError as error:
            self._add(ArmFailed(order.job, order.number, order.nonce, str(error)))
            return
        self._armings.begin(order, sent, self._boot_id)

    def go(self, execution: Execution, run_by: Deadline) -> None:
        """Let an armed supervisor execute, until `run_by`. Only after its `start` is in the journal.

        If this process stops right before: the pipe closes, the supervisor disarms and says so in its report.
        """
        if not self._armings.go(execution.arming.nonce, run_by.boot):
            self._change(execution.arming.nonce)  # it has disarmed or is gone: an examination says which

    def disarm(self, nonce: str) -> None:
        """Take back an arming that was not told to go. Harmless for one that is unknown."""
        self._armings.take_back(nonce)

    # ---- what is there already

    def watch(self, execution: Execution) -> None:
        """Adopt: from now on `Changed` is reported for it too, at once if it has ended. Harmless when repeated."""
        self._watches.add(execution.arming)

    def forget(self, nonce: str) -> None:
        """It is over: let go of all that is kept for it. Harmless when repeated."""
        self._armings.take_back(nonce)
        self._watches.remove(nonce)

    def stop(self, execution: Execution, reason: Reason) -> StopAnswer:
        """Put a stop into its mailbox, or see that its supervisor is dead. Waits 20 ms at most.

        After `put` examine once more before judging: it may have ended by itself and said so.
        """
        return stopping.stop(self._folder, execution, reason, self._boot_id)

    def kill(self, execution: Execution) -> None:
        """Kill a supervisor that is alive and mute. Its command loses its parent and dies with it, where it can."""
        stopping.kill(execution, self._boot_id)

    def examine(self, execution: Execution) -> Examination:
        """Take its life lock if it is free, then read its report. The caller closes the examination."""
        found = look(self._folder, execution, self._boot_id)
        if found.dying:
            nonce = execution.arming.nonce
            self._events.call_at(boot_us() + _LOOK_AGAIN_US, lambda: self._change(nonce))
        return found

    def search(self, execution: Execution) -> None:
        """Search for what is left of it and end it; `Searched` follows. Only when its supervisor is gone."""
        self._searcher.search(execution)

    def numbers(self, above: Mapping[str, int]) -> Mapping[str, Sequence[int]]:
        """For every job: the numbers of runs that have left something and are above the one given."""
        return numbers_above(self._folder, above)

    def armings(self, job: str, number: int) -> Sequence[Execution]:
        """Every arming that left something of this run."""
        return armings_of(self._folder, job, number)

    def living(self) -> Sequence[Execution]:
        """Every execution that a living process belongs to by its cookie, known to the journal or not."""
        return living(self._folder)

    # ---- what happens

    def _add(self, fact: Fact) -> None:
        self._facts.append(fact)
        self._events.nudge()

    def _change(self, nonce: str) -> None:
        if nonce not in self._changed:
            self._changed.add(nonce)
            self._add(Changed(nonce))

    def _search_ended(self, searched: Searched) -> None:
        """In the searcher's thread."""
        self._searched.append(searched)
        self._events.nudge()

    def _hear(self) -> None:
        for message in self._poke.read() if self._poke is not None else ():
            about, nonce = message.get("about"), message.get("nonce")
            if not isinstance(nonce, str):
                self._hints.append(message)
            elif about == "changed":
                self._change(nonce)
            elif about == "armed" and type(message.get("pid")) is int and type(message.get("pid_start")) is int:
                cgroup = message.get("cgroup") is True
                self._armings.armed(nonce, message["pid"], message["pid_start"], cgroup=cgroup)
            elif about == "not_armed":
                self._armings.not_armed(nonce, str(message.get("error")), busy=message.get("busy") is True)
