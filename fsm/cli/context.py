"""What a command works with: the data folder, its journal, the clock, and where its answer goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fsm.errors import FolderUnusable

if TYPE_CHECKING:
    from fsm.cli.output import Output
    from fsm.client.answers import Stopper
    from fsm.client.engine import Engine
    from fsm.instants import Instant
    from fsm.model.states import Actor
    from fsm.ports import Clock, Journal, Launcher, Outputs
    from fsm.scheduler.lock import Served
    from fsm.supervise.folder import DataFolder

HOME_VARIABLE = "CRONFSM_HOME"
JOURNAL_FILE = "journal.db"


class Session:
    """One call of the command line. All of it is made when it is first needed, and closed at the end.

    `journal`, `clock` and `launcher` may be given by a program that has its own; then no data folder is looked at.
    """

    def __init__(
        self, *, journal: Journal | None = None, clock: Clock | None = None, launcher: Launcher | None = None
    ) -> None:
        self.as_json = False
        self.debug = False
        self._chosen: str | None = None
        self._stands_in = False  # for a journal that is not there yet
        self._folder: DataFolder | None = None
        self._journal, self._given, self._writes = journal, journal is not None, journal is not None
        self._clock, self._launcher, self._launcher_given = clock, launcher, launcher is not None

    # ---- the data folder

    def choose_folder(self, path: str) -> None:
        """What ``--data-dir`` says."""
        if not path.strip():
            raise FolderUnusable('""', "it is not the name of a folder", "leave --data-dir out for the default")
        self._chosen = path

    @property
    def chosen_folder(self) -> str | None:
        """What ``--data-dir`` said, as it was written."""
        return self._chosen

    @property
    def folder_path(self) -> str:
        """The absolute path of the data folder: ``--data-dir``, else $CRONFSM_HOME, else the platform's place."""
        chosen = self._chosen or os.environ.get(HOME_VARIABLE, "").strip()
        if not chosen:
            from platformdirs import user_state_path

            chosen = str(user_state_path("cronfsm"))
        return os.path.abspath(os.path.expanduser(chosen))

    @property
    def folder(self) -> DataFolder:
        """The data folder, which may not exist."""
        if self._folder is None:
            from fsm.supervise.folder import DataFolder

            self._folder = DataFolder(self.folder_path)
        return self._folder

    def served(self) -> Served | None:
        """The scheduler that is up on this folder, or None; None, too, where that cannot be told."""
        from fsm.scheduler.lock import who_serves

        try:
            return who_serves(self.folder)
        except OSError:
            return None

    # ---- the journal

    @property
    def journal(self) -> Journal:
        """The journal, to read. A folder that does not exist has an empty one, and is not created by looking."""
        if self._journal is None or (self._stands_in and os.path.exists(self._journal_path())):
            self._journal = self._open(read_only=True)
        return self._journal

    def journal_to_change(self, *, create: bool = False) -> Journal:
        """The journal, to append to; with `create`, the data folder is made if it is not there yet.

        Raises `FolderUnusable`, `JournalUnusable`.
        """
        if not self._writes:
            if create:
                self.folder.create()
            elif os.path.exists(self._journal_path()):
                self.folder.check()
            if self._journal is not None:
                self._journal.close()
            self._journal, self._writes = self._open(read_only=False, create=create), True
        assert self._journal is not None
        return self._journal

    def _journal_path(self) -> str:
        return os.path.join(self.folder_path, JOURNAL_FILE)

    def _open(self, *, read_only: bool, create: bool = False) -> Journal:
        path = self._journal_path()
        there = self._there(path)
        if not there or os.path.getsize(path) == 0:
            from fsm.journal.missing import require_not_lost

            require_not_lost(path, self.folder.has_runs)
        if not create and not there:
            from fsm.journal.memory import MemoryJournal

            self._stands_in = True
            return MemoryJournal()
        self._stands_in = False
        from fsm.journal.sqlite import SqliteJournal

        return SqliteJournal(path, read_only=read_only)

    def _there(self, path: str) -> bool:
        try:
            os.stat(path)
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            raise FolderUnusable(self.folder_path, "it is not a folder", "choose another one with --data-dir") from None
        except OSError as error:
            raise FolderUnusable(self.folder_path, error.strerror or "it cannot be read") from error
        return True

    # ---- the engine

    @property
    def clock(self) -> Clock:
        """The machine's clocks."""
        if self._clock is None:
            from fsm.realtime import SystemClock

            self._clock = SystemClock()
        return self._clock

    def now(self) -> Instant:
        """The time of day, now."""
        return self.clock.now().utc

    @property
    def launcher(self) -> Launcher:
        """The way to supervisors and their processes."""
        if self._launcher is None:
            from fsm.supervise.launcher import ProcessLauncher

            self._launcher = ProcessLauncher(self.folder, self.clock)
        return self._launcher

    @property
    def outputs(self) -> Outputs | None:
        """What runs have left in the data folder; None where there is none."""
        if self._given:
            return None
        from fsm.supervise.outputs import RunFolders

        return RunFolders(self.folder)

    def engine(self, *, create: bool = False, actor: Actor | None = None, stopper: Stopper | None = None) -> Engine:
        """The engine on this folder's journal, to change it; a scheduler that is up is poked after each change."""
        from fsm.client.engine import Engine
        from fsm.model.states import Actor

        journal = self.journal_to_change(create=create)
        return Engine(
            journal,
            clock=self.clock,
            stopper=stopper,
            poke=self.poke,
            numbers=None if self._given else self.run_numbers,
            actor=actor or Actor.CLI,
        )

    def run_numbers(self, job: str) -> int:
        """The highest number of a run of this job that has left anything in the data folder; 0 where none has."""
        return 0 if self._given else max(self.folder.run_numbers(job), default=0)

    def poke(self) -> None:
        """Let a scheduler that is up look at the journal now. Without one, nothing happens."""
        if self._given:
            return
        from fsm.supervise.poke import send

        send(self.folder.poke, {"about": "journal"})

    # ---- the answer

    @property
    def output(self) -> Output:
        """Where the answer goes."""
        from fsm.cli.output import Output

        return Output(as_json=self.as_json)

    def let_go(self) -> None:
        """Close the journal, if it was opened: its file is about to be another one."""
        if self._journal is not None and not self._given:
            self._journal.close()
            self._journal = None

    def close(self) -> None:
        """Let go of what was opened. What was given stays open."""
        self.let_go()
        if self._launcher is not None and not self._launcher_given:
            close = getattr(self._launcher, "close", None)
            if close is not None:
                close()
            self._launcher = None
