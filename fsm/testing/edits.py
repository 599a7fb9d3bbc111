"""Edits of an exported journal that no verifier may let pass, for tests of `verify` and of whatever does the same.

Each takes a source of chance and the lines, which it changes in place. What they cannot show is a cut tail: for that
there are heads.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from fsm.codec.bodies import LEGAL, TARGETS
from fsm.codec.entries import GENESIS, hash_of

Edit = Callable[[random.Random, list[bytes]], None]


def changed(rng: random.Random, lines: list[bytes]) -> None:
    """One value somewhere in an entry."""
    place = rng.randrange(len(lines))
    entry = orjson.loads(lines[place])
    target = entry
    key = rng.choice([key for key in entry if key != "id"])
    while isinstance(target[key], dict) and target[key]:
        target, key = target[key], rng.choice(sorted(target[key]))
    target[key] = _other(rng, target[key])
    lines[place] = orjson.dumps(entry)


def _other(rng: random.Random, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice([-1, 1, 60_000_000])
    if isinstance(value, str):
        place = rng.randrange(len(value)) if value else 0
        return value[:place] + rng.choice([c for c in "0189abz" if c != value[place : place + 1]]) + value[place + 1 :]
    return "changed" if value is None else None


def doubled(rng: random.Random, lines: list[bytes]) -> None:
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))


def dropped(rng: random.Random, lines: list[bytes]) -> None:
    jobs = [orjson.loads(line)["job"] for line in lines]
    del lines[rng.choice([place for place, job in enumerate(jobs) if job in jobs[place + 1 :]])]


def swapped(rng: random.Random, lines: list[bytes]) -> None:
    jobs = [orjson.loads(line)["job"] for line in lines]
    job = rng.choice([job for job in set(jobs) if jobs.count(job) > 1])
    first, second = rng.sample([place for place, other in enumerate(jobs) if other == job], 2)
    lines[first], lines[second] = lines[second], lines[first]


def forged(rng: random.Random, lines: list[bytes]) -> None:
    """A transition that cannot be, and every hash from there on computed anew."""
    entries = [orjson.loads(line) for line in lines]
    moves = [entry for entry in entries if entry["kind"] == "transition" and entry["body"]["trigger"] != "queue"]
    entry = rng.choice(moves)
    body = entry["body"]
    source = None if body["from"] is None else str(body["from"])
    kind = rng.choice(["other source", "other target", "no such reason", "another number"])
    if kind == "other source":
        body["from"] = rng.choice([s for s in (None, "queued", "running", "failed") if s != source])
    elif kind == "other target":
        body["to"] = rng.choice([str(state) for state in TARGETS.values() if str(state) != body["to"]])
    elif kind == "no such reason":
        words = {str(reason) for _, _, reason in LEGAL if reason is not None}
        taken = {str(r) for s, t, r in LEGAL if str(s) == source and str(t) == body["trigger"]}
        body["reason"] = rng.choice(sorted(words - taken))
    else:
        entry["run"] = f"{entry['job']}/{int(entry['run'].rpartition('/')[2]) + 10_000}"
    last: dict[str, str] = {}
    for one in entries:
        one["prev_hash"] = last.get(one["job"], one["prev_hash"] if one["seq"] > 1 else GENESIS)
        if one["kind"] == "checkpoint" and one["job"] in last:
            one["body"]["last_hash"] = one["prev_hash"]
        last[one["job"]] = one["hash"] = hash_of(one)
    lines[:] = [orjson.dumps(one) for one in entries]


KINDS: tuple[Edit, ...] = (changed, doubled, dropped, swapped, forged)
"""A value changed, an entry doubled, dropped before the end of its stream, swapped within its stream, forged with right
hashes."""
