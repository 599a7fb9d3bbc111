"""The test vectors of specs/vectors: two runners that share nothing replay each, and neither lets an edit pass."""

from __future__ import annotations

import ast
import copy
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import second_runner
from replayer import FOLDER, Replay, differences, load, vectors

from fsm.codec.bodies import LEGAL
from fsm.codec.entries import entry_to_dict
from fsm.journal.verify import Checker
from fsm.model.states import Cause, Evidence, Kind, Reason, RefusalReason

HERE = Path(__file__).parent
SPECS = HERE.parents[1] / "specs"
PATHS = list(vectors())
SECOND = ["difference", *sorted(path.stem for path in HERE.glob("second_*.py"))]
MANUAL = FOLDER / "README.md"

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def bodies(vector: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All entries that a vector expects."""
    for step in vector["steps"]:
        yield from step["entries"]


@each
def test_the_engine_keeps_to_it(path: Path) -> None:
    assert differences(load(path)) == []


@each
def test_the_second_runner_predicts_it(path: Path) -> None:
    assert second_runner.replay(load(path)) == sum(1 for _ in bodies(load(path)))


@each
def test_its_entries_are_of_the_format_and_verified(path: Path) -> None:
    schema = json.loads((SPECS / "journal.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    replay, checker = Replay(load(path)), Checker()
    list(replay.steps())
    for entry in replay.journal.entries():
        data = entry_to_dict(entry)
        validator.validate(data)
        assert list(checker.check(data, entry)) == []


def leaves(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every scalar in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield where
        return
    for key, part in inner:
        yield from leaves(part, (*where, key))


def edited(vector: dict[str, Any], seed: str) -> tuple[dict[str, Any], str]:
    """A copy with one value of one expected entry changed, and what was changed."""
    changed = copy.deepcopy(vector)
    chosen = random.Random(seed)
    entries = list(bodies(changed))
    entry = chosen.choice(entries)
    where = chosen.choice([path for path in leaves(entry) if path[0] != "hash"])
    holder = entry
    for key in where[:-1]:
        holder = holder[key]
    old = holder[where[-1]]
    if isinstance(old, bool):
        new: Any = not old
    elif isinstance(old, int):
        new = old + 1
    else:
        new = "x" if old is None else f"{old}x"
    holder[where[-1]] = new
    return changed, f"{where}: {old!r} to {new!r}"


def rehashed(vector: dict[str, Any]) -> dict[str, Any]:
    """The same with every hash made right again, as a forger would."""
    prev, seq = second_runner.NO_HASH, 0
    for step in vector["steps"]:
        for entry in step["entries"]:
            seq += 1
            whole = {
                "job": vector["name"], "seq": seq, "at": step["at"], "actor": step.get("actor", "scheduler"),
                "node": "vector", "epoch": None, "kind": entry["kind"], "run": entry["run"], "body": entry["body"],
                "prev_hash": prev,
            }  # fmt: skip
            prev = entry["hash"] = second_runner.sealed(whole)
    return vector


def test_rehashing_what_was_not_edited_changes_nothing() -> None:
    for path in PATHS:
        assert rehashed(load(path)) == load(path)


@pytest.mark.parametrize("forged", [False, True], ids=["plain", "forged"])
@each
def test_both_runners_find_an_edit(path: Path, forged: bool) -> None:
    """`forged`: with all hashes right again, so that no runner passes by comparing hashes alone."""
    changed, what = edited(load(path), f"{path.stem} {forged}")
    if forged:
        changed = rehashed(changed)
    assert differences(changed), f"the engine's runner let pass {what}"
    with pytest.raises(second_runner.Differs):
        second_runner.replay(changed)


# ---- coverage


def test_there_are_enough_and_no_two_are_alike() -> None:
    told = {json.dumps([{"at": step["at"], "do": step["do"]} for step in load(path)["steps"]]) for path in PATHS}
    assert len(told) == len(PATHS) >= 60


def missing(words: set[str], found: set[str]) -> list[str]:
    return sorted(words - found)


def test_every_edge_with_every_reason_is_taken() -> None:
    known = {(source and str(source), str(trigger), reason and str(reason)) for source, trigger, reason in LEGAL}
    taken = set()
    for path in PATHS:
        for entry in bodies(load(path)):
            if entry["kind"] == "transition":
                body = entry["body"]
                taken.add((body["from"], body["trigger"], body["reason"]))
    assert sorted(known - taken, key=str) == []
    assert {reason for _, _, reason in taken} - {None} == set(map(str, Reason))


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("refused", "reason", RefusalReason),
        ("released", "evidence", Evidence),
        ("transition", "cause", Cause),
    ],
)
def test_every_word_occurs(kind: str, key: str, words: type[RefusalReason] | type[Evidence] | type[Cause]) -> None:
    found = {entry["body"].get(key) for path in PATHS for entry in bodies(load(path)) if entry["kind"] == kind}
    assert missing(set(map(str, words)), found) == []


def test_every_kind_of_a_jobs_stream_occurs() -> None:
    found = {entry["kind"] for path in PATHS for entry in bodies(load(path))}
    assert missing(set(map(str, Kind)) - {"scheduler"}, found) == []


def test_every_command_and_every_word_of_refusal_is_explained_and_used() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    commands = manual.partition("| command | fields |")[2]
    steps = [step for path in PATHS for step in load(path)["steps"]]
    used = {step["do"].get("command", "append") for step in steps}
    assert used == set(re.findall(r"^\| `([a-z_]+)` \| ", commands, re.MULTILINE))
    illegal = {step["illegal"] for step in steps if "illegal" in step}
    [listed] = re.findall(r"^Words of `illegal`: (.*)\.$", manual, re.MULTILINE)
    assert illegal == set(re.findall(r"`([a-z_]+)`", listed))


@each
def test_it_says_what_it_shows(path: Path) -> None:
    vector = load(path)
    assert vector["title"]
    assert vector["shows"].endswith(".")
    stated = set(re.findall(r"^- \*\*(R-\d+)\*\* ", (SPECS / "lifecycle.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert vector["requirements"]
    assert set(vector["requirements"]) <= stated


# ---- the second runner is on its own


@pytest.mark.parametrize("name", SECOND)
def test_the_second_runner_imports_nothing_of_the_product(name: str) -> None:
    allowed = {*SECOND, "__future__", "dataclasses", "datetime", "hashlib", "json", "pathlib", "re", "sys", "typing"}
    allowed |= {"zoneinfo"}
    for node in ast.walk(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.module in allowed
            assert node.level == 0
        elif isinstance(node, ast.Name):
            assert node.id not in ("__import__", "eval", "exec")


def test_the_second_runner_runs_by_itself(tmp_path: Path) -> None:
    """As another program would be run: isolated from the environment, without the product's packages."""
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import second_runner; "
        "code = second_runner.main(sys.argv[1:]); assert not [m for m in sys.modules if m.split('.')[0] == 'fsm']; "
        "sys.exit(code)"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, *map(str, PATHS)], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
    entries = sum(1 for path in PATHS for _ in bodies(load(path)))
    assert found.stdout == f"{len(PATHS)} vectors, {entries} entries predicted, 0 differ\n"
