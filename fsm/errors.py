"""Every error of the package: one base, fields to act on, and whose fault it is.

Three families say whose move is next: the caller asked for something that cannot be (`CallerError`), somebody
else was faster (`ConflictError`), or the store cannot be used (`StoreError`).
"""

from __future__ import annotations


class CronfsmError(Exception):
    """Base of every error raised by this package."""


class CallerError(CronfsmError):
    """The request itself is wrong; asking again changes nothing."""


class ConflictError(CronfsmError):
    """Somebody else was faster; look again, decide again."""


class StoreError(CronfsmError):
    """The journal or the data folder cannot be used as it is."""


class IllegalTransition(CallerError):
    """The lifecycle table has no such edge.

    Fields: `state` (None before the run exists), `trigger`, `reason` (None where none was given).
    """

    def __init__(self, state: str | None, trigger: str, reason: str | None, why: str = "") -> None:
        self.state, self.trigger, self.reason = state, trigger, reason
        with_reason = f" with reason {reason!s}" if reason else ""
        super().__init__(
            f"a run that is {state or 'not there yet'} takes no {trigger!s}{with_reason}" + (f": {why}" if why else "")
        )


class IllegalEntry(StoreError):
    """An entry cannot follow the entries before it in its stream.

    Fields: `job`, `seq` (of the entry), `why`, `requirement` (which rule it breaks, by name).
    """

    def __init__(self, job: str, seq: int, why: str, requirement: str = "") -> None:
        self.job, self.seq, self.why, self.requirement = job, seq, why, requirement
        super().__init__(f"entry {seq} of {job}: {why}")


class UnknownJob(CallerError):
    """No job of this name. Fields: `name`, `nearest` (a name that is close, or None)."""

    def __init__(self, name: str, nearest: str | None = None) -> None:
        self.name, self.nearest = name, nearest
        super().__init__(f"there is no job {name!r}" + (f"; did you mean {nearest!r}?" if nearest else ""))


class UnknownRun(CallerError):
    """No run of this id. Fields: `run_id`, `nearest` (an id that is close, or None)."""

    def __init__(self, run_id: str, nearest: str | None = None) -> None:
        self.run_id, self.nearest = run_id, nearest
        super().__init__(f"there is no run {run_id!r}" + (f"; did you mean {nearest!r}?" if nearest else ""))


class PrunedRun(UnknownRun):
    """The run was, and its entries and output have been pruned. Fields: `run_id`, `first` (the id of the first run that
    the journal still has, or will have)."""

    def __init__(self, run_id: str, first: str) -> None:
        super().__init__(run_id)
        self.first = first

    def __str__(self) -> str:
        return f"run {self.run_id} was pruned, and what it printed with it: the history goes back to {self.first}"


class BadValue(CallerError, ValueError):
    """A value that a job, schedule, duration or instant cannot have; the message says what would be right."""


class BadJobs(CallerError):
    """A jobs file with mistakes. Field: `mistakes`, a tuple of lines such as ``jobs.a.timeout: ...``."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class Conflict(ConflictError):
    """A stream was not as long as the appender had seen. Fields: `job`, `expected`, `actual` (lengths)."""

    def __init__(self, job: str, expected: int, actual: int) -> None:
        self.job, self.expected, self.actual = job, expected, actual
        super().__init__(f"the stream of {job!r} has {actual} entries, not {expected}: somebody else appended")


class Fenced(ConflictError):
    """A newer scheduler took over. Fields: `epoch` (the appender's), `current`."""

    def __init__(self, epoch: int, current: int) -> None:
        self.epoch, self.current = epoch, current
        super().__init__(f"epoch {epoch} is over: a scheduler with epoch {current} has taken over")


class WrongEpoch(ConflictError):
    """A scheduler would begin an epoch that is not the next one: another scheduler has begun one since it looked.

    Fields: `epoch` (the one that it would begin), `current`.
    """

    def __init__(self, epoch: int, current: int) -> None:
        self.epoch, self.current = epoch, current
        super().__init__(f"epoch {epoch} cannot begin: the journal is in epoch {current}, and {current + 1} comes next")


class JournalBusy(StoreError):
    """Another process keeps the store locked. Field: `holder`, what is known of it, or None."""

    def __init__(self, holder: str | None = None) -> None:
        self.holder = holder
        super().__init__("the journal is locked by " + (holder or "another process") + "; trying again helps")


class JournalFull(StoreError):
    """The disk has no room for the entry. Field: `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"no room left on the disk that holds {path}")


class JournalUnusable(StoreError):
    """The store cannot be opened or read. Fields: `path`, `why`, `remedy`."""

    def __init__(self, path: str, why: str, remedy: str = "") -> None:
        self.path, self.why, self.remedy = path, why, remedy
        super().__init__(f"{path}: {why}" + (f"; {remedy}" if remedy else ""))


class FolderUnusable(StoreError):
    """The data folder cannot be used. Fields: `path`, `why`, `remedy`."""

    def __init__(self, path: str, why: str, remedy: str = "") -> None:
        self.path, self.why, self.remedy = path, why, remedy
        super().__init__(f"{path}: {why}" + (f"; {remedy}" if remedy else ""))


class AlreadyServed(ConflictError):
    """Another scheduler serves this data folder. Fields: `path`, `pid` (None when it cannot be told)."""

    def __init__(self, path: str, pid: int | None) -> None:
        self.path, self.pid = path, pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"{who} already serves {path}; end it first, or use --takeover")
