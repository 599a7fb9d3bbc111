"""Jobs and history of an OpenClaw state folder, brought into a journal. A second time nothing changes.

What tells that something was imported before stands in the journal itself: the job's source (``openclaw:<id>``), and
the origin of each run. If this process stops half way, what was appended stays, and the next import goes on from
there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import attrs
from attrs import define, field, frozen

from fsm.client.decider import MAX_TRIES
from fsm.client.engine import Engine
from fsm.codec.jobkeys import make_job
from fsm.errors import Conflict, ConflictError
from fsm.importing.names import Names
from fsm.importing.openclaw_jobs import (
    Json,
    NotCarried,
    Setting,
    Translated,
    identity,
    label,
    translate,
)
from fsm.importing.openclaw_runs import SYSTEM, past_runs
from fsm.importing.past import PastRun, drafts
from fsm.importing.report import Report
from fsm.model.commands import Put
from fsm.model.entries import Draft, JobPut, Queued
from fsm.model.job import SCHEDULER_STREAM, Job
from fsm.model.states import Actor
from fsm.model.stream import JobState
from fsm.openclaw.folder import StateFolder
from fsm.openclaw.json5 import MAX_SIZE, Document, Node, read
from fsm.openclaw.markers import jobs_of
from fsm.openclaw.runlog import Skipped, logs
from fsm.plural import many
from fsm.ports import Append, Journal

BATCH = 250
"""Runs appended in one transaction: a thousand entries, some tens of milliseconds in which nobody else can append."""

_SHOWN = 5
"""Lines of a history that are named one by one where they made no run; of more, the number is said."""


@frozen(slots=True)
class Found:
    """A job of the folder: what was read of it, what it becomes (or why it becomes nothing), and its history's file."""

    id: str
    raw: Json
    made: Translated | None
    history: str | None


@define(slots=True)
class Source:
    """All that lies in the folder, read and translated."""

    folder: StateFolder
    jobs: list[Found] = field(factory=list)
    report: Report = field(factory=Report)


def load(path: str, setting: Setting) -> Source:
    """Read jobs.json, jobs-state.json, and which histories there are. Raises `NoOpenClaw`, `OSError`."""
    source = Source(StateFolder(path))
    folder, report = source.folder, source.report
    histories = logs(folder.runs)
    states = {ident: node.plain() for ident, node in _documents(source, folder.state)}
    seen: set[str] = set()
    for _, node in _documents(source, folder.jobs):
        raw = node.plain()
        if node.end < 0:
            report.jobs.found += 1
            report.jobs.left += 1
            report.say(label(raw, identity(raw)), "the file ends in the middle of it; it is not imported")
            continue
        ident = identity(raw)
        state = states.get(ident)
        if isinstance(state, dict) and isinstance(state.get("state"), dict):
            raw["state"] = {**(raw.get("state") or {}), **state["state"]}
        report.jobs.found += 1
        if ident in seen and ident:
            report.jobs.left += 1
            report.say(label(raw, ident), f"another job has the same id, {ident}; the first one counts")
            continue
        seen.add(ident)
        made = None
        try:
            made = translate(raw, setting)
        except NotCarried as why:
            report.jobs.left += 1
            report.say(label(raw, ident), f"not imported: {why}")
        source.jobs.append(Found(ident, raw, made, histories.pop(ident, None)))
    for ident, file in histories.items():
        source.jobs.append(Found(ident, {}, None, file))
    if os.path.exists(folder.database):
        report.say(folder.short(folder.database), "this version of OpenClaw keeps jobs and runs there; it is not read")
    return source


def _documents(source: Source, path: str) -> Iterator[tuple[str, Node]]:
    document = _document(source, path)
    if document is None:
        return
    if document.mistake is not None:
        source.report.say(source.folder.short(path), f"{document.mistake}; what stands behind that is not imported")
    yield from jobs_of(document.root)


def _document(source: Source, path: str) -> Document | None:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return None
    if len(data) > MAX_SIZE:
        source.report.say(source.folder.short(path), f"it is larger than {MAX_SIZE >> 20} MiB; it is not read")
        return None
    return read(data)


# ---- into the journal


@frozen(slots=True)
class _Stream:
    """A stream that an import made before: its name, and the runs of it that are there, by their ids."""

    name: str
    runs: frozenset[str]


def bring(source: Source, engine: Engine, *, numbers: Callable[[str], int] | None = None, dry: bool = False) -> Report:
    """Append what is not there yet; with `dry`, only count it. `numbers`: the highest number of a job's folders.

    Raises `ConflictError` where others are always faster, and a `StoreError`.
    """
    report, journal = source.report, engine.journal
    known = _imported_streams(journal)
    names = Names([*journal.streams(), *journal.job_names()])
    for found in source.jobs:
        stream = known.get(found.id)
        runs = _history(source, found)
        if found.made is None:
            _left_alone(source, found, runs, stream)
            continue
        name = stream.name if stream is not None else names.give(found.made.name)
        report.names[found.id] = name
        for note in found.made.notes:
            report.say(name, note)
        fresh = [run for run in runs if stream is None or run.id not in stream.runs]
        report.runs.known += len(runs) - len(fresh)
        importer = _Importer(engine, report, found, name, numbers, dry=dry)
        importer.define()
        importer.append(fresh)
    return report


