"""`cronfsm serve`: everything put together on one data folder."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import attrs

import fsm
from fsm.client.apply import Changes, apply_file
from fsm.client.engine import Engine
from fsm.client.settings import settings
from fsm.codec.jobsfile import JobsFile, read_jobs
from fsm.errors import BadJobs, CronfsmError, FolderUnusable, StoreError
from fsm.instants import SECOND, Deadline, Duration, format_duration
from fsm.journal.health import require_sound
from fsm.journal.mend import Mender
from fsm.journal.migrate import migrate
from fsm.journal.missing import require_not_lost
from fsm.journal.sqlite import SqliteJournal
from fsm.model.events import LifecycleEvent
from fsm.model.job import Job
from fsm.model.states import Actor, State
from fsm.notify.desk import Desk
from fsm.notify.notifier import Deliverer
from fsm.realtime import SystemClock, this_process
from fsm.scheduler.core import Scheduler
from fsm.scheduler.lock import SchedulerLock, take_over
from fsm.scheduler.loop import Loop
from fsm.scheduler.presence import Who
from fsm.scheduler.publish import Broadcast, Courier
from fsm.scheduler.systemd import Notifier, deadly_kill_mode
from fsm.supervise.folder import DataFolder
from fsm.supervise.launcher import ProcessLauncher
from fsm.supervise.outputs import RunFolders

DRAIN_MARGIN = Duration(30 * SECOND)
"""What the service manager is asked to wait beyond a drain, for the last entries."""

MOST_NAMED = 5
"""Runs that are named when a drain begins."""

MAX_FILE = 64 << 20
"""Bytes of a jobs file; a hundred thousand jobs take a quarter of it, and what is larger is no jobs file."""


def read_jobs_file(path: Path) -> JobsFile:
    """Read a jobs file. Raises `BadJobs` with all its mistakes, also where it cannot be opened."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise BadJobs((f"{path}: {error.strerror}",)) from None
    if len(data) > MAX_FILE:
        raise BadJobs((f"{path}: it is larger than {MAX_FILE >> 20} MiB",))
    try:
        return _found_beside(read_jobs(data.decode("utf-8"), str(path)), path)
    except UnicodeDecodeError as error:
        raise BadJobs((f"{path}: byte {error.start} is not UTF-8",)) from None


def _found_beside(jobs: JobsFile, path: Path) -> JobsFile:
    """`env_file` and `cwd` are named from where the jobs file lies; where `serve` was started says nothing about it."""
    folder = path.resolve().parent

    def there(name: str | None) -> str | None:
        return None if name is None else os.path.normpath(os.path.join(folder, os.path.expanduser(name)))

    def absolute(job: Job) -> Job:
        if job.env_file is None and job.cwd is None:
            return job
        return attrs.evolve(job, env_file=there(job.env_file), cwd=there(job.cwd))

    return attrs.evolve(jobs, jobs=tuple(absolute(job) for job in jobs.jobs))


def forget_the_run() -> None:
    """Begin anew without the cookie, where this process was started by one of our own runs.

    Otherwise the search for what that run left would find, and end, the scheduler itself.
    """
    if not any(name.startswith("CRONFSM_RUN_") for name in os.environ):
        return
    clean = {name: text for name, text in os.environ.items() if not _set_by_a_run(name)}
    os.closerange(3, 4096)  # the slot lock is inherited, too
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], clean)


def _set_by_a_run(name: str) -> bool:
    return name.startswith("CRONFSM_") and name not in ("CRONFSM_HOME", "CRONFSM_CGROUP")


