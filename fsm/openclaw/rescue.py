"""Find what is stuck in an OpenClaw state folder, and repair it: sessions.json of every agent, and the jobs'
markers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator

from attrs import define, field, frozen

from fsm.instants import Duration, Instant
from fsm.openclaw.endings import endings
from fsm.openclaw.folder import StateFolder
from fsm.openclaw.holders import GatewayUp, Holder, holders, store_lock
from fsm.openclaw.markers import MarkedFile, jobs_of, look
from fsm.openclaw.rewrite import compare, rewrite
from fsm.openclaw.rows import Kind, RowKey
from fsm.openclaw.runlog import logs
from fsm.openclaw.survey import KEEP, Group, Plan, survey
from fsm.openclaw.swap import swap
from fsm.plural import many


@frozen(slots=True)
class Finding:
    """One line of the table: what is wrong, with how many rows and bytes, why, and what becomes of them."""

    file: str
    subject: str
    what: str
    rows: int
    size: int
    why: str
    then: str


@define(slots=True)
class Rescue:
    """What was found. `now_ms` and `limit_ms` are epoch ms; `names`: the jobs' names by id, as far as they are
    known."""

    folder: StateFolder
    now_ms: int
    limit_ms: int
    plans: list[Plan] = field(factory=list)
    marked: list[MarkedFile] = field(factory=list)
    names: dict[str, str] = field(factory=dict)
    holders: list[Holder] = field(factory=list)
    unread: list[tuple[str, str]] = field(factory=list)
    mute: list[str] = field(factory=list)

    @property
    def files(self) -> list[str]:
        """All that was looked at."""
        return [*(plan.path for plan in self.plans), *(marked.path for marked in self.marked)]

    @property
    def anything(self) -> bool:
        """Whether there is something to repair."""
        return any(plan.anything for plan in self.plans) or any(marked.markers for marked in self.marked)

    def findings(self) -> Iterator[Finding]:
        """The table, file by file, job by job."""
        for plan in self.plans:
            for (agent, job), group in sorted(plan.groups.items()):
                for kind in (Kind.STUCK, Kind.ORPHANED, Kind.OLD):
                    yield from self._of_group(plan, agent, job, group, kind)
        for marked in self.marked:
            for marker in marked.markers:
                when = (
                    "it says no time" if marker.at_ms is None else f"set {self.age(marker.at_ms)} ago, and nothing runs"
                )
                yield Finding(marked.path, marker.name or marker.job, "marker", 0, 0, when, "runningAtMs is taken away")

    def _of_group(self, plan: Plan, agent: str, job: str, group: Group, kind: Kind) -> Iterator[Finding]:
        subject = f"{agent}: {self.names.get(job.casefold(), job)}"
        rows, size = group.counts.get(kind, 0), group.sizes.get(kind, 0)
        if not rows:
            return
        kept, kept_size = (0, 0) if kind is Kind.ORPHANED else group.kept(kind)
        if kind is Kind.OLD and kept == rows:
            return  # a history of ordinary length
        dropped = rows - kept
        if kind is Kind.STUCK:
            least, most = self.age(self.limit_ms), self.age(group.oldest_ms)
            why = f"running, and no sign of life for {least} or more; the oldest: {most}"
            set_to = Counter(plan.ending(RowKey(agent, job, run), 0).status for run in group.stuck())
            then = ", ".join(
                [f"{count:,} set to {status}" for status, count in sorted(set_to.items())]
                + ([f"{dropped:,} dropped"] if dropped else [])
            )
        elif kind is Kind.ORPHANED:
            why, then = "cron/jobs.json has no such job", f"{dropped:,} dropped"
        else:
            why = f"ended; more than the {plan.keep:,} newest of the job"
            then, rows, size = f"{dropped:,} dropped", dropped, size - kept_size
        yield Finding(plan.path, subject, str(kind), rows, size, why, then)

    def age(self, ms: int) -> str:
        """How long ago that was, in one unit."""
        seconds = max(self.now_ms - ms, 0) // 1000
        for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
            if seconds >= 2 * length or (seconds >= length and seconds % length == 0):
                return f"{seconds // length} {unit}"
        return f"{seconds} s"

    def troubles(self) -> Iterator[str]:
        """What could not be read, and what that means, a sentence each."""
        for path, why in self.unread:
            yield f"{self.folder.short(path)}: {why}; it is left alone."
        for path in self.mute:
            yield f"{self.folder.short(path)}: it cannot be read, so that its runs' rows are set to failed."
        for plan in self.plans:
            yield from _of_plan(self.folder.short(plan.path), plan)
        for marked in self.marked:
            if marked.why is not None:
                yield f"{self.folder.short(marked.path)}: {marked.why}; it is left alone."
            elif marked.young:
                yield f"{self.folder.short(marked.path)}: {many(marked.young, 'marker')} too young to be judged."
        if self.plans and self.plans[0].jobs is None:
            yield "Which jobs there are is not known, so that no row is called orphaned."
        if os.path.exists(self.folder.database):
            yield (
                f"{self.folder.short(self.folder.database)}: this version of OpenClaw keeps jobs and runs there, "
                "which is not looked at."
            )


def _of_plan(name: str, plan: Plan) -> Iterator[str]:
    trouble = plan.trouble
    if trouble is not None:
        where = f"byte {trouble.at:,} of {plan.file.size:,}"
        inside = ""
        if trouble.entry_at >= 0:
            key = "an entry" if trouble.key is None else f"the entry {trouble.key[:200].decode('utf-8', 'replace')}"
            inside = f", in {key}, which begins at byte {trouble.entry_at:,}"
        if plan.cut_row is not None:
            then = "that entry is a run's and is dropped, and the brace that is missing is added"
        elif plan.closable:
            then = "the brace that is missing is added"
        else:
            then = (
                "what stands there and behind it is kept byte for byte, so that the gateway will not read the file yet"
            )
        yield f"{name}: {where}: {trouble.why}{inside}; {then}."
    if plan.uncounted:
        yield f"{name}: {many(plan.uncounted, 'row')} of more jobs than can be told apart, left alone."
    unclear = sum(group.counts.get(Kind.UNCLEAR, 0) for group in plan.groups.values())
    if unclear:
        yield f"{name}: {many(unclear, 'row')} left alone: no object, or a status that is no text."


def find(path: str, now: Instant, older_than: Duration, *, keep: int = KEEP) -> Rescue:
    """Look at everything, change nothing. Raises `NoOpenClaw`."""
    folder = StateFolder(path)
    limit_ms = (now - older_than) // 1000
    found = Rescue(folder, now // 1000, limit_ms)
    for name in (folder.jobs, folder.state):
        marked = look(name, limit_ms)
        if marked is not None:
            found.marked.append(marked)
    ids = _known_jobs(found)
    for store in folder.sessions():
        try:
            found.plans.append(survey(store, limit_ms=limit_ms, jobs=ids, keep=keep))
        except OSError as error:
            found.unread.append((store, error.strerror or "it cannot be read"))
    _ask_histories(found)
    found.holders = holders(folder.path, found.files)
    return found


def _ask_histories(found: Rescue) -> None:
    """How the runs ended whose rows are stuck; a history that cannot be read tells nothing, which is said."""
    histories = logs(found.folder.runs)
    for plan in found.plans:
        plan.endings, unread = endings(histories, plan.stuck())
        found.mute += [path for path in unread if path not in found.mute]


def _known_jobs(found: Rescue) -> frozenset[str] | None:
    """The ids of all jobs, case-folded, from jobs.json; None unless it was read to its end."""
    for marked in found.marked:
        if marked.path == found.folder.jobs and marked.document is not None and marked.why is None:
            ids = set()
            for ident, node in jobs_of(marked.document.root):
                name = node.get("name")
                ids.add(ident.casefold())
                if name is not None and isinstance(name.value, str) and name.value:
                    found.names[ident.casefold()] = name.value
            return frozenset(ids)
    return None


@frozen(slots=True)
class Repaired:
    """One file that was swapped, its backup, and bytes before and after."""

    path: str
    backup: str
    before: int
    after: int


def apply(found: Rescue, stamp: str, report: Callable[[Repaired], None]) -> None:
    """Repair file after file; `report` hears of each. `stamp` goes into the backups' names.

    Raises `GatewayUp` before anything was changed, or before a later file is where a gateway came up meanwhile; and
    `ChangedMeanwhile`, `NotTheSame`, `OSError` for a file, which is then what it was, as are those after it.
    """
    _nobody_home(found)
    for plan in found.plans:
        if plan.anything:
            with store_lock(plan.path):
                report(_swap(found, plan.path, stamp, plan))
    for marked in found.marked:
        if marked.markers:
            report(_swap(found, marked.path, stamp, marked))


def _nobody_home(found: Rescue) -> None:
    for holder in holders(found.folder.path, found.files):
        raise GatewayUp(found.folder.path, holder)


def _swap(found: Rescue, path: str, stamp: str, what: Plan | MarkedFile) -> Repaired:
    def write(source: int, target: int) -> None:
        if isinstance(what, Plan):
            rewrite(what, source, target)
            compare(what, source, target)
        else:
            data = memoryview(what.cleared())
            while data:
                data = data[os.write(target, data) :]

    read = what.file
    assert read is not None  # it was read, for there is something to change in it
    backup = swap(path, read, stamp, write, lambda: _nobody_home(found))
    return Repaired(path, backup, read.size, os.path.getsize(path))
