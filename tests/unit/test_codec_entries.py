"""Entries in JSON: they come back as they went, hash as the format says, and nothing unknown is guessed at."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given

from fsm.codec.entries import (
    FIELDS,
    FORMAT,
    GENESIS,
    canonical,
    entry_from_dict,
    entry_from_row,
    entry_to_dict,
    entry_to_line,
    hash_of,
    seal,
)
from fsm.codec.shapes import Shape
from fsm.codec.stored_jobs import job_from_text, job_to_text
from fsm.errors import BadValue, IllegalEntry
from fsm.instants import Deadline, Duration, Instant, parse_instant
from fsm.model.entries import (
    KIND_OF,
    Blocker,
    Draft,
    Ended,
    Entry,
    JobPaused,
    JobPut,
    Queued,
    Refused,
    Released,
    SchedulerUp,
    Started,
)
from fsm.model.job import Job
from fsm.model.run import Arming
from fsm.model.states import Actor, Cause, Evidence, Kind, Reason, RefusalReason, State, Trigger
from fsm.testing.entry_strategies import JOBS, entries
from fsm.testing.journal_laws import ILLEGAL, Triple, name

NOW = parse_instant("2026-03-28T22:00:00.000001Z")
DEADLINE = Deadline(NOW, 5_000_000, "b-1")


def plain(entry: Entry) -> dict[str, Any]:
    """The exported object, read by a JSON reader that is not ours."""
    data: dict[str, Any] = json.loads(entry_to_line(entry))
    return data


@pytest.mark.parametrize("cls", KIND_OF, ids=lambda cls: cls.__name__)
def test_an_entry_comes_back_as_it_went(cls: type[object]) -> None:
    @given(entries(cls))
    def holds(entry: Entry) -> None:
        data = plain(entry)
        assert data == entry_to_dict(entry)
        assert list(data) == list(FIELDS)
        assert entry_from_dict(data) == entry
        kind, body = data["kind"], json.dumps(data["body"], ensure_ascii=False)
        row = (entry.id, entry.job, entry.seq, entry.at, data["actor"], entry.node, entry.epoch, kind, entry.run, body)
        assert entry_from_row((*row, entry.prev_hash, entry.hash)) == entry

    holds()


@given(entries())
def test_the_hash_is_that_of_the_format_whoever_reckons_it(entry: Entry) -> None:
    draft = Draft(entry.job, entry.at, entry.actor, entry.run, entry.body)
    body, digest = seal(draft, entry.source, entry.seq, entry.node, entry.epoch, entry.prev_hash)
    data = plain(entry)
    rest = {key: value for key, value in data.items() if key not in ("id", "hash")}
    written = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical(data) == written
    assert digest == hash_of(data) == sha256(written).hexdigest()
    assert body == json.dumps(data["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@given(JOBS)
def test_a_stored_definition_is_read_without_checks_and_is_the_same(job: Job) -> None:
    assert job_from_text(job_to_text(job)) == job


def test_a_stored_definition_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(BadValue, match="colour"):
        job_from_text('{"name": "a", "colour": "blue"}')


def test_a_stored_definition_of_an_older_version_gets_defaults() -> None:
    assert job_from_text('{"name": "a"}') == Job("a")


GOLDEN: list[tuple[Entry, str]] = [
    (
        Entry(7, "täglich", 3, NOW, Actor.CLI, "n", None, None, JobPaused(), GENESIS, "f" * 64),
        '{"id":7,"job":"täglich","seq":3,"at":"2026-03-28T22:00:00.000001Z","actor":"cli","node":"n","epoch":null,'
        '"kind":"job","run":null,"body":{"event":"paused"},'
        f'"prev_hash":"{GENESIS}","hash":"{"f" * 64}"}}',
    ),
    (
        Entry(
            8,
            "a",
            4,
            NOW,
            Actor.SCHEDULER,
            "n",
            2,
            42,
            Queued(Cause.SCHEDULE, 1, DEADLINE, NOW),
            GENESIS,
            "f" * 64,
        ),
        '{"id":8,"job":"a","seq":4,"at":"2026-03-28T22:00:00.000001Z","actor":"scheduler","node":"n","epoch":2,'
        '"kind":"transition","run":"a/42","body":{"attempt":1,"cause":"schedule","from":null,"reason":null,'
        '"scheduled_for":"2026-03-28T22:00:00.000001Z","start_by":{"boot_id":"b-1","boot_us":5000000,'
        '"utc":"2026-03-28T22:00:00.000001Z"},"to":"queued","trigger":"queue","version":1},'
        f'"prev_hash":"{GENESIS}","hash":"{"f" * 64}"}}',
    ),
]
BODIES_IN_JSON: list[tuple[Any, State | None, str]] = [
    (
        Started(Arming("n", "b-1", 1, 2), DEADLINE, DEADLINE),
        State.QUEUED,
        '{"arming":{"boot_id":"b-1","in_process":false,"nonce":"n","pid":1,"pid_start":2},"from":"queued",'
        '"reap_by":{"boot_id":"b-1","boot_us":5000000,"utc":"2026-03-28T22:00:00.000001Z"},"reason":null,"run_by":{"boot_id":"b-1",'
        '"boot_us":5000000,"utc":"2026-03-28T22:00:00.000001Z"},"to":"running","trigger":"start"}',
    ),
    (
        Ended(Trigger.FAIL, Reason.EXIT_CODE, NOW, 3),
        State.RUNNING,
        '{"ended_at":"2026-03-28T22:00:00.000001Z","exit_code":3,"from":"running","reason":"exit_code","to":"failed",'
        '"trigger":"fail"}',
    ),
    (
        Released("n", Evidence.SCAN, signal=9),
        None,
        '{"evidence":"scan","nonce":"n","signal":9}',
    ),
    (
        Refused(
            RefusalReason.SLOT_HELD, Cause.SCHEDULE, 2, NOW, NOW, Blocker(4, State.TIMED_OUT, Duration(5), Instant(0))
        ),
        None,
        '{"blocked_by":{"age_us":5,"deadline":"1970-01-01T00:00:00.000000Z","number":4,"state":"timed_out"},'
        '"cause":"schedule","count":2,"first":"2026-03-28T22:00:00.000001Z","last":"2026-03-28T22:00:00.000001Z",'
        '"reason":"slot_held"}',
    ),
    (
        JobPut(Job("a", schedule="0 3 * * *", command=["x"], timeout="30m"), 1, "cli", NOW),
        None,
        '{"anchor":"2026-03-28T22:00:00.000001Z","event":"put","job":{"catch_up":"once","catch_up_within":"1h",'
        '"command":["x"],"enabled":true,"env":{},"grace":"10s","name":"a","output_limit":"10MB","overlap":"skip",'
        '"schedule":"0 3 * * *","start_within":"1h","timeout":"30m","timezone":"UTC"},"source":"cli","version":1}',
    ),
    (
        SchedulerUp(1, 2, "b-1", "0.1.0", 8),
        None,
        '{"boot_id":"b-1","epoch":1,"event":"up","max_running":8,"pid":2,"version":"0.1.0"}',
    ),
]


@pytest.mark.parametrize(("entry", "line"), GOLDEN, ids=["paused", "queued"])
def test_the_exported_line_never_changes(entry: Entry, line: str) -> None:
    assert entry_to_line(entry).decode() == line


@pytest.mark.parametrize(("body", "source", "text"), BODIES_IN_JSON, ids=lambda part: type(part).__name__)
def test_the_text_of_a_body_never_changes(body: Any, source: State | None, text: str) -> None:
    run = 1 if KIND_OF[type(body)] in (Kind.TRANSITION, Kind.RELEASED) else None
    assert seal(Draft("a", NOW, Actor.CLI, run, body), source, 1, "n", None, GENESIS)[0] == text


def test_a_hash_that_was_reckoned_by_hand() -> None:
    # printf '%s' '{"actor":"cli",...}' | sha256sum, over the canonical bytes as specs/journal.md describes them
    text = (
        '{"actor":"cli","at":"2026-03-28T22:00:00.000001Z","body":{"event":"paused"},"epoch":null,"job":"täglich",'
        f'"kind":"job","node":"n","prev_hash":"{GENESIS}","run":null,"seq":3}}'
    )
    assert canonical(entry_to_dict(GOLDEN[0][0])).decode() == text
    assert hash_of(entry_to_dict(GOLDEN[0][0])) == sha256(text.encode()).hexdigest()


# ---- what is refused


def queued() -> dict[str, Any]:
    """An entry to spoil."""
    return json.loads(GOLDEN[1][1])  # type: ignore[no-any-return]


def _set(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def spoil(data: dict[str, Any]) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = to

    return spoil


def _drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def spoil(data: dict[str, Any]) -> None:
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return spoil


SPOILT: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a newer format": (_set("v", to=2), "format 2"),
    "an unknown field": (_set("colour", to="blue"), "colour"),
    "an unknown field of the body": (_set("body", "colour", to="blue"), "colour"),
    "an unknown field deep down": (_set("body", "start_by", "colour", to="blue"), "colour"),
    "a missing field": (_drop("node"), "node"),
    "a missing field of the body": (_drop("body", "start_by"), "start_by"),
    "a missing reason": (_drop("body", "reason"), "reason"),
    "an unknown kind": (_set("kind", to="omen"), "omen"),
    "an unknown actor": (_set("actor", to="ghost"), "ghost"),
    "an unknown trigger": (_set("body", "trigger", to="resurrect"), "resurrect"),
    "an unknown cause": (_set("body", "cause", to="whim"), "whim"),
    "an unknown state": (_set("body", "to", to="undead"), "undead"),
    "a target that the trigger does not have": (_set("body", "to", to="running"), "lifecycle"),
    "a source that the trigger does not have": (_set("body", "from", to="running"), "lifecycle"),
    "null for what is left out": (_set("body", "retry_of", to=None), "None"),
    "a fraction": (_set("seq", to=4.0), "4.0"),
    "a fraction of the body": (_set("body", "attempt", to=1.5), "1.5"),
    "a flag for a number": (_set("body", "attempt", to=True), "True"),
    "a text for a number": (_set("seq", to="4"), "'4'"),
    "a number that is too large": (_set("body", "attempt", to=1 << 64), "64 bits"),
    "a place below one": (_set("seq", to=0), "counts from 1"),
    "an epoch below one": (_set("epoch", to=0), "counts from 1"),
    "an instant without its fraction": (_set("at", to="2026-03-28T22:00:00Z"), "instant"),
    "an instant with an offset": (_set("at", to="2026-03-28T22:00:00.000001+00:00"), "instant"),
    "an instant with a blank": (_set("at", to="2026-03-28 22:00:00.000001Z"), "instant"),
    "an instant in week form": (_set("at", to="2026-W13-6T22:00:00.000001Z"), "instant"),
    "an instant that never was": (_set("at", to="2026-02-30T22:00:00.000001Z"), "instant"),
    "an instant with digits of another script": (_set("at", to="2026-03-28T22:00:00.00000\u0661Z"), "instant"),
    "an instant with a signed fraction": (_set("at", to="2026-03-28T22:00:00.+00001Z"), "instant"),
    "a run of another job": (_set("run", to="b/42"), "b/42"),
    "a run without a number": (_set("run", to="a/"), "a/"),
    "a run with a leading zero": (_set("run", to="a/042"), "a/042"),
    "a run with a sign": (_set("run", to="a/+42"), "a/+42"),
    "a hash that is none": (_set("hash", to="F" * 64), "SHA-256"),
    "a hash that is too short": (_set("prev_hash", to="0" * 63), "SHA-256"),
    "a body that is no object": (_set("body", to=[]), "no object"),
    "a job that is no text": (_set("job", to=None), "None"),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_is_not_of_the_format_is_refused(spoil: str) -> None:
    data = queued()
    entry_from_dict(data)
    change, said = SPOILT[spoil]
    change(data)
    with pytest.raises(IllegalEntry) as refused:
        entry_from_dict(data)
    assert refused.value.requirement == "format"
    assert said in str(refused.value)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("body", [{}, {"event": "omen"}, {"event": None}, {"event": ["put"]}])
def test_a_body_of_no_kind_is_refused(kind: Kind, body: dict[str, Any]) -> None:
    with pytest.raises(IllegalEntry):
        entry_from_dict(queued() | {"kind": str(kind), "body": body})


def test_a_job_that_cannot_be_is_refused() -> None:
    data = entry_to_dict(attrs.evolve(GOLDEN[0][0], body=JobPut(Job("täglich"), 1, "s", NOW)))
    entry_from_dict(data)
    data["body"]["job"]["timeout"] = "soon"
    with pytest.raises(IllegalEntry, match="soon"):
        entry_from_dict(data)


@pytest.mark.parametrize("triple", [t for t in ILLEGAL if t[2] is not None], ids=name)
def test_a_transition_that_the_lifecycle_does_not_have_is_not_read(triple: Triple) -> None:
    source, trigger, reason = triple
    targets = {"queue": "queued", "start": "running", "succeed": "succeeded", "fail": "failed"}
    target = targets.get(trigger, {"time_out": "timed_out", "lose": "lost", "reap": "reaped"}.get(trigger))
    data = queued()
    data["body"] = {
        "trigger": str(trigger),
        "from": None if source is None else str(source),
        "to": target,
        "reason": str(reason),
        "ended_at": data["at"],
    }
    with pytest.raises(IllegalEntry, match="the lifecycle has no"):
        entry_from_dict(data)


def test_a_text_that_utf_8_cannot_hold_is_a_bad_value() -> None:
    for draft in (
        Draft("\ud800", NOW, Actor.CLI, None, JobPaused()),
        Draft("a", NOW, Actor.CLI, 1, Ended(Trigger.FAIL, Reason.ERROR, NOW, exit_code=1 << 70)),
    ):
        with pytest.raises(BadValue):
            seal(draft, State.RUNNING, 1, "n", None, GENESIS)


def test_a_row_that_cannot_be_read_names_its_entry() -> None:
    row = (1, "a", 5, 0, "cli", "n", None, "job", None, '{"event": "paused"', GENESIS, GENESIS)
    with pytest.raises(IllegalEntry) as refused:
        entry_from_row(row)
    assert (refused.value.job, refused.value.seq, refused.value.requirement) == ("a", 5, "format")


def test_a_shape_that_would_write_null_is_not_made() -> None:
    @attrs.frozen
    class Loose:
        maybe: int | None

    with pytest.raises(TypeError, match="maybe"):
        Shape(Loose)


# ---- the page that describes it

SPEC = (Path(__file__).parents[2] / "specs" / "journal.md").read_text()


@pytest.mark.parametrize("words", [Kind, Actor, Cause, Evidence, RefusalReason, Trigger], ids=lambda w: w.__name__)
def test_the_specification_has_every_word(words: Any) -> None:
    missing = [word for word in words if f"`{word}`" not in SPEC]
    assert not [word for word in missing if word not in _THE_OTHERS]


_THE_OTHERS = {Trigger.SUCCEED, Trigger.FAIL, Trigger.TIME_OUT, Trigger.LOSE, Trigger.REAP}  # one row for them all


@given(entries())
def test_the_specification_has_every_field(entry: Entry) -> None:
    data = plain(entry)
    for key in data:
        assert f"`{key}`" in SPEC
    for key in _keys(data["body"]):
        assert f'"{key}"' in SPEC or f"`{key}`" in SPEC, key


def _keys(value: object) -> set[str]:
    if isinstance(value, list):
        return {key for part in value for key in _keys(part)}
    if not isinstance(value, dict):
        return set()
    if {"name", "timeout"} <= value.keys():
        return set()  # a job's definition: the keys of the jobs file
    return set(value).union(*(_keys(part) for part in value.values()))


def test_the_format_of_the_specification_is_this_one() -> None:
    assert SPEC.startswith(f"# The journal: format {FORMAT}\n")
    assert orjson.loads(GOLDEN[0][1]).keys() == set(FIELDS)
