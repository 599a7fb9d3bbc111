"""Is this a journal? Checked entry by entry, in a stream, for a live store or for one that was exported.

Each rule is a small function in `RULES`. Memory is bounded by the number of streams, not by their length: of each
stream the length, the last hash and the fold are kept. A stream whose fold is broken is judged on by its chain only,
so that one bad entry is one violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from attrs import frozen

from fsm.codec.entries import GENESIS, entry_from_dict, entry_to_dict, hash_of
from fsm.codec.swift import read_line as swift_line
from fsm.engine.evolve import evolve
from fsm.errors import IllegalEntry
from fsm.journal.heads import Head
from fsm.journal.sealing import check_envelope, state_before
from fsm.model.entries import Checkpoint, Ended, Entry, SchedulerUp
from fsm.model.stream import JobState

Data = Mapping[str, Any]
"""An entry as it was exported, before anybody has judged it."""


@frozen(slots=True)
class Violation:
    """One rule that one entry breaks.

    `requirement` is the rule's word: ``format``, ``hash``, ``chain``, ``sequence``, ``order``, ``epoch``, those of
    `fsm.errors.IllegalEntry`, and for a live store ``projection`` and ``store``. `line` counts from 1 in an exported
    journal and is None for a live one; `job` and `seq` are None where the entry does not say.
    """

    requirement: str
    why: str
    job: str | None = None
    seq: int | None = None
    id: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"entry {self.seq} of {self.job}" if self.job is not None else "the journal"
        numbers = [f"{name} {at}" for name, at in (("line", self.line), ("id", self.id)) if at is not None]
        where = f" ({', '.join(numbers)})" if numbers else ""
        return f"{place}{where}: {self.why} [{self.requirement}]"


class Stream:
    """What is kept of a stream. `state` is None once its fold is broken."""

    __slots__ = ("last_hash", "last_id", "seq", "state")

    def __init__(self, job: str) -> None:
        self.seq, self.last_id, self.last_hash = 0, 0, GENESIS
        self.state: JobState | None = JobState(job)


class Checker:
    """Takes the entries of one journal in commit order and says what is wrong with each."""

    def __init__(self, heads: Mapping[str, Head] | None = None) -> None:
        self.heads = heads or {}
        self.entries = 0  # that were looked at
        self.streams: dict[str, Stream] = {}
        self.last_id = 0
        self.epoch = 0  # the newest that was seen

    def check(self, data: Data, entry: Entry) -> Iterator[tuple[str, str]]:
        """The violations of one entry as (requirement, why), and then take it in."""
        stream = self.streams.get(entry.job)
        if stream is None:
            stream = self.streams[entry.job] = Stream(entry.job)
        self.entries += 1
        broken = False
        for requirement, rule in RULES.items():
            for why in rule(self, stream, data, entry):
                broken = True
                yield requirement, why
        yield from fold(stream, entry, broken=broken)
        self.last_id = max(self.last_id, entry.id)
        self.epoch = max(self.epoch, entry.epoch or 0)

    def take(self, entry: Entry) -> bool:
        """Take in an entry of `fsm.codec.swift`, whose hash is right; False, and nothing is changed, where `check` has
        to look at it."""
        stream = self.streams.get(entry.job)
        if (
            stream is None
            or (state := stream.state) is None
            or entry.prev_hash != stream.last_hash
            or entry.seq != stream.seq + 1
            or entry.id <= self.last_id
            or (entry.epoch is not None and entry.epoch < self.epoch)
        ):
            return False
        if self.heads and _other_head(self, entry.job, entry.seq, entry.hash):
            return False
        if type(entry.body) is Ended and state_before(state, entry) is not entry.source:
            return False  # of a start, which comes from one state only, the fold asks it
        try:
            stream.state = evolve(state, entry)
        except IllegalEntry:
            return False
        self.entries += 1
        stream.seq, stream.last_hash, stream.last_id = entry.seq, entry.hash, entry.id
        self.last_id = entry.id
        if entry.epoch is not None:
            self.epoch = entry.epoch  # not below it, which was asked
        return True

    def finish(self) -> Iterator[Violation]:
        """What is wrong once all entries were seen: streams that are shorter than their heads say."""
        for job, head in sorted(self.heads.items()):
            stream = self.streams.get(job)
            length = 0 if stream is None else stream.seq
            if length < head.length:
                which = f"entries {length + 1} to {head.length} are missing at its end: its head knows of them"
                yield Violation("head", which, job, length + 1)

    def skip(self, job: str) -> None:
        """An entry of this stream could not be read: nothing that follows in it can be folded."""
        self.streams.setdefault(job, Stream(job)).state = None


def fold(stream: Stream, entry: Entry, *, broken: bool = False) -> Iterator[tuple[str, str]]:
    """Take `entry` into the stream; yields (requirement, why) when it cannot follow what was folded so far."""
    if stream.state is not None:
        try:
            stream.state = None if broken else _follow(stream.state, entry)
        except IllegalEntry as illegal:
            stream.state = None
            yield illegal.requirement, illegal.why
    stream.seq, stream.last_hash, stream.last_id = entry.seq, entry.hash, entry.id


def _follow(before: JobState, entry: Entry) -> JobState:
    check_envelope(before, entry)
    was = state_before(before, entry)
    if was is not entry.source:
        why = f"it comes from {entry.source}, and the run is {was or 'not open'}"
        raise IllegalEntry(entry.job, entry.seq, why, "lifecycle")
    return evolve(before, entry)


# ---- the rules: each looks at an entry beside what came before it, and says what is wrong

Rule = Callable[[Checker, Stream, Data, Entry], Iterator[str]]


def _hash(_: Checker, __: Stream, data: Data, entry: Entry) -> Iterator[str]:
    found = hash_of(data)
    if found != entry.hash:
        yield f"its hash is {entry.hash[:12]}…, and that of its content {found[:12]}…: it was changed"


def begins_pruned(entry: Entry) -> bool:
    """Whether it is the checkpoint that a stream begins with whose first entries were pruned."""
    body = entry.body
    return isinstance(body, Checkpoint) and body.count == entry.seq - 1 and body.last_hash == entry.prev_hash


def _checkpoint(_: Checker, __: Stream, ___: Data, entry: Entry) -> Iterator[str]:
    if isinstance(entry.body, Checkpoint) and entry.body.last_hash != entry.prev_hash:
        yield "its last_hash is not the hash of the entry before it"


def _chain(_: Checker, stream: Stream, __: Data, entry: Entry) -> Iterator[str]:
    if entry.prev_hash != stream.last_hash and entry.seq == stream.seq + 1:  # else _sequence says what is wrong
        yield f"it follows an entry with hash {entry.prev_hash[:12]}…, and the one before has {stream.last_hash[:12]}…"


def _sequence(_: Checker, stream: Stream, __: Data, entry: Entry) -> Iterator[str]:
    if entry.seq != stream.seq + 1 and not (stream.seq == 0 and begins_pruned(entry)):
        yield f"it comes after entry {stream.seq}" if stream.seq else "entries before it are missing"


def _order(checker: Checker, _: Stream, __: Data, entry: Entry) -> Iterator[str]:
    if entry.id <= checker.last_id:
        yield f"its id {entry.id} comes after id {checker.last_id}"


def _epoch(checker: Checker, _: Stream, __: Data, entry: Entry) -> Iterator[str]:
    if isinstance(entry.body, SchedulerUp) and entry.epoch != entry.body.epoch:
        yield f"it begins epoch {entry.body.epoch}, and was appended under {entry.epoch}"
    elif isinstance(entry.body, SchedulerUp) and checker.epoch >= entry.body.epoch:
        yield f"it begins epoch {entry.body.epoch}, and epoch {checker.epoch} began before"
    elif entry.epoch is not None and entry.epoch < checker.epoch:
        yield f"it was appended under epoch {entry.epoch}, after epoch {checker.epoch} had begun"


def _other_head(checker: Checker, job: str, seq: int, digest: str) -> bool:
    head = checker.heads.get(job)
    return head is not None and head.length == seq and head.hash != digest


def _head(checker: Checker, stream: Stream, __: Data, entry: Entry) -> Iterator[str]:
    other = _other_head(checker, entry.job, entry.seq, entry.hash)
    if stream.seq == 0 and begins_pruned(entry):
        other = other or _other_head(checker, entry.job, entry.seq - 1, entry.prev_hash)
    if other:
        yield "the head that was exported has another hash for this length: the stream was rewritten since"


RULES: dict[str, Rule] = {
    "hash": _hash,
    "chain": _chain,
    "sequence": _sequence,
    "order": _order,
    "epoch": _epoch,
    "checkpoint": _checkpoint,
    "head": _head,
}
"""Requirement word -> rule, in the order in which they are asked."""


# ---- where entries come from


def verify_lines(lines: Iterable[bytes | str], checker: Checker | None = None) -> Iterator[Violation]:
    """Check an exported journal, one JSON object a line; empty lines are passed over."""
    checker = checker or Checker()
    take = checker.take
    for number, line in enumerate(lines, 1):
        if type(line) is bytes:
            swift = swift_line(line)
            if swift is not None and take(swift):
                continue
        if not line.strip():
            continue
        try:
            data = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Violation("format", f"line {number} is no JSON: {error}", line=number)
            continue
        if not isinstance(data, dict):
            yield Violation("format", f"line {number} is no JSON object", line=number)
            continue
        yield from _check_data(checker, data, number)
    yield from checker.finish()


def _check_data(checker: Checker, data: Data, line: int) -> Iterator[Violation]:
    try:
        entry = entry_from_dict(data)
    except IllegalEntry as illegal:
        checker.skip(illegal.job)
        yield Violation(illegal.requirement, illegal.why, illegal.job, illegal.seq, line=line)
        return
    for requirement, why in checker.check(data, entry):
        yield Violation(requirement, why, entry.job, entry.seq, entry.id, line)


def verify_entries(entries: Iterable[Entry], checker: Checker | None = None) -> Iterator[Violation]:
    """Check entries as a journal gives them, oldest first."""
    checker = checker or Checker()
    for entry in entries:
        for requirement, why in checker.check(entry_to_dict(entry), entry):
            yield Violation(requirement, why, entry.job, entry.seq, entry.id)