class Server:
    """One scheduler on one data folder.

    `on_event` is called for every lifecycle event, `say` with a sentence whenever a person should know something;
    both in threads of their own. `takeover` ends a scheduler that has the folder first.

    Raises `AlreadyServed`, `FolderUnusable`, `JournalUnusable`, `BadJobs`.
    """

    def __init__(
        self,
        folder: DataFolder,
        *,
        jobs_file: Path | None = None,
        run_for: Duration | None = None,
        until_idle: bool = False,
        takeover: bool = False,
        drain: Duration | None = None,
        on_event: Callable[[LifecycleEvent], object] | None = None,
        say: Callable[[str], object] = print,
    ) -> None:
        self._folder, self._jobs_file = folder, jobs_file
        self._run_for_s = None if run_for is None else run_for / SECOND
        self._until_idle, self._takeover, self._drain = until_idle, takeover, drain
        self._on_event, self._say_to = on_event, say
        self._trouble: str | None = None
        self._hindered: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Schedule in the foreground until SIGTERM, SIGINT, the given time or idleness. Runs that run go on.

        Raises `Fenced` when another scheduler took over.
        """
        if not sys.platform.startswith("linux"):
            raise FolderUnusable(
                self._folder.path, "serve needs Linux (pidfd, flock, child subreapers)", "the other commands work here"
            )
        forget_the_run()
        jobs = read_jobs_file(self._jobs_file) if self._jobs_file is not None else None
        clock = SystemClock()
        self._folder.create()
        ended = take_over(self._folder, self._say_to) if self._takeover else None
        lock = SchedulerLock(self._folder, clock.now())
        voice: Courier[str] = Courier(self._say_to, "cronfsm-voice")
        self._say = voice.put
        notifier = Notifier()
        warning = deadly_kill_mode()
        if warning is not None:
            self._say(warning)
        if ended is not None:
            self._say(f"took over from process {ended}; its runs go on")
        publisher = Broadcast()
        if self._on_event is not None:
            publisher.subscribe(self._on_event)
        try:
            require_not_lost(self._folder.journal, self._folder.has_runs)
            self._bring_up_to_date(clock)
            journal = SqliteJournal(self._folder.journal)
            try:
                require_sound(journal.path, journal.unsound())
                self._serve(journal, clock, publisher, jobs, notifier)
            finally:
                journal.close()
        finally:
            publisher.close()
            voice.close()
            lock.close()

    def _bring_up_to_date(self, clock: SystemClock) -> None:
        """A journal that an older version wrote. The lock is held: no scheduler of that version is up any more."""
        migrated = migrate(self._folder.journal, Mender(clock.now(), this_process()[0], fsm.__version__).stamp)
        if migrated is not None:
            self._say(
                f"the journal was brought from schema {migrated.source} to {migrated.target}; "
                f"as it was before, it is kept in {migrated.kept}"
            )

    def _serve(
        self,
        journal: SqliteJournal,
        clock: SystemClock,
        publisher: Broadcast,
        jobs: JobsFile | None,
        notifier: Notifier,
    ) -> None:
        launcher = ProcessLauncher(self._folder, clock)
        deliverer = Deliverer(self._desk, lambda: clock.now().utc, self._say)
        publisher.subscribe(deliverer.wake)
        try:
            self._engine = Engine(journal, clock=clock, stopper=launcher, actor=Actor.SCHEDULER)
            if jobs is not None:
                self._apply(jobs)
            self._scheduler = Scheduler(
                journal,
                clock,
                launcher,
                publisher,
                nonce=lambda: secrets.token_hex(8),
                who=Who(this_process()[0], fsm.__version__),
                settings=settings(journal),
                outputs=RunFolders(self._folder),
            )
            loop = Loop(
                self._scheduler,
                launcher,
                after_turn=self._after_turn,
                reload=self._reload,
                run_for_s=self._run_for_s,
                until_idle=self._until_idle,
                drain=self._drain,
                drains=lambda until: self._drains(until, clock, notifier),
            )
            self._scheduler.begin()
            notifier.ready()
            reason = loop.run()
            notifier.stopping()
            self._scheduler.end(reason)
        finally:
            deliverer.close()
            launcher.close()

    def _desk(self) -> tuple[Desk, SqliteJournal]:
        """Called in the thread that delivers: with a connection of its own it waits for nobody, and nobody for it."""
        journal = SqliteJournal(self._folder.journal, read_only=True)
        try:
            return Desk.of_folder(self._folder.path, journal), journal
        except BaseException:
            journal.close()
            raise

    def _apply(self, jobs: JobsFile) -> Changes:
        source = f"file:{self._jobs_file.resolve()}" if self._jobs_file is not None else "file:"
        return apply_file(self._engine, jobs, source=source, prune_source=True)

    def _reload(self) -> None:
        """SIGHUP. A mistake in the file leaves everything as it was."""
        if self._jobs_file is None:
            self._say("there is no jobs file to read again: serve was started without one")
            return
        try:
            changes = self._apply(read_jobs_file(self._jobs_file))
        except BadJobs as error:
            self._say(f"{self._jobs_file} was not read again, the old jobs stay:\n" + "\n".join(error.mistakes))
        except CronfsmError as error:
            self._say(f"{self._jobs_file} could not be applied: {error}")
        else:
            counts = [
                f"{len(names)} {what}"
                for names, what in (
                    (changes.added, "added"),
                    (changes.changed, "changed"),
                    (changes.removed, "removed"),
                )
                if names
            ]
            self._say(f"{self._jobs_file} was read again: " + (", ".join(counts) or "nothing changed"))

    def _drains(self, until: Deadline, clock: SystemClock, notifier: Notifier) -> None:
        left = max(0, until.left(clock.now()))
        notifier.stopping(left + DRAIN_MARGIN)
        running = self._engine.runs(states=frozenset({State.RUNNING}), limit=MOST_NAMED + 1)
        names = ", ".join(run.id for run in running[:MOST_NAMED]) + (", ..." if len(running) > MOST_NAMED else "")
        self._say(
            f"draining: nothing more is started; waiting up to {format_duration(-(-left // SECOND) * SECOND)} "
            f"for {names or 'what still holds a slot'} (stop once more to leave it running now)"
        )

    def _after_turn(self) -> None:
        """Say what a person should know: trouble with the store, slots that nothing frees."""
        trouble = self._scheduler.trouble
        text = str(trouble) if isinstance(trouble, StoreError) else None
        if text != self._trouble:
            if text is not None:
                self._say(f"{text}. Runs go on; what ends meanwhile is recorded as soon as it can be.")
            else:
                self._say("the journal takes entries again")
            self._trouble = text
        hindered = {(job, what) for job, (what, _) in self._scheduler.watcher.hindered.items()}
        hindered |= set(self._scheduler.strangers.hindered.items())
        for job, what in sorted(hindered - self._hindered):
            self._say(f"the slot of {job} stays held: {what}")
        self._hindered = hindered
