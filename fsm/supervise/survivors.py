"""What is left of executions whose supervisor is gone: one scan of all processes, for any number of executions.

By the cookie in the environment, by a session of the run, or by the inherited slot lock. Linux, /proc.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence

from fsm.supervise.processes import Stat, all_pids, open_process, read_text, stat_of

_COOKIE = re.compile(rb"(?:^|\0)CRONFSM_RUN_TOKEN=([^\0]*)")
_MAX_ENVIRON = 8 * 1024 * 1024  # above what Linux lets a program start with
_OURS = ("cronfsm-superv",)  # a supervisor that holds its slot lock is another arming's
_SAME_START = 5  # clock ticks between the moment before a fork and the start time of its child, on a busy machine
_OUTSIDE = 0  # the session of a process whose session began outside of our pid namespace
_KERNEL_THREADS = 2  # kthreadd, the parent of them all


class Target:
    """One execution that is searched for, and what is known of its processes."""

    def __init__(
        self,
        nonce: str,
        token: str,
        since: int,
        *,
        slot_lock: str = "",
        home: str | None = None,
        cgroup: str | None = None,
    ) -> None:
        self.nonce, self.token = nonce, token.encode()
        self.since = since  # start time of its supervisor, in clock ticks: nothing of it is older
        self.slot_lock, self.home, self.cgroup = slot_lock, home, cgroup
        self.sessions: dict[int, int | None] = {}  # by number; start time of the leader, None: not known
        self.found: dict[int, Stat] = {}  # in this scan
        self.hindrance: str | None = None  # in this scan


def scan(targets: Sequence[Target]) -> None:
    """Fill `found` and `hindrance` of every target with what lives now."""
    for target in targets:
        target.found, target.hindrance = {}, None
    if not targets:
        return
    oldest = min(target.since for target in targets)
    by_token = {target.token: target for target in targets}
    unreadable: list[Stat] = []
    strangers: list[tuple[Stat, bool]] = []  # no cookie of a target; whether it has another run's
    eldest: dict[int, int] = {}  # by session, the start time of its oldest member
    for pid in all_pids():
        stat = stat_of(pid)
        if stat is None:
            continue
        eldest[stat.session] = min(stat.start, eldest.get(stat.session, stat.start))
        if stat.dead or stat.start < oldest or pid == os.getpid():
            continue
        if _KERNEL_THREADS in (pid, stat.ppid):
            continue
        cookies = _cookies(pid)
        if cookies is None:
            unreadable.append(stat)
            continue
        mine = [by_token[cookie] for cookie in cookies if cookie in by_token]
        for target in mine:
            if stat.start >= target.since:
                target.found[pid] = stat
        if not mine:
            strangers.append((stat, bool(cookies)))
    for target in targets:
        _by_session(target, [stat for stat, _ in strangers] + unreadable, eldest)
        _by_slot_lock(target, [stat for stat, others in strangers if not others])
        _look_at_unreadable(target, unreadable)


def environment(pid: int) -> bytes | None:
    """A process's environment as it was executed with, empty where it is gone; None where it may not be read."""
    try:
        return read_text(f"/proc/{pid}/environ", _MAX_ENVIRON) or b""
    except PermissionError:
        return None
    except OSError:
        return b""


def _cookies(pid: int) -> list[bytes] | None:
    """The cookies in a process's environment, none where it is gone; None where it may not be read."""
    environ = environment(pid)
    return None if environ is None else _COOKIE.findall(environ)


def _by_session(target: Target, others: Sequence[Stat], eldest: Mapping[int, int]) -> None:
    """Members of the run's sessions that have lost its cookie.

    A session of a process that was found is the run's, for the command began one of its own; unless any member of it
    is older than the run, as where somebody tries a run's environment in a terminal: its leader may be gone, or live
    outside of our pid namespace (session 0), and says nothing then. One that is only known by its number may have
    passed to strangers since: see `_same_session`.
    """
    now = {stat.session for stat in target.found.values()}
    now = {session for session in now if session != _OUTSIDE and eldest[session] >= target.since}
    target.sessions.update({stat.pid: stat.start for stat in target.found.values() if stat.pid == stat.session})
    for stat in others:
        if stat.start < target.since or stat.pid in target.found:
            continue
        if stat.session in now or (stat.session in target.sessions and _same_session(target, stat)):
            target.found[stat.pid] = stat


def _same_session(target: Target, member: Stat) -> bool:
    """Whether the session that the run had under this number can be the one its member is in now.

    The number of a session can't be given again while it has a member; after that it can. So its leader must be the
    very process that is known, or gone; and the member must be our user's, without a terminal, as all of the run are
    at first.
    """
    leader = stat_of(member.session)
    known = target.sessions[member.session]
    if leader is not None and known is not None and abs(leader.start - known) > _SAME_START:
        return False
    try:
        owner = os.stat(f"/proc/{member.pid}").st_uid
    except OSError:
        return False
    return owner == os.geteuid() and member.terminal == 0


def _by_slot_lock(target: Target, others: Sequence[Stat]) -> None:
    """Processes that still have the inherited slot lock open, though they lost cookie and session."""
    try:
        lock = os.stat(target.slot_lock, follow_symlinks=False)
    except OSError:
        return
    for stat in others:
        if (
            stat.start >= target.since
            and stat.pid not in target.found
            and stat.name not in _OURS
            and _has_open(stat.pid, lock)
        ):
            target.found[stat.pid] = stat


def _has_open(pid: int, file: os.stat_result) -> bool:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for name in names:
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), file):
                return True
        except OSError:
            continue
    return False


def _look_at_unreadable(target: Target, unreadable: Sequence[Stat]) -> None:
    """Processes that may be the run's orphans (set-user-ID) and can be neither read nor signalled hold the slot."""
    if not unreadable:
        return
    reapers = {1, *_ancestors(), *target.found}
    for stat in unreadable:
        if stat.start < target.since or stat.pid in target.found or stat.ppid not in reapers:
            continue
        if target.home is not None and home_of(stat.pid) != target.home:
            continue
        if not _can_signal(stat):
            target.hindrance = describe(stat, "may belong to the run and can be neither read nor ended")
            return


def _ancestors() -> list[int]:
    """The processes that an orphan of a run may have been given to, as far as ours tell."""
    found: list[int] = []
    pid = os.getppid()
    while pid > 1 and len(found) < 64:  # nobody nests deeper
        found.append(pid)
        stat = stat_of(pid)
        pid = stat.ppid if stat is not None else 1
    return found


def _can_signal(stat: Stat) -> bool:
    try:
        os.kill(stat.pid, 0)
    except PermissionError:
        return False
    except ProcessLookupError:
        return True
    return True


def home_of(pid: int | str) -> str:
    """A digest of the control groups a process is in; anyone may read them."""
    try:
        groups = read_text(f"/proc/{pid}/cgroup") or b""
    except OSError:
        groups = b""
    return hashlib.sha256(groups).hexdigest()[:16]


def describe(stat: Stat, why: str) -> str:
    """A process for a person: ``process 123 (sudo) …``."""
    return f"process {stat.pid} ({stat.name}) {why}"


def open_found(stat: Stat) -> int | None:
    """A pidfd of a process that was found, or None when it is gone."""
    return open_process(stat.pid, stat.start)
