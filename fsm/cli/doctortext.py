"""What ``cronfsm doctor`` says: its findings, what can be done, and what it has done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fsm.cli.again import again
from fsm.cli.runjson import Json
from fsm.cli.tables import plain
from fsm.journal.diagnosis import Diagnosis, Remedy
from fsm.journal.mend import Treated
from fsm.journal.salvage import Salvaged
from fsm.journal.verify import Violation
from fsm.model.job import SCHEDULER_STREAM
from fsm.plural import many

SHOWN = 10
"""Violations and streams that are shown; `verify` and --json have all of them."""

_APPLY = "cronfsm doctor --apply"

_WHAT_HELPS = {
    Remedy.REBUILD: (f"Every entry is good; only what is derived from them is not. {_APPLY} derives it anew.",),
    Remedy.SALVAGE: (
        "cronfsm doctor --salvage NEWFILE writes the good entries to a new journal and changes nothing here.",
        f"{_APPLY} puts that journal into place, and keeps the damaged file beside it.",
    ),
    Remedy.RESTORE: (
        "No entry of a journal is in it. Put a backup into its place, or look whether the path is right.",
        "To put one there: cronfsm restore FILE",
    ),
    Remedy.UPGRADE: ("It is not damaged, as far as this version can tell. Use the newer one.",),
    Remedy.ACCESS: ("Its content may be good: let this user read and write it, or mend the disk, then ask again.",),
}


# ---- for a person


Unknown = Mapping[str, tuple[int, int]]
"""By job: the first and the last number of runs that have folders, and that the journal does not know."""


def as_text(diagnosis: Diagnosis, treated: Treated | None, unknown: Unknown) -> str:
    """All of it, in plain words."""
    if not diagnosis.violations and not unknown:
        return f"{_entries(diagnosis.good)} in {diagnosis.path}: nothing is wrong."
    if not diagnosis.violations:
        return "\n".join(_newest_entries_lost(diagnosis, unknown))
    lines = [f"Something is wrong with {diagnosis.path}:", *_bullets(_violations(diagnosis))]
    if treated is None:
        return "\n".join(
            [*lines, *_prospects(diagnosis), "What can be done:", *_bullets(_WHAT_HELPS[diagnosis.remedy])]
        )
    return "\n".join([*lines, "What was done:", *_bullets(_done(treated))])


def _newest_entries_lost(diagnosis: Diagnosis, unknown: Unknown) -> Iterator[str]:
    yield f"{_entries(diagnosis.good)} in {diagnosis.path}, and each of them is good. But its newest entries are lost:"
    jobs = [f"{job}/{first}" + (f" to {job}/{last}" if last > first else "") for job, (first, last) in unknown.items()]
    more = f", and of {len(jobs) - SHOWN:,} other jobs" if len(jobs) > SHOWN else ""
    yield f"  - it does not know runs whose folders are there: {', '.join(jobs[:SHOWN])}{more}"
    yield "What can be done:"
    yield from _bullets(
        (
            "If there is a newer copy, or its write-ahead log (journal.db-wal), put it back while no scheduler is up.",
            "Otherwise go on: cronfsm serve gives none of these numbers again, and ends what is alive of these runs.",
        )
    )


def _violations(diagnosis: Diagnosis) -> Iterator[str]:
    shown = diagnosis.violations[:SHOWN]
    yield from map(str, shown)
    rest = len(diagnosis.violations) - len(shown)
    if rest:
        yield f"and {rest:,}{' or more' if diagnosis.more else ''} others: {again('cronfsm verify')}"


def _prospects(diagnosis: Diagnosis) -> Iterator[str]:
    """What salvaging would come to."""
    if diagnosis.remedy is not Remedy.SALVAGE:
        return
    yield f"{_entries(diagnosis.good)} can be kept, {diagnosis.aside:,} would be set aside:"
    yield from _bullets(_cuts(diagnosis, "would be"))


def _cuts(found: Diagnosis | Salvaged, verb: str) -> Iterator[str]:
    for cut in found.cuts[:SHOWN]:
        upto = f"is good up to entry {cut.seq - 1}" if cut.seq > 1 else "has no good entry"
        yield f"{cut.job} {upto}, entry {cut.seq} is not good: {cut.why}; {_entries(cut.aside)} {verb} set aside"
    if len(found.cuts) > SHOWN:
        yield f"and {len(found.cuts) - SHOWN:,} other streams"


def _done(treated: Treated) -> Iterator[str]:
    yield f"{treated.path} has {_entries(treated.entries)} now, and was verified."
    if treated.salvaged is not None:
        yield from _salvaged(treated.salvaged)
    if treated.kept:
        yield f"The damaged journal is kept: {', '.join(treated.kept)}"


def _salvaged(salvaged: Salvaged) -> Iterator[str]:
    yield from _cuts(salvaged, "were")
    if salvaged.aside_path is not None:
        yield f"What was set aside, {_entries(salvaged.aside)}: {salvaged.aside_path}"
    if salvaged.paused:
        commands = "; ".join(f"cronfsm resume {name}" for name in salvaged.paused[:SHOWN])
        more = "; ..." if len(salvaged.paused) > SHOWN else ""
        yield f"Paused, for they stand as they stood some time ago; look at them, then: {commands}{more}"
    if undefined := _undefined(salvaged):
        yield f"Nothing is left of {', '.join(undefined[:SHOWN])}: define them again, with cronfsm apply or add"
    if salvaged.epoch is not None:
        yield f"Epoch {salvaged.epoch} was begun and ended, so that no scheduler from before can write."
    if salvaged.new_ids_from is not None:
        yield f"Entries from id {salvaged.new_ids_from} on have new ids: who follows the journal begins again there."


def _undefined(salvaged: Salvaged) -> list[str]:
    """Jobs of which not even the first entry, their definition, is left."""
    return [cut.job for cut in salvaged.cuts if cut.seq == 1 and cut.job != SCHEDULER_STREAM]


def _entries(count: int) -> str:
    return many(count, "entry", "entries")


def _bullets(lines: Iterator[str] | tuple[str, ...]) -> list[str]:
    return [f"  - {plain(line)}" for line in lines]


# ---- for a program


def as_json(diagnosis: Diagnosis, treated: Treated | None, unknown: Unknown) -> Json:
    """The same as one document."""
    return {
        "ok": not diagnosis.violations and not unknown,
        "journal": diagnosis.path,
        "remedy": str(diagnosis.remedy),
        "violations": [_violation(violation) for violation in diagnosis.violations],
        "more": diagnosis.more,
        "good_entries": diagnosis.good,
        "bad_entries": diagnosis.aside,
        "cut_streams": [_cut_json(diagnosis, place) for place in range(len(diagnosis.cuts))],
        "unknown_runs": {job: {"first": first, "last": last} for job, (first, last) in unknown.items()},
        "done": None if treated is None else _treated(treated),
    }


def _violation(violation: Violation) -> Json:
    return {
        "requirement": violation.requirement,
        "why": violation.why,
        "job": violation.job,
        "seq": violation.seq,
        "entry": violation.id,
    }


def _cut_json(diagnosis: Diagnosis, place: int) -> Json:
    cut = diagnosis.cuts[place]
    return {"job": cut.job, "first_bad": cut.seq, "why": cut.why, "bad_entries": cut.aside}


def _treated(treated: Treated) -> Json:
    salvaged = treated.salvaged
    return {
        "how": "rebuilt" if salvaged is None else "salvaged",
        "journal": treated.path,
        "entries": treated.entries,
        "kept": list(treated.kept),
        "set_aside": 0 if salvaged is None else salvaged.aside,
        "set_aside_file": None if salvaged is None else salvaged.aside_path,
        "paused": [] if salvaged is None else list(salvaged.paused),
        "undefined": [] if salvaged is None else _undefined(salvaged),
        "new_ids_from": None if salvaged is None else salvaged.new_ids_from,
        "epoch": None if salvaged is None else salvaged.epoch,
    }