def _imported_streams(journal: Journal) -> dict[str, _Stream]:
    """Streams that came from OpenClaw, removed ones included, by the id of their job there."""
    known: dict[str, _Stream] = {}
    for name in journal.streams():
        if name == SCHEDULER_STREAM:
            continue
        ident = _origin_of(journal, name)
        if ident is not None:
            entries = journal.entries(job=name)
            bodies = (entry.body for entry in entries)
            ids = {body.origin.id for body in bodies if isinstance(body, Queued) and body.origin is not None}
            known[ident] = _Stream(name, frozenset(ids))
    return known


def _origin_of(journal: Journal, name: str) -> str | None:
    """The id of the job that a stream was begun with, or is defined by now, if an import did that."""
    sources = [journal.state(name).source]
    sources += [entry.body.source for entry in journal.entries(job=name, limit=1) if isinstance(entry.body, JobPut)]
    for text in sources:
        if text.startswith(f"{SYSTEM}:"):
            return text.removeprefix(f"{SYSTEM}:")
    return None


def _history(source: Source, found: Found) -> list[PastRun]:
    """The runs of a job's history, oldest first, each once; what made none is counted and said."""
    report = source.report
    runs: dict[str, PastRun] = {}
    skipped: list[Skipped] = []
    if found.history is not None:
        for each in past_runs(found.history, found.id):
            if isinstance(each, Skipped):
                skipped.append(each)
            elif each.id in runs:
                skipped.append(Skipped(0, "a line that is there twice"))
            else:
                runs[each.id] = each
    report.runs.found += len(runs) + sum(each.run for each in skipped)
    report.runs.left += sum(each.run for each in skipped)
    name = source.folder.short(found.history) if found.history is not None else ""
    for each in skipped[:_SHOWN]:
        report.say(f"{name}, line {each.line}" if each.line else name, f"{each.why}; it is not imported")
    if len(skipped) > _SHOWN:
        report.say(name, f"{len(skipped) - _SHOWN:,} more lines are not imported, for such reasons")
    return sorted(runs.values(), key=lambda run: (run.began, run.ended, run.id))


def _left_alone(source: Source, found: Found, runs: list[PastRun], stream: _Stream | None) -> None:
    report = source.report
    there = sum(1 for run in runs if stream is not None and run.id in stream.runs)
    report.runs.known += there
    if len(runs) > there and found.history is not None:
        report.runs.left += len(runs) - there
        why = "of a job that jobs.json does not have" if not found.raw else "of a job that is not imported"
        report.say(source.folder.short(found.history), f"not imported: {many(len(runs) - there, 'run')} {why}")


@define(slots=True)
class _Importer:
    """Brings one job into its stream."""

    engine: Engine
    report: Report
    found: Found
    name: str
    numbers: Callable[[str], int] | None
    dry: bool
    defined: bool = True

    @property
    def job(self) -> Job:
        made = self.found.made
        assert made is not None  # else nobody asks
        return make_job(self.name, **made.keys)

    def define(self) -> None:
        """Put the definition, unless somebody has changed or removed it here."""
        state, tally = self.engine.journal.state(self.name), self.report.jobs
        source = f"{SYSTEM}:{self.found.id}"
        if state.seq and state.definition is None:
            self.defined = False
            tally.left += 1
            self.report.say(self.name, "it was removed here, and stays so")
        elif state.seq and state.source != source:
            tally.known += 1
            if state.definition != self.job:
                self.report.say(self.name, f"its definition was changed here, by {state.source}, and stays as it is")
        elif state.definition == self.job:
            tally.known += 1
        else:
            if state.seq:
                tally.changed += 1
            else:
                tally.added += 1
            if not self.dry:
                self._try(lambda now_state: self._put(now_state, source))

    def _put(self, state: JobState, source: str) -> list[Draft]:
        made = self.found.made
        found = []
        for draft in self.engine.decide(state, Put(self.job, source)).drafts:
            body = draft.body
            if isinstance(body, JobPut) and state.anchor is None and made is not None and made.anchor is not None:
                body = attrs.evolve(body, anchor=made.anchor)
            found.append(attrs.evolve(draft, body=body))
        return found

    def append(self, runs: list[PastRun]) -> None:
        """Append runs that are not there yet, batch by batch."""
        tally = self.report.runs
        if not runs:
            return
        state = self.engine.journal.state(self.name)
        why = None if self.defined else "the job was removed here"
        if state.slot is not None or state.open_runs:
            why = "a run of it is open here just now; import once more when it is over"
        if why is not None:
            tally.left += len(runs)
            self.report.say(self.name, f"{many(len(runs), 'run')} not imported: {why}")
            return
        for at in range(0, len(runs), BATCH):
            batch = runs[at : at + BATCH]
            if not self.dry:
                self._try(lambda now_state, batch=batch: self._runs(now_state, batch))  # type: ignore[misc]
            tally.added += len(batch)

    def _runs(self, state: JobState, batch: list[PastRun]) -> list[Draft]:
        if state.slot is not None or state.open_runs:
            raise ConflictError(f"a run of {self.name} was started meanwhile; import once more when it is over")
        above = self.numbers(self.name) if self.numbers is not None else 0
        return drafts(state, batch, self.engine.clock.now().utc, Actor.CLI, above)

    def _try(self, make: Callable[[JobState], list[Draft]]) -> None:
        for _ in range(MAX_TRIES):
            state = self.engine.journal.state(self.name)
            found = make(state)
            if not found:
                return
            try:
                self.engine.journal.append([Append(state, tuple(found))])
            except Conflict:
                continue
            self.engine.poke()
            return
        raise ConflictError(f"lost {MAX_TRIES} races in a row for the stream of {self.name}")
