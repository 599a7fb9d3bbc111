"""Of a thousand random edits of genuine journals none passes `verify`, and a cut tail is found against the heads.

The store-wide `id` is not hashed (streams are exported and kept one by one), so edits of it alone are none.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given

from fsm.cli.main import run
from fsm.codec.bodies import LEGAL, TARGETS
from fsm.codec.entries import GENESIS, entry_from_dict, entry_to_dict, entry_to_line, hash_of
from fsm.codec.swift import read_line
from fsm.errors import BadValue
from fsm.journal.export import export_lines
from fsm.journal.heads import Head, heads_of, read_heads
from fsm.journal.memory import MemoryJournal
from fsm.journal.sqlite import SqliteJournal
from fsm.journal.verify import Checker, Violation, verify_lines
from fsm.journal.verify_store import verify_journal
from fsm.lifecycle.machine import compiled
from fsm.model.entries import Entry, Queued, Released, Started
from fsm.testing import Simulation, fail, hang, succeed
from fsm.testing.edits import KINDS, Edit
from fsm.testing.entry_strategies import entries as any_entry
from fsm.testing.journal_base import tell_a_long_story
from fsm.testing.scribe import Scribe

EDITS = 1_000
Json = dict[str, Any]


def simulated() -> list[bytes]:
    """A day of a simulated machine, with crashes, a hanging command, and a stream that is pruned."""
    sim = Simulation(seed=7)
    sim.add_job("often", schedule="*/10 * * * *", keep={"runs": 10}, timeout="5m")
    sim.add_job("nightly", schedule="0 3 * * *", timezone="Europe/Berlin")
    sim.script("often", [succeed(after="1m"), fail(code=3), hang()])
    for hours in range(8):
        sim.advance("3h")
        if hours % 3 == 0:
            sim.crash()
            sim.advance("20m")
            sim.restart()
        if hours == 5:
            sim.pause("nightly")
    sim.check()
    assert any(entry.kind == "checkpoint" for entry in sim.journal("often"))
    return list(export_lines(sim.store))


def stored() -> list[bytes]:
    """What a SQLite journal exports, pruned streams in it."""
    with TemporaryDirectory() as folder:
        journal = SqliteJournal(Path(folder) / "journal.db")
        scribe = Scribe(journal)
        tell_a_long_story(scribe)
        scribe.define("d", schedule="@hourly", env={"QUOTED": 'a "word"', "WIDE": "größer"})
        for number in range(20):
            scribe.run_through("d")
            if number in (9, 15):
                mark = scribe.mark("d")
        journal.prune("d", mark)
        assert list(verify_journal(journal)) == []
        lines = list(export_lines(journal))
        journal.close()
        return lines


@cache
def genuine() -> dict[str, tuple[bytes, ...]]:
    return {"simulated": tuple(simulated()), "stored": tuple(stored())}


@pytest.mark.parametrize("name", ["simulated", "stored"])
def test_genuine_journals_pass(name: str) -> None:
    lines = genuine()[name]
    assert len(lines) > 60
    assert list(verify_lines(lines)) == []
    assert list(verify_lines(line.decode() for line in lines)) == []
    first: dict[str, int] = {}
    for line in lines:
        entry = orjson.loads(line)
        first.setdefault(entry["job"], entry["seq"])
    assert max(first.values()) > 1, "none of its streams was pruned"


# ---- edits


@pytest.mark.requirement("R-34")
@pytest.mark.parametrize("edit", KINDS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("name", ["simulated", "stored"])
def test_no_edit_passes(edit: Edit, name: str) -> None:
    for seed in range(EDITS // len(KINDS) // 2):
        lines = list(genuine()[name])
        edit(random.Random(f"{name}-{seed}"), lines)
        found = list(verify_lines(lines))
        assert found, f"{edit.__name__} {seed} of {name} passes"
        assert all(str(violation) and violation.requirement for violation in found)
        if seed % 5 == 0:  # the swift reader has said what the careful one says
            assert found == list(verify_lines(line.decode() for line in lines))


# ---- the swift reader takes what the careful one takes, and reads it alike


@given(any_entry())
def test_the_swift_reader_reads_alike(entry: Any) -> None:
    line = entry_to_line(attrs.evolve(entry, hash=hash_of(entry_to_dict(entry))))  # the strategy makes hashes up
    swift = read_line(line)
    if swift is None:
        return
    careful = entry_from_dict(orjson.loads(line))
    assert swift == careful
    assert swift.hash == hash_of(entry_to_dict(careful))
    assert read_line(entry_to_line(attrs.evolve(careful, hash=GENESIS))) is None


@given(any_entry(cls=Queued) | any_entry(cls=Started) | any_entry(cls=Released))
def test_the_swift_reader_takes_what_is_plain(entry: Entry) -> None:
    """So that the test before is not one of nothing: escapes, lists and numbers of 19 digits it leaves to the other."""
    line = entry_to_line(attrs.evolve(entry, hash=hash_of(entry_to_dict(entry))))
    if re.search(rb"\\|\[|:-?[0-9]{19}", line) is None:
        assert read_line(line) is not None


def test_the_swift_reader_takes_most_of_a_journal() -> None:
    lines = [line for line in genuine()["simulated"] if b'"job":"often"' in line and b'"kind":"checkpoint"' not in line]
    assert sum(read_line(line) is not None for line in lines) == len(lines)


def test_its_table_is_the_machines() -> None:
    assert {(source, trigger, reason): TARGETS[trigger] for source, trigger, reason in LEGAL} == compiled()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace(b'"seq":', b'"seq": ', 1),
        lambda line: line.replace(b'"epoch":null', b'"epoch":0'),
        lambda line: line.replace(b"-03-", b"-02-", 1).replace(b"-28T", b"-30T", 1),
        lambda line: line[:-1],
        lambda line: line + b" ",
        lambda line: line.replace(b'"actor":"scheduler"', b'"actor":"somebody"'),
        lambda line: line.replace(b'"run":"d/', b'"run":"e/'),
        lambda line: line.replace(b'"attempt":1', b'"attempt":01'),
        lambda line: line.replace(b'"cause":', b'"cause" :'),
    ],
)
def test_what_is_written_otherwise_is_left_to_the_careful_reader(spoil: Callable[[bytes], bytes]) -> None:
    line = next(line for line in genuine()["stored"] if b'"trigger":"queue"' in line and b'"job":"d"' in line)
    assert read_line(line) is not None
    spoiled = spoil(line)
    assert spoiled != line
    assert read_line(spoiled) is None


# ---- heads


def found_with(heads: dict[str, Head], lines: list[bytes]) -> list[Violation]:
    return list(verify_lines(lines, Checker(heads)))


def test_a_cut_tail_is_found_against_the_heads() -> None:
    scribe = Scribe(MemoryJournal())
    tell_a_long_story(scribe)
    heads = {head.job: head for head in heads_of(scribe.journal)}
    lines = list(export_lines(scribe.journal))
    assert found_with(heads, lines) == []
    for job in heads:
        places = [place for place, line in enumerate(lines) if orjson.loads(line)["job"] == job]
        for cut in (1, len(places)):
            left = [line for place, line in enumerate(lines) if place not in places[-cut:]]
            assert list(verify_lines(left)) == []  # nothing in it tells
            (violation,) = found_with(heads, left)
            assert (violation.requirement, violation.job) == ("head", job)
            assert violation.seq == len(places) - cut + 1


def test_a_stream_that_was_rewritten_is_found_against_its_head() -> None:
    lines = list(genuine()["stored"])
    entries = [orjson.loads(line) for line in lines]
    last: dict[str, Json] = {entry["job"]: entry for entry in entries}
    heads = {job: Head(job, entry["seq"], entry["hash"]) for job, entry in last.items()}
    assert found_with(heads, lines) == []
    last["a"]["node"] = "elsewhere"
    last["a"]["hash"] = hash_of(last["a"])
    (violation,) = found_with(heads, [orjson.dumps(entry) for entry in entries])
    assert (violation.requirement, violation.job) == ("head", "a")


def test_heads_hold_for_what_was_appended_and_pruned_since() -> None:
    scribe = Scribe(MemoryJournal())
    scribe.define("a")
    scribe.run_through("a")
    heads = {head.job: head for head in heads_of(scribe.journal)}
    mark = scribe.mark("a")
    scribe.run_through("a")
    assert list(verify_journal(scribe.journal, Checker(heads))) == []
    scribe.journal.prune("a", mark)  # the checkpoint names the hash that the head has
    assert list(verify_journal(scribe.journal, Checker(heads))) == []
    wrong = {"a": Head("a", heads["a"].length, "f" * 64)}
    assert {v.requirement for v in verify_journal(scribe.journal, Checker(wrong))} == {"head"}


def test_what_is_no_head_is_refused() -> None:
    good = b'{"job":"a","length":3,"hash":"' + b"0" * 64 + b'"}'
    assert read_heads([good, b"\n"]) == {"a": Head("a", 3, "0" * 64)}
    for bad in (b"{", b"[]", b"{}", good.replace(b"3", b"0"), good.replace(b"00", b"0x"), good.replace(b'"a"', b"7")):
        with pytest.raises(BadValue, match="line 2 is no head"):
            read_heads([good, bad])
    with pytest.raises(BadValue, match="second head of a"):
        read_heads([good, good])


def test_heads_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    scribe = Scribe(SqliteJournal(data / "journal.db"))
    scribe.define("a")
    scribe.journal.close()

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["--data-dir", str(data), *arguments])
        return int(code), *capsys.readouterr()

    code, out, _ = call("--json", "journal", "heads")
    (tmp_path / "heads").write_text(out)
    assert (code, orjson.loads(out)["length"]) == (0, 1)
    assert "LAST HASH" in call("journal", "heads")[1]
    exported = call("--json", "journal")[1]
    (tmp_path / "all").write_text(exported)
    assert call("verify", "--heads", str(tmp_path / "heads"))[0] == 0
    assert call("verify", str(tmp_path / "all"), "--heads", str(tmp_path / "heads"))[0] == 0
    (tmp_path / "none").write_text("")
    code, out, _ = call("verify", str(tmp_path / "none"), "--heads", str(tmp_path / "heads"))
    assert (code, "missing at its end" in out) == (1, True)
    code, _, err = call("verify", "--heads", str(tmp_path / "all"))
    assert (code, "is no head" in err) == (2, True)
    assert call("journal", "heads", "--follow")[0] == 2
