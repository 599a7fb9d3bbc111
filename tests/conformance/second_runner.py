"""Replays a vector by the specification alone: predicts each entry, seals it, folds it, and compares.

`python tests/conformance/second_runner.py specs/vectors/*.json` does it for files. It imports nothing of the product.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from difference import first_difference
from second_answers import Clock, answer
from second_checkpoint import checkpoint
from second_fold import Broken, Fold, Json, apply
from second_times import instant, shown

NO_HASH = "0" * 64
FIRST_BOOT = ("boot-1", 3_600_000_000)


class Differs(Exception):
    """A vector says something else than the specification."""


def sealed(entry: Json) -> str:
    """The hash of an entry, by "The hash" of specs/journal.md."""
    kept = {key: value for key, value in entry.items() if key not in ("id", "hash")}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Stream:
    """The stream of a vector as it grows."""

    def __init__(self, job: str) -> None:
        self.fold, self.seq, self.last = Fold(job), 0, NO_HASH

    def append(self, at: int, actor: str, kind: str, run: str | None, body: Json) -> Json:
        """Seal and fold one entry; returns what a vector shows of it. Raises `Broken`."""
        entry = {
            "job": self.fold.job, "seq": self.seq + 1, "at": shown(at), "actor": actor, "node": "vector", "epoch": None,
            "kind": kind, "run": run, "body": body, "prev_hash": self.last,
        }  # fmt: skip
        if kind == "checkpoint" and body != checkpoint(self.fold, self.seq, self.last):
            raise Broken("checkpoint", "it is not the fold of the entries that it seals")
        apply(self.fold, entry)
        self.seq, self.last = self.seq + 1, sealed(entry)
        return {"kind": kind, "run": run, "body": body, "hash": self.last}


def replay(vector: Json) -> int:
    """How many entries were predicted. Raises `Differs` at the first step of the vector that is not as told."""
    stream, clock, deferred = Stream(vector["name"]), None, None
    for index, step in enumerate(vector["steps"], 1):
        clock = _tell(clock, step)
        told: Json = {"entries": []}
        try:
            if "append" in step["do"]:
                made = [(draft["kind"], draft["run"], draft["body"]) for draft in step["do"]["append"]]
            elif step["do"]["command"] == "checkpoint":
                made = [("checkpoint", None, checkpoint(stream.fold, stream.seq, stream.last))]
            else:
                found = answer(stream.fold, step["do"], clock, deferred)
                made = [(kind, run and f"{vector['name']}/{run}", body) for kind, run, body in found.made]
                if step["do"]["command"] == "ticks":
                    deferred = found.deferred
                if found.effects:
                    told["effects"] = found.effects
                if found.refusal is not None:
                    told["refusal"] = found.refusal
                if found.deferred is not None:
                    told["deferred"] = {"reason": found.deferred.way[0], "until": shown(found.deferred.until)}
            actor = step.get("actor", "scheduler")
            told["entries"] = [stream.append(clock.utc, actor, *each) for each in made]
        except Broken as error:
            told = {"entries": [], "illegal": error.rule}
        want = {key: step[key] for key in ("entries", "effects", "refusal", "deferred", "illegal") if key in step}
        where = f"step {index} ({step['do'].get('command', 'append')} at {step['at'][11:19]})"
        if (difference := first_difference(want, told, where)) is not None:
            raise Differs(difference)
    return stream.seq


def _tell(before: Clock | None, step: Json) -> Clock:
    utc = instant(step["at"])
    if "boot" in step:
        return Clock(utc, step["boot"]["us"], step["boot"]["id"])
    if before is None:
        return Clock(utc, FIRST_BOOT[1], FIRST_BOOT[0])
    return Clock(utc, before.boot_us + utc - before.utc, before.boot_id)


def main(paths: list[str]) -> int:
    """Replay files; prints a line for each that differs."""
    wrong = entries = 0
    for path in paths:
        try:
            entries += replay(json.loads(Path(path).read_text(encoding="utf-8")))
        except Differs as error:
            wrong += 1
            print(f"{path}: {error}")
    print(f"{len(paths)} vectors, {entries} entries predicted, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
