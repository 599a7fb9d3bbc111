"""Let anything come between any two calls of a process to its ports: its death, a client's append, a takeover.

A port call has two points, one before its effect and one after it. `Interruptions.at(n, action)` has `action` happen
at the n-th point from now. An action that raises `Crash` ends the process there; any other is what somebody else does
while this process is about to call, or has just called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from fsm.errors import IllegalEntry
from fsm.ports import Append, Appended, Journal

_Port = TypeVar("_Port")

LAUNCHER_EFFECTS = frozenset({"arm", "go", "disarm", "stop", "examine", "search", "kill"})
PUBLISHER_EFFECTS = frozenset({"publish"})


class Crash(BaseException):
    """A process ends here. No code catches it but the simulation, as none can catch a KILL."""


def crash() -> None:
    """As an action: end the process at this point."""
    raise Crash


class Interruptions:
    """The points that one process passes, and what is to happen at them."""

    def __init__(self) -> None:
        self._planned: list[tuple[int, Callable[[], None]]] = []
        self._inside = False
        self.passed = 0

    def at(self, n: int, action: Callable[[], None]) -> None:
        """Have it happen at the n-th point from now, counted from 1."""
        self._planned.append((self.passed + max(n, 1), action))

    def clear(self) -> None:
        """Nothing comes in between any more."""
        self._planned.clear()

    def point(self) -> None:
        """The process passes a point."""
        if self._inside:
            return  # what happens in an action is not interrupted in turn
        self.passed += 1
        due = [action for n, action in self._planned if n <= self.passed]
        if not due:
            return
        self._planned = [(n, action) for n, action in self._planned if n > self.passed]
        self._inside = True
        try:
            for action in due:
                action()
        finally:
            self._inside = False

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call with a point before it and one after."""

        def called(*args: Any, **kwargs: Any) -> Any:  # it hands on whatever a port takes
            self.point()
            answer = call(*args, **kwargs)
            self.point()
            return answer

        return called

    def wrap(self, port: _Port, effects: frozenset[str]) -> _Port:
        """The same port, with a point before and after each call of `effects`."""
        changes = {name: self.around(getattr(port, name)) for name in effects}
        return cast(_Port, Wrapped(port, changes))


class Wrapped:
    """An object with the public methods of another, some of them changed."""

    def __init__(self, port: object, changes: dict[str, Callable[..., Any]]) -> None:
        methods = inspect.getmembers(port, callable)
        self.__dict__.update({name: method for name, method in methods if not name.startswith("_")})
        self.__dict__.update(changes)


def journal_of(
    journal: Journal,
    interruptions: Interruptions,
    before: Callable[[], None],
    appended: Callable[[Sequence[Appended]], None],
    rejected: Callable[[IllegalEntry], None],
) -> Journal:
    """The journal as one process sees it.

    `before` comes before each append is tried, `appended` right after one that was committed, `rejected` where an
    entry could not follow, which is nobody's fault but the decider's. The point after an append comes when its process
    has been told of the commit, or not.
    """

    def append(batch: Sequence[Append], *, epoch: int | None = None) -> list[Appended]:
        interruptions.point()
        before()
        try:
            results = journal.append(batch, epoch=epoch)
        except IllegalEntry as error:
            rejected(error)
            raise
        appended(results)
        interruptions.point()
        return results

    return cast(Journal, Wrapped(journal, {"append": append}))
