"""`verify` finds what is wrong with a journal, live or exported, says which entry and why, and passes what is right."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from fsm.codec.entries import GENESIS, canonical, entry_from_dict, entry_to_dict, hash_of
from fsm.journal.export import export_lines
from fsm.journal.heads import Head
from fsm.journal.memory import MemoryJournal
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify import RULES, Checker, Violation, verify_entries, verify_lines
from fsm.journal.verify_store import verify_journal
from fsm.model.entries import Ended
from fsm.model.states import Evidence, Reason, State, Trigger
from fsm.ports import Journal
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import Scribe


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    journal: Journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db")
    tell_a_long_story(Scribe(journal))
    yield journal
    journal.close()


@pytest.fixture
def lines() -> list[bytes]:
    """A genuine export."""
    journal = MemoryJournal()
    tell_a_long_story(Scribe(journal))
    return list(export_lines(journal))


def rehash(entries: list[dict[str, Any]]) -> list[bytes]:
    """What a forger makes of entries: every chain is whole again."""
    last: dict[str, str] = {}
    for entry in entries:
        entry["prev_hash"] = last.get(entry["job"], GENESIS)
        last[entry["job"]] = entry["hash"] = hash_of(entry)
    return [orjson.dumps(entry) for entry in entries]


def test_a_genuine_journal_passes(journal: Journal) -> None:
    assert list(verify_journal(journal)) == []
    assert list(verify_lines(export_lines(journal))) == []
    assert list(verify_entries(journal.entries())) == []


def test_an_export_is_read_back(journal: Journal) -> None:
    assert [entry_from_dict(orjson.loads(line)) for line in export_lines(journal)] == list(journal.entries())
    for query in ({"job": "a"}, {"job": "a", "run": 2}, {"after_id": 5, "limit": 3}, {"newest_first": True}):
        assert [orjson.loads(line)["id"] for line in export_lines(journal, **query)] == [
            entry.id for entry in journal.entries(**query)
        ]


def test_one_streams_export_passes_by_itself(journal: Journal) -> None:
    for job in journal.streams():
        assert list(verify_lines(export_lines(journal, job=job))) == []


def test_text_lines_and_empty_lines_will_do(lines: list[bytes]) -> None:
    assert list(verify_lines(["", *(line.decode() + "\n" for line in lines), "\n"])) == []


# ---- edits: none passes


def _changed(rng: random.Random, entries: list[dict[str, Any]]) -> None:
    entry = rng.choice(entries)
    key = rng.choice(["at", "actor", "node", "epoch", "seq", "body", "prev_hash", "hash", "job"])
    changes: dict[str, Any] = {
        "at": "2026-03-28T22:59:59.000000Z",
        "actor": "reaper",
        "node": entry["node"] + "x",
        "epoch": (entry["epoch"] or 0) + 7,
        "seq": entry["seq"] + rng.choice([-1, 1, 100]),
        "body": entry["body"] | {rng.choice(sorted(entry["body"])): "changed"},
        "prev_hash": "f" * 64,
        "hash": "f" * 64,
        "job": entry["job"] + "x",
    }
    entry[key] = changes[key]


def _doubled(rng: random.Random, entries: list[dict[str, Any]]) -> None:
    entries.insert(rng.randrange(len(entries) + 1), rng.choice(entries))


def _dropped(rng: random.Random, entries: list[dict[str, Any]]) -> None:
    last = {entry["job"]: place for place, entry in enumerate(entries)}
    del entries[rng.choice([place for place, entry in enumerate(entries) if last[entry["job"]] != place])]


def _swapped(rng: random.Random, entries: list[dict[str, Any]]) -> None:
    job = rng.choice(["a", "b", "c"])
    first, second = rng.sample([place for place, entry in enumerate(entries) if entry["job"] == job], 2)
    entries[first], entries[second] = entries[second], entries[first]


@pytest.mark.parametrize("edit", [_changed, _doubled, _dropped, _swapped])
def test_no_edit_passes(edit: Any, lines: list[bytes]) -> None:
    for seed in range(60):
        entries = [orjson.loads(line) for line in lines]
        edit(random.Random(seed), entries)
        found = list(verify_lines(orjson.dumps(entry) for entry in entries))
        assert found, seed
        assert all(str(violation) for violation in found)


def _transition(entries: list[dict[str, Any]], trigger: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["body"].get("trigger") == trigger)


def _illegal_edge(entries: list[dict[str, Any]]) -> None:
    _transition(entries, "succeed")["body"]["reason"] = "cancelled"


def _terminal_again(entries: list[dict[str, Any]]) -> None:
    first = _transition(entries, "succeed")
    place = entries.index(first)
    again = first | {"body": first["body"] | {"trigger": "fail", "to": "failed", "reason": "exit_code"}}
    entries.insert(place + 1, again)
    _renumber(entries)


def _second_start(entries: list[dict[str, Any]]) -> None:
    start = _transition(entries, "start")
    queue = _transition(entries, "queue")
    for number, body in ((99, queue["body"]), (99, start["body"])):
        entries.insert(entries.index(start) + 1 + (body is start["body"]), start | {"run": f"a/{number}", "body": body})
    _renumber(entries)


def _no_release(entries: list[dict[str, Any]]) -> None:
    del entries[next(place for place, entry in enumerate(entries) if entry["kind"] == "released")]
    _renumber(entries)


def _other_arming(entries: list[dict[str, Any]]) -> None:
    next(entry for entry in entries if entry["kind"] == "released")["body"]["nonce"] = "stranger"


def _number_again(entries: list[dict[str, Any]]) -> None:
    queues = [entry for entry in entries if entry["body"].get("trigger") == "queue" and entry["job"] == "a"]
    queues[1]["run"] = "a/1"


def _tick_twice(entries: list[dict[str, Any]]) -> None:
    refusals = [entry for entry in entries if entry["kind"] == "refused" and entry["job"] == "a"]
    refusals[1]["body"] = refusals[0]["body"]


def _old_epoch(entries: list[dict[str, Any]]) -> None:
    entries[-1]["epoch"] = 1


def _epoch_again(entries: list[dict[str, Any]]) -> None:
    ups = [entry for entry in entries if entry["body"].get("event") == "up"]
    ups[1]["epoch"] = ups[1]["body"]["epoch"] = 1


def _lie_about_the_source(entries: list[dict[str, Any]]) -> None:
    entry = next(entry for entry in entries if entry["body"].get("from") == "running")
    entry["body"] |= {"from": "queued", "trigger": "reap", "to": "reaped", "reason": "cancelled"}


def _in_the_wrong_stream(entries: list[dict[str, Any]]) -> None:
    next(entry for entry in entries if entry["body"].get("event") == "up")["job"] = "a"
    _renumber(entries)


def _renumber(entries: list[dict[str, Any]]) -> None:
    lengths: dict[str, int] = {}
    for ident, entry in enumerate(list(entries), 1):
        lengths[entry["job"]] = lengths.get(entry["job"], 0) + 1
        entries[ident - 1] = entry | {"id": ident, "seq": lengths[entry["job"]]}


FORGERIES = {
    _illegal_edge: "format",
    _terminal_again: "lifecycle",
    _second_start: "overlap",
    _no_release: "overlap",
    _other_arming: "arming",
    _number_again: "number",
    _tick_twice: "tick",
    _old_epoch: "epoch",
    _epoch_again: "epoch",
    _lie_about_the_source: "lifecycle",
    _in_the_wrong_stream: "stream",
}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_no_forgery_passes_although_its_hashes_are_right(forge: Any, lines: list[bytes]) -> None:
    entries = [orjson.loads(line) for line in lines]
    assert rehash([orjson.loads(line) for line in lines]) == [orjson.dumps(entry) for entry in entries]
    forge(entries)
    found = list(verify_lines(rehash(entries)))
    assert FORGERIES[forge] in {violation.requirement for violation in found}, [str(v) for v in found]


def test_one_bad_entry_is_one_violation_and_says_which(lines: list[bytes]) -> None:
    entries = [orjson.loads(line) for line in lines]
    place = next(n for n, entry in enumerate(entries) if entry["body"].get("trigger") == "succeed")
    entries[place]["body"]["exit_code"] = 1
    (found,) = verify_lines(orjson.dumps(entry) for entry in entries)
    bad = entries[place]
    assert (found.requirement, found.job, found.seq, found.id, found.line) == (
        "hash",
        bad["job"],
        bad["seq"],
        bad["id"],
        place + 1,
    )
    assert f"entry {bad['seq']} of {bad['job']} (line {place + 1}, id {bad['id']})" in str(found)


def test_one_missing_entry_is_one_violation_too(lines: list[bytes]) -> None:
    jobs = [orjson.loads(line)["job"] for line in lines]
    for place, job in enumerate(jobs):
        last = job not in jobs[place + 1 :]
        found = list(verify_lines(lines[:place] + lines[place + 1 :]))
        assert [violation.requirement for violation in found] == ([] if last else ["sequence"])


def test_lines_that_are_no_entries(lines: list[bytes]) -> None:
    for bad in (b"{", b"[]", b'"x"', b"{}", b"\xff", lines[3][:40]):
        found = list(verify_lines([*lines[:3], bad, *lines[3:]]))
        assert found[0].requirement == "format"
        assert found[0].line == 4
        assert len(found) == 1


def test_a_cut_tail_passes_by_itself(lines: list[bytes]) -> None:
    # a chain says nothing about what would have followed; heads that were kept elsewhere do
    assert list(verify_lines(lines[:-3])) == []


def with_checkpoint() -> list[bytes]:
    """An export that ends in a checkpoint."""
    scribe = Scribe(MemoryJournal())
    scribe.define("a")
    scribe.run_through("a")
    scribe.mark("a")
    return list(export_lines(scribe.journal))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_needed(rule: str, lines: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Violation]:
        entries = [orjson.loads(line) for line in lines]
        if rule == "hash":
            entries[-1]["node"] = "elsewhere"
        elif rule == "chain":
            last = entries[-1]
            last["prev_hash"] = "f" * 64
            last["hash"] = hash_of(last)
        elif rule == "sequence":
            last = entries[-1]
            last["seq"] += 1
            last["hash"] = hash_of(last)
        elif rule == "order":
            entries[-1]["id"] = 1
        elif rule == "checkpoint":
            entries = [orjson.loads(line) for line in with_checkpoint()]
            entries[-1]["body"]["last_hash"] = "f" * 64
            entries[-1]["hash"] = hash_of(entries[-1])
        elif rule == "head":
            pass
        else:
            _old_epoch(entries)
            entries[-1]["hash"] = hash_of(entries[-1])
        heads = {"a": Head("a", 3, "f" * 64)} if rule == "head" else {}
        return list(verify_lines((orjson.dumps(entry) for entry in entries), Checker(heads)))

    assert [violation.requirement for violation in broken()] == [rule]
    monkeypatch.delitem(RULES, rule)
    assert broken() == []


def test_a_live_entry_that_was_forged_in_memory_is_found() -> None:
    journal = MemoryJournal()
    scribe = Scribe(journal)
    scribe.define("a")
    number = scribe.bring("a", State.RUNNING)
    scribe.write("a", Ended(Trigger.FAIL, Reason.EXIT_CODE, scribe.now().utc, 1), number)
    scribe.release("a", number, evidence=Evidence.SCAN)
    entries = list(journal.entries())
    body = entries[3].body
    assert isinstance(body, Ended)
    entries[3] = attrs.evolve(entries[3], body=attrs.evolve(body, exit_code=0))
    assert [(violation.requirement, violation.seq) for violation in verify_entries(entries)] == [("hash", 4)]


def test_the_hash_of_an_entry_is_over_everything_but_id_and_hash(lines: list[bytes]) -> None:
    entry = entry_to_dict(entry_from_dict(orjson.loads(lines[5])))
    assert canonical(entry | {"id": 99, "hash": "x"}) == canonical(entry)
    for key in entry.keys() - {"id", "hash"}:
        assert canonical(entry | {key: "other"}) != canonical(entry)


def test_memory_does_not_grow_with_the_length_of_streams() -> None:
    def many(rounds: int) -> Iterator[bytes]:
        journal = MemoryJournal()
        scribe = Scribe(journal)
        scribe.define("a")
        for _ in range(rounds):
            scribe.run_through("a")
        return export_lines(journal)

    def peak(lines: list[bytes]) -> int:
        tracemalloc.start()
        assert not list(verify_lines(lines))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    short, long = list(many(50)), list(many(500))
    peak(short)  # caches of bounded size fill up
    assert peak(long) < peak(short) + 150_000
    checker = Checker()
    assert not list(verify_entries((entry_from_dict(orjson.loads(line)) for line in long), checker))
    assert checker.streams.keys() == {"a"}
