"""specs/journal.schema.json: every entry of genuine journals keeps it, no spoilt one does, and it is the code's."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from fsm.codec.entries import entry_to_dict
from fsm.codec.schema import text
from fsm.instants import HOUR, Deadline
from fsm.journal.memory import MemoryJournal
from fsm.model.entries import KIND_OF, NumbersTaken, SchedulerAlive, SchedulerDown, SchedulerDraining, SchedulerSettings
from fsm.model.job import SCHEDULER_STREAM
from fsm.model.states import State
from fsm.testing import Simulation, fail, hang, succeed
from fsm.testing.entry_strategies import entries as any_entry
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import Scribe

FILE = Path(__file__).parent.parent.parent / "specs" / "journal.schema.json"
VALIDATOR = Draft202012Validator(orjson.loads(FILE.read_bytes()))

Json = dict[str, Any]


def every_kind() -> list[Json]:
    """A journal with an entry of every body there is."""
    scribe = Scribe(MemoryJournal())
    tell_a_long_story(scribe)
    scribe.write(SCHEDULER_STREAM, SchedulerSettings(4), epoch=2)
    scribe.write(SCHEDULER_STREAM, SchedulerAlive(2), epoch=2)
    scribe.write(SCHEDULER_STREAM, SchedulerDown(2, "SIGTERM"), epoch=2)
    scribe.write(SCHEDULER_STREAM, SchedulerDraining(2, Deadline.after(scribe.now(), HOUR)), epoch=2)
    scribe.write("c", NumbersTaken(40))
    scribe.define("d", schedule="@daily", keep={"runs": 7}, env={"A": "b"})
    scribe.bring("d", State.RUNNING)
    scribe.mark("d")
    found = list(scribe.journal.entries())
    assert {type(entry.body) for entry in found} == KIND_OF.keys()
    return [entry_to_dict(entry) for entry in found]


def test_the_file_is_made_from_the_code() -> None:
    Draft202012Validator.check_schema(orjson.loads(text()))
    assert FILE.read_text(encoding="utf-8") == text(), "python -m fsm.codec.schema > specs/journal.schema.json"


def test_an_entry_of_every_kind_keeps_it() -> None:
    for entry in every_kind():
        VALIDATOR.validate(entry)


def test_a_simulated_journal_keeps_it() -> None:
    sim = Simulation()
    sim.add_job("a", schedule="*/5 * * * *", timeout="2m", keep={"runs": 3})
    sim.script("a", [succeed(after="1m"), fail(code=3), hang()])
    sim.advance("2h")
    sim.crash()
    sim.advance("1h")
    sim.restart()
    sim.advance("1h")
    for entry in sim.store.entries():
        VALIDATOR.validate(entry_to_dict(entry))


@given(any_entry())
def test_whatever_is_written_keeps_it(entry: Any) -> None:
    errors = [error.message for error in VALIDATOR.iter_errors(entry_to_dict(entry))]
    outside = entry.kind == "scheduler" and entry.job != SCHEDULER_STREAM  # which the strategies do not mind
    assert errors == [] or outside, errors


# ---- what it refuses


def refused(entry: Json) -> bool:
    return not VALIDATOR.is_valid(entry)


@pytest.mark.parametrize("place", range(len(every_kind())))
def test_a_missing_or_an_unknown_field_is_refused(place: int) -> None:
    entry = every_kind()[place]
    for key in entry:
        assert refused({name: value for name, value in entry.items() if name != key}), key
    assert refused(entry | {"v": 2})
    assert refused(entry | {"body": entry["body"] | {"surprise": 1}})


def test_a_value_of_another_type_is_refused() -> None:
    rng = random.Random(1)
    others: list[Any] = [None, True, -7, 1.5, "nonsense", [], {}]
    for entry in every_kind():
        for key, value in entry.items():
            for other in others:
                if type(other) is type(value) or (key in ("epoch", "run") and other is None) or key == "body":
                    continue
                assert refused(entry | {key: other}) or (key in ("job", "node") and isinstance(other, str)), (
                    key,
                    other,
                )
        words = [key for key, value in entry["body"].items() if not isinstance(value, dict | list)]
        if words and entry["kind"] != "checkpoint":
            key = rng.choice(words)
            assert refused(entry | {"body": entry["body"] | {key: [["?"]]}}), key


def test_what_is_no_transition_is_refused() -> None:
    for entry in every_kind():
        if entry["kind"] != "transition":
            continue
        body = entry["body"]
        for change in (
            {"from": "failed"},
            {"to": "unborn"},
            {"trigger": "restart"},
            {"reason": "because"},
            {"reason": "completed" if body["trigger"] != "succeed" else "cancelled"},
        ):
            assert refused(entry | {"body": body | change}), change
        assert refused(entry | {"run": None})
        assert refused(entry | {"run": "a/0"})


def test_instants_and_hashes_have_one_form() -> None:
    entry = every_kind()[0]
    for at in ("2026-03-28T22:00:00Z", "2026-03-28 22:00:00.000000Z", "2026-03-28T22:00:00.000000+00:00", "now"):
        assert refused(entry | {"at": at})
    for digest in ("F" * 64, "0" * 63, ""):
        assert refused(entry | {"hash": digest})
    assert refused(entry | {"id": 0})
    assert refused(entry | {"seq": 1 << 63})
