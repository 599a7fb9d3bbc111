"""Let anything come between any two calls of a process to its ports: its death, a client's append, a takeover.

A port call has two points, one before its effect and one after it; each is a window, with a name. `Interruptions.at(n,
action)` has `action` happen at the n-th point from now, `when(window, action)` at the next one of that name. An action
that raises `Crash` ends the process there; any other is what somebody else does while this process is about to call, or
has just called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from fsm.errors import IllegalEntry
from fsm.model.entries import Ended, Queued, Refused, Released, SchedulerUp, Started
from fsm.planning.retention import Mark
from fsm.ports import Append, Appended, Journal, Pruned
from fsm.testing.disk import Torn

_Port = TypeVar("_Port")

LAUNCHER_EFFECTS = frozenset({"arm", "go", "disarm", "stop", "examine", "search", "kill"})
PUBLISHER_EFFECTS = frozenset({"publish"})
BETWEEN_LOOKS = "within examine"  # between life lock and report

_APPENDS: dict[type, str] = {
    SchedulerUp: "epoch",
    Started: "start",
    Ended: "verdict",
    Released: "release",
    Queued: "queue",
    Refused: "refusal",
}
"""What an append is called by the first of these that it holds."""
OTHER_APPEND = "other"  # a job's definition, a sign of life, a checkpoint


def windows() -> list[str]:
    """The name of every point at which a scheduler may stop."""
    calls = [*sorted(LAUNCHER_EFFECTS | PUBLISHER_EFFECTS), "prune"]
    calls += [f"append of {what}" for what in (*_APPENDS.values(), OTHER_APPEND)]
    torn = [f"torn append ({how})" for how in Torn]
    return [*(f"{side} {call}" for call in calls for side in ("before", "after")), BETWEEN_LOOKS, *torn]


def append_of(batch: Sequence[Append]) -> str:
    """What the points around an append are called."""
    kinds = {type(draft.body) for one in batch for draft in one.drafts}
    return "append of " + next((name for kind, name in _APPENDS.items() if kind in kinds), OTHER_APPEND)


class Crash(BaseException):
    """A process ends here. No code catches it but the simulation, as none can catch a KILL."""


def crash() -> None:
    """As an action: end the process at this point."""
    raise Crash


class Interruptions:
    """The points that one process passes, and what is to happen at them."""

    def __init__(self) -> None:
        self._planned: list[tuple[int, Callable[[], None]]] = []
        self._at_window: dict[str, Callable[[], None]] = {}
        self._inside = False
        self.passed = 0
        self.window = ""  # the last one that it came to

    def at(self, n: int, action: Callable[[], None]) -> None:
        """Have it happen at the n-th point from now, counted from 1."""
        self._planned.append((self.passed + max(n, 1), action))

    def when(self, window: str, action: Callable[[], None]) -> None:
        """Have it happen at the next point of that name."""
        self._at_window[window] = action

    @property
    def waiting(self) -> bool:
        """Whether something is still to come."""
        return bool(self._planned or self._at_window)

    def clear(self) -> None:
        """Nothing comes in between any more."""
        self._planned.clear()
        self._at_window.clear()

    def point(self, window: str) -> None:
        """The process passes a point."""
        if self._inside:
            return  # what happens in an action is not interrupted in turn
        self.passed += 1
        self.window = window
        if not self._planned and not self._at_window:
            return
        due = [action for n, action in self._planned if n <= self.passed]
        self._planned = [(n, action) for n, action in self._planned if n > self.passed]
        here = self._at_window.pop(window, None)
        if here is not None:
            due.append(here)
        self._inside = True
        try:
            for action in due:
                action()
        finally:
            self._inside = False

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call with a point before it and one after."""
        before, after = f"before {name}", f"after {name}"

        def called(*args: Any, **kwargs: Any) -> Any:  # it hands on whatever a port takes
            self.point(before)
            answer = call(*args, **kwargs)
            self.point(after)
            return answer

        return called

    def wrap(self, port: _Port, effects: frozenset[str]) -> _Port:
        """The same port, with a point before and after each call of `effects`."""
        changes = {name: self.around(name, getattr(port, name)) for name in effects}
        return cast(_Port, Wrapped(port, changes))


class Wrapped:
    """An object with the public methods of another, some of them changed."""

    def __init__(self, port: object, changes: dict[str, Callable[..., Any]]) -> None:
        methods = inspect.getmembers(port, callable)
        self.__dict__.update({name: method for name, method in methods if not name.startswith("_")})
        self.__dict__.update(changes)


Appender = Callable[[Sequence[Append], int | None, Callable[[str], None]], list[Appended]]
"""How a process appends: `Disk.scheduler_appends`, `Disk.client_appends`."""


def journal_of(
    journal: Journal,
    interruptions: Interruptions,
    appender: Appender,
    rejected: Callable[[IllegalEntry], None],
    pruner: Callable[[str, Mark], Pruned],
) -> Journal:
    """The journal as one process sees it.

    `appender` tries each append; `rejected` is told where an entry could not follow, which is nobody's fault but the
    decider's. The point after an append comes when its process has been told of the commit, or not. `pruner` cuts.
    """

    def append(batch: Sequence[Append], *, epoch: int | None = None) -> list[Appended]:
        name = append_of(batch)
        interruptions.point(f"before {name}")
        try:
            results = appender(batch, epoch, interruptions.point)
        except IllegalEntry as error:
            rejected(error)
            raise
        interruptions.point(f"after {name}")
        return results

    return cast(Journal, Wrapped(journal, {"append": append, "prune": interruptions.around("prune", pruner)}))
